#!/usr/bin/env bash
# Deletes accounts, experiments, points, conversations and the rehearsal nodes' homes, after asking.
source "$(dirname "$0")/common.sh"
[[ -d $data ]] || { printf 'Nothing to delete: %s does not exist.\n' "$data"; exit 0; }
printf 'This stops the console and deletes %s: all accounts, experiments, metrics, conversations and rehearsal nodes.\n' "$data"
printf 'Type "delete" to go on: '
read -r answer || answer=
[[ $answer == delete ]] || { printf 'Nothing was deleted.\n'; exit 1; }
stop_console "$data" "stop the console"
scripts/down.sh
rm -rf "${data:?}"
printf 'Deleted.\n'
