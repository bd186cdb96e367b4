#!/usr/bin/env bash
# Walks the whole path through the HTTP API of a console of its own, prints each step with its time and both models' answers, and
# leaves the console open on the result. Its data lies in data/demo and is begun anew each time.
source "$(dirname "$0")/common.sh"
printf 'Trainyard, the whole path\n'
install_build_tools
scripts/build.sh
scripts/down.sh
data=$data/demo
rm -rf "$data"
export TRAINYARD_DATA=$data
scripts/rehearsal_up.sh
log=$data/console.log
"$target/debug/trainyard" serve --data "$data/console" --listen "$listen" --rehearsal "$data/rehearsal/cluster.json" >"$log" 2>&1 &
console=$!
trap 'kill $console 2>/dev/null; wait $console 2>/dev/null' EXIT
link=
for _ in $(seq 100); do
  link=$(grep -o 'http://[^ ]*/setup?token=[^ ]*' "$log" || true)
  [[ -z $link ]] || break
  kill -0 $console 2>/dev/null || { cat "$log" >&2; exit 1; }
  sleep 0.1
done
printf '\n'
"$target/debug/trainyard" demo --setup "$link"
[[ ${TRAINYARD_DEMO_ENDS:-} ]] && exit
printf 'Ctrl-C ends the console; `make down` ends the nodes.\n'
wait $console
