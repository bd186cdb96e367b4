//! Where findings are gathered: all counted, the first ones of each kind written out.

use std::collections::BTreeMap;

use super::kind::Kind;
use super::report::{Count, Effect, Problem};
use super::text;
use crate::language::Text;

/// Findings of one kind that are written out; beyond, they are only counted.
pub const LISTED: usize = 20;

/// Where the text of a row lies in its file.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spot {
    pub row: u64,
    /// The line on which the text begins, and the characters before it on that line.
    pub line: u64,
    pub before: u64,
}

/// A detail in both languages.
pub(super) fn both(text: impl Into<String>) -> Text {
    Text::verbatim(text)
}

#[derive(Debug, Default)]
pub(super) struct Notes {
    pub problems: Vec<Problem>,
    counts: BTreeMap<Kind, (u64, Effect)>,
    /// The weightiest effect on the row at hand.
    pub worst: Effect,
    pub fails: bool,
}

impl Notes {
    /// Counts a finding; true where it is to be written out too.
    fn count(&mut self, kind: Kind, effect: Effect, by: u64) -> bool {
        self.worst = self.worst.max(effect);
        self.fails |= effect == Effect::FileFails;
        let (count, weight) = self.counts.entry(kind).or_default();
        *count += by;
        *weight = (*weight).max(effect);
        *count - by < LISTED as u64
    }

    /// `at` is a byte offset of `row`, whose text begins at `spot`.
    pub fn add(
        &mut self,
        kind: Kind,
        effect: Effect,
        (spot, row, at): (Spot, &[u8], usize),
        path: impl FnOnce() -> String,
        detail: impl FnOnce() -> Text,
    ) {
        if self.count(kind, effect, 1) {
            let (line, column) = text::place(row, at, spot.line, spot.before);
            self.list(kind, effect, (spot.row, line, column), path(), &detail());
        }
    }

    /// A finding at a known place; `by` how many rows it is about.
    pub fn add_at(
        &mut self,
        kind: Kind,
        effect: Effect,
        place: (u64, u64, u64),
        by: u64,
        detail: &Text,
    ) {
        if self.count(kind, effect, by) {
            self.list(kind, effect, place, String::new(), detail);
        }
    }

    fn list(
        &mut self,
        kind: Kind,
        effect: Effect,
        (row, line, column): (u64, u64, u64),
        path: String,
        detail: &Text,
    ) {
        self.problems.push(Problem {
            kind,
            severity: effect.severity(),
            effect,
            row,
            line,
            column,
            path,
            found: kind.found(detail),
            write: kind.write(),
        });
    }

    pub fn counts(&self) -> Vec<Count> {
        self.counts
            .iter()
            .map(|(&kind, &(count, effect))| Count {
                kind,
                effect,
                count,
            })
            .collect()
    }
}

/// Rows whose verdict hangs on rows that come later: counted, the first ones with their places.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub count: u64,
    pub first: Vec<(u64, u64, u64)>,
}

impl Waiting {
    pub fn add(&mut self, place: (u64, u64, u64)) {
        self.count += 1;
        if self.first.len() < LISTED {
            self.first.push(place);
        }
    }

    /// Writes them out under `kind`.
    pub fn tell(&self, notes: &mut Notes, kind: Kind, effect: Effect, detail: &Text) {
        for &place in &self.first {
            notes.add_at(kind, effect, place, 1, detail);
        }
        let rest = self.count - self.first.len() as u64;
        if rest > 0 {
            notes.add_at(kind, effect, (0, 0, 0), rest, detail);
        }
    }
}
