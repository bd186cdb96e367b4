//! `trainyard inspect`: what event files, logging.jsonl and train logs hold, said without a server.
//!
//! No runtime, no database: files are read once, in pieces, and summed up as they pass.

mod find;
mod read;
mod table;

pub(crate) use table::plain;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

/// What to look at, and how to say it.
#[derive(Debug, Clone, Args)]
pub struct Inspect {
    /// A tfevents file, a logging.jsonl, a train log, or a folder of them.
    pub path: PathBuf,
    /// Write JSON (docs/inspect.md) instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Do not compare the checksums of event files.
    #[arg(long)]
    pub no_checksum: bool,
    /// Hold every point in memory, as an import does, and say on stderr how long reading took.
    #[arg(long)]
    pub timing: bool,
}

/// Prints what was found. Fails when nothing could be read.
pub fn run(inspect: &Inspect) -> ExitCode {
    match report(inspect) {
        Ok(text) => match std::io::stdout().write_all(text.as_bytes()) {
            // Piped into `head`: nothing is wrong.
            Ok(()) | Err(_) => ExitCode::SUCCESS,
        },
        Err(why) => {
            eprintln!("trainyard: {why}");
            ExitCode::FAILURE
        }
    }
}

fn report(inspect: &Inspect) -> Result<String, String> {
    let found = find::find(&inspect.path)?;
    let begun = read::cpu_secs();
    let runs = read::all(&found, inspect)?;
    if inspect.timing {
        let points: u64 = runs.iter().map(read::Run::points).sum();
        let seconds = read::cpu_secs() - begun;
        eprintln!(
            "{points} points in {seconds:.3} s of processor time: {:.1} M points/s",
            points as f64 / seconds.max(1e-9) / 1e6
        );
    }
    if runs.is_empty() {
        return Err(format!(
            "{} holds no metrics: no record of a tfevents file, a logging.jsonl or a train log could be read in it.",
            inspect.path.display()
        ));
    }
    if inspect.json {
        let mut text = serde_json::to_string_pretty(&serde_json::json!({ "runs": runs }))
            .map_err(|error| error.to_string())?;
        text.push('\n');
        return Ok(text);
    }
    Ok(table::table(&runs))
}
