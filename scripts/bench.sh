#!/usr/bin/env bash
# Measures what the issues give figures for and writes docs/benchmarks.md and .json. BENCH_ONLY=console, metrics, launch, pages or datasets
# measures one part; the rows of the others stay, with their day.
source "$(dirname "$0")/common.sh"
install_build_tools
install_packages chromium=chromium npm=npm python3=python3
scripts/build.sh
step "console, release build" cargo build --release -p server
[[ -d end2end/node_modules ]] || (cd end2end && step "Playwright" env PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund)
[[ ${BENCH_ONLY:-console} != console ]] || python3 scripts/bench/console.py "$target"
if [[ ${BENCH_ONLY:-metrics} == metrics ]]; then
  scripts/bench/peers.sh "$target/peers"
  python3 scripts/bench/metrics.py "$target"
fi
[[ ${BENCH_ONLY:-launch} != launch ]] || python3 scripts/bench/estimate.py "$target"
if [[ ${BENCH_ONLY:-pages} == pages ]]; then
  scripts/bench/peers.sh "$target/peers"
  python3 scripts/bench/pages.py "$target"
fi
[[ ${BENCH_ONLY:-datasets} != datasets ]] || python3 scripts/bench/datasets.py "$target"
