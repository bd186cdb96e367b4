#!/usr/bin/env bash
# Stops the rehearsal nodes and every job on them, those of `make up` and those of `make demo`, and the demo's console. Data stays.
source "$(dirname "$0")/common.sh"
stop_console "$data/demo" "stop the demo's console"
stop_nodes "$data/demo" "demo "
stop_nodes "$data"
