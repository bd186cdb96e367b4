//! Where an import's files lie: on a node, or, uploaded, in the data folder.

use std::io::SeekFrom;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use domain::imports::{DEEPEST, FILES_LIMIT, Import};
use domain::metrics::tfevents::is_event_file_name;
use domain::nodes::Node;
use domain::shell::quote;
use domain::time::Timestamp;
use tokio::fs;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use crate::hosts::{Exit, Host, Limits, read_file};
use crate::{Backend, Error, Result, nodes};

/// Looking through many folders of a shared disk takes a while.
const LIST_SECS: u64 = 60;

pub(super) enum Source {
    Folder(PathBuf),
    Node {
        node: Box<Node>,
        host: Arc<dyn Host>,
        /// As the machine knows it.
        root: String,
    },
}

/// A file as a look finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    /// Below the import's folder.
    pub file: String,
    pub size: u64,
    pub changed_at: Timestamp,
}

/// Where uploads lie until they are read.
pub(super) fn uploads(backend: &Backend) -> PathBuf {
    backend.settings().data_folder.join("imports")
}

impl Source {
    pub async fn of(backend: &Backend, import: &Import) -> Result<Source> {
        let Some(node) = &import.node_id else {
            return Ok(Source::Folder(uploads(backend).join(&import.folder)));
        };
        let node = nodes::stored(backend, node).await?;
        Ok(Source::Node {
            root: nodes::reachable_path(&node, &import.folder)?,
            host: nodes::host(backend, &node).await?,
            node: Box::new(node),
        })
    }

    /// The event files, at most a few more than an import may have; None: there is no such folder or file.
    pub async fn list(&self) -> Result<Option<Vec<Listed>>> {
        match self {
            Source::Folder(root) => walk(root).await,
            Source::Node { node, host, root } => {
                let output = host
                    .run(
                        &list_command(root),
                        Bytes::new(),
                        Limits::of_secs(LIST_SECS),
                    )
                    .await
                    .map_err(|error| nodes::unreachable(node, &error))?;
                if output.exit == Exit::Code(66) {
                    return Ok(None);
                }
                Ok(Some(listed(root, &output.text())))
            }
        }
    }

    /// At most `limit` bytes from `offset`; None: the file is gone.
    pub async fn read(&self, file: &str, offset: u64, limit: u64) -> Result<Option<Bytes>> {
        match self {
            Source::Folder(root) => read_local(&root.join(file), offset, limit).await,
            Source::Node { node, host, root } => {
                // The folder that was named may be an event file itself.
                let is_root = root.rsplit('/').next() == Some(file);
                let whole = format!("{root}/{file}");
                for path in [root, &whole].into_iter().skip(usize::from(!is_root)) {
                    let slice = read_file(&**host, path, Some(offset), limit)
                        .await
                        .map_err(|error| nodes::unreachable(node, &error))?;
                    if let Some(slice) = slice {
                        return Ok(Some(slice.bytes));
                    }
                }
                Ok(None)
            }
        }
    }
}

/// Sizes, times and names of the event files at or below a path; 66: there is none such.
fn list_command(root: &str) -> String {
    format!(
        "p={}; if [ -f \"$p\" ]; then stat -L -c '%s %Y %n' \"$p\"; elif [ -d \"$p\" ]; then \
         find -L \"$p\" -maxdepth {} -type f -name '*tfevents*' -exec stat -L -c '%s %Y %n' {{}} + 2>/dev/null | head -n {}; \
         else exit 66; fi",
        quote(root),
        DEEPEST + 1,
        FILES_LIMIT + 1
    )
}

/// A name with a line end in it is no line of three words and is left out.
fn listed(root: &str, text: &str) -> Vec<Listed> {
    let folder = format!("{}/", root.trim_end_matches('/'));
    text.lines()
        .filter_map(|line| {
            let mut words = line.splitn(3, ' ');
            let size = words.next()?.parse().ok()?;
            let seconds: i64 = words.next()?.parse().ok()?;
            let path = words.next()?;
            let file = if path == root {
                path.rsplit('/').next()?
            } else {
                path.strip_prefix(&folder)?
            };
            Some(Listed {
                file: file.to_owned(),
                size,
                changed_at: Timestamp(seconds.saturating_mul(1000)),
            })
        })
        .collect()
}

/// The same below a folder of this machine.
async fn walk(root: &Path) -> Result<Option<Vec<Listed>>> {
    if !root.is_dir() {
        return Ok(None);
    }
    let failed = || Error::internal("list uploaded files");
    let (mut found, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        let mut entries = fs::read_dir(&folder).await.map_err(failed())?;
        while let Some(entry) = entries.next_entry().await.map_err(failed())? {
            let (path, about) = (entry.path(), entry.metadata().await.map_err(failed())?);
            if about.is_dir() {
                folders.push(path);
                continue;
            }
            let file = path
                .strip_prefix(root)
                .unwrap_or(&path)
                .display()
                .to_string();
            if is_event_file_name(&file) {
                found.push(Listed {
                    file,
                    size: about.len(),
                    changed_at: Timestamp(0),
                });
            }
        }
    }
    Ok(Some(found))
}

async fn read_local(path: &Path, offset: u64, limit: u64) -> Result<Option<Bytes>> {
    let failed = || Error::internal("read an uploaded file");
    let mut file = match fs::File::open(path).await {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed()(error)),
    };
    file.seek(SeekFrom::Start(offset)).await.map_err(failed())?;
    let mut bytes = Vec::new();
    file.take(limit)
        .read_to_end(&mut bytes)
        .await
        .map_err(failed())?;
    Ok(Some(bytes.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosts::LocalHost;

    #[tokio::test]
    async fn a_node_lists_event_files_below_a_folder_and_a_single_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("it's a run");
        std::fs::create_dir_all(root.join("train")).expect("made");
        std::fs::write(root.join("events.out.tfevents.1"), "abc").expect("written");
        std::fs::write(root.join("train/events.out.tfevents.2"), "de").expect("written");
        std::fs::write(root.join("train/weights.bin"), "x").expect("written");
        let list = async |path: &Path| {
            let root = path.display().to_string();
            let output = LocalHost
                .run(&list_command(&root), Bytes::new(), Limits::default())
                .await
                .expect("it runs");
            let mut found: Vec<(String, u64)> = listed(&root, &output.text())
                .into_iter()
                .map(|listed| (listed.file, listed.size))
                .collect();
            found.sort();
            (output.exit, found)
        };
        let (_, found) = list(&root).await;
        assert_eq!(
            found,
            [
                ("events.out.tfevents.1".to_owned(), 3),
                ("train/events.out.tfevents.2".to_owned(), 2)
            ]
        );
        let (_, found) = list(&root.join("events.out.tfevents.1")).await;
        assert_eq!(found, [("events.out.tfevents.1".to_owned(), 3)]);
        assert_eq!(list(&root.join("absent")).await.0, Exit::Code(66));
    }
}
