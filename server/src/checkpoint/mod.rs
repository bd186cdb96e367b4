//! `trainyard checkpoint`: is a checkpoint or model folder whole, how is it laid out, what is missing or cut off.
//!
//! No runtime, no database, and no weights are read: the rules are `domain::checkpoints::inspect`.

mod disk;
mod table;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use domain::checkpoints::inspect::{Fault, Report, Verdict, inspect};

/// What to look at, and how to say it.
#[derive(Debug, Clone, Args)]
pub struct Checkpoint {
    /// A run's folder (`vN-date`), a `checkpoint-N`, an `iter_NNNNNNN`, a Hugging Face model or a PEFT adapter.
    pub dir: PathBuf,
    /// Write JSON (docs/guide/checkpoints.md) instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Prints what was found. 0: complete, 1: incomplete, 2: it could not be read, or there is neither checkpoint nor model.
pub fn run(checkpoint: &Checkpoint) -> ExitCode {
    let folder = match disk::Disk::open(&checkpoint.dir) {
        Ok(folder) => folder,
        Err(why) => {
            if checkpoint.json {
                print(&format!(
                    "{}\n",
                    serde_json::json!({
                        "path": checkpoint.dir.to_string_lossy(), "verdict": "unreadable", "complete": false, "error": why,
                    })
                ));
            }
            eprintln!("trainyard: {why}");
            return ExitCode::from(2);
        }
    };
    let report = inspect(&folder);
    let text = if checkpoint.json {
        json(&checkpoint.dir, &report)
    } else {
        table::table(&checkpoint.dir, &report)
    };
    print(&text);
    ExitCode::from(match report.verdict {
        Verdict::Complete => 0,
        Verdict::Incomplete => 1,
        Verdict::Unreadable => 2,
    })
}

fn print(text: &str) {
    // Piped into `head`: nothing is wrong.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// The report with what scripts ask first: may it be loaded, and what is missing or truncated anywhere in it.
fn json(dir: &std::path::Path, report: &Report) -> String {
    let mut value = serde_json::to_value(report).unwrap_or_default();
    let all = report.all_problems();
    let of = |faults: &[Fault]| {
        let found = all.iter().filter(|problem| faults.contains(&problem.fault));
        serde_json::to_value(found.collect::<Vec<_>>()).unwrap_or_default()
    };
    if let Some(object) = value.as_object_mut() {
        object.insert("path".to_owned(), dir.to_string_lossy().into());
        object.insert(
            "complete".to_owned(),
            (report.verdict == Verdict::Complete).into(),
        );
        object.insert("missing".to_owned(), of(&[Fault::Missing]));
        object.insert("truncated".to_owned(), of(&[Fault::Truncated]));
        object.insert(
            "damaged".to_owned(),
            of(&[Fault::TooLong, Fault::Damaged, Fault::Unfinished]),
        );
        object.insert("unreadable".to_owned(), of(&[Fault::Unreadable]));
    }
    let mut text = serde_json::to_string_pretty(&value).unwrap_or_default();
    text.push('\n');
    text
}
