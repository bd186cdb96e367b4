//! The end of a file: what only all of it shows, and the report.

use super::file::{ARROW_BLOCK, Checker, Mode, Place};
use super::kind::Kind;
use super::notes::both;
use super::report::{Effect, Report};
use super::turns::Role;
use crate::language::Text;

impl Checker {
    /// Ends the file: what waits for more bytes is judged, so that `take_marks` has all rows.
    pub fn end(&mut self) {
        if self.mode == Mode::Begin {
            self.begin();
        }
        match self.mode {
            Mode::Lines => self.last_line(),
            Mode::Array(Place::After) | Mode::Over | Mode::Begin => {}
            Mode::Array(place) => {
                if place == Place::Inside && !self.carry.is_empty() {
                    self.one_element();
                }
                if self.mode != Mode::Over {
                    let place = (0, self.line, self.before + 1);
                    let detail = Text::new("the array is not closed", "数组没有结束");
                    self.notes
                        .add_at(Kind::UnfinishedRow, Effect::FileFails, place, 1, &detail);
                }
            }
        }
        self.mode = Mode::Over;
    }

    /// Ends the file and says what was found.
    pub fn finish(mut self) -> Report {
        self.end();
        self.report()
    }

    pub(super) fn last_line(&mut self) {
        if let Some(before) = self.skipped.take() {
            self.offset += before;
            self.too_long(before);
        } else if !self.carry.is_empty() {
            let rest = std::mem::take(&mut self.carry);
            self.line(&rest);
            self.offset += rest.len() as u64;
            self.line += 1;
        }
        if let Some(pending) = self.pending.take() {
            self.base = pending.offset;
            self.values(&pending.text, pending.line, pending.before, false);
        }
    }

    pub(super) fn report(mut self) -> Report {
        let over = self.rows_over_lines;
        if over > 0 {
            let effect = if self.bytes > ARROW_BLOCK {
                Effect::FileFails
            } else {
                Effect::Kept
            };
            let (row, line) = self.first_over_lines;
            let detail = both(over.to_string());
            self.notes
                .add_at(Kind::RowsOverLines, effect, (row, line, 1), 1, &detail);
        }
        if self.row == 0 && !self.notes.fails {
            self.notes
                .add_at(Kind::EmptyFile, Effect::FileFails, (0, 1, 1), 1, &both(""));
        }
        for path in self.schema.dates() {
            self.notes.add_at(
                Kind::DatesOnly,
                Effect::FileFails,
                (0, 1, 1),
                1,
                &both(path),
            );
        }
        let mut verdict = self.rules.finish(&self.schema, &mut self.notes);
        let left = verdict.kept + verdict.changed + verdict.empty_turn;
        if self.row > 0 && left == 0 {
            self.notes.add_at(
                Kind::NothingLeft,
                Effect::FileFails,
                (0, 1, 1),
                1,
                &both(""),
            );
        }
        verdict.file_fails = self.notes.fails;
        const ROLES: [Role; 5] = [
            Role::System,
            Role::User,
            Role::Assistant,
            Role::ToolCall,
            Role::Tool,
        ];
        let turns = ROLES
            .into_iter()
            .map(|role| (role.name().to_owned(), self.rules.turns[role as usize]));
        let counts = self.notes.counts();
        let mut findings = self.notes.problems;
        findings.sort_by_key(|problem| (problem.row, problem.line, problem.column, problem.kind));
        Report {
            rows_lost: verdict.lost(self.row),
            version: self.version,
            bytes: self.bytes,
            lines: self.line.saturating_sub(1).max(u64::from(self.row > 0)),
            rows: self.row,
            verdict,
            forms: self
                .rules
                .forms
                .iter()
                .map(|(&form, &count)| (form.to_owned(), count))
                .collect(),
            turns: turns.filter(|(_, count)| *count > 0).collect(),
            tool_calls: self.rules.tool_calls,
            media: self.rules.media,
            longest_rows: self.longest,
            columns: self.schema.names().map(str::to_owned).collect(),
            counts,
            findings,
        }
    }
}
