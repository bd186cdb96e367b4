"""Puts what wasm-split-cli wrote into the site: pieces without their names, and which pieces each file of pages needs.

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


def manifest(loader: str) -> dict[str, list[str]]:
    """What to load for each split point, as the loader's own lists say. Shape as leptos reads it: {point: [piece, ...]}."""
    points = re.findall(r"__wasm_split_load_(\w+) = .*?, \[([^\]]*)\]\)\);", loader, re.S)
    return {name: re.findall(r"chunk_\d+", pieces) + ["split_" + name] for name, pieces in points}


def main() -> None:
    split, site = map(pathlib.Path, sys.argv[1:])
    for old in [*site.glob("chunk_*"), *site.glob("split_*")]:
        old.unlink()
    for piece in [*split.glob("chunk_*.wasm"), *split.glob("split_*.wasm")]:
        (site / piece.name).write_bytes(without_names(piece.read_bytes()))
    loader = (split / "__wasm_split.js").read_text()
    (site / "__wasm_split.js").write_text(loader)
    needed = manifest(loader)
    if not needed:
        sys.exit("split_site.py: the loader names no split point; has wasm-split-cli changed its form?")
    (site / "pieces.json").write_text(json.dumps(needed, sort_keys=True))


main()
