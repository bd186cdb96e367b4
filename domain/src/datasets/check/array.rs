//! A file that is one array: its elements are the rows.

use super::file::{Checker, MOST_ROW_BYTES, Mode, Place};
use super::json::{Fault, Flaw, skip_blank};
use super::kind::Kind;
use super::notes::both;
use super::report::Effect;
use super::splitter::Splitter;
use super::text::excerpt;

impl Checker {
    pub(super) fn feed_array(&mut self, bytes: &[u8]) {
        let mut at = 0;
        while at < bytes.len() {
            let Mode::Array(place) = self.mode else {
                return;
            };
            match place {
                Place::Before { is_first } => {
                    let start = skip_blank(bytes, at);
                    self.advance(&bytes[at..start]);
                    self.offset += (start - at) as u64;
                    at = start;
                    match bytes.get(at) {
                        None => return,
                        Some(b']') if is_first => {
                            self.advance(b"]");
                            self.offset += 1;
                            at += 1;
                            self.mode = Mode::Array(Place::After);
                        }
                        Some(&found @ (b']' | b'}' | b',')) => {
                            let place = (0, self.line, self.before + 1);
                            let found = both(format!("`{}`", char::from(found)));
                            let kind = Kind::UnexpectedCharacter;
                            self.notes.add_at(kind, Effect::FileFails, place, 1, &found);
                            self.mode = Mode::Over;
                            return;
                        }
                        Some(_) => {
                            self.element = (self.line, self.before);
                            self.splitter = Splitter::default();
                            self.mode = Mode::Array(Place::Inside);
                        }
                    }
                }
                Place::Inside => {
                    let end = self.splitter.element_end(&bytes[at..]);
                    let piece = &bytes[at..end.map_or(bytes.len(), |end| at + end)];
                    self.carry.extend_from_slice(piece);
                    self.advance(piece);
                    if self.carry.len() > MOST_ROW_BYTES {
                        let length = self.carry.len() as u64;
                        self.carry = Vec::new();
                        self.too_long(length);
                        self.mode = Mode::Over;
                        return;
                    }
                    let Some(end) = end else {
                        return;
                    };
                    at += end;
                    let closing = bytes[at];
                    self.one_element();
                    if self.mode == Mode::Over {
                        return;
                    }
                    self.advance(&bytes[at..=at]);
                    at += 1;
                    self.offset += 1;
                    self.mode = match closing {
                        b',' => Mode::Array(Place::Before { is_first: false }),
                        _ => Mode::Array(Place::After),
                    };
                }
                Place::After => {
                    let start = skip_blank(bytes, at);
                    self.advance(&bytes[at..start]);
                    if start < bytes.len() {
                        let place = (0, self.line, self.before + 1);
                        let rest = both(excerpt(&bytes[start..]));
                        self.notes
                            .add_at(Kind::AfterArray, Effect::FileFails, place, 1, &rest);
                        self.mode = Mode::Over;
                    }
                    return;
                }
            }
        }
    }

    pub(super) fn one_element(&mut self) {
        let text = std::mem::take(&mut self.carry);
        let (line, before) = self.element;
        self.base = self.offset;
        if let Err(error) = std::str::from_utf8(&text) {
            self.not_utf8(&text, error.valid_up_to());
            self.mode = Mode::Over;
            return;
        }
        match self.value(&text, 0, (line, before)) {
            Ok(end) => {
                let at = skip_blank(&text, end);
                if at < text.len() {
                    let flaw = Flaw::Unexpected;
                    self.broken(Fault { flaw, at }, &text, (line, before));
                    self.mode = Mode::Over;
                }
            }
            Err(fault) => {
                self.broken(fault, &text, (line, before));
                self.rules.lost();
                self.mode = Mode::Over;
            }
        }
        self.offset += text.len() as u64;
        self.carry = text;
        self.carry.clear();
    }

    /// Counts lines and characters up to the end of these bytes.
    pub(super) fn advance(&mut self, bytes: &[u8]) {
        let (line, column) = super::text::place(bytes, bytes.len(), self.line, self.before);
        (self.line, self.before) = (line, column - 1);
    }
}
