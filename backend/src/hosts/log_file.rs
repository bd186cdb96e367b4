//! A log where it lies: parts of it by offset, and a search that runs on its machine, so that only what was found travels.

use std::time::Duration;

use bytes::Bytes;
use domain::logs::{Found, Hit};
use domain::shell::quote;

use super::{Exit, Host, HostError, Limits, Output};

/// Line ends are counted over at most this much, which takes a node some 50 ms.
const COUNTED: u64 = 32 << 20;
/// How long a node may search: a GB takes it a second or two.
const SEARCH_SECS: u64 = 20;
/// Hits that are listed on either side of where one is.
const LISTED: u64 = 25;
/// Bytes shown before and after the begin of a hit.
const BEFORE: u64 = 60;
const EXCERPT: u64 = 300;

/// Do not count line ends.
pub const UNCOUNTED: (u64, u64) = (i64::MAX as u64, 0);

/// Exit codes of the scripts.
const MISSING: i32 = 66;
const REFUSED: i32 = 77;

/// What came of reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading<T> {
    /// There is no such file.
    Missing,
    /// The machine says why it may not be read.
    Refused(String),
    Done(T),
}

/// A part of a file, all facts of one moment (as near as sh comes to it).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub bytes: Bytes,
    pub offset: u64,
    pub size: u64,
    /// Changes when the file was replaced.
    pub inode: u64,
    /// When it was last written: seconds since 1970.
    pub changed_at: i64,
    /// Line ends before `offset`; none where counting them would take long.
    pub newlines_before: Option<u64>,
}

/// How a text is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grep {
    pub pattern: String,
    /// A POSIX extended regular expression, else a text.
    pub is_regex: bool,
    pub ignores_case: bool,
}

fn opened(path: &str) -> String {
    format!(
        "export LC_ALL=C; f={}; [ -f \"$f\" ] || exit {MISSING}; [ -r \"$f\" ] || {{ echo 'permission denied' >&2; exit {REFUSED}; }}\n",
        quote(path)
    )
}

/// Reads at most `limit` bytes from `offset`, or the last ones. `counted` is an offset with the number of line ends before it.
pub async fn read_part(
    host: &dyn Host,
    path: &str,
    offset: Option<u64>,
    limit: u64,
    counted: (u64, u64),
) -> Result<Reading<Part>, HostError> {
    let from = match offset {
        Some(offset) => format!("o={offset}"),
        None => format!("o=$((s > {limit} ? s - {limit} : 0))"),
    };
    let (known, newlines) = counted;
    let command = format!(
        r#"{opened}set -- $(stat -L -c '%s %i %Y' "$f") && s=$1 i=$2 t=$3 && {from} || exit 1
n=-; d=$((o - {known})); [ $d -ge 0 ] && [ $d -le {COUNTED} ] && n=$((({newlines}) + $(tail -c +{first} "$f" | head -c $d | wc -l)))
echo "$s $i $t $o $n" && tail -c +$((o + 1)) "$f" | head -c {limit}"#,
        opened = opened(path),
        first = known.saturating_add(1),
    );
    let limits = Limits {
        output_bytes: usize::try_from(limit)
            .unwrap_or(usize::MAX)
            .saturating_add(200),
        ..Limits::default()
    };
    let output = host.run(&command, Bytes::new(), limits).await?;
    if let Some(other) = unread(&output) {
        return Ok(other);
    }
    let broken = || HostError::Broken(format!("reading {path}: {}", output.complaint()));
    let (line, bytes) = split_line(&output.stdout).ok_or_else(broken)?;
    let mut words = line.split(' ');
    let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
    let (Some(size), Some(inode), Some(changed), Some(offset)) =
        (number(), number(), number(), number())
    else {
        return Err(broken());
    };
    let newlines_before = number();
    Ok(Reading::Done(Part {
        bytes,
        offset,
        size,
        inode,
        changed_at: changed.cast_signed(),
        newlines_before,
    }))
}

fn unread<T>(output: &Output) -> Option<Reading<T>> {
    match output.exit {
        Exit::Code(MISSING) => Some(Reading::Missing),
        Exit::Code(REFUSED) => Some(Reading::Refused(output.complaint())),
        _ => None,
    }
}

fn split_line(bytes: &Bytes) -> Option<(String, Bytes)> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(&bytes[..end]).ok()?.to_owned();
    Some((line, bytes.slice(end + 1..)))
}

/// Counts every place where the pattern stands and lists those nearest to `near`. The whole file is read on its machine, at low
/// priority and within a time limit, after which what was found until then is answered as incomplete. `Refused` also says what is
/// wrong with a pattern.
pub async fn search(
    host: &dyn Host,
    path: &str,
    grep: &Grep,
    near: u64,
) -> Result<Reading<Found>, HostError> {
    let kind = if grep.is_regex { "-E" } else { "-F" };
    let case = if grep.ignores_case { "-i" } else { "" };
    // `grep` writes `line:offset:match` for each match, the shell its exit code as the last line. awk keeps the nearest ones: a ring of
    // those before, the first ones after. Offsets are printed as they came, since not every awk prints integers beyond 2^31.
    let command = format!(
        r#"{opened}s=$(stat -L -c %s "$f") || exit 1
{{ timeout {SEARCH_SECS} nice -n 10 grep -abno {kind} {case} -e {pattern} "$f"; echo "end $?"; }} | awk -F: '
  /^end / {{ end = substr($0, 5); next }}
  {{ n++; at = $1 ":" $2 }}
  $2 + 0 < {near} {{ ring[before % {LISTED}] = at; before++; next }}
  after < {LISTED} {{ later[after++] = at }}
  END {{
    low = before > {LISTED} ? before - {LISTED} : 0
    print "total:" n + 0 ":" low + 0 ":" end
    for (i = low; i < before; i++) print ring[i % {LISTED}]
    for (i = 0; i < after; i++) print later[i]
  }}' | while IFS=: read -r a b c d; do
  [ "$a" = total ] && {{ echo "$a $b $c $d"; continue; }}
  from=$((b > {BEFORE} ? b - {BEFORE} : 0)); length=$((s - from)); [ $length -gt {EXCERPT} ] && length={EXCERPT}
  [ $length -gt 0 ] || continue
  echo "hit $a $b $from $length"; tail -c +$((from + 1)) "$f" | head -c $length; echo
done; echo"#,
        opened = opened(path),
        pattern = quote(&grep.pattern),
    );
    let limits = Limits {
        time: Duration::from_secs(SEARCH_SECS + 10),
        output_bytes: 1 << 20,
    };
    let output = host.run(&command, Bytes::new(), limits).await?;
    if let Some(other) = unread(&output) {
        return Ok(other);
    }
    found(&output.stdout)
        .map_err(|what| {
            HostError::Broken(format!("searching {path}: {what} {}", output.complaint()))
        })
        .map(|(found, code)| match code {
            // grep's own refusal: a pattern it cannot read, or a file that went away.
            2 => Reading::Refused(output.complaint()),
            _ => Reading::Done(found),
        })
}

/// Reads the answer of `search`, with grep's exit code (124: the time was up).
fn found(answer: &Bytes) -> Result<(Found, i32), &'static str> {
    const CUT: &str = "the answer is cut off";
    let (line, mut rest) = split_line(answer).ok_or(CUT)?;
    let numbers = |line: &str, word: &str| -> Option<Vec<u64>> {
        let mut words = line.split(' ');
        (words.next() == Some(word)).then(|| words.map_while(|word| word.parse().ok()).collect())
    };
    let head = numbers(&line, "total").ok_or(CUT)?;
    let [total, skipped, code] = head[..] else {
        return Err(CUT);
    };
    let mut found = Found {
        total,
        skipped,
        hits: Vec::new(),
        is_complete: code < 2,
    };
    loop {
        let (line, after) = split_line(&rest).ok_or(CUT)?;
        if line.is_empty() {
            return Ok((found, i32::try_from(code).unwrap_or(2)));
        }
        let [number, offset, from, length] = numbers(&line, "hit").ok_or(CUT)?[..] else {
            return Err(CUT);
        };
        let length = usize::try_from(length).map_err(|_| CUT)?;
        // A file that became shorter meanwhile gives less.
        if after.len() <= length || after[length] != b'\n' {
            return Err(CUT);
        }
        let place = usize::try_from(offset.saturating_sub(from)).map_err(|_| CUT)?;
        found.hits.push(Hit {
            offset,
            line: number,
            excerpt: excerpt(&after[..length], place.min(length)),
        });
        rest = after.slice(length + 1..);
    }
}

/// The line around `place`.
fn excerpt(bytes: &[u8], place: usize) -> String {
    let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
    let from = bytes[..place]
        .iter()
        .rposition(is_end)
        .map_or(0, |at| at + 1);
    let to = bytes[place..]
        .iter()
        .position(is_end)
        .map_or(bytes.len(), |at| place + at);
    domain::logs::plain(&bytes[from..to])
}

#[cfg(test)]
mod tests {
    use super::super::LocalHost;
    use super::*;

    async fn part(path: &str, offset: Option<u64>, counted: (u64, u64)) -> Part {
        match read_part(&LocalHost, path, offset, 10, counted).await {
            Ok(Reading::Done(part)) => part,
            other => panic!("{other:?}"),
        }
    }

    fn text(pattern: &str) -> Grep {
        Grep {
            pattern: pattern.to_owned(),
            is_regex: false,
            ignores_case: true,
        }
    }

    async fn searched(path: &str, grep: &Grep, near: u64) -> Found {
        match search(&LocalHost, path, grep, near).await {
            Ok(Reading::Done(found)) => found,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_part_comes_with_the_number_of_lines_before_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("it's a log").display().to_string();
        let missing = read_part(&LocalHost, &path, None, 10, (0, 0)).await;
        assert_eq!(missing, Ok(Reading::Missing));
        std::fs::write(&path, "one\ntwo\nthree\nfour\n").expect("written");
        let end = part(&path, None, (0, 0)).await;
        assert_eq!(
            (
                end.bytes.as_ref(),
                end.offset,
                end.size,
                end.newlines_before
            ),
            (b"hree\nfour\n".as_slice(), 9, 19, Some(2))
        );
        assert!(end.changed_at > 1_700_000_000);
        assert_eq!(
            part(&path, Some(14), (8, 102)).await.newlines_before,
            Some(103)
        );
        assert_eq!(part(&path, Some(4), (8, 2)).await.newlines_before, None);
        let beyond = part(&path, Some(99), (0, 0)).await;
        assert!(beyond.bytes.is_empty() && beyond.inode == end.inode);
    }

    #[tokio::test]
    async fn a_search_counts_everything_and_lists_what_is_near() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log").display().to_string();
        assert_eq!(
            search(&LocalHost, &path, &text("x"), 0).await,
            Ok(Reading::Missing)
        );
        let mut log = Vec::new();
        for n in 1..=1000 {
            log.extend_from_slice(
                format!("step {n} 损失\r\x1b[31mLoss\x1b[0m: {n}.5 it's $HOME\n").as_bytes(),
            );
        }
        log.extend_from_slice(b"\xff\x00 nan: here");
        std::fs::write(&path, &log).expect("written");
        let near = log.len() as u64 / 2;
        let found = searched(&path, &text("loss"), near).await;
        assert_eq!(
            (found.total, found.hits.len(), found.is_complete),
            (1000, 50, true)
        );
        assert_eq!(found.hits[0].line, found.skipped + 1);
        assert!(found.hits[24].offset < near && near <= found.hits[25].offset);
        for hit in &found.hits {
            assert_eq!(&log[hit.offset as usize..][..4], b"Loss");
            assert_eq!(hit.excerpt, format!("Loss: {}.5 it's $HOME", hit.line));
        }
        let odd = searched(&path, &text("nan: h"), 0).await;
        assert_eq!(
            (odd.total, odd.hits[0].line, odd.hits[0].excerpt.as_str()),
            (1, 1001, "\u{fffd}␀ nan: here")
        );
        assert_eq!(searched(&path, &text("it's $HOME"), 0).await.total, 1000);
        let none = searched(&path, &text("; touch x"), 0).await;
        assert_eq!(
            none,
            Found {
                is_complete: true,
                ..Found::default()
            }
        );
        let regex = |pattern: &str| Grep {
            pattern: pattern.to_owned(),
            is_regex: true,
            ignores_case: false,
        };
        assert_eq!(searched(&path, &regex("step [0-9]{2} "), 0).await.total, 90);
        assert!(matches!(
            search(&LocalHost, &path, &regex("(a"), 0).await,
            Ok(Reading::Refused(_))
        ));
    }

    #[test]
    fn a_torn_answer_is_none() {
        let answer = b"total 2 0 0\nhit 1 0 0 4\na\nb\n\nhit 2 2 0 4\na\nb\n\n\n";
        assert!(found(&Bytes::from_static(answer)).is_ok());
        for end in 0..answer.len() {
            assert!(
                found(&Bytes::copy_from_slice(&answer[..end])).is_err(),
                "{end}"
            );
        }
    }
}
