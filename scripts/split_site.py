"""Puts what wasm-split-cli wrote into the site: for each group of pages one file with all pieces that it needs, without their names.

A group's pieces lie in its file one after the other: together they are a fifth smaller than compressed each for itself, and a page asks
for one file instead of sixteen. A piece that another group needs as well is in both files; one that was read already is passed over.

usage: split_site.py SPLIT_FOLDER SITE_PKG_FOLDER
"""

import json
import pathlib
import re
import sys


def unsigned(data: bytes, at: int) -> tuple[int, int]:
    """An LEB128 number, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def without_names(module: bytes) -> bytes:
    """A wasm module without its custom sections: half of a piece is the names of its functions."""
    kept, at = bytearray(module[:8]), 8
    while at < len(module):
        size, body = unsigned(module, at + 1)
        if module[at] != 0:
            kept += module[at : body + size]
        at = body + size
    return bytes(kept)


# In front of the loader that wasm-split-cli wrote.
OPENING = """
// For each group the pieces in its file, in order: [name, bytes].
const GROUPS = %s;
const read = new Map();
function open(group) {
  if (GROUPS[group].every(([name]) => read.has(name))) return;
  const file = fetch(new URL(`./pages_${group}.wasm`, import.meta.url)).then((answer) => {
    if (!answer.ok) throw new Error(`pages_${group}.wasm: ${answer.status}`);
    return answer.arrayBuffer();
  });
  let at = 0;
  for (const [name, bytes] of GROUPS[group]) {
    const begin = at;
    at += bytes;
    if (read.has(name)) continue;
    const piece = file.then((all) => new Response(all.slice(begin, begin + bytes), { headers: { "content-type": "application/wasm" } }));
    // Asked for again after it failed.
    piece.catch(() => read.delete(name));
    read.set(name, piece);
  }
}
function piece(name) {
  return read.get(name);
}
function opening(group, load) {
  return (...words) => {
    open(group);
    return load(...words);
  };
}
"""


def main() -> None:
    split, site = map(pathlib.Path, sys.argv[1:])
    for old in [*site.glob("chunk_*"), *site.glob("split_*"), *site.glob("pages_*")]:
        old.unlink()
    loader = (split / "__wasm_split.js").read_text()
    # What each split point needs, as the loader's own lists say.
    points = re.findall(r"__wasm_split_load_(\w+) = .*?, \[([^\]]*)\]\)\);", loader, re.S)
    if not points:
        sys.exit("split_site.py: the loader names no split point; has wasm-split-cli changed its form?")
    groups, needed = {}, {}
    for point, chunks in points:
        group = point.rsplit("_", 1)[0]  # without the hash of its place in the source
        names = re.findall(r"chunk_\d+", chunks) + [f"split_{point}"]
        pieces = [without_names((split / f"{name}.wasm").read_bytes()) for name in names]
        (site / f"pages_{group}.wasm").write_bytes(b"".join(pieces))
        groups[group] = [[name, len(piece)] for name, piece in zip(names, pieces)]
        needed[point] = [f"pages_{group}"]
    fetched = r'fetch\(new URL\("\./(\w+)\.wasm", import\.meta\.url\)\)'
    if len(re.findall(fetched, loader)) != len({name for pieces in groups.values() for name, _ in pieces}):
        sys.exit("split_site.py: the loader reads other pieces than it lists; has wasm-split-cli changed its form?")
    loader = re.sub(fetched, r'piece("\1")', loader)
    loader = re.sub(r"(__wasm_split_load_(\w+)_\d+ = )(wrapAsyncCb\(.*?\]\)\));", r'\1opening("\2", \3);', loader, flags=re.S)
    imports, rest = loader.split("\n", 1)
    (site / "__wasm_split.js").write_text(imports + OPENING % json.dumps(groups) + rest)
    # Shape as leptos reads it: {point: [file without its ending, ...]}.
    (site / "pieces.json").write_text(json.dumps(needed, sort_keys=True))


main()
