#!/usr/bin/env bash
# Every test whose name ends in _break_nothing, for FUZZ_SECS (an hour when unset), all at once. `make test` runs them for two seconds each.
source "$(dirname "$0")/common.sh"
install_build_tools
export TRAINYARD_FUZZ_SECS=${FUZZ_SECS:-3600}
cargo test -q --lib _break_nothing -- --nocapture 2>&1 | grep -E 'inputs in|panicked|FAILED|TRAINYARD_FUZZ_SEED'
