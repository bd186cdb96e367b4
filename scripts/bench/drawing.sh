#!/usr/bin/env bash
# Builds the page that measures drawing alone, with the processor's vectors (simd128): drawing.sh FOLDER.
source "$(dirname "$0")/../common.sh"
folder=$1
# Flags of a target take the place of those of .cargo/config.toml, so that its own stands here again.
cargo rustc -p frontend --features bench --target wasm32-unknown-unknown --profile wasm-bench \
  --config 'target.wasm32-unknown-unknown.rustflags=["--cfg", "erase_components", "-Ctarget-feature=+simd128"]' -- -Clink-args=--emit-relocs
rm -rf "$folder"
mkdir -p "$folder"
wasm-split-cli "$target/wasm32-unknown-unknown/wasm-bench/frontend.wasm" "$folder/split" --target web --out-name bench
wasm-bindgen --target web --no-typescript --remove-name-section --keep-lld-exports --out-name bench --out-dir "$folder" "$folder/split/bench.wasm"
cp "$folder/split/__wasm_split.js" "$folder"
rm -r "$folder/split"
