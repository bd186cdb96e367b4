//! What is wrong with the text of a row, and with its columns, as findings.

use super::file::{Checker, MOST_NESTING};
use super::json::{Fault, Flaw};
use super::kind::Kind;
use super::notes::{Spot, both};
use super::report::Effect;
use super::schema::{Event, NUMBER, TEXT};
use super::text::excerpt;
use super::values::kinds;
use crate::language::Text;

impl Checker {
    /// What other readers forgive in the row's text.
    pub(super) fn faults(&mut self, text: &[u8], at: usize, spot: Spot) {
        if self.parser.depth > MOST_NESTING {
            let depth = self.parser.depth.to_string();
            self.notes.add(
                Kind::NestedTooDeep,
                Effect::FileFails,
                (spot, text, at),
                String::new,
                || both(depth),
            );
        }
        if self.parser.faults.is_empty() {
            return;
        }
        let is_array = self.is_array();
        for fault in std::mem::take(&mut self.parser.faults) {
            let (kind, effect) = match fault.flaw {
                // In an array Python's reader takes them.
                Flaw::Control if is_array => (Kind::ControlCharacter, Effect::Kept),
                Flaw::LoneSurrogate if is_array => (Kind::LoneSurrogate, Effect::Changed),
                Flaw::DuplicateKey if is_array => (Kind::DuplicateKey, Effect::Changed),
                Flaw::NumberTooBig if is_array => (Kind::NumberTooBig, Effect::Kept),
                Flaw::IntegerTooBig if !is_array => continue,
                Flaw::NotANumber => (Kind::NotANumber, Effect::Kept),
                flaw => (kind_of(flaw), Effect::FileFails),
            };
            let detail = || both(detail_of(fault, text));
            self.notes
                .add(kind, effect, (spot, text, fault.at), String::new, detail);
        }
    }

    /// The text cannot be read on: no release reads the file.
    pub(super) fn broken(&mut self, fault: Fault, text: &[u8], (line, before): (u64, u64)) {
        let spot = Spot {
            row: self.row,
            line,
            before,
        };
        let detail = || both(detail_of(fault, text));
        let kind = kind_of(fault.flaw);
        self.notes.add(
            kind,
            Effect::FileFails,
            (spot, text, fault.at),
            String::new,
            detail,
        );
    }

    /// What Arrow says about the columns after this row.
    pub(super) fn events(&mut self, text: &[u8], spot: Spot) {
        let (is_array, keeps) = (self.is_array(), self.rules.traits.keeps_mixed);
        for event in std::mem::take(&mut self.schema.events) {
            let (Event::Changes { column, at, .. }
            | Event::Late { column, at }
            | Event::LateType { column, at, .. }) = event;
            let path = self.schema.path(column);
            let now = self.schema.columns[column as usize].kinds;
            let is_json = keeps && self.schema.is_json(column);
            let (kind, detail) = match event {
                Event::Changes { was, .. } => {
                    // Later values are put into the first type: into texts everything, into others nothing.
                    let is_fine =
                        keeps && (is_array || is_json || !self.schema.is_late || was & !TEXT == 0);
                    if is_fine {
                        continue;
                    }
                    let (was, now) = (kinds(was), kinds(now & !was & !1));
                    (
                        if keeps {
                            Kind::LateType
                        } else {
                            Kind::TypeChanges
                        },
                        Text::new(
                            format!("{path} is {} here, {} in the rows before", now.en, was.en),
                            format!("{path} 在此处是{}，之前的行是{}", now.zh, was.zh),
                        ),
                    )
                }
                _ if is_array || is_json => continue,
                Event::Late { .. } => (Kind::LateColumn, both(path.clone())),
                Event::LateType { was, .. } => {
                    let was = if was & NUMBER != 0 {
                        Text::new("whole numbers", "整数")
                    } else {
                        Text::new("null", "null")
                    };
                    (
                        Kind::LateType,
                        Text::new(
                            format!(
                                "{path} holds only {} in the first 10 MiB and something else here",
                                was.en
                            ),
                            format!("{path} 在前 10 MiB 中只有{}，此处却不同", was.zh),
                        ),
                    )
                }
            };
            self.notes.add(
                kind,
                Effect::FileFails,
                (spot, text, at),
                || path,
                || detail,
            );
        }
    }
}

pub(super) fn flaw_at(text: &[u8], at: usize) -> Flaw {
    if text[at] == 0 {
        Flaw::Nul
    } else {
        Flaw::Unexpected
    }
}

pub(super) fn kind_of(flaw: Flaw) -> Kind {
    match flaw {
        Flaw::Unfinished => Kind::UnfinishedRow,
        Flaw::Unexpected => Kind::UnexpectedCharacter,
        Flaw::BadNumber => Kind::BadNumber,
        Flaw::BadEscape => Kind::BadEscape,
        Flaw::TooDeep => Kind::NestedTooDeep,
        Flaw::Control => Kind::ControlCharacter,
        Flaw::Nul => Kind::NulByte,
        Flaw::LoneSurrogate => Kind::LoneSurrogate,
        Flaw::DuplicateKey => Kind::DuplicateKey,
        Flaw::NumberTooBig => Kind::NumberTooBig,
        Flaw::IntegerTooBig => Kind::IntegerTooBig,
        Flaw::NotANumber => Kind::NotANumber,
    }
}

/// What stands at the fault, as the sentence of its kind needs it.
pub(super) fn detail_of(fault: Fault, text: &[u8]) -> String {
    let rest = &text[fault.at.min(text.len())..];
    match fault.flaw {
        Flaw::Unfinished => {
            let end = text.trim_ascii_end();
            let mut from = end.len().saturating_sub(24);
            while end.get(from).is_some_and(|byte| byte & 0xc0 == 0x80) {
                from += 1;
            }
            format!("… {}", excerpt(&end[from..]))
        }
        Flaw::Unexpected => {
            let first = String::from_utf8_lossy(&rest[..rest.len().min(4)])
                .chars()
                .next();
            match first {
                Some('\'') => "a single quote (')".to_owned(),
                Some(c) if c.is_control() || c == '\u{feff}' => format!("U+{:04X}", u32::from(c)),
                Some(c) => format!("`{c}`"),
                None => "the end".to_owned(),
            }
        }
        Flaw::Control => format!("{:02X}", rest.first().copied().unwrap_or_default()),
        Flaw::TooDeep => format!("more than {}", super::json::DEEPEST),
        Flaw::DuplicateKey => {
            let end = rest
                .iter()
                .skip(1)
                .position(|byte| *byte == b'"')
                .map_or(rest.len(), |end| end + 2);
            excerpt(&rest[..end])
        }
        Flaw::BadEscape | Flaw::LoneSurrogate => excerpt(&rest[..rest.len().min(6)]),
        Flaw::Nul => String::new(),
        _ => {
            let end = rest
                .iter()
                .position(|byte| matches!(byte, b',' | b'}' | b']' | b' '))
                .unwrap_or(rest.len());
            excerpt(&rest[..end])
        }
    }
}
