#!/usr/bin/env bash
# Starts the two rehearsal nodes, each in a session of its own, and writes the file by which the console adopts them.
source "$(dirname "$0")/common.sh"
home=$data/rehearsal
version=${TRAINYARD_REHEARSAL_MS_SWIFT:-4.6.0}
port=${TRAINYARD_REHEARSAL_PORT:-2333}
first=${TRAINYARD_REHEARSAL_FIRST_ADDRESS:-2} # 127.0.0.2 and 127.0.0.3
other=() # versions beside the release's own, such as the pair that writes checkpoints it cannot read: 3.9.3 with 0.14.1
[[ -z ${TRAINYARD_REHEARSAL_MEGATRON_CORE:-} ]] || other+=(--megatron-core "$TRAINYARD_REHEARSAL_MEGATRON_CORE")
[[ -z ${TRAINYARD_REHEARSAL_TORCH:-} ]] || other+=(--torch "$TRAINYARD_REHEARSAL_TORCH")
mkdir -p "$home"
[[ -e $home/key ]] || ssh-keygen -q -t ed25519 -N '' -C trainyard-rehearsal -f "$home/key"
for n in 1 2; do
  step "rehearsal node-$n, 127.0.0.$((first + n - 1)):$port" "$target/debug/rehearsal" up --name "node-$n" --address "127.0.0.$((first + n - 1))" \
    --port "$port" --home "$home/node-$n" --authorized-key "$home/key.pub" --ms-swift "$version" \
    "${other[@]}"
done
"$target/debug/rehearsal" describe --name rehearsal --key "$home/key" "$home/node-1" "$home/node-2" >"$home/cluster.json.new"
mv "$home/cluster.json.new" "$home/cluster.json"
