"""Renders one row as the installed ms-swift trains it. The request is JSON on standard input, the answer one line of JSON after `@`."""
import json, os, sys, tempfile
ask = json.load(sys.stdin)
os.environ.update(HF_HUB_OFFLINE='1', LOG_LEVEL='ERROR')
os.environ.setdefault('MODELSCOPE_CACHE', tempfile.mkdtemp())
def say(answer):
    print('@' + json.dumps(answer, ensure_ascii=True), flush=True)
    sys.exit(0)
try:
    import swift
except ImportError as error:
    say({'missing': str(error)})
given = lambda name: ask.get(name) or None
old = False
try:
    try:
        from swift.llm import get_model_tokenizer, get_template, load_dataset
        old = True
    except ImportError:
        from swift import get_processor, get_template
        from swift.dataset import load_dataset
    for plugin in ask.get('plugins') or []:
        scope = {'__name__': 'trainyard_plugin', '__file__': 'plugin.py'}
        exec(compile(plugin, 'plugin.py', 'exec'), scope)
    scale = given('loss_scale') or 'default'
    pairs = given('loss_scale_pairs')
    if pairs:
        scale = 'trainyard_pairs'
        if old:
            from swift.plugin.loss_scale.loss_scale import REACTLossScale as Base, loss_scale_map as known
        else:
            from swift.loss_scale.base import ConfigLossScale as Base
            from swift.loss_scale import mapping
            known = next(value for value in vars(mapping).values() if isinstance(value, dict) and 'react' in value)
        class Pairs(Base):
            loss_scale_config = None
            is_binary = False
            name = scale
            def __init__(self, *args, **kwargs):
                super().__init__(*args, **kwargs)
                self.loss_scale_map = {key: [float(one) for one in value] for key, value in pairs}
        known[scale] = Pairs
    if old:
        _, processor = get_model_tokenizer(ask['model'], load_model=False, model_type=given('model_type'))
        kind = given('template') or processor.model_meta.template
        template = get_template(kind, processor, agent_template=given('agent_template'), loss_scale=scale)
    else:
        processor = get_processor(ask['model'], model_type=given('model_type'))
        template = get_template(processor, template_type=given('template'), agent_template=given('agent_template'), loss_scale=scale)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'row.jsonl')
        with open(path, 'w', encoding='utf-8') as out:
            out.write(ask['row'] + '\n')
        import datasets
        datasets.disable_progress_bars()
        rows, _ = load_dataset([path], load_from_cache_file=False, strict=True)
        row = dict(rows[0])
    is_pair = bool(row.get('rejected_messages') or row.get('rejected_response'))
    template.max_length = None
    template.set_mode('rlhf' if is_pair else 'train')
    encoded = template.encode(row)
    prefix = 'chosen_' if is_pair else ''
    ids, labels, weights = (encoded.get(prefix + name) for name in ('input_ids', 'labels', 'loss_scale'))
    tokenizer = getattr(processor, 'tokenizer', processor)
    parts, held = [], []
    for n, token in enumerate(ids):
        weight = 0.0 if labels[n] == -100 else float(weights[n]) if weights is not None else 1.0
        held.append(token)
        text = tokenizer.decode([one for one in held if one >= 0])
        # A character may be cut over several tokens.
        if text.endswith('\ufffd') and len(held) < 4 and n + 1 < len(ids):
            continue
        parts.append([text, len(held), weight])
        held = []
    meta = getattr(template, 'template_meta', None)
    say({'version': swift.__version__, 'template': getattr(meta, 'template_type', None) or '', 'agent_template': str(getattr(template, '_agent_template', '') or ''),
         'length': len(ids), 'trained': sum(one != -100 for one in labels), 'parts': parts})
except Exception as error:
    cause = error.__cause__ or error
    say({'error': f'{type(cause).__name__}: {cause}'[:2000]})
