#!/usr/bin/env bash
# Before each commit: format, clippy for both targets, boundaries, unit tests.
source "$(dirname "$0")/common.sh"
mkdir -p $site/pkg
step "format" cargo fmt --all --check
step "boundaries" scripts/check_boundaries.sh
step "clippy, host" cargo clippy --all-targets -- -D warnings
step "clippy, wasm" cargo clippy -p frontend --target wasm32-unknown-unknown -- -D warnings
printf 'unit tests\n'
cargo test -q --lib --bins
