#!/usr/bin/env bash
# Builds the browser half into target/site/pkg: wasm, its JavaScript, the stylesheet, each with a .br twin.
source "$(dirname "$0")/common.sh"
mkdir -p $site/pkg
cargo build -p frontend --target wasm32-unknown-unknown --profile wasm-release
wasm=$target/wasm32-unknown-unknown/wasm-release/frontend.wasm
if [[ ! -e $site/pkg/trainyard_bg.wasm || $wasm -nt $site/pkg/trainyard_bg.wasm ]]; then
  wasm-bindgen --target web --no-typescript --remove-name-section --out-name trainyard --out-dir $site/pkg "$wasm"
fi
scripts/join_style.sh
for file in $site/pkg/trainyard_bg.wasm $site/pkg/trainyard.js $site/pkg/trainyard.css; do
  # Quality 11 costs seconds once and nothing per request. With -n the twin has a time of its own, else it would never be the newer one.
  [[ $file.br -nt $file ]] || brotli -q 11 -n -f -k "$file"
done
