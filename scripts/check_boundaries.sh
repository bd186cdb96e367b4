#!/usr/bin/env bash
# The edges that Cargo does not keep: who may say what, and what must not reach the browser.
source "$(dirname "$0")/common.sh"
broken=0
# only_in "what" pattern folder allowed…: the pattern may stand in Rust code below `folder` only under an allowed path.
only_in() {
  local what=$1 pattern=$2 folder=$3 found allowed
  shift 3
  found=$(grep -rnE --include='*.rs' "$pattern" $folder | grep -vE '^[^:]+:[0-9]+:\s*//' || true)
  for allowed in "$@"; do found=$(grep -v "^$allowed" <<<"$found" || true); done
  if [[ -n $found ]]; then
    printf '%s:\n%s\n' "$what" "$found"
    broken=1
  fi
}
only_in "SQL outside backend/src/store" 'sqlx::' "app/src backend/src domain/src server/src frontend/src" backend/src/store/
only_in "remote calls outside backend/src/hosts" 'russh::|async_ssh2_tokio::|tokio::process|std::process::Command' "app/src backend/src server/src" backend/src/hosts/
only_in "web_sys outside app/src/browser" 'web_sys|js_sys|wasm_bindgen' "app/src domain/src" app/src/browser/
only_in "clock or I/O in domain" 'SystemTime|Instant::now|std::fs|std::net|tokio' domain/src domain/src/shell.rs
colours=$(grep -rnE '#[0-9a-fA-F]{3,8}\b|rgba?\(|hsla?\(|oklch\(' style --include='*.css' | grep -v '^style/tokens' || true)
colours+=$(grep -rnE '"#[0-9a-fA-F]{3,8}"|rgba?\([0-9]' app/src --include='*.rs' | grep -vE '^app/src/(tokens|browser/tokens)' || true)
[[ -z $colours ]] || { printf 'colour literals outside style/tokens:\n%s\n' "$colours"; broken=1; }
tree=$(cargo tree -q -p frontend --target wasm32-unknown-unknown -e normal --prefix none | awk '{print $1}' | sort -u)
for crate in tokio sqlx axum reqwest russh hyper backend; do
  if grep -qx "$crate" <<<"$tree"; then
    printf 'the wasm tree holds %s\n' "$crate"
    broken=1
  fi
done
exit $broken
