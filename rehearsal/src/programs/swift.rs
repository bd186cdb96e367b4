//! `swift export`: the command starts the script, which does the work. `swift` knows no other method here.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use super::arguments::{Arguments, Refusal};
use crate::exporting;
use crate::training::dataset::DatasetError;
use crate::training::settings::Refused;

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
    let release = release();
    let outcome = Arguments::parse_of(&release, "swift export", words)
        .map_err(anyhow::Error::from)
        .and_then(|arguments| exporting::run(&release, arguments));
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    if let Some(Refusal::Invalid { .. }) = error.downcast_ref() {
        eprintln!("usage: export.py [-h]\nexport.py: error: {error}");
        return ExitCode::from(2);
    }
    let said = match error.downcast_ref::<Refusal>() {
        Some(refusal) => format!("ValueError: {refusal}"),
        None if error.is::<Refused>() || error.is::<DatasetError>() => error.to_string(),
        None if error.to_string().contains("Exception: ")
            || error.to_string().contains("Error: ") =>
        {
            error.to_string()
        }
        None => format!("RuntimeError: {error:#}"),
    };
    eprintln!(
        "Traceback (most recent call last):\n  File \"{SCRIPT}\", line 5, in <module>\n    export_main()\n{said}"
    );
    ExitCode::FAILURE
}

/// The release that this node plays: `swift/version.py` beside the interpreter's packages.
fn release() -> String {
    let python = super::megatron::python();
    let site = Path::new(&python)
        .parent()
        .and_then(Path::parent)
        .map(|venv| venv.join("lib/python3.11/site-packages/swift/version.py"));
    let text = site
        .and_then(|path| std::fs::read_to_string(path).ok())
        .unwrap_or_default();
    let version = text.split('\'').nth(1).unwrap_or("4.6.0");
    version.to_owned()
}
