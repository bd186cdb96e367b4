//! One JSON value → a flat tape of nodes that keep their places in the text.
//!
//! Iterative, so that no nesting ends the stack. What other readers forgive (a repeated key, a raw control character) is noted and
//! read on; what no reader can go on after ends the value.

use super::schema::{NONE, Schema, Value};
use super::view::View;

/// Deeper values are not looked into: Arrow, through which ms-swift reads, ends at 64 and crashes far beyond.
pub(super) const DEEPEST: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Bool,
    Number,
    Text,
    Array,
    Object,
    /// A member's name; its value is the next node.
    Key,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub kind: Kind,
    /// A text or key that holds a backslash.
    pub is_escaped: bool,
    /// Byte offsets in the text. Of texts and keys: without the quotes.
    pub start: u32,
    pub end: u32,
    /// The node after this one and everything in it.
    pub next: u32,
}

/// What is wrong with the text itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// The text ends inside the value.
    Unfinished,
    /// A character that cannot stand here.
    Unexpected,
    BadNumber,
    BadEscape,
    TooDeep,
    // From here on: noted, and read on.
    Control,
    Nul,
    LoneSurrogate,
    DuplicateKey,
    NumberTooBig,
    IntegerTooBig,
    NotANumber,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub flaw: Flaw,
    pub at: usize,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    node: u32,
    column: u32,
    serial: u32,
    is_object: bool,
}

#[derive(Debug, Default)]
pub(super) struct Parser {
    pub tape: Vec<Node>,
    /// Noted faults of the last value, in order, at most `MOST_FAULTS`.
    pub faults: Vec<Fault>,
    /// The greatest nesting of the last value.
    pub depth: usize,
    open: Vec<Open>,
    key: Vec<u8>,
    serial: u32,
}

const MOST_FAULTS: usize = 8;

fn fault<T>(flaw: Flaw, at: usize) -> Result<T, Fault> {
    Err(Fault { flaw, at })
}

pub(super) fn skip_blank(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = text.get(at) {
        at += 1;
    }
    at
}

impl Parser {
    /// Reads the value that begins at `at`; the offset after it. Columns and their types go into `schema`.
    pub fn value(
        &mut self,
        text: &[u8],
        at: usize,
        root: u32,
        schema: &mut Schema,
    ) -> Result<usize, Fault> {
        self.tape.clear();
        self.open.clear();
        self.faults.clear();
        self.depth = 0;
        let mut at = skip_blank(text, at);
        let mut column = root;
        loop {
            at = self.one(text, at, column, schema)?;
            // Close what ends here; find where the next value begins.
            loop {
                let Some(top) = self.open.last().copied() else {
                    return Ok(at);
                };
                at = skip_blank(text, at);
                let is_first = self.tape.len() as u32 == top.node + 1;
                match text.get(at) {
                    None => return fault(Flaw::Unfinished, at),
                    Some(b'}') if top.is_object => at = self.close(at),
                    Some(b']') if !top.is_object => at = self.close(at),
                    Some(b',') if !is_first => {
                        at = skip_blank(text, at + 1);
                        if matches!(text.get(at), Some(b'}' | b']')) {
                            return fault(Flaw::Unexpected, at);
                        }
                        (at, column) = self.next(text, at, top, schema)?;
                        break;
                    }
                    Some(_) if is_first => {
                        (at, column) = self.next(text, at, top, schema)?;
                        break;
                    }
                    Some(_) => return fault(Flaw::Unexpected, at),
                }
            }
        }
    }

    fn close(&mut self, at: usize) -> usize {
        if let Some(top) = self.open.pop() {
            let next = self.tape.len() as u32;
            let node = &mut self.tape[top.node as usize];
            node.next = next;
            node.end = at as u32 + 1;
        }
        at + 1
    }

    /// In an object the key, then where its value begins; the column of that value.
    fn next(
        &mut self,
        text: &[u8],
        at: usize,
        top: Open,
        schema: &mut Schema,
    ) -> Result<(usize, u32), Fault> {
        if !top.is_object {
            return Ok((at, schema.element(top.column)));
        }
        match text.get(at) {
            Some(b'"') => {}
            None => return fault(Flaw::Unfinished, at),
            Some(_) => return fault(Flaw::Unexpected, at),
        }
        let (end, is_escaped) = self.text(text, at + 1)?;
        let name = &text[at + 1..end];
        let (column, is_repeated) = if is_escaped {
            self.key.clear();
            self.key.extend(super::text::unescape(name).as_bytes());
            schema.child(top.column, &self.key, top.serial)
        } else {
            schema.child(top.column, name, top.serial)
        };
        if is_repeated {
            self.note(Flaw::DuplicateKey, at);
        }
        self.push(Kind::Key, is_escaped, at + 1, end);
        let colon = skip_blank(text, end + 1);
        match text.get(colon) {
            Some(b':') => {}
            None => return fault(Flaw::Unfinished, colon),
            Some(_) => return fault(Flaw::Unexpected, colon),
        }
        let value = skip_blank(text, colon + 1);
        Ok((value, column))
    }

    /// A scalar, or the beginning of an array or object.
    fn one(
        &mut self,
        text: &[u8],
        at: usize,
        column: u32,
        schema: &mut Schema,
    ) -> Result<usize, Fault> {
        let Some(&first) = text.get(at) else {
            return fault(Flaw::Unfinished, at);
        };
        match first {
            b'"' => {
                let (end, is_escaped) = self.text(text, at + 1)?;
                self.push(Kind::Text, is_escaped, at + 1, end);
                schema.saw(column, Value::Text(&text[at + 1..end]), at);
                Ok(end + 1)
            }
            b'{' | b'[' => {
                if self.open.len() == DEEPEST {
                    return fault(Flaw::TooDeep, at);
                }
                let is_object = first == b'{';
                let kind = if is_object { Kind::Object } else { Kind::Array };
                self.serial = self.serial.wrapping_add(1);
                self.open.push(Open {
                    node: self.tape.len() as u32,
                    column,
                    serial: self.serial,
                    is_object,
                });
                self.depth = self.depth.max(self.open.len());
                self.push(kind, false, at, at + 1);
                schema.saw(
                    column,
                    if is_object {
                        Value::Object
                    } else {
                        Value::Array
                    },
                    at,
                );
                Ok(at + 1)
            }
            b'-' | b'0'..=b'9' => self.number(text, at, column, schema),
            _ => self.word(text, at, column, schema),
        }
    }

    fn word(
        &mut self,
        text: &[u8],
        at: usize,
        column: u32,
        schema: &mut Schema,
    ) -> Result<usize, Fault> {
        const WORDS: [(&[u8], Kind); 6] = [
            (b"null", Kind::Null),
            (b"true", Kind::Bool),
            (b"false", Kind::Bool),
            (b"NaN", Kind::Number),
            (b"Infinity", Kind::Number),
            (b"Inf", Kind::Number),
        ];
        for (word, kind) in WORDS {
            if text[at..].starts_with(word) {
                let end = at + word.len();
                let value = match kind {
                    Kind::Null => Value::Null,
                    Kind::Bool => Value::Bool,
                    _ => {
                        self.note(Flaw::NotANumber, at);
                        Value::Number { is_whole: false }
                    }
                };
                self.push(kind, false, at, end);
                schema.saw(column, value, at);
                return Ok(end);
            }
            // Cut off in the middle of the word.
            if !text[at..].is_empty()
                && text.len() - at < word.len()
                && word.starts_with(&text[at..])
            {
                return fault(Flaw::Unfinished, text.len());
            }
        }
        fault(
            if text[at] == 0 {
                Flaw::Nul
            } else {
                Flaw::Unexpected
            },
            at,
        )
    }

    fn number(
        &mut self,
        text: &[u8],
        at: usize,
        column: u32,
        schema: &mut Schema,
    ) -> Result<usize, Fault> {
        let mut end = at + usize::from(text[at] == b'-');
        let digits = |from: usize| {
            text[from..]
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count()
        };
        let whole = digits(end);
        if whole == 0 {
            if text[end..].starts_with(b"Inf") {
                let word: &[u8] = if text[end..].starts_with(b"Infinity") {
                    b"Infinity"
                } else {
                    b"Inf"
                };
                self.note(Flaw::NotANumber, at);
                self.push(Kind::Number, false, at, end + word.len());
                schema.saw(column, Value::Number { is_whole: false }, at);
                return Ok(end + word.len());
            }
            let flaw = if end == text.len() {
                Flaw::Unfinished
            } else {
                Flaw::BadNumber
            };
            return fault(flaw, at);
        }
        if whole > 1 && text[end] == b'0' {
            return fault(Flaw::BadNumber, at);
        }
        end += whole;
        let mut is_whole = true;
        if text.get(end) == Some(&b'.') {
            let fraction = digits(end + 1);
            if fraction == 0 {
                return fault(Flaw::BadNumber, at);
            }
            end += 1 + fraction;
            is_whole = false;
        }
        if let Some(b'e' | b'E') = text.get(end) {
            let sign = usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits(end + 1 + sign);
            if exponent == 0 {
                return fault(Flaw::BadNumber, at);
            }
            end += 1 + sign + exponent;
            is_whole = false;
        }
        let is_long = end - at > 18;
        if (is_long || !is_whole)
            && let Ok(number) = std::str::from_utf8(&text[at..end])
        {
            if number.parse::<f64>().is_ok_and(f64::is_infinite) {
                self.note(Flaw::NumberTooBig, at);
            } else if is_whole && number.parse::<i64>().is_err() && number.parse::<u64>().is_err() {
                self.note(Flaw::IntegerTooBig, at);
            }
        }
        self.push(Kind::Number, false, at, end);
        schema.saw(column, Value::Number { is_whole }, at);
        Ok(end)
    }

    /// From the first byte of a text to its closing quote. Whether it holds escapes.
    fn text(&mut self, text: &[u8], mut at: usize) -> Result<(usize, bool), Fault> {
        let mut is_escaped = false;
        loop {
            at = special(text, at);
            match text.get(at) {
                None => return fault(Flaw::Unfinished, at),
                Some(b'"') => return Ok((at, is_escaped)),
                Some(b'\\') => {
                    is_escaped = true;
                    at = self.escape(text, at)?;
                }
                Some(0) => {
                    self.note(Flaw::Nul, at);
                    at += 1;
                }
                Some(_) => {
                    self.note(Flaw::Control, at);
                    at += 1;
                }
            }
        }
    }

    fn escape(&mut self, text: &[u8], at: usize) -> Result<usize, Fault> {
        match text.get(at + 1) {
            None => fault(Flaw::Unfinished, at + 1),
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
            Some(b'u') => {
                let unit = hex(text, at + 2).ok_or_else(|| {
                    let is_cut =
                        text.len() < at + 6 && text[at + 2..].iter().all(u8::is_ascii_hexdigit);
                    let flaw = if is_cut {
                        Flaw::Unfinished
                    } else {
                        Flaw::BadEscape
                    };
                    Fault { flaw, at }
                })?;
                match unit {
                    0xd800..0xdc00 => {
                        let low = (text.get(at + 6..at + 8) == Some(b"\\u"))
                            .then(|| hex(text, at + 8))
                            .flatten();
                        if low.is_some_and(|low| (0xdc00..0xe000).contains(&low)) {
                            return Ok(at + 12);
                        }
                        self.note(Flaw::LoneSurrogate, at);
                    }
                    0xdc00..0xe000 => self.note(Flaw::LoneSurrogate, at),
                    _ => {}
                }
                Ok(at + 6)
            }
            Some(_) => fault(Flaw::BadEscape, at),
        }
    }

    fn push(&mut self, kind: Kind, is_escaped: bool, start: usize, end: usize) {
        let next = self.tape.len() as u32 + 1;
        self.tape.push(Node {
            kind,
            is_escaped,
            start: start as u32,
            end: end as u32,
            next,
        });
    }

    fn note(&mut self, flaw: Flaw, at: usize) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(Fault { flaw, at });
        }
    }

    pub fn root<'a>(&'a self, text: &'a [u8]) -> View<'a> {
        View::root(text, &self.tape)
    }
}

fn hex(text: &[u8], at: usize) -> Option<u32> {
    let digits = text.get(at..at + 4)?;
    let digits = std::str::from_utf8(digits).ok()?;
    // from_str_radix would take a sign.
    if digits.starts_with('+') {
        return None;
    }
    u32::from_str_radix(digits, 16).ok()
}

/// The first quote, backslash or control character from `at` on, eight bytes at a time.
#[inline]
fn special(text: &[u8], mut at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    while let Some(bytes) = text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*bytes);
        let quote = word ^ (ONES * 0x22);
        let slash = word ^ (ONES * 0x5c);
        let found = (quote.wrapping_sub(ONES) & !quote
            | slash.wrapping_sub(ONES) & !slash
            | word.wrapping_sub(ONES * 0x20) & !word)
            & HIGHS;
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while let Some(&byte) = text.get(at) {
        if byte < 0x20 || byte == b'"' || byte == b'\\' {
            break;
        }
        at += 1;
    }
    at
}

/// A text inside a row that is JSON itself (tools, calls): read without columns.
pub(super) fn read(parser: &mut Parser, text: &[u8]) -> Result<(), Fault> {
    let end = parser.value(text, 0, NONE, &mut Schema::none())?;
    let end = skip_blank(text, end);
    if end < text.len() {
        return fault(Flaw::Unexpected, end);
    }
    // Python's reader takes no raw control characters.
    let strict = parser.faults.iter().copied();
    match strict
        .into_iter()
        .find(|fault| matches!(fault.flaw, Flaw::Control | Flaw::Nul))
    {
        Some(fault) => Err(fault),
        None => Ok(()),
    }
}
