//! Logs: pieces of them as they are shown, searches over the whole of them, times in them, downloads. Nothing reads a whole log into
//! memory, and none is longer than what is asked of it takes.

mod moment;
pub(crate) mod pattern;
mod source;
mod watch;

use std::pin::Pin;

use bytes::Bytes;
use domain::ids::JobId;
use domain::language::Text;
use domain::logs::{self, Ask, At, Find, Found, Kind, Moment, Piece};
use domain::time::Timestamp;
use futures::Stream;

use crate::hosts::{Part, UNCOUNTED};
use crate::{Actor, Backend, Error, Result};
use pattern::Pattern;
pub use watch::Watches;

/// Read at once: some 600 lines.
const PIECE: u64 = 64 << 10;
/// Of a download. Each is taken off the connection as a whole, so that a slow browser holds up nobody else on the node.
const DOWNLOADED: u64 = 4 << 20;

/// Which log, as addresses and requests write it: `<job>/<rank>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Name {
    Process { job: JobId, rank: u32 },
}

impl Name {
    fn read(text: &str) -> Result<Name> {
        let process = text.split_once('/').and_then(|(job, rank)| {
            Some(Name::Process {
                job: job.parse().ok()?,
                rank: rank.parse().ok()?,
            })
        });
        process.ok_or(Error::NotFound("log"))
    }
}

/// A piece of a log, ready to be shown.
pub async fn read(backend: &Backend, actor: &Actor, ask: &Ask) -> Result<Piece> {
    let source = source::open(backend, actor, &ask.log).await?;
    // One that cannot be read marks nothing; the search says what is wrong with it.
    let pattern = Pattern::read(&ask.find).ok().flatten();
    let found = |text: &str| match &pattern {
        Some(pattern) => pattern.in_line(text),
        None => Vec::new(),
    };
    let (from, limit, kind, focus) = match ask.at {
        At::End => (None, PIECE, Kind::Loose, None),
        At::Before(offset) => {
            let length = offset.min(PIECE);
            (Some(offset - length), length, Kind::ToLine, None)
        }
        At::After(offset) => (Some(offset), PIECE, Kind::FromLine, None),
        // A line is mostly looked at for what came before it, too.
        At::Around(offset) => (
            Some(offset.saturating_sub(PIECE / 4)),
            PIECE,
            Kind::Loose,
            Some(offset),
        ),
    };
    let held = match ask.at {
        At::After(offset) if ask.is_following => source.held(offset, ask.inode),
        _ => None,
    };
    let part = match held {
        Some(part) => Some(part),
        None => {
            let counted = match ask.at {
                At::End | At::Around(_) => ask.counted.unwrap_or_default(),
                At::Before(_) | At::After(_) => UNCOUNTED,
            };
            source.read(from, limit, counted).await?
        }
    };
    let Some(mut part) = part else {
        return Ok(Piece::default());
    };
    let (mut kind, mut focus) = (kind, focus);
    let is_replaced =
        ask.inode != 0 && (part.inode != ask.inode || from.is_some_and(|from| part.size < from));
    if is_replaced {
        let Some(end) = source.read(None, PIECE, (0, 0)).await? else {
            return Ok(Piece::default());
        };
        (part, kind, focus) = (end, Kind::Loose, None);
    }
    if ask.is_following {
        source.follow(&part).await?;
    }
    let counted = ask.counted.filter(|_| !is_replaced);
    let mut piece = piece(&part, kind, focus, counted, ask.is_expanded, &found);
    piece.is_replaced = is_replaced;
    Ok(piece)
}

fn piece(
    part: &Part,
    kind: Kind,
    focus: Option<u64>,
    counted: Option<(u64, u64)>,
    is_expanded: bool,
    found: &dyn Fn(&str) -> Vec<std::ops::Range<usize>>,
) -> Piece {
    let bytes = &part.bytes;
    let is_last = part.offset + bytes.len() as u64 >= part.size;
    let cut = logs::cut(bytes, kind, part.offset == 0, is_last);
    let line_ends = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
    let whole = &bytes[cut.whole.clone()];
    let (offset, newlines) = (part.offset + cut.whole.start as u64, line_ends(whole));
    let end = part.offset + cut.whole.end as u64;
    // Counted on the machine, else from an offset within the piece whose count is known.
    let from_known = || {
        let (known, before) = counted?;
        let place = usize::try_from(known.checked_sub(part.offset)?).ok()?;
        let between = bytes.get(cut.whole.start..place)?;
        before.checked_sub(line_ends(between))
    };
    let newlines_before = part
        .newlines_before
        .map(|before| before + line_ends(&bytes[..cut.whole.start]))
        .or_else(from_known);
    let lines = logs::lines(whole, offset, is_expanded, focus);
    let open = logs::lines(&bytes[cut.open], end, is_expanded, focus);
    let focused = focus.and_then(|focus| {
        let all = lines.iter().chain(&open);
        all.take_while(|line| line.offset <= focus)
            .last()
            .map(|line| line.offset)
    });
    Piece {
        is_there: true,
        is_replaced: false,
        offset,
        end,
        size: part.size,
        inode: part.inode,
        newlines_before,
        newlines,
        html: logs::html(&lines, newlines_before, cut.is_continued, found),
        open: logs::html(
            &open,
            newlines_before.map(|before| before + newlines),
            false,
            found,
        ),
        focus: focused,
    }
}

/// Searches the whole log where it lies; lists the hits nearest to `near`.
pub async fn search(
    backend: &Backend,
    actor: &Actor,
    log: &str,
    find: &Find,
    near: u64,
) -> Result<Found> {
    let source = source::open(backend, actor, log).await?;
    match Pattern::read(find)? {
        Some(pattern) => source.search(&pattern.grep, near).await,
        None => Ok(Found::default()),
    }
}

/// The first line that was written at a time or after it, as a person types the time.
pub async fn moment(backend: &Backend, actor: &Actor, log: &str, typed: &str) -> Result<Moment> {
    let source = source::open(backend, actor, log).await?;
    moment::find(&source, typed).await
}

/// A log on its way out.
pub struct Download {
    /// For a file: ASCII letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// What the file held when the download began, which is what comes.
    pub size: u64,
    pub pieces: Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>,
}

/// The log as it is now, byte for byte. The stream fails if the file is replaced meanwhile.
pub async fn download(
    backend: &Backend,
    actor: &Actor,
    job: &JobId,
    rank: u32,
) -> Result<Download> {
    let source = source::open(backend, actor, &format!("{job}/{rank}")).await?;
    let first = source
        .read(Some(0), 0, (0, 0))
        .await?
        .ok_or(Error::NotFound("log"))?;
    let (size, inode) = (first.size, first.inode);
    let name = file_name(source.title(), rank);
    let pieces = futures::stream::try_unfold((source, 0), move |(source, at)| async move {
        if at >= size {
            return Ok(None);
        }
        let part = source
            .read(Some(at), DOWNLOADED.min(size - at), UNCOUNTED)
            .await?;
        match part {
            Some(part) if part.inode == inode && !part.bytes.is_empty() => {
                let end = at + part.bytes.len() as u64;
                Ok(Some((part.bytes, (source, end))))
            }
            _ => Err(Error::Unavailable(Text::new(
                "The log was replaced while it was downloaded.",
                "下载过程中日志被替换。",
            ))),
        }
    });
    Ok(Download {
        name,
        size,
        pieces: Box::pin(pieces),
    })
}

fn file_name(title: &str, rank: u32) -> String {
    let mut name: String = title
        .chars()
        .take(60)
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect();
    name = name.trim_matches(['-', '.']).to_owned();
    let separator = if name.is_empty() { "" } else { "-" };
    format!("{name}{separator}rank-{rank}.log")
}

/// The console's clock, for leases.
fn now() -> Timestamp {
    crate::clock::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(bytes: &[u8], offset: u64, size: u64) -> Part {
        Part {
            bytes: Bytes::copy_from_slice(bytes),
            offset,
            size,
            inode: 1,
            changed_at: 0,
            newlines_before: None,
        }
    }

    fn nothing(_: &str) -> Vec<std::ops::Range<usize>> {
        Vec::new()
    }

    #[test]
    fn pieces_of_any_size_join_to_the_whole_log_with_the_same_numbers() {
        let log = "第一行 loss\n\nthird\r\n\u{1b}[31mred\u{1b}[0m\n50%\r100%\n".repeat(9) + "open";
        let bytes = log.as_bytes();
        let size = bytes.len() as u64;
        let whole = piece(
            &part(bytes, 0, size),
            Kind::FromLine,
            None,
            Some((0, 0)),
            false,
            &nothing,
        );
        assert!(
            whole.html.contains("data-n=45 data-h=1>100%") && whole.open.contains("data-n=46>open")
        );
        for length in 24..bytes.len() {
            let cut_at =
                |from: usize, to: usize| part(&bytes[from..to.min(bytes.len())], from as u64, size);
            let mut forward = piece(
                &cut_at(0, length),
                Kind::FromLine,
                None,
                Some((0, 0)),
                false,
                &nothing,
            );
            let mut html = forward.html.clone();
            while forward.open.is_empty() {
                let counted = forward
                    .newlines_before
                    .map(|before| (forward.end, before + forward.newlines));
                let from = forward.end as usize;
                forward = piece(
                    &cut_at(from, from + length),
                    Kind::FromLine,
                    None,
                    counted,
                    false,
                    &nothing,
                );
                html += &forward.html;
            }
            assert_eq!(
                (html, &forward.open),
                (whole.html.clone(), &whole.open),
                "pieces of {length}"
            );
            // And back, from an end whose number is known.
            let (mut at, mut before, mut html) = (whole.end as usize, 45, String::new());
            while at > 0 {
                let from = at.saturating_sub(length);
                let back = piece(
                    &cut_at(from, at),
                    Kind::ToLine,
                    None,
                    Some((at as u64, before)),
                    false,
                    &nothing,
                );
                html = back.html.clone() + &html;
                (at, before) = (back.offset as usize, back.newlines_before.expect("known"));
            }
            assert_eq!(html, whole.html, "back in pieces of {length}");
        }
    }

    #[test]
    fn the_line_of_a_place_is_named() {
        let log = part(b"one\ntwo\nthree", 100, 113);
        let of = |focus| {
            piece(
                &log,
                Kind::Loose,
                Some(focus),
                Some((104, 10)),
                false,
                &nothing,
            )
        };
        assert_eq!(of(105).focus, Some(104));
        assert_eq!(of(109).focus, Some(108));
        assert_eq!(of(105).newlines_before, Some(10));
    }

    #[test]
    fn a_download_has_a_name_that_every_system_takes() {
        assert_eq!(
            file_name("glm45 air/lora:v3", 1),
            "glm45-air-lora-v3-rank-1.log"
        );
        assert_eq!(file_name("训练", 0), "rank-0.log");
        assert_eq!(file_name("../../etc/passwd", 0), "etc-passwd-rank-0.log");
    }
}
