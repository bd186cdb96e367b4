#!/usr/bin/env bash
# From a bare machine to a console with two rehearsal nodes. Every step is skipped when its result is there.
source "$(dirname "$0")/common.sh"
printf 'Trainyard\n'
install_build_tools
scripts/build.sh
scripts/rehearsal_up.sh
printf '\n'
printf '%d\n' $$ >"$data/console.pid"
exec "$target/debug/trainyard" serve --data "$data/console" --listen "$listen" --rehearsal "$data/rehearsal/cluster.json"
