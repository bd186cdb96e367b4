import ast, glob, json, os, re, importlib.util as u
CLASSES = {'megatron sft': ('MegatronSftArguments', 'MegatronTrainArguments'), 'megatron rlhf': ('MegatronRLHFArguments',), 'megatron export': ('MegatronExportArguments',), 'swift export': ('ExportArguments',), 'swift infer': ('InferArguments',), 'swift deploy': ('DeployArguments',)}
def value(node):
    if node is None: return None
    try: return ast.literal_eval(node)
    except Exception: pass
    if isinstance(node, ast.Call) and getattr(node.func, 'id', '') == 'field':
        for k in node.keywords:
            if k.arg == 'default': return value(k.value)
            if k.arg == 'default_factory':
                if isinstance(k.value, ast.Lambda): return value(k.value.body)
                return {'list': [], 'dict': {}}.get(getattr(k.value, 'id', ''))
    return None
def main():
    spec = u.find_spec('swift')
    if spec is None or not spec.origin: return {'problem': 'this Python has no ms-swift; name the one that owns the megatron command'}
    root, known = os.path.dirname(spec.origin), {}
    for path in glob.glob(root + '/**/*.py', recursive=True):
        src = open(path, encoding='utf-8', errors='replace').read()
        if 'Arguments' not in src or '@dataclass' not in src: continue
        try: body = ast.parse(src).body
        except SyntaxError: continue
        for n in body:
            if isinstance(n, ast.ClassDef):
                own = [(s.target.id, ast.unparse(s.annotation), value(s.value)) for s in n.body if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name)]
                if n.name not in known or 'argument' in path: known[n.name] = ([b.id for b in n.bases if isinstance(b, ast.Name)], own)
    def walk(name, out, seen):
        if name in seen: return out
        bases, own = known.get(name, ([], []))
        for b in reversed(bases): walk(b, out, seen + [name])
        for arg, annotation, default in own: out[arg] = {'name': arg, 'type': annotation, 'default': default, 'group': name}
        return out
    try: version = re.search(r"__version__\s*=\s*['\"]([^'\"]+)", open(root + '/version.py').read()).group(1)
    except Exception: version = ''
    commands = {}
    for command, names in CLASSES.items():
        for name in names:
            if name in known:
                commands[command] = list(walk(name, {}, []).values())
                break
    if 'megatron rlhf' not in commands and 'megatron sft' in commands: commands['megatron rlhf'] = commands['megatron sft']
    return {'ms_swift': version, 'commands': commands}
print(json.dumps(main(), default=str))
