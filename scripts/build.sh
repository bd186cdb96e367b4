#!/usr/bin/env bash
# Builds everything that runs. Default members, always in this one form: `-p server` would resolve other features and rebuild the tree.
source "$(dirname "$0")/common.sh"
mkdir -p $site/pkg
step "browser half (wasm, style)" scripts/build_site.sh
step "console and rehearsal" cargo build
