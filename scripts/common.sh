# Shared by the scripts: where things lie, and how steps are named. Sourced, not run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=${CARGO_TARGET_DIR:-target}
data=${TRAINYARD_DATA:-data}
site=target/site          # rust-embed reads it from here in a dev build, so it does not follow CARGO_TARGET_DIR
listen=${TRAINYARD_LISTEN:-127.0.0.1:7860}

# Where cargo installs programs; not everybody has it on the path. First, so that what is installed here is what runs.
export PATH=${CARGO_HOME:-${HOME:-}/.cargo}/bin:$PATH

# step "what" command…  names a step, runs it, says how long it took; its output appears only when it fails. On a terminal, the seconds
# and the last line of the output stand beside the name while it runs.
step() {
  local what=$1 begun log ticker='' failed=''
  shift
  begun=$(date +%s%N)
  log=$(mktemp)
  printf '  %-44s ' "$what"
  if [[ -t 1 ]]; then
    # The command stays in the foreground, so that Ctrl-C reaches it.
    show_progress "$what" "$log" &
    ticker=$!
    CARGO_TERM_PROGRESS_WHEN=always CARGO_TERM_PROGRESS_WIDTH=80 "$@" >"$log" 2>&1 || failed=yes
    kill $ticker 2>/dev/null || true
    wait $ticker 2>/dev/null || true
    printf '\r\033[K  %-44s ' "$what"
  else
    "$@" >"$log" 2>&1 || failed=yes
  fi
  if [[ ! $failed ]]; then
    printf 'done, %d.%d s\n' $((($(date +%s%N) - begun) / 1000000000)) $((($(date +%s%N) - begun) / 100000000 % 10))
    rm -f "$log"
  else
    printf 'FAILED\n'
    without_bars "$log" >&2
    rm -f "$log"
    exit 1
  fi
}

# show_progress "what" log  rewrites the step's line until its shell ends.
show_progress() {
  local begun=$SECONDS last width
  while sleep 0.5 && kill -0 $$ 2>/dev/null; do
    last=$(tail -c 2000 "$2" | tr '\r' '\n' | sed 's/\x1b\[[0-9;]*[A-Za-z]//g; s/^ *//' | grep . | tail -n 1 || true)
    width=$(stty size 2>/dev/null </dev/tty | cut -d' ' -f2)
    width=$((${width:-80} - 58))
    [[ $width -gt 0 ]] || width=0
    printf '\r\033[K  %-44s %4d s  %s' "$1" $((SECONDS - begun)) "${last:0:width}"
  done
}

# A log without the states of progress bars that were overwritten.
without_bars() { sed 's/.*\r//; s/\x1b\[[0-9;]*[KJ]//g' "$1"; }

# stop_nodes folder ["whose "]  stops the rehearsal nodes below the folder and every job on them.
stop_nodes() {
  local home
  for home in "$1"/rehearsal/node-*; do
    [[ ! -d $home ]] || step "stop ${2:-}${home##*/} and its jobs" "$target/debug/rehearsal" down --home "$home"
  done
}

# stop_console folder "what"  stops the console whose pid the folder holds, if it lives and is that folder's.
stop_console() {
  local pid
  pid=$(cat "$1/console.pid" 2>/dev/null) || return 0
  # A pid may be another process by now.
  if tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "serve --data $1/console "; then
    kill "$pid"
    step "$2" timeout 30 tail --pid="$pid" -f /dev/null
  fi
  rm -f "$1/console.pid"
}

present() { printf '  %-44s already there\n' "$1"; }

# The version of a crate as Cargo.lock holds it.
locked() { awk -v name="$1" '$0 == "name = \"" name "\"" { getline; gsub(/[^0-9.]/, ""); print; exit }' Cargo.lock; }

# install_packages program=package …  installs the Debian packages of the programs that are missing.
install_packages() {
  local missing=() pair
  for pair in "$@"; do
    if [[ $pair == /* ]]; then
      [[ -e ${pair%%=*} ]] || missing+=("${pair#*=}")
    else
      command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
    fi
  done
  if [[ ${#missing[@]} -eq 0 ]]; then
    present "Debian packages"
  elif [[ $(id -u) -ne 0 ]]; then
    printf '\nThese programs are missing. Install them, then run this again:\n\n  sudo apt-get install -y %s\n\n' "${missing[*]}" >&2
    exit 1
  else
    step "Debian package list" apt-get update
    step "Debian packages: ${missing[*]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
  fi
}

# What building needs beside Rust itself.
install_build_tools() {
  # Both are said in one go: what needs root, and Rust, which does not.
  command -v cargo >/dev/null || printf '\nRust is missing. Install it with rustup (https://rustup.rs), then run this again.\n' >&2
  install_packages cc=gcc c++=g++ cmake=cmake brotli=brotli ssh=openssh-client ssh-keygen=openssh-client rsync=rsync curl=curl python3=python3
  command -v cargo >/dev/null || exit 1
  if [[ -d $(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown ]]; then
    present "Rust target wasm32-unknown-unknown"
  else
    step "Rust target wasm32-unknown-unknown" rustup target add wasm32-unknown-unknown
  fi
  local version
  version=$(locked wasm-bindgen)
  if [[ $(wasm-bindgen --version 2>/dev/null) == "wasm-bindgen $version" ]]; then
    present "wasm-bindgen $version"
  else
    # Without --locked: its own lock names releases that a registry may no longer serve.
    step "wasm-bindgen $version" cargo install wasm-bindgen-cli --version "$version"
  fi
  # Its form follows wasm_split_helpers, whose marks it reads.
  local split_version=0.2.4
  if cargo install --list | grep -qF "wasm_split_cli_support v$split_version:"; then
    present "wasm-split-cli $split_version"
  else
    step "wasm-split-cli $split_version" cargo install wasm_split_cli_support --version $split_version --features build-binary
  fi
}
