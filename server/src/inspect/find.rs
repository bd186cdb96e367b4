//! Which files of a folder hold metrics, and of what kind they are.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use domain::metrics::tfevents;

/// Folders are not entered deeper than this.
const DEEPEST: usize = 12;
/// Enough to tell an event file, and to see whether a log holds text.
const BEGINNING: usize = 512;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Tfevents,
    Jsonl,
    Log,
}

/// Files that belong together: the event files of one folder, or one log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The folder relative to the one that was named, `.` for that one.
    pub run: String,
    pub kind: Kind,
    pub files: Vec<PathBuf>,
    /// The person named this very file, so it is said when nothing is in it.
    pub is_named: bool,
}

/// Everything below `path` that may hold metrics.
pub(super) fn find(path: &Path) -> Result<Vec<Found>, String> {
    let about = fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            format!("there is no file or folder {}.", path.display())
        }
        _ => format!("{} cannot be read: {error}.", path.display()),
    })?;
    if !about.is_dir() {
        let kind = kind(path, true)?.unwrap_or(Kind::Log);
        return Ok(vec![Found {
            run: ".".to_owned(),
            kind,
            files: vec![path.to_owned()],
            is_named: true,
        }]);
    }
    let mut all: BTreeMap<(String, Kind, PathBuf), Vec<PathBuf>> = BTreeMap::new();
    walk(path, path, 0, &mut all)?;
    Ok(all
        .into_iter()
        .map(|((run, kind, _), mut files)| {
            files.sort();
            Found {
                run,
                kind,
                files,
                is_named: false,
            }
        })
        .collect())
}

fn walk(
    root: &Path,
    folder: &Path,
    depth: usize,
    all: &mut BTreeMap<(String, Kind, PathBuf), Vec<PathBuf>>,
) -> Result<(), String> {
    let failed =
        |error: std::io::Error| format!("folder {} cannot be read: {error}.", folder.display());
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        // A link whose target is gone is no file.
        let Ok(about) = fs::metadata(&path) else {
            continue;
        };
        let is_link = fs::symlink_metadata(&path).is_ok_and(|about| about.is_symlink());
        if about.is_dir() {
            // A link to a folder may lead back up.
            if depth < DEEPEST && !is_link {
                walk(root, &path, depth + 1, all)?;
            }
        } else if let Some(kind) = kind(&path, false)? {
            let run = match folder.strip_prefix(root) {
                Ok(below) if below.as_os_str().is_empty() => ".".to_owned(),
                Ok(below) => below.display().to_string(),
                Err(_) => folder.display().to_string(),
            };
            // Event files of one folder are one run, any other file stands for itself.
            let own = match kind {
                Kind::Tfevents => PathBuf::new(),
                _ => path.clone(),
            };
            all.entry((run, kind, own)).or_default().push(path);
        }
    }
    Ok(())
}

/// By name where it says enough, else by the first bytes. None: nothing that holds metrics.
fn kind(path: &Path, is_named: bool) -> Result<Option<Kind>, String> {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    if tfevents::is_event_file_name(&name) {
        return Ok(Some(Kind::Tfevents));
    }
    // Other .jsonl files of a run folder are datasets.
    if name == "logging.jsonl" || is_named && name.ends_with(".jsonl") {
        return Ok(Some(Kind::Jsonl));
    }
    if !is_named {
        let is_log = name == "log" || name.ends_with(".log") || name.ends_with(".out");
        return Ok(is_log.then_some(Kind::Log));
    }
    let mut beginning = Vec::new();
    File::open(path)
        .and_then(|file| file.take(BEGINNING as u64).read_to_end(&mut beginning))
        .map_err(|error| format!("{} cannot be read: {error}.", path.display()))?;
    if tfevents::is_event_file(&beginning, crc32c::crc32c) {
        return Ok(Some(Kind::Tfevents));
    }
    let is_json = beginning.trim_ascii_start().starts_with(b"{\"");
    Ok(Some(if is_json { Kind::Jsonl } else { Kind::Log }))
}
