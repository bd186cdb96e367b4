#!/usr/bin/env bash
# Stops the rehearsal nodes and every job on them. Data stays.
source "$(dirname "$0")/common.sh"
for n in 1 2; do
  [[ -d $data/rehearsal/node-$n ]] || continue
  step "stop node-$n and its jobs" "$target/debug/rehearsal" down --home "$data/rehearsal/node-$n"
done
