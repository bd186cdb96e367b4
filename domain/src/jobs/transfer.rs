//! A copy from node to node as the scripts of one job: every sender offers a folder, the receiver pulls from each of them.
//!
//! The receiver opens its own SSH connection to each sender, so the bytes never pass through the console. It logs in with a key
//! pair made for this one copy: the sender's script adds its public half to `authorized_keys`, restricted to a forced command that
//! can only read the folder, and takes it out again when it ends, however it ends; a date of expiry stands behind that.
//!
//! What arrives lies beside the target until every file's SHA-256 is the sender's and, for a checkpoint, every shard that
//! `.metadata` names is there. Then it is moved into place, the tracker last: a half copy never looks loadable.

use std::fmt::Write;

use crate::shell::quote;

/// The file that makes a folder look like a checkpoint to Megatron.
pub const TRACKER: &str = "latest_checkpointed_iteration.txt";

/// Names of the files that lie beside the scripts, with mode 0600.
pub mod file {
    /// Private half of the key, at the receiver.
    pub const KEY: &str = "key";
    /// Pinned host keys of the senders, at the receiver.
    pub const KNOWN_HOSTS: &str = "known_hosts";
    /// The receiver's `ssh`, with the content `REMOTE`.
    pub const REMOTE: &str = "remote.sh";
    /// What the key may do, at a sender.
    pub const SERVE: &str = "serve.sh";
}

/// The receiver's `ssh`: takes a host's name, which rsync insists on, and goes to the sender that the script has set.
pub const REMOTE: &str = r#"shift
exec ssh -i "$here/key" -p "$port" -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=yes \
  -o UserKnownHostsFile="$here/known_hosts" -o GlobalKnownHostsFile=/dev/null -o ConnectTimeout=10 -o ServerAliveInterval=5 \
  -o ServerAliveCountMax=3 -c aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com "$login" "$@"
"#;

/// What a sender's key may ask for. Anything else is refused.
///
/// `list` prints `<sha256> <bytes> ./<path>` for each file, `pack` reads such paths and answers with a tar, `done` ends the offer.
/// rsync's own request is answered with its letters and our folder, whatever folder it names.
pub fn serve(folder: &str) -> String {
    format!(
        r#"here=$(dirname "$0")
cd {folder} || exit 66
case "$SSH_ORIGINAL_COMMAND" in
list)
  find . -type f | LC_ALL=C sort | while IFS= read -r f; do
    h=$(sha256sum < "$f") && s=$(stat -c %s "$f") && printf '%s %s %s\n' "${{h%% *}}" "$s" "$f" || exit 1
  done ;;
pack)
  cat > "$here/wanted" || exit 1
  if grep -qvE '^\./' "$here/wanted" || grep -qF '/../' "$here/wanted"; then echo 'a path outside the folder' >&2; exit 65; fi
  exec tar -cf - -T "$here/wanted" ;;
rsync)
  command -v rsync ;;
'rsync --server --sender '*)
  set -f; set -- $SSH_ORIGINAL_COMMAND; shift 3
  letters=
  for word; do
    case "$word" in
    --files-from=-|--from0|--partial|--relative|--no-relative|--dirs|--timeout=*[0-9]) letters="$letters $word" ;;
    --*) echo "refused: $word" >&2; exit 65 ;;
    -*) letters="$letters $word" ;;
    esac
  done
  exec rsync --server --sender $letters . ./ ;;
done)
  : > "$here/done" ;;
*)
  echo 'refused' >&2; exit 65 ;;
esac
"#,
        folder = quote(folder)
    )
}

/// The sender's script: lets the key in until it is told `done`, or ended.
///
/// `public_key` is `ssh-ed25519 AAAA…` without a comment; `mark` names this copy and consists of letters, digits and `-`.
pub fn offer(folder: &str, public_key: &str, mark: &str) -> String {
    format!(
        r#"here=$OLDPWD
[ -d {folder} ] || {{ echo "There is no folder "{folder}" on this node."; exit 66; }}
umask 077
keys=$HOME/.ssh/authorized_keys
mkdir -p "$HOME/.ssh" && touch "$keys" || exit 73
forget() {{
  if [ -e "$keys" ]; then
    grep -vF ' trainyard-{mark}' "$keys" > "$keys.{mark}"
    cat "$keys.{mark}" > "$keys"; rm -f "$keys.{mark}"
  fi
}}
trap forget EXIT
trap 'exit 143' TERM INT HUP
forget
until=$(date -d '+1 day' +%Y%m%d%H%M 2>/dev/null) && until=",expiry-time=\"$until\""
[ -z "$(tail -c 1 "$keys")" ] || echo >> "$keys"
command=$(printf 'sh %s' "'$(printf '%s' "$here/{serve}" | sed "s/'/'\\\\\\\\''/g")'" | sed 's/"/\\"/g')
printf 'restrict,command="%s"%s %s trainyard-{mark}\n' "$command" "$until" {key} >> "$keys"
echo "Offering "{folder}
while [ ! -e "$here/done" ]; do sleep 0.2; done
echo "Everything was taken."
"#,
        folder = quote(folder),
        serve = file::SERVE,
        key = quote(public_key),
    )
}

/// A sender as the receiver reaches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// For the log.
    pub name: String,
    pub host: String,
    pub port: u16,
    pub user: String,
}

/// One line of `known_hosts`: the pinned key of a sender.
pub fn known_host(sender: &Sender, host_key: &str) -> String {
    format!("[{}]:{} {host_key}\n", sender.host, sender.port)
}

/// The receiver's script: pulls what `target` lacks from every sender, checks it, moves it into place.
///
/// A file that is there already with the same content is not copied; with another content the copy ends, since the two folders are
/// not of one run. `is_checkpoint`: every shard that `.metadata` names has to be there at the end.
pub fn pull(target: &str, senders: &[Sender], is_checkpoint: bool) -> String {
    let (parent, name) = target.rsplit_once('/').unwrap_or(("", target));
    let mut text = format!(
        r#"here=$OLDPWD
target={target} stage={stage}
# However this ends, the key does not stay.
trap 'rm -f "$here/{key}"' EXIT
trap 'exit 143' TERM INT HUP
umask 022
sum() {{ s=$(sha256sum < "$1") && printf '%s' "${{s%% *}}"; }}
# $1 name, $2 port, $3 login: everything that this sender has and neither target nor stage do.
pull() {{
  name=$1
  remote() {{ sh "$here/{remote}" sender "$@"; }}
  port=$2 login=$3
  export here port login
  # The sender lets the key in at about the same moment as this starts.
  n=0
  until remote list > "$here/list" 2> "$here/complaint"; do
    n=$((n + 1))
    if [ $n -ge 20 ]; then cat "$here/complaint"; echo "$name cannot be reached from here."; exit 1; fi
    sleep 0.5
  done
  : > "$here/wanted"
  while read -r hash size path; do
    for place in "$target" "$stage"; do
      if [ -e "$place/$path" ]; then
        if [ "$(sum "$place/$path")" = "$hash" ]; then continue 2; fi
        echo "$path of $name differs from the one that is here. The folders are not of the same run."; exit 1
      fi
    done
    printf '%s\n' "$path" >> "$here/wanted"
  done < "$here/list"
  if [ ! -s "$here/wanted" ]; then echo "$name has nothing that is missing here."; remote 'done'; return; fi
  count=$(wc -l < "$here/wanted")
  bytes=$(awk 'NR == FNR {{ want[$0] = 1; next }} {{ path = $0; sub(/^[^ ]* [^ ]* /, "", path); if (path in want) n += $2 }} END {{ printf "%d", n }}' "$here/wanted" "$here/list")
  how=tar
  if command -v rsync > /dev/null && remote rsync > /dev/null 2>&1; then how=rsync; fi
  echo "Taking $count files, $bytes bytes, from $name with $how."
  if [ $how = rsync ]; then
    (cd "$here" && rsync -r --partial --whole-file --timeout=60 --files-from=wanted -e 'sh ./{remote}' sender:./ "$stage/") || {{ echo "The copy from $name broke off."; exit 1; }}
  else
    remote pack < "$here/wanted" | tar -xf - -C "$stage" || {{ echo "The copy from $name broke off."; exit 1; }}
  fi
  while read -r hash size path; do
    if grep -qxF "$path" "$here/wanted" && [ "$(sum "$stage/$path" 2>/dev/null)" != "$hash" ]; then
      echo "$path did not arrive as $name has it."; exit 1
    fi
  done < "$here/list"
  echo "$count files of $name are here, hashes equal."
  remote 'done'
}}
mkdir -p "$stage" || exit 73
"#,
        target = quote(target),
        stage = quote(&format!("{parent}/.{name}.incoming")),
        remote = file::REMOTE,
        key = file::KEY,
    );
    for sender in senders {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "pull {} {} {}",
            quote(&sender.name),
            sender.port,
            quote(&format!("{}@{}", sender.user, sender.host))
        );
    }
    if is_checkpoint {
        text.push_str(
            r#"index=$(find "$target" "$stage" -name .metadata -type f 2>/dev/null | head -n 1)
[ -n "$index" ] || { echo 'No node has .metadata: this iteration was not saved to its end.'; exit 1; }
iteration=$(basename "$(dirname "$index")")
for shard in $(grep -aoE '__[0-9]+_[0-9]+\.distcp' "$index" | sort -u); do
  [ -e "$target/$iteration/$shard" ] || [ -e "$stage/$iteration/$shard" ] || { echo "$shard is named by .metadata, but no node has it."; exit 1; }
done
"#,
        );
    }
    let _ = write!(
        text,
        r#"# The tracker last.
(cd "$stage" && find . -type f ! -name {TRACKER}; cd "$stage" && find . -type f -name {TRACKER}) | while IFS= read -r path; do
  mkdir -p "$target/$(dirname "$path")" && mv "$stage/$path" "$target/$path" || exit 1
done || exit 1
rm -rf "$stage"
echo "Complete in $target"
"#,
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_quotes_and_spaces_stay_words() {
        let sender = Sender {
            name: "it's node 2".to_owned(),
            host: "10.0.0.3".to_owned(),
            port: 2333,
            user: "root".to_owned(),
        };
        let text = pull("/data/it's here/checkpoint-20", &[sender], true);
        assert!(text.contains("target='/data/it'\\''s here/checkpoint-20' stage='/data/it'\\''s here/.checkpoint-20.incoming'"));
        assert!(text.contains("pull 'it'\\''s node 2' 2333 root@10.0.0.3"));
    }
}
