//! What runs on the node: the POSIX sh texts that start, look at and end a process. No Python, nothing to install.
//!
//! A process has a folder `<work>/.trainyard/jobs/<job>/<rank>/`:
//!
//! | file | what |
//! |---|---|
//! | `spec.json` | what was asked for, for people who look |
//! | `run.sh` | the script |
//! | `epoch` | the highest epoch that was launched here; a lower one is refused |
//! | `id` | `<pid> <start ticks> <boot id> <epoch>` of the supervising shell, written by rename |
//! | `rc` | four bytes, laid down as blanks before the start and overwritten in place at the end: works on a full disk |
//! | `log` | everything the process printed |
//! | `family` | session ids seen while it lived, one a line |
//!
//! The folder is the truth, the database a cache. Everything is started in a session of its own, without a terminal: torchrun
//! installs its own hang-up handler, so `nohup` alone would not protect it.

use crate::shell::quote;

/// The folder of a process, below the work folder.
pub fn folder(work_folder: &str, job: &str, rank: u32) -> String {
    format!("{work_folder}/.trainyard/jobs/{job}/{rank}")
}

/// Exit codes of `start`.
pub mod code {
    /// A higher epoch was launched here before.
    pub const LOWER_EPOCH: i32 = 75;
    /// This epoch is running or has run: nothing was started twice.
    pub const ALREADY: i32 = 76;
    /// Another launch holds the folder at this moment.
    pub const BUSY: i32 = 77;
}

/// Starts `run.sh` in `folder`, once per epoch. Idempotent: the same epoch again answers `ALREADY`.
///
/// `cookie` marks every descendant through its environment. `SPT_NOENV` keeps setproctitle (vLLM, SGLang) from erasing it.
pub fn start(folder: &str, epoch: i64, cookie: &str) -> String {
    let folder = quote(folder);
    let cookie = quote(cookie);
    format!(
        r#"cd {folder} || exit 66
# mkdir is atomic: one launch at a time. A lock whose holder is gone is taken over.
if ! mkdir lock 2>/dev/null; then
  h=$(cat lock/pid 2>/dev/null); [ -n "$h" ] && kill -0 "$h" 2>/dev/null && exit {busy}
fi
echo $$ > lock/pid
trap 'rm -rf lock' EXIT
e=$(cat epoch 2>/dev/null || echo 0)
[ "$e" -gt {epoch} ] && exit {lower}
[ "$e" -eq {epoch} ] && [ -s id ] && exit {already}
rm -f id
printf '    ' > rc
: >> log; : > family
echo {epoch} > epoch.new && mv epoch.new epoch
setsid sh -c '
  read -r stat < /proc/$$/stat; rest=${{stat##*) }}; set -- $rest; ticks=${{20}}
  echo "$$ $ticks $(cat /proc/sys/kernel/random/boot_id) {epoch}" > id.new && mv id.new id
  SPT_NOENV=1 TRAINYARD_COOKIE='{cookie}' sh ./run.sh >> log 2>&1 < /dev/null &
  child=$!
  trap : TERM INT HUP
  # While it lives, note the sessions that its descendants open, to find them when their environment is gone.
  (
    trap - TERM
    while kill -0 $child 2>/dev/null; do
      for p in $(grep -lsz "^TRAINYARD_COOKIE='{cookie}'$" /proc/[0-9]*/environ 2>/dev/null); do
        p=${{p%/environ}}; read -r s < $p/stat 2>/dev/null || continue; s=${{s##*) }}; set -- $s; echo "$4"
      done | sort -u > family.new && mv family.new family
      sleep 1
    done
  ) > /dev/null 2>&1 &
  while :; do wait $child; rc=$?; kill -0 $child 2>/dev/null || break; done
  printf "%-4s" $rc 1<> rc
' > /dev/null 2>&1 < /dev/null &
# Answer only when the identity is there, so that a look right after the launch finds it.
n=0; while [ ! -s id ] && [ $n -lt 100 ]; do n=$((n + 1)); sleep 0.05; done
[ -s id ] || exit 70
cat id
"#,
        busy = code::BUSY,
        lower = code::LOWER_EPOCH,
        already = code::ALREADY,
    )
}

/// Looks at a process; prints `key value` lines that `observation::parse` reads. Changes nothing.
pub fn look(folder: &str, cookie: &str, closing_line: Option<&str>) -> String {
    let closing = closing_line.map_or_else(
        || "echo 'closing -'".to_owned(),
        |text| format!("if grep -qaF {} log 2>/dev/null; then echo 'closing yes'; else echo 'closing no'; fi", quote(text)),
    );
    format!(
        r#"cd {folder} 2>/dev/null || {{ echo 'folder none'; echo end; exit 0; }}
echo "boot $(cat /proc/sys/kernel/random/boot_id)"
echo "epoch $(cat epoch 2>/dev/null || echo 0)"
echo "id $(cat id 2>/dev/null)"
echo "rc $(cat rc 2>/dev/null)"
echo "log $(stat -c '%s %i' log 2>/dev/null)"
set -- $(cat id 2>/dev/null); a=no
if [ -n "$1" ] && read -r s < /proc/$1/stat 2>/dev/null; then t=$2; s=${{s##*) }}; set -- $s; [ "$1" != Z ] && [ "${{20}}" = "$t" ] && a=yes; fi
echo "alive $a"
n=0; for p in $(grep -lsz "^TRAINYARD_COOKIE={cookie}$" /proc/[0-9]*/environ 2>/dev/null); do n=$((n + 1)); done
echo "marked $n"
{closing}
echo end
"#,
        folder = quote(folder),
    )
}

/// Ends a process and all its descendants: TERM, `grace_secs`, KILL, for everything that carries the cookie, is in a session it
/// opened, or descends from one of those. Prints `left N`: how many live on (0 unless the kernel holds them).
pub fn stop(folder: &str, cookie: &str, grace_secs: u32) -> String {
    format!(
        r#"cd {folder} 2>/dev/null || {{ echo 'left 0'; exit 0; }}
me=$$
# Every process of ours, one pid a line: by cookie, by session, then their descendants.
ours() {{
  {{
    for p in $(grep -lsz "^TRAINYARD_COOKIE={cookie}$" /proc/[0-9]*/environ 2>/dev/null); do p=${{p%/environ}}; echo "${{p#/proc/}}"; done
    cat members 2>/dev/null
  }} | sort -u > seeds.new
  for d in /proc/[0-9]*; do
    read -r s < $d/stat 2>/dev/null || continue
    p=${{d#/proc/}}; s=${{s##*) }}; set -- $s
    [ "$1" = Z ] || echo "$p $2 $4 ${{20}}"
  done > table.new
  awk -v me=$me 'FILENAME == "seeds.new" {{ split($0, m, " "); if (m[2] == "") cookie[m[1]] = 1; else known[m[1] " " m[2]] = 1; next }}
    FILENAME == "family" {{ session[$1] = 1; next }}
    {{ parent[$1] = $2; ticks[$1] = $4; if ($1 in cookie || ($1 " " $4) in known || $3 in session) mine[$1] = 1 }}
    END {{ do {{ grew = 0; for (p in parent) if (!(p in mine) && parent[p] in mine) {{ mine[p] = 1; grew = 1 }} }} while (grew)
      for (p in mine) if (p != me && parent[p] != me) print p, ticks[p] }}' seeds.new family table.new
}}
[ -f family ] || : > family
set -- $(cat id 2>/dev/null)
# The supervising shell leads the first session; its pid is ours only while the start ticks agree.
if [ -n "$1" ] && read -r s < /proc/$1/stat 2>/dev/null; then l=$1 t=$2; s=${{s##*) }}; set -- $s; [ "${{20}}" = "$t" ] && echo "$l" >> family; fi
ours > members.new; mv members.new members
while read -r p t; do kill -TERM $p 2>/dev/null; done < members
n=0
while [ $n -lt {tenths} ]; do
  ours > members.new; mv members.new members
  [ -s members ] || break
  n=$((n + 1)); sleep 0.1
done
n=0
while [ $n -lt 50 ]; do
  ours > members.new; mv members.new members
  [ -s members ] || break
  while read -r p t; do kill -KILL $p 2>/dev/null; done < members
  n=$((n + 1)); sleep 0.1
done
echo "left $(wc -l < members)"
rm -f seeds.new table.new
"#,
        folder = quote(folder),
        tenths = grace_secs * 10,
    )
}

/// The cookie of a process: names job, rank and epoch, and nothing secret.
pub fn cookie(job: &str, rank: u32, epoch: i64) -> String {
    format!("{job}.{rank}.{epoch}")
}
