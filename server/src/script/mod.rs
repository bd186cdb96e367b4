//! `trainyard script`: what a shell script says to ms-swift, what is wrong with it, and what it is in another release. Runs nothing.

mod answer;
mod arguments;
mod table;

use std::io::{Read, Write};
use std::process::ExitCode;

use clap::Args;
use domain::finding::Weight;
use domain::recipes::arguments::{Table, probe};
use domain::recipes::review::{self, Review};
use domain::recipes::script::{Remark, bytes};
use domain::recipes::version::Version;

/// Which script, for which release, and how to say it.
#[derive(Debug, Clone, Args)]
pub struct Script {
    /// A shell script that runs ms-swift; `-` reads standard input.
    #[arg(required_unless_present_any = ["probe", "arguments"])]
    pub file: Option<String>,
    /// Write the script for this release of ms-swift, e.g. 3.9.3 or 4.6.0.
    #[arg(long, value_name = "VERSION", value_parser = release)]
    pub to: Option<Version>,
    /// The release that the script is for; guessed where it is not given.
    #[arg(long, value_name = "VERSION", value_parser = release)]
    pub from: Option<Version>,
    /// A list of arguments that a node's ms-swift was asked for (see --probe), in place of Trainyard's own.
    #[arg(long, value_name = "FILE")]
    pub list: Option<String>,
    /// Print the Python by which a node tells its list of arguments: trainyard script --probe | ssh NODE python3 - > list.json
    #[arg(long, conflicts_with_all = ["file", "arguments"])]
    pub probe: bool,
    /// Print the arguments of a release (--to) or of a list (--list) instead of looking at a script.
    #[arg(long, conflicts_with = "file")]
    pub arguments: bool,
    /// Write JSON (docs/guide/scripts.md) instead of text.
    #[arg(long)]
    pub json: bool,
}

fn release(text: &str) -> Result<Version, String> {
    Version::parse(text)
        .filter(|version| version.generation().is_some())
        .ok_or_else(|| format!("\"{text}\" is no release that Trainyard speaks; write one from 3.9 on, e.g. 3.9.3 or 4.6.0"))
}

/// Wrong usage, as clap has it.
const USAGE: u8 = 2;

/// Prints what was found. 0: nothing stops; 1: a finding stops; 2: the script could not be read or the command line is wrong.
pub fn run(script: &Script) -> ExitCode {
    if script.probe {
        return print(probe::SNIPPET.to_owned(), ExitCode::SUCCESS);
    }
    let list = match script.list.as_deref().map(read_list).transpose() {
        Ok(list) => list,
        Err(why) => return fail(&why),
    };
    if script.arguments {
        let text = arguments::say(script.to, list.as_ref(), script.json);
        return print(text, ExitCode::SUCCESS);
    }
    let name = script.file.as_deref().unwrap_or("-");
    let bytes = match read(name) {
        Ok(bytes) => bytes,
        Err(why) => return fail(&why),
    };
    let text = match bytes::decode(&bytes) {
        Ok(text) => text,
        Err(remark) => return print(refusal(&remark, script.json), ExitCode::from(1)),
    };
    let review = review::review(text, script.from, script.to, list.as_ref());
    let said = if script.json {
        answer::json(&review)
    } else {
        table::text(&review, name)
    };
    print(
        said,
        if review.is_fine() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(1)
        },
    )
}

fn print(text: String, code: ExitCode) -> ExitCode {
    // Piped into `head`: nothing is wrong.
    let _ = std::io::stdout().write_all(text.as_bytes());
    code
}

fn fail(why: &str) -> ExitCode {
    eprintln!("trainyard: {why}");
    ExitCode::from(USAGE)
}

/// At most one byte more than a script may have: whether it is longer shows, and `/dev/zero` ends.
fn read(name: &str) -> Result<Vec<u8>, String> {
    let most = bytes::LONGEST_BYTES as u64 + 1;
    let mut read = Vec::new();
    let result = if name == "-" {
        std::io::stdin().lock().take(most).read_to_end(&mut read)
    } else {
        std::fs::File::open(name).and_then(|file| file.take(most).read_to_end(&mut read))
    };
    result
        .map(|_| read)
        .map_err(|error| format!("{name} cannot be read: {error}"))
}

fn read_list(name: &str) -> Result<Table, String> {
    let text =
        std::fs::read_to_string(name).map_err(|error| format!("{name} cannot be read: {error}"))?;
    Table::read(&text)
        .or_else(|_| probe::read(&text))
        .map_err(|why| format!("{name} is no list of arguments: {why}"))
}

/// A file that is no text, in the same shape as any other answer.
fn refusal(remark: &Remark, json: bool) -> String {
    if json {
        let finding = answer::finding(remark);
        return answer::pretty(&serde_json::json!({
            "version": null, "to": null, "programs": [], "variables": [], "fields": {}, "kept": [], "translated": [], "findings": [finding], "script": null,
        }));
    }
    format!("{}\n", table::finding(remark))
}

/// How many findings stop and how many warn.
fn counts(review: &Review) -> (usize, usize) {
    let stops = review
        .findings
        .iter()
        .filter(|finding| finding.weight == Weight::Stops)
        .count();
    (stops, review.findings.len() - stops)
}
