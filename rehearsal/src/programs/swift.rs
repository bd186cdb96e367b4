//! `swift export`: the command starts the script, which does the work. `swift` knows no other method here.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use super::arguments::{Arguments, Refusal};
use crate::checkpoints::Left;
use crate::exporting::{self, Crew, Program};
use crate::release::Release;
use crate::training::dataset::DatasetError;
use crate::training::settings::Refused;
use crate::training::world;

const SCRIPT: &str = "/opt/ms-swift/swift/cli/export.py";

/// `swift` with what stands behind it: prints what it runs, waits, and leaves with the same code.
pub fn run(words: &[String]) -> Result<ExitCode> {
    match words.split_first() {
        Some((method, rest)) if method == "export" => {
            let python = super::megatron::python();
            println!("run sh: `{python} {SCRIPT} {}`", rest.join(" "));
            let status = Command::new(std::env::current_exe()?)
                .arg0(&python)
                .arg(SCRIPT)
                .args(rest)
                .status()
                .context("start the script")?;
            let code = status
                .code()
                .unwrap_or_else(|| 256 - status.signal().unwrap_or(1));
            Ok(ExitCode::from(code as u8))
        }
        Some((method, _)) => {
            eprintln!("KeyError: '{method}' (this rehearsal node has `swift export` only)");
            Ok(ExitCode::FAILURE)
        }
        None => {
            eprintln!("IndexError: list index out of range");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// The script itself, if `python3` was called with it.
pub fn inner(words: &[String]) -> Option<Result<ExitCode>> {
    let (script, rest) = words.split_first()?;
    (script == SCRIPT).then(|| Ok(export(rest)))
}

fn export(words: &[String]) -> ExitCode {
    let release = Release::here();
    let outcome = Arguments::parse_of(release.generation(), "swift export", words)
        .map_err(anyhow::Error::from)
        .and_then(|arguments| {
            let crew = Crew {
                world: world::world(&arguments, [0, 0, 1, 1])?,
                collective: None,
            };
            exporting::run(&release, Program::Swift, arguments, crew)
        });
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    if error.is::<Left>() {
        return ExitCode::SUCCESS;
    }
    if let Some(Refusal::Invalid { .. }) = error.downcast_ref() {
        eprintln!("usage: export.py [-h]\nexport.py: error: {error}");
        return ExitCode::from(2);
    }
    let said = match error.downcast_ref::<Refusal>() {
        Some(refusal) => format!("ValueError: {refusal}"),
        None if error.is::<Refused>() || error.is::<DatasetError>() => error.to_string(),
        None if super::megatron::names_exception(&error) => error.to_string(),
        None => format!("RuntimeError: {error:#}"),
    };
    eprintln!(
        "Traceback (most recent call last):\n  File \"{SCRIPT}\", line 5, in <module>\n    export_main()\n{said}"
    );
    ExitCode::FAILURE
}
