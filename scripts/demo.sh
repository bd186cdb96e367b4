#!/usr/bin/env bash
# Walks the whole path through the HTTP API of a console of its own, prints each step with its time and both models' answers, and
# leaves the console open on the result. Nodes, port and data (data/demo) are the demo's own and begun anew each time; what `make up`
# started goes on. With TRAINYARD_DEMO_ENDS nothing stays open: for tests.
source "$(dirname "$0")/common.sh"
printf 'Trainyard, the whole path\n'
install_build_tools
scripts/build.sh
data=$data/demo
stop_console "$data" "stop the console of an earlier demo"
stop_nodes "$data" "earlier demo's "
rm -rf "$data"
export TRAINYARD_DATA=$data
export TRAINYARD_REHEARSAL_FIRST_ADDRESS=$((${TRAINYARD_REHEARSAL_FIRST_ADDRESS:-2} + 10)) # 127.0.0.12 and 127.0.0.13
scripts/rehearsal_up.sh
# The port above that of `make up`, or the next one that nobody listens on.
host=${listen%:*} port=$((${listen##*:} + 1))
while (: <"/dev/tcp/$host/$port") 2>/dev/null; do port=$((port + 1)); done
log=$data/console.log
"$target/debug/trainyard" serve --data "$data/console" --listen "$host:$port" --rehearsal "$data/rehearsal/cluster.json" >"$log" 2>&1 &
console=$!
printf '%d\n' $console >"$data/console.pid"
ends() {
  kill $console 2>/dev/null || true
  wait $console 2>/dev/null || true
  [[ ! ${TRAINYARD_DEMO_ENDS:-} ]] || stop_nodes "$data" "demo "
}
trap ends EXIT
link=
for _ in $(seq 100); do
  link=$(grep -o 'http://[^ ]*/setup?token=[^ ]*' "$log" || true)
  [[ -z $link ]] || break
  kill -0 $console 2>/dev/null || { cat "$log" >&2; exit 1; }
  sleep 0.1
done
[[ $link ]] || { printf 'The console did not begin to listen; its log:\n' >&2; cat "$log" >&2; exit 1; }
printf "\nThe demo's console is at http://%s\n\n" "$host:$port"
RUST_BACKTRACE=0 "$target/debug/trainyard" demo --setup "$link"
[[ ! ${TRAINYARD_DEMO_ENDS:-} ]] || exit 0
printf 'Ctrl-C ends this console. Its two nodes go on until `make down` or the next `make demo`; what `make up` started is untouched.\n'
wait $console || true
