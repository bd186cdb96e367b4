//! A file as it passes: lines, an array, or plain text; rows are judged one by one.

use super::faults::flaw_at;
use super::json::{Fault, Flaw, Parser, skip_blank};
use super::kind::Kind;
use super::notes::{Notes, Spot, both};
use super::report::{Effect, LongRow};
use super::rows::{Here, Rules};
use super::schema::{ROOT, Schema};
use super::splitter::Splitter;
use super::traits::Traits;
use crate::language::Text;
use crate::recipes::version::Version;

/// A row longer than this (64 MiB, some sixteen million tokens) is named with its length and not looked into.
pub const MOST_ROW_BYTES: usize = 64 << 20;
/// datasets reads this much at once; what a column is follows from the first piece.
const FIRST_PIECE: u64 = 10 << 20;
/// Arrow cuts pieces at line ends every this many bytes: rows that span lines survive only in smaller files.
pub(super) const ARROW_BLOCK: u64 = (10 << 20) / 32;
/// The nesting that Arrow still takes, the row itself included. Measured.
pub(super) const MOST_NESTING: usize = 63;
const LONGEST: usize = 5;

/// How a file is read; ms-swift tells it from the ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `.jsonl` and `.json`: an object per line, or one array.
    Json,
    /// `.txt`: a line is an answer to train.
    Lines,
}

impl Shape {
    /// None: an ending that this check does not read.
    pub fn of(name: &str) -> Option<Shape> {
        let (_, ending) = name.rsplit_once('.')?;
        match ending {
            "jsonl" | "json" => Some(Shape::Json),
            "txt" => Some(Shape::Lines),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// The first bytes are gathered.
    Begin,
    Lines,
    Array(Place),
    /// Nothing more can be told; bytes are counted.
    Over,
}

/// Where in an array the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Before { is_first: bool },
    Inside,
    After,
}

#[derive(Debug)]
pub(super) struct Pending {
    pub text: Vec<u8>,
    pub offset: u64,
    pub line: u64,
    pub before: u64,
    pub splitter: Splitter,
}

/// Where one row lies in the file, and what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub row: u64,
    pub line: u64,
    /// Byte offsets of the row's text in the file.
    pub start: u64,
    pub end: u64,
    pub effect: Effect,
}

/// Reads a dataset file in pieces of any size. Memory is the longest row, at most `MOST_ROW_BYTES`, and what is listed.
#[derive(Debug)]
pub struct Checker {
    pub(super) version: String,
    pub(super) shape: Shape,
    pub(super) mode: Mode,
    pub(super) rules: Rules,
    pub(super) schema: Schema,
    pub(super) parser: Parser,
    pub(super) notes: Notes,
    pub(super) carry: Vec<u8>,
    /// Bytes of a row that is too long, while its end is looked for.
    pub(super) skipped: Option<u64>,
    pub(super) pending: Option<Pending>,
    pub(super) splitter: Splitter,
    pub(super) bytes: u64,
    /// Where the line, or in an array the element, begins in the file.
    pub(super) offset: u64,
    /// Where the text that is being read begins in the file.
    pub(super) base: u64,
    pub(super) line: u64,
    /// Characters before the next byte on its line; only kept in arrays.
    pub(super) before: u64,
    pub(super) element: (u64, u64),
    pub(super) is_texts: bool,
    pub(super) row: u64,
    pub(super) rows_over_lines: u64,
    pub(super) first_over_lines: (u64, u64),
    pub(super) longest: Vec<LongRow>,
    pub(super) marks: Option<Vec<Mark>>,
}

impl Checker {
    pub fn new(version: Version, shape: Shape) -> Checker {
        Checker {
            version: format!("{}.{}.{}", version.major, version.minor, version.patch),
            shape,
            mode: Mode::Begin,
            rules: Rules::new(Traits::of(version)),
            schema: Schema::new(),
            parser: Parser::default(),
            notes: Notes::default(),
            carry: Vec::new(),
            skipped: None,
            pending: None,
            splitter: Splitter::default(),
            bytes: 0,
            offset: 0,
            base: 0,
            line: 1,
            before: 0,
            element: (1, 0),
            is_texts: false,
            row: 0,
            rows_over_lines: 0,
            first_over_lines: (0, 0),
            longest: Vec::new(),
            marks: None,
        }
    }

    /// Keeps where each row lies until `take_marks`.
    pub fn with_marks(mut self) -> Checker {
        self.marks = Some(Vec::new());
        self
    }

    pub fn take_marks(&mut self) -> Vec<Mark> {
        self.marks.as_mut().map(std::mem::take).unwrap_or_default()
    }

    pub fn rows(&self) -> u64 {
        self.row
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        if self.mode != Mode::Begin {
            return self.feed(bytes);
        }
        self.carry.extend_from_slice(bytes);
        if self.carry.len() >= 4096 {
            self.begin();
        }
    }

    /// Looks at the first bytes: encoding, mark, array or lines.
    pub(super) fn begin(&mut self) {
        let head = std::mem::take(&mut self.carry);
        self.mode = Mode::Lines;
        let mut at = 0;
        let utf16 = match head[..] {
            [0xff, 0xfe, ..] => Some("byte order mark FF FE"),
            [0xfe, 0xff, ..] => Some("byte order mark FE FF"),
            [b'{' | b'[' | b' ', 0, ..] | [0, b'{' | b'[' | b' ', ..] => {
                Some("every other byte is NUL")
            }
            _ => None,
        };
        if let Some(how) = utf16 {
            self.notes
                .add_at(Kind::Utf16, Effect::FileFails, (0, 1, 1), 1, &both(how));
            self.mode = Mode::Over;
            return;
        }
        let has_mark = head.starts_with(b"\xef\xbb\xbf");
        if has_mark {
            at = 3;
        }
        let first = skip_blank(&head, at);
        let is_array = self.shape == Shape::Json && head.get(first) == Some(&b'[');
        if has_mark {
            let (kind, effect) = if is_array {
                (Kind::MarkBeforeArray, Effect::FileFails)
            } else {
                (Kind::ByteOrderMark, Effect::Kept)
            };
            self.notes.add_at(kind, effect, (0, 1, 1), 1, &both(""));
        }
        if is_array {
            if first > at && self.rules.traits.keeps_mixed {
                let kind = Kind::BlankBeforeArray;
                self.notes
                    .add_at(kind, Effect::FileFails, (0, 1, 1), 1, &both(""));
            }
            self.mode = Mode::Array(Place::Before { is_first: true });
            self.advance(&head[at..=first]);
            at = first + 1;
        }
        self.offset = at as u64;
        self.feed(&head[at..]);
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        match self.mode {
            Mode::Lines => self.feed_lines(bytes),
            Mode::Array(_) => self.feed_array(bytes),
            Mode::Begin | Mode::Over => {}
        }
    }

    fn feed_lines(&mut self, mut bytes: &[u8]) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let line = &bytes[..end];
            bytes = &bytes[end + 1..];
            if let Some(before) = self.skipped.take() {
                self.offset += before + end as u64 + 1;
                self.too_long(before + end as u64);
            } else if self.carry.is_empty() {
                self.line(line);
                self.offset += end as u64 + 1;
            } else {
                let mut whole = std::mem::take(&mut self.carry);
                whole.extend_from_slice(line);
                self.line(&whole);
                self.offset += whole.len() as u64 + 1;
                whole.clear();
                if whole.capacity() <= 1 << 20 {
                    self.carry = whole;
                }
            }
            self.line += 1;
        }
        match &mut self.skipped {
            Some(before) => *before += bytes.len() as u64,
            None => {
                self.carry.extend_from_slice(bytes);
                if self.carry.len() > MOST_ROW_BYTES {
                    self.skipped = Some(self.carry.len() as u64);
                    self.carry = Vec::new();
                }
            }
        }
    }

    pub(super) fn too_long(&mut self, length: u64) {
        self.pending = None;
        self.row += 1;
        self.notes.worst = Effect::Kept;
        let place = (self.row, self.line, 1);
        let detail = Text::new(
            format!(
                "{length} bytes (the check looks into rows of up to {MOST_ROW_BYTES}; \
                 ms-swift reads it and drops it as longer than max_length)"
            ),
            format!(
                "{length} 字节（检查最多查看 {MOST_ROW_BYTES} 字节的行；ms-swift 会读取它，并因超过 max_length 而丢弃）"
            ),
        );
        self.notes
            .add_at(Kind::RowTooLong, Effect::Dropped, place, 1, &detail);
        self.rules.lost();
        self.long_row(length);
        let start = self.offset.saturating_sub(length + 1);
        self.mark(start, self.offset, Effect::Dropped);
    }

    pub(super) fn long_row(&mut self, bytes: u64) {
        if self.longest.len() == LONGEST && self.longest[LONGEST - 1].bytes >= bytes {
            return;
        }
        let at = self.longest.partition_point(|row| row.bytes >= bytes);
        let (row, line) = (self.row, self.line);
        self.longest.insert(at, LongRow { row, line, bytes });
        self.longest.truncate(LONGEST);
    }

    pub(super) fn mark(&mut self, start: u64, end: u64, effect: Effect) {
        let (row, line) = (self.row, self.line);
        if let Some(marks) = &mut self.marks {
            marks.push(Mark {
                row,
                line,
                start,
                end,
                effect,
            });
        }
    }

    pub(super) fn line(&mut self, line: &[u8]) {
        if self.shape == Shape::Lines {
            return self.plain(line);
        }
        let at = skip_blank(line, 0);
        if at == line.len() && self.pending.is_none() {
            return;
        }
        if let Err(error) = std::str::from_utf8(line) {
            self.not_utf8(line, error.valid_up_to());
            return;
        }
        self.schema.is_late = self.offset > FIRST_PIECE;
        if let Some(mut pending) = self.pending.take() {
            // A line that begins with a blank or with what cannot begin a row goes on with the one before it.
            let goes_on = at > 0
                || matches!(
                    line.get(at),
                    None | Some(b'}' | b']' | b'"' | b',' | b':' | b'[')
                );
            if goes_on && pending.text.len() + line.len() < MOST_ROW_BYTES {
                pending.splitter.follow(line);
                pending.text.push(b'\n');
                pending.text.extend_from_slice(line);
                if pending.splitter.is_whole() {
                    self.rows_over_lines += 1;
                    if self.rows_over_lines == 1 {
                        self.first_over_lines = (self.row + 1, pending.line);
                    }
                    self.base = pending.offset;
                    self.values(&pending.text, pending.line, pending.before, false);
                } else {
                    self.pending = Some(pending);
                }
                return;
            }
            self.base = pending.offset;
            self.values(&pending.text, pending.line, pending.before, false);
        }
        self.base = self.offset;
        self.values(line, self.line, 0, true);
    }

    pub(super) fn not_utf8(&mut self, text: &[u8], at: usize) {
        self.pending = None;
        self.row += 1;
        let spot = Spot {
            row: self.row,
            line: self.line,
            before: 0,
        };
        let byte = format!("0x{:02X}", text.get(at).copied().unwrap_or_default());
        self.notes.worst = Effect::Kept;
        self.notes.add(
            Kind::NotUtf8,
            Effect::FileFails,
            (spot, text, at),
            String::new,
            || both(byte),
        );
        self.rules.lost();
        self.mark(
            self.offset,
            self.offset + text.len() as u64,
            Effect::FileFails,
        );
    }

    fn plain(&mut self, line: &[u8]) {
        if let Err(error) = std::str::from_utf8(line) {
            return self.not_utf8(line, error.valid_up_to());
        }
        self.row += 1;
        self.notes.worst = Effect::Kept;
        let place = (self.row, self.line, 1);
        if line.trim_ascii().is_empty() {
            self.notes
                .add_at(Kind::EmptyAnswer, Effect::EmptyTurn, place, 1, &both(""));
        }
        self.rules.plain(self.notes.worst);
        self.long_row(line.len() as u64);
        self.mark(
            self.offset,
            self.offset + line.len() as u64,
            self.notes.worst,
        );
    }

    /// The values of a line, mostly one. A value that goes on beyond the line waits for the next.
    pub(super) fn values(&mut self, text: &[u8], line: u64, before: u64, may_go_on: bool) {
        let mut at = skip_blank(text, 0);
        while at < text.len() {
            let start = at;
            match self.value(text, at, (line, before)) {
                Ok(end) => {
                    at = skip_blank(text, end);
                    if at < text.len() && !matches!(text[at], b'{' | b'[') {
                        // Something after the object: it belongs to the same row.
                        let fault = Fault {
                            flaw: flaw_at(text, at),
                            at,
                        };
                        self.broken(fault, text, (line, before));
                        return;
                    }
                }
                Err(fault)
                    if may_go_on && fault.flaw == Flaw::Unfinished && text[start] == b'{' =>
                {
                    self.row -= 1;
                    let mut splitter = Splitter::default();
                    splitter.follow(&text[start..]);
                    let before = super::text::place(text, start, line, before).1 - 1;
                    self.pending = Some(Pending {
                        text: text[start..].to_vec(),
                        offset: self.base + start as u64,
                        line,
                        before,
                        splitter,
                    });
                    return;
                }
                Err(fault) => {
                    self.broken(fault, text, (line, before));
                    self.rules.lost();
                    self.mark(
                        self.base + start as u64,
                        self.base + text.len() as u64,
                        Effect::FileFails,
                    );
                    return;
                }
            }
        }
    }

    /// Reads and judges one value; the offset after it.
    pub(super) fn value(
        &mut self,
        text: &[u8],
        at: usize,
        (line, before): (u64, u64),
    ) -> Result<usize, Fault> {
        self.row += 1;
        self.notes.worst = Effect::Kept;
        let spot = Spot {
            row: self.row,
            line,
            before,
        };
        let end = self.parser.value(text, at, ROOT, &mut self.schema)?;
        self.faults(text, at, spot);
        self.events(text, spot);
        let is_array = self.is_array();
        let root = self.parser.root(text);
        if is_array && self.row == 1 {
            self.is_texts = root.kind() == super::json::Kind::Text;
        }
        let mut here = Here {
            text: &text[..end],
            spot,
            notes: &mut self.notes,
            is_late: self.schema.is_late,
            is_array,
            is_texts: self.is_texts,
        };
        self.rules.row(root, &self.schema, &mut here);
        self.long_row((end - at) as u64);
        let effect = self.notes.worst;
        self.mark(self.base + at as u64, self.base + end as u64, effect);
        Ok(end)
    }

    pub(super) fn is_array(&self) -> bool {
        matches!(self.mode, Mode::Array(_))
    }
}
