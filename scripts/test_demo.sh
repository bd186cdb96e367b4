#!/usr/bin/env bash
# `make demo` beside a running `make up`, over the nodes of an earlier demo: the whole path is walked, only the earlier demo is ended, and
# `make down` leaves nothing. Called by test.sh.
source "$(dirname "$0")/common.sh"
export TRAINYARD_DATA
TRAINYARD_DATA=$(mktemp -d)
trap 'scripts/down.sh >/dev/null; rm -rf "$TRAINYARD_DATA"' EXIT
export TRAINYARD_REHEARSAL_FIRST_ADDRESS=61

# pids folder  the nodes below it.
pids() { cut -d' ' -f1 "$1"/rehearsal/node-*/.node/pid; }
# An ended process of which nobody has taken notice yet is no longer one.
lives() { grep -qs '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$1/status"; }
fail() {
  printf '%s\n' "$1" >&2
  exit 1
}

scripts/rehearsal_up.sh
up=$(pids "$TRAINYARD_DATA")
TRAINYARD_DATA=$TRAINYARD_DATA/demo TRAINYARD_REHEARSAL_FIRST_ADDRESS=71 scripts/rehearsal_up.sh
earlier=$(pids "$TRAINYARD_DATA/demo")
[[ $(wc -w <<<"$up $earlier") == 4 ]] || fail "four nodes were to be up: $up $earlier"

TRAINYARD_DEMO_ENDS=1 scripts/demo.sh
for pid in $up; do lives "$pid" || fail "the demo ended a node of make up"; done
for pid in $earlier; do ! lives "$pid" || fail "the demo left a node of an earlier demo"; done
scripts/down.sh
for pid in $up; do ! lives "$pid" || fail "make down left a node"; done
left=$(grep -lsF "$TRAINYARD_DATA/" /proc/[0-9]*/cmdline || true)
[[ -z $left ]] || fail "make down left processes: $left"
printf '  %-44s passed\n' "demo beside make up"
