//! `trainyard dataset check`: what a release of ms-swift would make of a dataset file, said without a server.
//!
//! The file passes once, in pieces; memory is that of its longest row.

mod table;

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use domain::datasets::check::{Checker, Report, Shape};
use domain::recipes::version::Version;

/// The newest release whose behaviour was measured.
const NEWEST: &str = "4.6.0";
const PIECE_BYTES: usize = 1 << 18;
/// Rows would be lost.
const LOST: u8 = 1;
/// The command line is wrong, or the file cannot be read.
const UNREADABLE: u8 = 2;

#[derive(Debug, Clone, Subcommand)]
pub enum Dataset {
    /// Say which rows of a dataset file a release of ms-swift keeps, changes or loses, and what to write instead.
    ///
    /// Ends with 0 when no row would be lost, with 1 when one would be, with 2 when the file cannot be read.
    Check(Check),
}

#[derive(Debug, Clone, Args)]
pub struct Check {
    /// A .jsonl, .json or .txt file.
    pub file: PathBuf,
    /// The release of ms-swift that will read it, 3.9 or later.
    #[arg(long = "for", value_name = "VERSION", default_value = NEWEST, value_parser = version)]
    pub version: Version,
    /// Write JSON (docs/guide/datasets.md) instead of text.
    #[arg(long)]
    pub json: bool,
}

fn version(text: &str) -> Result<Version, String> {
    let version = Version::parse(text)
        .ok_or_else(|| format!("\"{text}\" is no version; write one such as 3.9.3 or 4.6.0"))?;
    if version.generation().is_none() {
        return Err(format!(
            "ms-swift {text} is older than 3.9, the first release that Trainyard knows"
        ));
    }
    Ok(version)
}

pub fn run(dataset: &Dataset) -> ExitCode {
    let Dataset::Check(check) = dataset;
    let report = match report(check) {
        Ok(report) => report,
        Err(why) => {
            eprintln!("trainyard: {why}");
            return UNREADABLE.into();
        }
    };
    let is_lost = report.rows_lost > 0 || report.verdict.file_fails;
    let text = if check.json {
        json(&check.file, &report)
    } else {
        table::table(&check.file, &report)
    };
    // Piped into `head`: nothing is wrong.
    let _ = std::io::stdout().write_all(text.as_bytes());
    if is_lost {
        LOST.into()
    } else {
        ExitCode::SUCCESS
    }
}

fn json(path: &Path, report: &Report) -> String {
    let mut value = serde_json::to_value(report).unwrap_or_default();
    value["path"] = path.display().to_string().into();
    format!("{value:#}\n")
}

fn report(check: &Check) -> Result<Report, String> {
    let path = &check.file;
    let mut file = open(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let Some(shape) = Shape::of(&name) else {
        return Err(unknown(path, &name));
    };
    let mut checker = Checker::new(check.version, shape);
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(checker.finish()),
            Ok(length) => checker.push(&piece[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(format!("{} cannot be read: {error}.", path.display())),
        }
    }
}

fn unknown(path: &Path, name: &str) -> String {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending {
        "csv" | "parquet" | "arrow" => format!(
            "{} is a .{ending} file. ms-swift reads those, but this check reads .jsonl, .json and .txt; \
             write it as .jsonl, one object per line.",
            path.display()
        ),
        "" => format!(
            "{} has no ending. ms-swift tells the form of a file from it: name it .jsonl or .json.",
            path.display()
        ),
        _ => format!(
            "{} ends in .{ending}, which ms-swift does not read as a dataset: name it .jsonl or .json.",
            path.display()
        ),
    }
}

/// Opens a file; what is none is named.
fn open(path: &Path) -> Result<File, String> {
    let shown = path.display();
    let link = std::fs::symlink_metadata(path)
        .ok()
        .filter(std::fs::Metadata::is_symlink)
        .and_then(|_| std::fs::read_link(path).ok());
    let about = std::fs::metadata(path).map_err(|error| match (error.raw_os_error(), &link) {
        (Some(libc::ELOOP), _) => format!("{shown} is a link that leads back to itself."),
        (Some(libc::ENOENT), Some(target)) => {
            format!(
                "{shown} is a link to {}, which does not exist.",
                target.display()
            )
        }
        (Some(libc::ENOENT), None) => format!("there is no file {shown}."),
        (Some(libc::ENOTDIR), _) => format!("{shown}: a part of the path is a file, not a folder."),
        (Some(libc::EACCES), _) => format!("{shown} cannot be read: permission denied."),
        _ => format!("{shown} cannot be read: {error}."),
    })?;
    if about.is_dir() {
        return Err(format!("{shown} is a folder. Name one file in it."));
    }
    if !about.is_file() {
        return Err(format!("{shown} is no file, but a device, pipe or socket."));
    }
    File::open(path).map_err(|error| match error.raw_os_error() {
        Some(libc::EACCES) => format!("{shown} cannot be read: permission denied."),
        _ => format!("{shown} cannot be read: {error}."),
    })
}
