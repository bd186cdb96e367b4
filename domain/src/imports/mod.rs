//! Imports: runs that others wrote as event files, on a node or uploaded.

mod config;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{ExperimentId, ImportId, NodeId, ProjectId, UserId};
use crate::language::Text;
use crate::metrics::tfevents::{Damage, Other};
use crate::time::Timestamp;

pub use config::config;

/// A folder of runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    pub id: ImportId,
    pub project_id: ProjectId,
    pub created_by: UserId,
    /// Experiments are named after it.
    pub name: String,
    /// None: uploaded.
    pub node_id: Option<NodeId>,
    /// On the node, as it was typed; a single file's path is one too.
    pub folder: String,
    /// Still read, or followed while it grows.
    pub is_open: bool,
    /// Why the last look failed.
    pub trouble: Option<Text>,
    pub created_at: Timestamp,
    /// When more was last found.
    pub grown_at: Timestamp,
}

/// One folder with event files: a run, an experiment here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedRun {
    /// Below the import's folder, `.` for that one.
    pub run: String,
    pub experiment_id: ExperimentId,
    pub notes: RunNotes,
}

/// What a run's files say besides points.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunNotes {
    /// Texts, images, histograms … by tag.
    pub others: BTreeMap<String, Other>,
    /// Newest time of a point.
    pub last_millis: Option<i64>,
}

/// How far one file was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedFile {
    /// Below the import's folder.
    pub file: String,
    pub run: String,
    /// When it was last looked at.
    pub size_bytes: u64,
    /// Its size when it was last read.
    pub seen_bytes: u64,
    /// Records up to here are stored.
    pub offset: u64,
    /// To which its next points belong, from 1.
    pub attempt: u32,
    /// A bad length was met; nothing more of it can be read.
    pub is_stopped: bool,
    /// The first hundred.
    pub damage: Vec<Damage>,
    pub damage_count: u64,
}

impl ImportedFile {
    /// There is more than was read.
    pub fn is_behind(&self) -> bool {
        !self.is_stopped && self.size_bytes > self.seen_bytes
    }

    /// Bytes of an unfinished last record, or behind a bad length.
    pub fn unread_bytes(&self) -> u64 {
        self.seen_bytes.saturating_sub(self.offset)
    }
}

/// An import as pages show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportView {
    pub import: Import,
    pub node_name: Option<String>,
    /// Each run with its experiment's name.
    pub runs: Vec<(ImportedRun, String)>,
    pub files: Vec<ImportedFile>,
}

impl ImportView {
    /// Bytes read and bytes there are.
    pub fn progress(&self) -> (u64, u64) {
        let read = |file: &ImportedFile| match file.is_stopped {
            true => file.size_bytes,
            false => file.offset.max(file.seen_bytes).min(file.size_bytes),
        };
        let sum = |of: &dyn Fn(&ImportedFile) -> u64| self.files.iter().map(of).sum();
        (sum(&read), sum(&|file| file.size_bytes))
    }
}

/// Runs of one import; more are no folder of runs.
pub const RUNS_LIMIT: usize = 500;
/// Files of one import.
pub const FILES_LIMIT: usize = 5000;
/// Folders are not looked into deeper than this.
pub const DEEPEST: usize = 8;

/// What a run's experiment is called.
pub fn experiment_name(import: &str, run: &str) -> String {
    match run {
        "." => import.to_owned(),
        run => format!("{import}/{run}"),
    }
}

/// When a file's writer began, from its name `events.out.tfevents.1795477389.host.…`.
pub fn began_at(file: &str) -> Option<Timestamp> {
    let (_, after) = file.rsplit_once("tfevents.")?;
    let seconds: i64 = after.split('.').next()?.parse().ok()?;
    (0..1 << 33)
        .contains(&seconds)
        .then_some(Timestamp(seconds * 1000))
}

/// The path of an uploaded file below its import, as a browser or `curl` names it. None: it would lie elsewhere.
pub fn upload_path(name: &str) -> Option<String> {
    let name = name.replace('\\', "/");
    let mut parts = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => return None,
            part if part.len() > 255 || part.chars().any(char::is_control) => return None,
            part => parts.push(part),
        }
    }
    (!name.starts_with('/') && !parts.is_empty() && parts.len() <= 2 * DEEPEST)
        .then(|| parts.join("/"))
}

/// A folder that holds all of these files, as when one was chosen in a browser: its name, to be left out of their paths.
pub fn common_folder<'a>(mut files: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let first = files.next()?.split_once('/')?.0;
    files
        .all(|file| {
            file.split_once('/')
                .is_some_and(|(folder, _)| folder == first)
        })
        .then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uploaded_file_cannot_lie_elsewhere() {
        assert_eq!(upload_path("run/a/events").as_deref(), Some("run/a/events"));
        assert_eq!(upload_path("./run//a").as_deref(), Some("run/a"));
        assert_eq!(upload_path("run\\a").as_deref(), Some("run/a"));
        for bad in [
            "../a",
            "a/../../b",
            "/etc/passwd",
            "",
            "/",
            "a\nb",
            &"x".repeat(300),
        ] {
            assert_eq!(upload_path(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_chosen_folder_gives_its_name_once() {
        let of = |files: &[&'static str]| common_folder(files.iter().copied());
        assert_eq!(of(&["run/a", "run/b/c"]), Some("run"));
        assert_eq!(of(&["run/a", "other/b"]), None);
        assert_eq!(of(&["a", "b"]), None);
    }

    #[test]
    fn a_file_name_says_when_its_writer_began() {
        assert_eq!(
            began_at("runs/events.out.tfevents.1795477389.vm.966.0"),
            Some(Timestamp(1_795_477_389_000))
        );
        assert_eq!(began_at("my.tfevents"), None);
        assert_eq!(began_at("tfevents.99999999999999.x"), None);
    }

    #[test]
    fn a_stopped_file_counts_as_read() {
        let file = |is_stopped| ImportedFile {
            file: "a".to_owned(),
            run: ".".to_owned(),
            size_bytes: 100,
            seen_bytes: 0,
            offset: 10,
            attempt: 1,
            is_stopped,
            damage: Vec::new(),
            damage_count: 0,
        };
        assert!(file(false).is_behind() && !file(true).is_behind());
    }
}
