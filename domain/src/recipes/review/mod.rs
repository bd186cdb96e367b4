//! A pasted script, looked through: which release it is for, what its commands say, what is wrong with it, and what it is in another
//! release. Pure; the terminal, the page and the tests ask here.

mod check;
mod fields;
mod guess;
mod translate;

use std::collections::BTreeMap;

use serde::Serialize;

pub use fields::{neutral, neutral_name};
pub use guess::Guess;
pub use translate::Translated;

use super::arguments::{self, Table};
use super::dialects::strangers;
use super::script::{Kept, Program, Remark, Script};
use super::version::Version;
use crate::finding::Weight;

/// What is written in place of a secret wherever a script is spoken of.
pub const HIDDEN: &str = "••••••";

/// Everything that is known of a script.
#[derive(Debug, Clone)]
pub struct Review {
    pub script: Script,
    /// The release that the script was read as.
    pub guess: Guess,
    pub to: Version,
    pub translated: Vec<Translated>,
    /// By place; those of the script as it was given.
    pub findings: Vec<Remark>,
    /// In the dialect of `to`; the same bytes where nothing was translated.
    pub new: Script,
}

impl Review {
    /// Whether nothing stops a launch.
    pub fn is_fine(&self) -> bool {
        self.findings
            .iter()
            .all(|finding| finding.weight != Weight::Stops)
    }
}

/// Looks through a script.
///
/// `from`: the release it is for, where somebody said so; else it is guessed. `to`: the release it is wanted for; else its own. `node`:
/// the list of `to` as it was read from a node, in place of the one that Trainyard has.
pub fn review(
    text: &str,
    from: Option<Version>,
    to: Option<Version>,
    node: Option<&Table>,
) -> Review {
    let script = Script::read(text);
    let guess = guess::guess(&script, from, to);
    let to = to.unwrap_or(guess.version);
    let done = translate::translate(&script, guess.version, to);
    let mut findings = script.remarks().to_vec();
    findings.extend(done.remarks);
    let table = node.unwrap_or_else(|| arguments::table(to));
    findings.extend(check::check(
        &script,
        &done.script,
        &done.from_where,
        guess.version,
        to,
        table,
    ));
    findings.sort_by(|a, b| (a.at, &a.flag).cmp(&(b.at, &b.flag)));
    findings.dedup();
    Review {
        script,
        guess,
        to,
        translated: done.translated,
        findings,
        new: done.script,
    }
}

/// A flag as documents show it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SaidFlag {
    pub flag: String,
    pub line: usize,
    pub column: usize,
    pub values: Vec<String>,
    /// False where a value is known only when it runs.
    pub is_exact: bool,
    /// `switch`, `integer`, `real`, `text`, `json`, `choice`; None: no such flag is known.
    pub kind: Option<&'static str>,
    /// The version-neutral name: that of 4.x.
    pub neutral: String,
}

/// A command as documents show it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SaidProgram {
    pub program: String,
    pub line: usize,
    pub column: usize,
    pub flags: Vec<SaidFlag>,
    /// What reaches it from the script.
    pub variables: BTreeMap<String, String>,
    /// `nohup`, `exec` …
    pub wrappers: Vec<String>,
    pub background: bool,
    pub output: Option<String>,
    pub inside: Option<&'static str>,
}

/// The programs of a script as documents show them, secrets hidden.
pub fn programs(script: &Script, version: Version) -> Vec<SaidProgram> {
    script
        .programs()
        .iter()
        .map(|program| said(script, program, version))
        .collect()
}

fn said(script: &Script, program: &Program, version: Version) -> SaidProgram {
    let at = script.place(program.head.start);
    let table = arguments::table(version);
    let flags = program.flags.iter().map(|flag| {
        let place = script.place(
            flag.place
                .as_ref()
                .map_or(flag.word.start, |place| place.start),
        );
        let is_secret = strangers::is_secret(&flag.name);
        SaidFlag {
            flag: flag.name.clone(),
            line: place.line,
            column: place.column,
            values: flag
                .values
                .iter()
                .map(|value| {
                    if is_secret {
                        HIDDEN.to_owned()
                    } else {
                        value.value.text.clone()
                    }
                })
                .collect(),
            is_exact: flag.values.iter().all(|value| value.value.is_exact),
            kind: table
                .find(&program.name, &flag.name)
                .map(|argument| kind_name(argument.kind)),
            neutral: fields::neutral_name(&program.name, &flag.name),
        }
    });
    SaidProgram {
        program: program.name.clone(),
        line: at.line,
        column: at.column,
        flags: flags.collect(),
        variables: program
            .environment
            .iter()
            .map(|(name, value)| {
                (
                    name.clone(),
                    if strangers::is_secret(name) {
                        HIDDEN.to_owned()
                    } else {
                        value.text.clone()
                    },
                )
            })
            .collect(),
        wrappers: program.wrappers.clone(),
        background: program.is_in_background,
        output: program.output.clone(),
        inside: program.inside,
    }
}

pub fn kind_name(kind: arguments::Kind) -> &'static str {
    match kind {
        arguments::Kind::Switch => "switch",
        arguments::Kind::Integer => "integer",
        arguments::Kind::Real => "real",
        arguments::Kind::Text => "text",
        arguments::Kind::Json => "json",
        arguments::Kind::Choice => "choice",
    }
}

/// What was left as it stands, as (line, what, text).
pub fn kept(script: &Script) -> Vec<(usize, String, String)> {
    script
        .kept()
        .iter()
        .map(|Kept { at, what, text }| (at.line, what.clone(), text.clone()))
        .collect()
}

#[cfg(test)]
mod tests;
