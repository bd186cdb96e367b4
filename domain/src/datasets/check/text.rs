//! Texts of a row: escapes, columns, Python's own writing of lists and dicts.

use std::borrow::Cow;

/// Undoes JSON escapes. A lone surrogate becomes U+FFFD.
pub(super) fn unescape(raw: &[u8]) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(slash) = memchr::memchr(b'\\', rest) {
        out.push_str(&String::from_utf8_lossy(&rest[..slash]));
        let unit = |at: usize| {
            rest.get(at..at + 4)
                .and_then(|hex| std::str::from_utf8(hex).ok())
                .and_then(|hex| u32::from_str_radix(hex, 16).ok())
        };
        let mut used = 2;
        match rest.get(slash + 1) {
            Some(b'n') => out.push('\n'),
            Some(b't') => out.push('\t'),
            Some(b'r') => out.push('\r'),
            Some(b'b') => out.push('\u{8}'),
            Some(b'f') => out.push('\u{c}'),
            Some(b'u') => {
                let high = unit(slash + 2).unwrap_or(0xfffd);
                used = 6;
                let mut code = high;
                if (0xd800..0xdc00).contains(&high)
                    && rest.get(slash + 6..slash + 8) == Some(b"\\u")
                    && let Some(low @ 0xdc00..0xe000) = unit(slash + 8)
                {
                    code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                    used = 12;
                }
                out.push(char::from_u32(code).unwrap_or('\u{fffd}'));
            }
            Some(&other) => out.push(char::from(other)),
            None => used = 1,
        }
        rest = rest.get(slash + used..).unwrap_or_default();
    }
    out.push_str(&String::from_utf8_lossy(rest));
    out
}

/// Where in a text with escapes the byte `at` of the unescaped one stands.
pub(super) fn outer(raw: &[u8], at: usize) -> usize {
    let (mut inner, mut place) = (0, 0);
    while inner < at && place < raw.len() {
        let used = match (raw[place], raw.get(place + 1)) {
            (b'\\', Some(b'u'))
                if raw.get(place + 6..place + 8) == Some(b"\\u")
                    && matches!(raw[place + 2] | 0x20, b'd')
                    && matches!(raw[place + 3] | 0x20, b'8' | b'9' | b'a' | b'b') =>
            {
                12
            }
            (b'\\', Some(b'u')) => 6,
            (b'\\', Some(_)) => 2,
            _ => 1,
        };
        let piece = &raw[place..(place + used).min(raw.len())];
        inner += if used == 1 { 1 } else { unescape(piece).len() };
        place += used;
    }
    place
}

/// Line and column of a byte: both from 1, the column in characters. `line` and `before` (characters) are where `text` begins.
pub(super) fn place(text: &[u8], at: usize, line: u64, before: u64) -> (u64, u64) {
    let head = &text[..at.min(text.len())];
    let chars = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte & 0xc0 != 0x80).count() as u64;
    match memchr::memrchr(b'\n', head) {
        None => (line, before + chars(head) + 1),
        Some(last) => (
            line + memchr::memchr_iter(b'\n', head).count() as u64,
            chars(&head[last + 1..]) + 1,
        ),
    }
}

/// At most 40 characters of what was found, without line ends.
pub(super) fn excerpt(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(&raw[..raw.len().min(240)]);
    let mut out: String = text
        .chars()
        .take(40)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.chars().count() > 40 || raw.len() > 240 {
        out.push('…');
    }
    out
}

/// Whether Arrow takes this text for a point in time: `2020-01-02`, `2020-01-02 03:04`, `2020-01-02T03:04:05.6Z`.
pub(super) fn is_date(text: &[u8]) -> bool {
    let shape = |from: usize, pattern: &[u8]| {
        text.get(from..from + pattern.len()).is_some_and(|part| {
            part.iter().zip(pattern).all(|(byte, wanted)| match wanted {
                b'0' => byte.is_ascii_digit(),
                _ => byte == wanted,
            })
        })
    };
    if !shape(0, b"0000-00-00") {
        return false;
    }
    if text.len() == 10 {
        return true;
    }
    let text = text.strip_suffix(b"Z").unwrap_or(text);
    matches!(text.get(10), Some(b' ' | b'T'))
        && (text.len() == 16 && shape(11, b"00:00")
            || shape(11, b"00:00:00") && {
                text.len() == 19
                    || text[19] == b'.'
                        && text[20..].iter().all(u8::is_ascii_digit)
                        && text.len() > 20
            })
}

/// Python's way of writing lists, dicts, texts and numbers, as JSON. None where `ast.literal_eval` would not read it either.
pub(super) fn python(text: &str) -> Option<String> {
    let mut reader = Python {
        rest: text.trim().as_bytes(),
        out: String::with_capacity(text.len()),
    };
    reader.value(0)?;
    reader.blank();
    reader.rest.is_empty().then_some(reader.out)
}

struct Python<'a> {
    rest: &'a [u8],
    out: String,
}

impl Python<'_> {
    fn blank(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    fn take(&mut self, word: &str) -> bool {
        let is_next = self.rest.starts_with(word.as_bytes());
        if is_next {
            self.rest = &self.rest[word.len()..];
        }
        is_next
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        if depth > 64 {
            return None;
        }
        self.blank();
        match *self.rest.first()? {
            b'\'' | b'"' => self.text(),
            b'[' => self.many(']', depth, false),
            b'(' => self.many(')', depth, false),
            b'{' => self.many('}', depth, true),
            b'-' | b'+' | b'0'..=b'9' | b'.' => {
                let end = self
                    .rest
                    .iter()
                    .position(|byte| {
                        !matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E' | b'_')
                    })
                    .unwrap_or(self.rest.len());
                let number: f64 = std::str::from_utf8(&self.rest[..end]).ok()?.parse().ok()?;
                self.out.push_str(&number.to_string());
                self.rest = &self.rest[end..];
                Some(())
            }
            _ => {
                let words = [("True", "true"), ("False", "false"), ("None", "null")];
                let (_, json) = words.into_iter().find(|(word, _)| self.take(word))?;
                self.out.push_str(json);
                Some(())
            }
        }
    }

    fn many(&mut self, close: char, depth: usize, is_dict: bool) -> Option<()> {
        self.rest = &self.rest[1..];
        let close_text = close.to_string();
        self.out.push(if is_dict { '{' } else { '[' });
        let mut is_first = true;
        loop {
            self.blank();
            if self.take(&close_text) {
                self.out.push(if is_dict { '}' } else { ']' });
                return Some(());
            }
            if !is_first {
                self.out.push(',');
            }
            is_first = false;
            self.value(depth + 1)?;
            if is_dict {
                self.blank();
                if !self.take(":") {
                    return None;
                }
                self.out.push(':');
                self.value(depth + 1)?;
            }
            self.blank();
            if !self.take(",") && !self.rest.starts_with(close_text.as_bytes()) {
                return None;
            }
        }
    }

    fn text(&mut self) -> Option<()> {
        let quote = self.rest[0];
        let mut value: Vec<u8> = Vec::new();
        let mut at = 1;
        loop {
            match *self.rest.get(at)? {
                byte if byte == quote => break,
                b'\n' => return None,
                b'\\' => {
                    match *self.rest.get(at + 1)? {
                        b'n' => value.push(b'\n'),
                        b't' => value.push(b'\t'),
                        b'r' => value.push(b'\r'),
                        other @ (b'\\' | b'\'' | b'"') => value.push(other),
                        other => value.extend([b'\\', other]),
                    }
                    at += 2;
                }
                byte => {
                    value.push(byte);
                    at += 1;
                }
            }
        }
        self.rest = &self.rest[at + 1..];
        let value: Cow<str> = String::from_utf8_lossy(&value);
        self.out.push_str(&serde_json::to_string(&value).ok()?);
        Some(())
    }
}
