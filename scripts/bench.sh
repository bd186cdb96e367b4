#!/usr/bin/env bash
# Measures what the issues give figures for and writes docs/benchmarks.md and .json. What was not measured in this run is not in them.
source "$(dirname "$0")/common.sh"
install_build_tools
install_packages chromium=chromium npm=npm python3=python3
scripts/build.sh
step "console, release build" cargo build --release -p server
[[ -d end2end/node_modules ]] || (cd end2end && step "Playwright" env PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund)
python3 scripts/bench.py "$target"
