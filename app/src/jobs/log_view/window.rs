//! Which part of a log is in the page: pieces that follow one another without a gap. Their text is in the document only.

use std::collections::VecDeque;

use domain::logs::{At, Piece};

/// Text kept in the page, in bytes of HTML; what is scrolled away from is dropped and fetched again when it is scrolled to.
const KEPT: usize = 1 << 20;
/// Who is further behind the end than this does not read what lies between.
const FAR: u64 = 1 << 20;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    offset: u64,
    end: u64,
    newlines_before: Option<u64>,
    newlines: u64,
    length: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Window {
    pieces: VecDeque<Kept>,
    pub size: u64,
    pub inode: u64,
    /// None: not read yet.
    pub is_there: Option<bool>,
}

/// What the document has to do with a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Everything shown makes room for it.
    Replace,
    Append,
    Prepend,
    /// It does not fit what is shown by now, or holds nothing.
    Nothing,
}

impl Window {
    pub fn start(&self) -> u64 {
        self.pieces.front().map_or(0, |piece| piece.offset)
    }

    pub fn end(&self) -> u64 {
        self.pieces.back().map_or(0, |piece| piece.end)
    }

    /// What to ask for to see more in a direction.
    pub fn earlier(&self) -> Option<At> {
        (self.start() > 0).then(|| At::Before(self.start()))
    }

    pub fn later(&self) -> At {
        if self.pieces.is_empty() || self.size > self.end() + FAR {
            At::End
        } else {
            At::After(self.end())
        }
    }

    /// Whether the log goes on after what is shown; the line that has no end yet is not counted.
    pub fn has_later(&self) -> bool {
        self.end() < self.size
    }

    /// An offset with the line ends before it, for numbering what is asked for.
    pub fn counted(&self, at: At) -> Option<(u64, u64)> {
        match at {
            At::Before(_) => {
                let first = self.pieces.front()?;
                Some((first.offset, first.newlines_before?))
            }
            At::After(_) => {
                let last = self.pieces.back()?;
                Some((last.end, last.newlines_before? + last.newlines))
            }
            At::End | At::Around(_) => None,
        }
    }

    /// Takes note of a piece that was asked for as `at`.
    pub fn take(&mut self, at: At, piece: &Piece) -> Change {
        let (was_size, was_inode) = (self.size, self.inode);
        (self.size, self.inode) = (piece.size, piece.inode);
        self.is_there = Some(piece.is_there);
        let kept = Kept {
            offset: piece.offset,
            end: piece.end,
            newlines_before: piece.newlines_before,
            newlines: piece.newlines,
            length: piece.html.len(),
        };
        let is_new = piece.is_replaced || matches!(at, At::End | At::Around(_));
        if is_new || !piece.is_there {
            self.pieces.clear();
            if piece.is_there {
                self.pieces.push_back(kept);
            }
            return Change::Replace;
        }
        match at {
            At::Before(_) if piece.end == self.start() && piece.offset < piece.end => {
                self.pieces.push_front(kept);
                Change::Prepend
            }
            At::After(_) if piece.offset == self.end() && piece.offset <= piece.end => {
                if piece.offset < piece.end {
                    self.pieces.push_back(kept);
                }
                Change::Append
            }
            _ => {
                (self.size, self.inode) = (was_size, was_inode);
                Change::Nothing
            }
        }
    }

    /// How many pieces at the other side are to be dropped after a change.
    pub fn trim(&mut self, change: Change) -> usize {
        let mut kept: usize = self.pieces.iter().map(|piece| piece.length).sum();
        let mut dropped = 0;
        while kept > KEPT && self.pieces.len() > 2 {
            let gone = match change {
                Change::Append => self.pieces.pop_front(),
                Change::Prepend => self.pieces.pop_back(),
                _ => None,
            };
            let Some(gone) = gone else { break };
            kept -= gone.length;
            dropped += 1;
        }
        dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(offset: u64, end: u64, size: u64) -> Piece {
        Piece {
            is_there: true,
            offset,
            end,
            size,
            inode: 1,
            newlines_before: Some(offset / 10),
            newlines: (end - offset) / 10,
            html: "x".repeat(300_000),
            ..Piece::default()
        }
    }

    #[test]
    fn pieces_join_in_both_directions_and_far_ones_are_dropped() {
        let mut window = Window::default();
        assert_eq!(window.later(), At::End);
        assert_eq!(
            window.take(At::End, &piece(900, 1000, 1005)),
            Change::Replace
        );
        assert_eq!(window.earlier(), Some(At::Before(900)));
        assert_eq!(window.counted(At::Before(900)), Some((900, 90)));
        assert_eq!(window.counted(At::After(1000)), Some((1000, 100)));
        for from in [800, 700, 600] {
            assert_eq!(
                window.take(At::Before(from + 100), &piece(from, from + 100, 1005)),
                Change::Prepend
            );
        }
        assert_eq!(
            (window.trim(Change::Prepend), window.start(), window.end()),
            (1, 600, 900)
        );
        assert!(window.has_later());
        assert_eq!(
            window.take(At::After(900), &piece(900, 1000, 1000)),
            Change::Append
        );
        assert_eq!(
            (
                window.trim(Change::Append),
                window.start(),
                window.has_later()
            ),
            (1, 700, false)
        );
    }

    #[test]
    fn an_answer_that_came_late_changes_nothing() {
        let mut window = Window::default();
        window.take(At::End, &piece(900, 1000, 1000));
        let before = window.clone();
        assert_eq!(
            window.take(At::Before(500), &piece(400, 500, 700)),
            Change::Nothing
        );
        assert_eq!(
            window.take(At::After(1100), &piece(1100, 1200, 1200)),
            Change::Nothing
        );
        assert_eq!(window, before);
    }

    #[test]
    fn news_of_an_open_line_are_no_piece_and_a_burst_is_skipped() {
        let mut window = Window::default();
        window.take(At::End, &piece(900, 1000, 1000));
        assert_eq!(
            window.take(At::After(1000), &piece(1000, 1000, 1007)),
            Change::Append
        );
        assert_eq!((window.end(), window.later()), (1000, At::After(1000)));
        window.size = 3 << 20;
        assert_eq!(window.later(), At::End);
        assert_eq!(
            window.take(At::After(1000), &Piece::default()),
            Change::Replace
        );
        assert_eq!(window.is_there, Some(false));
    }
}
