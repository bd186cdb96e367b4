#!/usr/bin/env bash
# Builds the browser half into target/site/pkg: the wasm in pieces, its JavaScript, the stylesheet, each with a .br twin.
source "$(dirname "$0")/common.sh"
mkdir -p $site/pkg
# What may move to a piece of its own is found by the relocations that the linker leaves.
cargo rustc -p frontend --target wasm32-unknown-unknown --profile wasm-release -- -Clink-args=--emit-relocs
wasm=$target/wasm32-unknown-unknown/wasm-release/frontend.wasm
if [[ ! -e $site/pkg/trainyard_bg.wasm || $wasm -nt $site/pkg/trainyard_bg.wasm ]]; then
  # Pages' code into pieces that browsers load when they open them; what all need stays in the first.
  rm -rf "$target/split"
  wasm-split-cli "$wasm" "$target/split" --target web --out-name trainyard
  wasm-bindgen --target web --no-typescript --remove-name-section --keep-lld-exports --out-name trainyard --out-dir $site/pkg "$target/split/trainyard.wasm"
  python3 scripts/split_site.py "$target/split" $site/pkg
fi
scripts/join_style.sh
# Quality 11 costs seconds once and nothing per request. With -n a twin has a time of its own, else it would never be the newer one.
for file in $site/pkg/*.wasm $site/pkg/*.js $site/pkg/trainyard.css; do
  [[ $file.br -nt $file ]] || printf '%s\0' "$file"
done | xargs -0 -r -n 1 -P 2 brotli -q 11 -n -f -k
