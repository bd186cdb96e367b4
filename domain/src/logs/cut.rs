//! Where a piece of a log begins and ends, when the bytes at hand were cut anywhere.

use std::ops::Range;

/// How the bytes lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// They begin where a line does, and may end anywhere.
    FromLine,
    /// They may begin anywhere, and end where a line begins.
    ToLine,
    /// They may begin and end anywhere.
    Loose,
}

/// What is shown of some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Whole lines.
    pub whole: Range<usize>,
    /// The line at the end of the file, while it has no end.
    pub open: Range<usize>,
    /// The first line began earlier: it is longer than what is read at once.
    pub is_continued: bool,
}

/// `is_first`: the bytes begin where the file does; `is_last`: they end where it does.
pub fn cut(bytes: &[u8], kind: Kind, is_first: bool, is_last: bool) -> Cut {
    let length = bytes.len();
    let first_end = bytes.iter().position(|byte| *byte == b'\n');
    let (begin, is_continued) = match (kind, first_end) {
        _ if is_first || kind == Kind::FromLine => (0, false),
        // The last byte ends the last line: what follows it is not of this piece.
        (_, Some(end)) if end + 1 < length => (end + 1, false),
        // One line fills everything: a state of a progress bar begins after `\r`, else anything goes.
        _ => (
            bytes
                .iter()
                .position(|byte| *byte == b'\r')
                .filter(|at| at + 2 < length)
                .map_or_else(|| character_at(bytes, 0), |at| at + 1),
            true,
        ),
    };
    if kind == Kind::ToLine {
        return Cut {
            whole: begin..length,
            open: length..length,
            is_continued,
        };
    }
    let last_end = bytes[begin..].iter().rposition(|byte| *byte == b'\n');
    let end = match last_end {
        Some(at) => begin + at + 1,
        None if is_last => begin,
        None => bytes[begin..]
            .iter()
            .rposition(|byte| *byte == b'\r')
            .filter(|at| *at > 0)
            .map_or_else(|| last_character(bytes, begin), |at| begin + at),
    };
    let open = if is_last { end..length } else { end..end };
    Cut {
        whole: begin..end,
        open,
        is_continued,
    }
}

fn is_inner(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

/// The first begin of a character at or after `at`; no character has more than three inner bytes.
fn character_at(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..]
        .iter()
        .take(3)
        .take_while(|byte| is_inner(**byte))
        .count()
}

/// Where the last character begins, if it may be cut off; else the end. Never `begin`, so that there is always progress.
fn last_character(bytes: &[u8], begin: usize) -> usize {
    let tail = bytes[begin..].iter().rev().take(4);
    match tail.clone().position(|byte| !is_inner(*byte)) {
        Some(back) if bytes[bytes.len() - 1 - back] >= 0xc0 && bytes.len() - 1 - back > begin => {
            bytes.len() - 1 - back
        }
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_holds_whole_lines_and_the_open_one_only_at_the_end_of_the_file() {
        let bytes = b"f\nab\ncd\nopen";
        let of = |kind, is_first, is_last| cut(bytes, kind, is_first, is_last);
        assert_eq!(
            (
                of(Kind::Loose, false, true).whole,
                of(Kind::Loose, false, true).open
            ),
            (2..8, 8..12)
        );
        assert_eq!(
            (
                of(Kind::Loose, true, false).whole,
                of(Kind::Loose, true, false).open
            ),
            (0..8, 8..8)
        );
        assert_eq!(of(Kind::FromLine, false, false).whole, 0..8);
        assert_eq!(cut(b"f\nab\n", Kind::ToLine, false, false).whole, 2..5);
    }

    #[test]
    fn a_line_longer_than_a_piece_is_cut_between_characters_and_states() {
        let line = "损失".repeat(10);
        let bytes = line.as_bytes();
        for end in 12..bytes.len() {
            for begin in 0..4 {
                let found = cut(&bytes[begin..end], Kind::Loose, false, false);
                assert!(found.is_continued);
                let shown = &bytes[begin..end][found.whole];
                assert!(std::str::from_utf8(shown).is_ok(), "{begin}..{end}");
            }
        }
        let found = cut(b"10%\r20%\r30", Kind::Loose, false, false);
        assert_eq!((found.whole, found.is_continued), (4..7, true));
        // Nothing but one line, which goes on before and after.
        assert_eq!(cut(b"abc", Kind::ToLine, false, false).whole, 0..3);
        assert_eq!(cut(b"x\n", Kind::ToLine, false, false).whole, 0..2);
    }

    #[test]
    fn there_is_always_progress() {
        for bytes in [
            b"\r".as_slice(),
            b"\r\r",
            b"\xe6",
            b"a",
            b"\xbf\xbf\xbf\xbf\xbf",
            b"\n",
        ] {
            let from_line = cut(bytes, Kind::FromLine, false, false);
            assert!(!from_line.whole.is_empty(), "{bytes:?}");
            let to_line = cut(bytes, Kind::ToLine, false, false);
            assert!(!to_line.whole.is_empty() || bytes.len() < 4, "{bytes:?}");
        }
    }
}
