//! Logs as people read them: byte offsets of a file that may be gigabytes long, lines as a terminal would show them, times in them.
//!
//! Everything is addressed by byte offset, since only that is known without reading the whole file.

mod ansi;
mod cut;
mod html;
mod lines;
pub mod times;

pub use cut::{Cut, Kind, cut};
pub use html::html;
pub use lines::{Line, lines};

use serde::{Deserialize, Serialize};

/// Which part of a log is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum At {
    End,
    /// What lies right before this offset, where a line begins.
    Before(u64),
    /// From this offset on, where a line begins.
    After(u64),
    /// The surroundings of this offset.
    Around(u64),
}

/// What is looked for. An empty text is nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Find {
    pub text: String,
    pub is_regex: bool,
    pub is_case_sensitive: bool,
}

/// A request for a piece.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// `<job>/<rank>`.
    pub log: String,
    pub at: At,
    /// Of the file that was read before; 0: none.
    pub inode: u64,
    /// An offset, and how many line ends lie before it.
    pub counted: Option<(u64, u64)>,
    /// Every state of a progress bar, instead of the last.
    pub is_expanded: bool,
    /// Marked in the text.
    pub find: Find,
    /// The caller shows the end: it is to be told when the file grows.
    pub is_following: bool,
}

/// A piece of a log, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Piece {
    /// False: there is no such file (yet).
    pub is_there: bool,
    /// Another file lies in the place of the one that was read before, or less of it. This piece is its end.
    pub is_replaced: bool,
    /// Offset of the first byte, and of the first byte after the last whole line.
    pub offset: u64,
    pub end: u64,
    /// Size of the file.
    pub size: u64,
    pub inode: u64,
    /// Line ends before `offset`, where they are cheaply known, and in the piece.
    pub newlines_before: Option<u64>,
    pub newlines: u64,
    /// One `<p id=b… data-n=…>` a line, see [`html`].
    pub html: String,
    /// The last line while it has no end: begins at `end`.
    pub open: String,
    /// Begin of the line that was asked for.
    pub focus: Option<u64>,
}

/// A place where the text was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    pub offset: u64,
    /// Counted from 1.
    pub line: u64,
    /// The line around it, plain text.
    pub excerpt: String,
}

/// What a search found: how much, and the hits nearest to where one is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Found {
    pub total: u64,
    /// Hits before the first one listed.
    pub skipped: u64,
    pub hits: Vec<Hit>,
    /// False: the time was up; more may be in what was not searched.
    pub is_complete: bool,
}

/// Where a time was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    pub offset: u64,
    /// As the log writes it, in the node's time zone: milliseconds since 1970 as if it were UTC.
    pub millis: i64,
    /// Reckoned from elapsed times, good to about a minute.
    pub is_about: bool,
}

/// A line without its escapes.
pub fn plain(line: &[u8]) -> String {
    ansi::read(line, &mut ansi::Style::default()).text
}
