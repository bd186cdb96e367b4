//! A folder of this machine, looked into as `domain::checkpoints::inspect` asks.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use domain::checkpoints::inspect::{Entry, EntryKind, Folder};

pub(super) struct Disk {
    root: PathBuf,
    name: String,
}

impl Disk {
    /// Err: a sentence for a person.
    pub(super) fn open(dir: &Path) -> Result<Disk, String> {
        let shown = dir.display();
        let failed = |error: std::io::Error| match error.kind() {
            ErrorKind::NotFound => format!("there is no folder {shown}."),
            _ => format!("{shown} cannot be read: {error}."),
        };
        // The name counts also of `.` and of a link such as last-checkpoint.
        let root = fs::canonicalize(dir).map_err(failed)?;
        if !fs::metadata(&root).map_err(failed)?.is_dir() {
            return Err(format!(
                "{shown} is a file. Name the folder that holds the checkpoint or model."
            ));
        }
        let name = root.file_name().unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        Ok(Disk { root, name })
    }

    fn at(&self, path: &str) -> PathBuf {
        if path.is_empty() {
            self.root.clone()
        } else {
            self.root.join(path)
        }
    }
}

impl Folder for Disk {
    fn list(&self, path: &str) -> Result<Vec<Entry>, String> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(self.at(path)).map_err(|error| error.to_string())? {
            let entry = entry.map_err(|error| error.to_string())?;
            entries.push(look(&entry.path()));
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn read(&self, path: &str, offset: u64, length: u64) -> Result<Vec<u8>, String> {
        let read = || -> std::io::Result<Vec<u8>> {
            let mut file = File::open(self.at(path))?;
            if !file.metadata()?.is_file() {
                return Err(std::io::Error::other("not a file"));
            }
            file.seek(SeekFrom::Start(offset))?;
            // Grows with what is there, not with what was claimed.
            let mut bytes = Vec::new();
            file.take(length).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        read().map_err(|error| error.to_string())
    }

    fn name(&self) -> &str {
        &self.name
    }
}

fn look(path: &Path) -> Entry {
    let name = path.file_name().unwrap_or_default();
    let mut entry = Entry {
        name: name.to_string_lossy().into_owned(),
        kind: EntryKind::Other,
        bytes: 0,
        refused: String::new(),
    };
    match fs::metadata(path) {
        Ok(about) if about.is_dir() => entry.kind = EntryKind::Folder,
        Ok(about) if about.is_file() => {
            entry.kind = EntryKind::File;
            entry.bytes = about.len();
            // Sizes are told to everybody; whether it may be read shows only when it is opened.
            if let Err(error) = File::open(path) {
                entry.refused = error.to_string();
            }
        }
        // Pipes, sockets and devices: opening them may wait for ever.
        Ok(_) => {}
        Err(error) if fs::symlink_metadata(path).is_ok_and(|about| about.is_symlink()) => {
            entry.kind = match error.kind() {
                ErrorKind::PermissionDenied => EntryKind::File,
                _ => EntryKind::Dangling,
            };
            entry.refused = error.to_string();
        }
        Err(error) => {
            entry.kind = EntryKind::File;
            entry.refused = error.to_string();
        }
    }
    entry
}
