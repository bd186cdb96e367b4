//! What runs on the node: the POSIX sh texts that start, look at and end a process. No Python, nothing to install.
//!
//! A process has a folder `<work>/.trainyard/jobs/<job>/<rank>/`:
//!
//! | file | what |
//! |---|---|
//! | `spec.json` | what was asked for, for people who look |
//! | `run.<epoch>.sh` | the script of a launch |
//! | `epoch` | the highest epoch that was launched here; a lower one is refused |
//! | `id` | `<pid> <start ticks> <boot id> <epoch>` of the supervising shell, written by rename |
//! | `rc` | four bytes, laid down as blanks before the start and overwritten in place at the end: works on a full disk |
//! | `log` | everything the process printed |
//! | `family` | `<pid> <start ticks>` of everything of ours that lived at the last look, one a line: what erases its environment stays ours |
//! | `lock` | held while a launch is under way |
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
    /// The node's disk does not even hold the identity: nothing was started.
    pub const NO_ROOM: i32 = 74;
    /// A higher epoch was launched here before.
    pub const LOWER_EPOCH: i32 = 75;
    /// This epoch is running or has run: nothing was started twice.
    pub const ALREADY: i32 = 76;
    /// Another launch holds the folder at this moment.
    pub const BUSY: i32 = 77;
}

/// Defines `ours`: prints `<pid> <start ticks>` of every living process that carries `$cookie` or stands in `$known` (by pid and
/// ticks), then whatever shares a session with one of those or descends from one; never `$me` and what it runs.
///
/// Kept in variables: on a full disk a file would read as "nobody lives". A session is followed only through a living member, since
/// its number may be another's by now.
const OURS: &str = r#"ours() {
  {
    for p in $(grep -lszxF "TRAINYARD_COOKIE=$cookie" /proc/[0-9]*/environ 2>/dev/null); do p=${p%/environ}; echo "c ${p#/proc/}"; done
    printf '%s\n' "$known" | sed 's/^/k /'
    cat /proc/[0-9]*/stat 2>/dev/null | sed -n 's/^\([0-9]*\) (.*) /s \1 /p'
  } | awk -v me="$me" '
    $1 == "c" { cookie[$2] = 1 }
    $1 == "k" { known[$2 " " $3] = 1 }
    $1 == "s" && $3 != "Z" {
      parent[$2] = $4; session[$2] = $6; ticks[$2] = $22
      if ($2 == me) looking[$2] = 1; else if (($2 in cookie) || (($2 " " $22) in known)) { mine[$2] = 1; sessions[$6] = 1 }
    }
    END {
      do { grew = 0; for (p in parent) if (!(p in looking) && (parent[p] in looking)) { looking[p] = 1; grew = 1 } } while (grew)
      do {
        grew = 0
        for (p in parent) if (!(p in mine) && !(p in looking) && ((parent[p] in mine) || (session[p] in sessions))) {
          mine[p] = 1; sessions[session[p]] = 1; grew = 1
        }
      } while (grew)
      for (p in mine) if (!(p in looking)) print p, ticks[p]
    }'
}
"#;

/// The supervising shell: `$1` epoch, `$2` cookie. It leads a session and outlives the login that started it.
const SUPERVISE: &str = r#"
read -r stat < /proc/$$/stat; rest=${stat##*) }; epoch=$1 cookie=$2; set -- $rest
echo "$$ ${20} $(cat /proc/sys/kernel/random/boot_id) $epoch" > id.new && mv id.new id || exit
# The launch is on record: only now may another one look.
exec 9>&-
SPT_NOENV=1 TRAINYARD_COOKIE=$cookie sh "./run.$epoch.sh" >> log 2>&1 < /dev/null &
child=$!
trap : TERM INT HUP
# While it lives, note who belongs to it, to find them when their environment is gone and their parent has left.
(
  trap - TERM INT HUP
  read -r me rest < /proc/self/stat
  while kill -0 $child 2>/dev/null; do
    known=$(cat family 2>/dev/null); now=$(ours)
    [ "$now" = "$known" ] || { printf '%s\n' "$now" > family.new && mv family.new family; }
    sleep 1
  done
) > /dev/null 2>&1 &
while :; do wait $child; rc=$?; kill -0 $child 2>/dev/null || break; done
printf "%-4s" $rc 1<> rc
"#;

/// Starts `run.<epoch>.sh` in `folder`, once per epoch. Idempotent: the same epoch again answers `ALREADY`.
///
/// `cookie` marks every descendant through its environment. `SPT_NOENV` keeps setproctitle (vLLM, SGLang) from erasing it.
/// `container` is the shell text that starts a detached container around what follows it; None where the login is the environment.
pub fn start(folder: &str, epoch: i64, cookie: &str, container: Option<&str>) -> String {
    let shell = format!(r#"sh -c "$supervise" trainyard {epoch} {}"#, quote(cookie));
    let launch = match container {
        None => format!("setsid {shell} > /dev/null 2>&1 < /dev/null &"),
        Some(container) => {
            format!("{container} {shell} > /dev/null < /dev/null || exit 70")
        }
    };
    format!(
        r#"cd {folder} || exit 66
# One launch at a time. The kernel drops a flock with its holder; without flock, a link that names its holder is as atomic.
if command -v flock >/dev/null 2>&1; then
  exec 9> lock; flock -n 9 || exit {busy}
else
  exec 9> /dev/null
  read -r s < /proc/$$/stat; s=${{s##*) }}; set -- $s; mark="$$.${{20}}"
  if ! ln -sn "$mark" link 2>/dev/null; then
    h=$(readlink link); t=
    read -r s < "/proc/${{h%.*}}/stat" 2>/dev/null && s=${{s##*) }} && set -- $s && t=${{20}}
    [ "$t" = "${{h#*.}}" ] && exit {busy}
    rm -f link; ln -sn "$mark" link 2>/dev/null || exit {busy}
  fi
  trap 'rm -f link' EXIT
fi
e=$(cat epoch 2>/dev/null); e=${{e:-0}}
[ "$e" -gt {epoch} ] && exit {lower}
[ "$e" -eq {epoch} ] && [ -s id ] && exit {already}
rm -f id family
# What cannot be recorded is not started: it would be started again.
printf '    ' > rc && : >> log && echo {epoch} > epoch.new && mv epoch.new epoch || exit {no_room}
supervise=$(cat <<'TRAINYARD'
{OURS}{SUPERVISE}TRAINYARD
)
{launch}
# Answer only when the identity is there, so that a look right after the launch finds it.
n=0; while [ ! -s id ] && [ $n -lt 200 ]; do n=$((n + 1)); sleep 0.05; done
[ -s id ] || exit {no_room}
cat id
"#,
        folder = quote(folder),
        busy = code::BUSY,
        lower = code::LOWER_EPOCH,
        already = code::ALREADY,
        no_room = code::NO_ROOM,
    )
}

/// How much of a log's end is searched for the closing line.
const CLOSING_BYTES: u32 = 4 << 20;

/// Looks at a process; prints `key value` lines that `observation::parse` reads. Changes nothing.
pub fn look(folder: &str, cookie: &str, closing_line: Option<&str>) -> String {
    let closing = closing_line.map_or_else(
        || "echo 'closing -'".to_owned(),
        // Its end only: a look at a log of gigabytes takes no longer than any other.
        |text| format!("if tail -c {CLOSING_BYTES} log 2>/dev/null | grep -qaF -e {}; then echo 'closing yes'; else echo 'closing no'; fi", quote(text)),
    );
    format!(
        r#"n=0; for p in $(grep -lszxF TRAINYARD_COOKIE={cookie} /proc/[0-9]*/environ 2>/dev/null); do n=$((n + 1)); done
echo "marked $n"
cd {folder} 2>/dev/null || {{ echo 'folder none'; echo end; exit 0; }}
echo "boot $(cat /proc/sys/kernel/random/boot_id)"
echo "epoch $(cat epoch 2>/dev/null || echo 0)"
echo "id $(cat id 2>/dev/null)"
set -- $(cat id 2>/dev/null); a=no
if [ -n "$1" ] && read -r s < /proc/$1/stat 2>/dev/null; then t=$2; s=${{s##*) }}; set -- $s; [ "$1" != Z ] && [ "${{20}}" = "$t" ] && a=yes; fi
echo "alive $a"
# After the pulse: a process that ends between the two questions has left its code by the second.
echo "rc $(cat rc 2>/dev/null)"
echo "log $(stat -c '%s %i' log 2>/dev/null)"
{closing}
case "$(cat rc 2>/dev/null)" in *[0-9]*) {LOADING} ;; esac
echo end
"#,
        folder = quote(folder),
        cookie = quote(cookie),
    )
}

/// Prints `loading N` when a bar `Loading:` of a checkpoint ended at N percent instead of 100: before ms-swift 4.5.3 that is the only
/// trace of shards that could not be read. A bar rewrites its own line, so the last word of a line counts.
const LOADING: &str = r#"head -c 67108864 log 2>/dev/null | grep -aE 'Loading: +[0-9]+%' | awk '
  { last = ""; rest = $0
    while (match(rest, /Loading: +[0-9]+%/)) { last = substr(rest, RSTART + 8, RLENGTH - 9); rest = substr(rest, RSTART + RLENGTH) }
    if (last != "" && last + 0 < 100) bad = last + 0 }
  END { if (bad != "") print "loading " bad }'"#;

/// Ends a process and all its descendants: TERM, `grace_secs`, KILL, for everything that `OURS` names. The supervising shell goes
/// last, so that it can still record how the process ended. Prints `left N`: how many live on (0 unless the kernel holds them).
pub fn stop(folder: &str, cookie: &str, grace_secs: u32) -> String {
    format!(
        r#"me=$$ cookie={cookie} known= lead=
{OURS}
if cd {folder} 2>/dev/null; then
  set -- $(cat id 2>/dev/null); [ -n "$1" ] && lead=$1
  known="$1 $2
$(cat family 2>/dev/null)"
fi
known=$(ours)
printf '%s\n' "$known" | while read -r p t; do [ -n "$p" ] && kill -TERM "$p" 2>/dev/null; done
n=0
while [ -n "$known" ] && [ $n -lt {tenths} ]; do n=$((n + 1)); sleep 0.1; known=$(ours); done
n=0
while [ -n "$known" ] && [ $n -lt 50 ]; do
  printf '%s\n' "$known" | while read -r p t; do
    [ "$p" = "$lead" ] && [ $n -lt 20 ] || kill -KILL "$p" 2>/dev/null
  done
  n=$((n + 1)); sleep 0.1; known=$(ours)
done
if [ -n "$known" ]; then echo "left $(printf '%s\n' "$known" | wc -l)"; else echo 'left 0'; fi
"#,
        folder = quote(folder),
        cookie = quote(cookie),
        tenths = grace_secs * 10,
    )
}

/// The cookie of a process: names job, rank and epoch, and nothing secret.
pub fn cookie(job: &str, rank: u32, epoch: i64) -> String {
    format!("{job}.{rank}.{epoch}")
}
