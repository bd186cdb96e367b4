//! Uploads: streamed to the data folder, read from there, then deleted.

use std::path::PathBuf;

use bytes::Bytes;
use domain::ids::ImportId;
use domain::imports::{FILES_LIMIT, Import, common_folder, upload_path};
use domain::metrics::tfevents::is_event_file_name;
use domain::people::Role;
use futures::{Stream, StreamExt};
use tokio::fs;
use tokio::io::AsyncWriteExt;

use super::{announce, read, source};
use crate::models::wrong;
use crate::{Actor, Backend, Error, Result, clock};

/// One upload at most.
const BYTES_LIMIT: u64 = 32 << 30;

/// An upload that is under way; dropped before its end, it leaves nothing.
pub struct Upload {
    id: ImportId,
    folder: PathBuf,
    files: Vec<String>,
    /// Files whose name says that they are something else.
    passed_over: usize,
    bytes: u64,
    is_kept: bool,
}

impl Upload {
    pub async fn begin(backend: &Backend, actor: &Actor) -> Result<Upload> {
        actor.needs(Role::Member)?;
        let id: ImportId = clock::new_id();
        let folder = source::uploads(backend).join(id.as_str());
        fs::create_dir_all(&folder)
            .await
            .map_err(Error::internal("make a folder for an upload"))?;
        Ok(Upload {
            id,
            folder,
            files: Vec::new(),
            passed_over: 0,
            bytes: 0,
            is_kept: false,
        })
    }

    /// Takes one file, `name` being its path as the browser says it. What is no event file is read and forgotten. Findings are on `files`.
    pub async fn take<E>(
        &mut self,
        name: &str,
        mut body: impl Stream<Item = std::result::Result<Bytes, E>> + Unpin,
    ) -> Result<()>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Some(path) = upload_path(name) else {
            return Err(wrong(
                "files",
                format!(
                    "\"{}\" is no path of a file below a folder.",
                    name.escape_debug()
                ),
                format!("“{}”不是目录下的文件路径。", name.escape_debug()),
            ));
        };
        let is_wanted = is_event_file_name(path.rsplit('/').next().unwrap_or(&path));
        if is_wanted && self.files.len() >= FILES_LIMIT {
            return Err(wrong(
                "files",
                format!("More than {FILES_LIMIT} files; upload them in parts."),
                format!("文件超过 {FILES_LIMIT} 个，请分批上传。"),
            ));
        }
        let failed = || Error::internal("write an uploaded file");
        let mut file = None;
        if is_wanted {
            let place = self.folder.join(&path);
            if let Some(folder) = place.parent() {
                fs::create_dir_all(folder).await.map_err(failed())?;
            }
            file = Some(fs::File::create(place).await.map_err(failed())?);
        }
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(|error| {
                let why = error.into();
                tracing::debug!(%why, "An upload broke off");
                wrong(
                    "files",
                    "The upload broke off; try again.",
                    "上传中断，请重试。",
                )
            })?;
            self.bytes += piece.len() as u64;
            if self.bytes > BYTES_LIMIT {
                let gib = BYTES_LIMIT >> 30;
                return Err(wrong(
                    "files",
                    format!(
                        "More than {gib} GiB; upload them in parts, or import a folder of a node."
                    ),
                    format!("超过 {gib} GiB，请分批上传，或从节点目录导入。"),
                ));
            }
            if let Some(file) = &mut file {
                file.write_all(&piece).await.map_err(failed())?;
            }
        }
        match file {
            Some(mut file) => {
                file.flush().await.map_err(failed())?;
                if !self.files.contains(&path) {
                    self.files.push(path);
                }
            }
            None => self.passed_over += 1,
        }
        Ok(())
    }

    /// All files are here: makes the import and its experiments. `name` empty: the chosen folder's.
    pub async fn finish(
        mut self,
        backend: &Backend,
        actor: &Actor,
        name: &str,
    ) -> Result<ImportId> {
        if self.files.is_empty() {
            return Err(match self.passed_over {
                0 => wrong("files", "Choose a folder or files.", "请选择目录或文件。"),
                count => wrong(
                    "files",
                    format!(
                        "None of the {count} files is a tfevents file: their names have `tfevents` in them."
                    ),
                    format!("{count} 个文件中没有 tfevents 文件（文件名应包含 tfevents）。"),
                ),
            });
        }
        let common = common_folder(self.files.iter().map(String::as_str));
        let folder = match common {
            Some(common) => format!("{}/{common}", self.id),
            None => self.id.to_string(),
        };
        let now = clock::now();
        let import = Import {
            id: self.id.clone(),
            project_id: actor.project.clone(),
            created_by: actor.user.clone(),
            name: match name.trim() {
                "" => common.unwrap_or("upload").to_owned(),
                name => name.to_owned(),
            },
            node_id: None,
            folder,
            is_open: true,
            trouble: None,
            created_at: now,
            grown_at: now,
        };
        // A folder of too many runs is refused before anything is stored.
        if let Some(found) = source::Source::of(backend, &import).await?.list().await? {
            read::within_limits(&found)?;
        }
        backend.store().insert_import(&import).await?;
        self.is_kept = true;
        announce(backend, &import.project_id, &import.id).await?;
        backend.wake();
        Ok(import.id)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.is_kept
            && let Err(error) = std::fs::remove_dir_all(&self.folder)
        {
            tracing::warn!(%error, "What a broken upload left could not be deleted");
        }
    }
}
