//! Files that clients send: leave to send one, the sending itself, and reading it back.
//!
//! Bytes lie in the data folder under their SHA-256, so that what is logged twice is there once; paths that clients choose are only
//! texts in a row. Clients send files without a cookie, so the address carries leave for exactly that file: who may send it and until
//! when, sealed under the console's key together with the address.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use domain::ids::{ExperimentId, UserId};
use domain::people::{Role, User};
use domain::tracking::media::{FileView, MediaList, MediaSeries, MediaView, Shape, shape};
use futures::{Stream, StreamExt};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::access::{actor_of_user, of_run};
use crate::people::random_text;
use crate::store::{FileRow, MediaRow};
use crate::{Actor, Backend, Error, Result, clock, experiments};

/// Leave to send a file ends after this long: an upload may wait for a slow one before it.
const LEAVE_MILLIS: i64 = 48 * 3600 * 1000;
/// Names of media and of kept files that a page lists, steps of each, and items of a step.
const SERIES_SHOWN: usize = 500;
const STEPS_SHOWN: usize = 10_000;
const ITEMS_SHOWN: u32 = 108;
const FILES_SHOWN: u32 = 1000;
const TEXT_BYTES: u64 = 64 << 10;

/// Leave for the actor to send what lies at or below `address` (a decoded path of ours).
pub fn leave(backend: &Backend, actor: &Actor, address: &str) -> Result<String> {
    let until = clock::now().plus_millis(LEAVE_MILLIS).0;
    let plain = format!("{} {until}", actor.user);
    let sealed = backend.secrets().seal(&about(address), plain.as_bytes())?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(sealed))
}

/// Who was given leave for this address. None: it was made up, is for another address, or has run out.
pub async fn actor_of_leave(
    backend: &Backend,
    address: &str,
    leave: &str,
) -> Result<Option<(User, Actor)>> {
    let opened = BASE64_URL_SAFE_NO_PAD
        .decode(leave)
        .ok()
        .and_then(|sealed| backend.secrets().unseal(&about(address), &sealed).ok())
        .and_then(|plain| String::from_utf8(plain).ok());
    let Some((user, until)) = opened.as_deref().and_then(|text| text.split_once(' ')) else {
        return Ok(None);
    };
    let is_over = until.parse().is_ok_and(|until: i64| until < clock::now().0);
    match user.parse::<UserId>() {
        Ok(user) if !is_over => actor_of_user(backend, &user).await,
        _ => Ok(None),
    }
}

fn about(address: &str) -> String {
    format!("leave to send {address}")
}

fn folder(backend: &Backend, name: &str) -> PathBuf {
    backend.settings().data_folder.join("media").join(name)
}

fn blob(backend: &Backend, sha256: &str) -> PathBuf {
    let (head, tail) = sha256.split_at_checked(2).unwrap_or(("", sha256));
    folder(backend, "blobs").join(head).join(tail)
}

/// A file that came this lately may be another run's, too, whose row is about to be written.
const SETTLED: std::time::Duration = std::time::Duration::from_secs(10);

/// Deletes files by their hash, once no row names them any more. One that cannot be deleted only takes up space.
pub(crate) async fn forget(backend: &Backend, hashes: &[String]) {
    for sha256 in hashes {
        let path = blob(backend, sha256);
        let written = tokio::fs::metadata(&path)
            .await
            .and_then(|about| about.modified());
        let is_settled = written.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > SETTLED));
        if is_settled && let Err(error) = tokio::fs::remove_file(&path).await {
            tracing::warn!(%error, path = %path.display(), "A file of a deleted experiment stays");
        }
    }
}

fn failed(doing: &'static str) -> impl FnOnce(std::io::Error) -> Error {
    Error::internal(doing)
}

/// A file as it comes in, hashed on the way; gone unless it is kept.
struct Incoming {
    path: PathBuf,
    file: tokio::fs::File,
    hash: Sha256,
    size: u64,
}

impl Incoming {
    async fn begin(backend: &Backend) -> Result<Incoming> {
        let folder = folder(backend, "incoming");
        tokio::fs::create_dir_all(&folder)
            .await
            .map_err(failed("make the folder of incoming files"))?;
        let path = folder.join(random_text(21)?);
        let file = tokio::fs::File::create_new(&path)
            .await
            .map_err(failed("make an incoming file"))?;
        Ok(Incoming {
            path,
            file,
            hash: Sha256::new(),
            size: 0,
        })
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        self.file
            .write_all(bytes)
            .await
            .map_err(failed("write an incoming file"))
    }

    /// Puts it where its content says; gives hash and size.
    async fn keep(mut self, backend: &Backend) -> Result<(String, u64)> {
        self.file
            .flush()
            .await
            .map_err(failed("write an incoming file"))?;
        self.file
            .sync_all()
            .await
            .map_err(failed("write an incoming file"))?;
        let sha256 = hex::encode(self.hash.clone().finalize());
        let place = blob(backend, &sha256);
        if let Some(folder) = place.parent() {
            tokio::fs::create_dir_all(folder)
                .await
                .map_err(failed("make a folder of files"))?;
        }
        tokio::fs::rename(&self.path, &place)
            .await
            .map_err(failed("keep a file"))?;
        Ok((sha256, self.size))
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // Broken off, or kept already: then there is nothing under this name.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Takes a file of a run as it comes. False: there is no such run for this person.
pub async fn receive<E>(
    backend: &Backend,
    actor: &Actor,
    run: &str,
    path: &str,
    content_type: &str,
    is_saved: bool,
    mut bytes: impl Stream<Item = Result<Bytes, E>> + Unpin,
) -> Result<bool>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let Some((actor, run)) = of_run(backend, actor, run).await? else {
        return Ok(false);
    };
    actor.needs(Role::Member)?;
    let mut incoming = Incoming::begin(backend).await?;
    while let Some(piece) = bytes.next().await {
        incoming
            .write(&piece.map_err(Error::internal("receive a file"))?)
            .await?;
    }
    let kept = incoming.keep(backend).await?;
    record(backend, &run.experiment, path, content_type, is_saved, kept).await?;
    Ok(true)
}

async fn record(
    backend: &Backend,
    experiment: &ExperimentId,
    path: &str,
    content_type: &str,
    is_saved: bool,
    (sha256, size_bytes): (String, u64),
) -> Result<()> {
    let row = FileRow {
        path: path.to_owned(),
        sha256,
        size_bytes,
        content_type: content_type.chars().take(200).collect(),
        is_saved,
        at: clock::now(),
    };
    backend.store().insert_file(experiment, &row).await
}

/// Where the parts of a large file wait for one another. None: the name is none of ours.
fn parts(backend: &Backend, upload: &str) -> Option<PathBuf> {
    let is_ours = upload.len() == 21 && upload.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_ours.then(|| folder(backend, "parts").join(upload))
}

/// A name for a file that comes in parts.
pub fn begin_parts() -> Result<String> {
    random_text(21)
}

/// Takes one part; gives its hash. None: no such upload.
pub async fn receive_part<E>(
    backend: &Backend,
    actor: &Actor,
    upload: &str,
    number: u32,
    mut bytes: impl Stream<Item = Result<Bytes, E>> + Unpin,
) -> Result<Option<String>>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    actor.needs(Role::Member)?;
    let Some(folder) = parts(backend, upload) else {
        return Ok(None);
    };
    tokio::fs::create_dir_all(&folder)
        .await
        .map_err(failed("make a folder of parts"))?;
    let mut incoming = Incoming::begin(backend).await?;
    while let Some(piece) = bytes.next().await {
        incoming
            .write(&piece.map_err(Error::internal("receive a part"))?)
            .await?;
    }
    incoming
        .file
        .flush()
        .await
        .map_err(failed("write a part"))?;
    let hash = hex::encode(incoming.hash.clone().finalize());
    tokio::fs::rename(&incoming.path, folder.join(number.to_string()))
        .await
        .map_err(failed("keep a part"))?;
    Ok(Some(hash))
}

/// Joins the parts 1 to `count` to the file. False: there is no such run or a part is missing.
pub async fn join_parts(
    backend: &Backend,
    actor: &Actor,
    run: &str,
    path: &str,
    upload: &str,
    count: u32,
) -> Result<bool> {
    let Some((actor, run)) = of_run(backend, actor, run).await? else {
        return Ok(false);
    };
    actor.needs(Role::Member)?;
    let Some(folder) = parts(backend, upload) else {
        return Ok(false);
    };
    let mut incoming = Incoming::begin(backend).await?;
    let mut piece = vec![0; 1 << 20];
    for number in 1..=count {
        let Ok(mut part) = tokio::fs::File::open(folder.join(number.to_string())).await else {
            return Ok(false);
        };
        loop {
            let read = part.read(&mut piece).await.map_err(failed("read a part"))?;
            if read == 0 {
                break;
            }
            incoming.write(&piece[..read]).await?;
        }
    }
    let kept = incoming.keep(backend).await?;
    let kind = "application/octet-stream";
    record(backend, &run.experiment, path, kind, true, kept).await?;
    // Its parts are of no use any more; a crash before this leaves them behind, no more.
    let _ = tokio::fs::remove_dir_all(&folder).await;
    Ok(true)
}

/// A file of an experiment, to be read. The place it is in says nothing to clients.
pub async fn open(
    backend: &Backend,
    actor: &Actor,
    id: &ExperimentId,
    path: &str,
) -> Result<(FileRow, tokio::fs::File)> {
    experiments::find(backend, actor, id).await?;
    let row = backend.store().file(id, path).await?;
    let row = row.ok_or(Error::NotFound("file"))?;
    let file = tokio::fs::File::open(blob(backend, &row.sha256))
        .await
        .map_err(failed("open a file"))?;
    Ok((row, file))
}

/// What an experiment has besides numbers.
pub async fn list(backend: &Backend, actor: &Actor, id: &ExperimentId) -> Result<MediaList> {
    experiments::find(backend, actor, id).await?;
    let mut series: Vec<MediaSeries> = Vec::new();
    for (name, _, step) in backend.store().media_steps(id).await? {
        if let Some(last) = series.last_mut().filter(|last| last.name == name) {
            if last.steps.len() < STEPS_SHOWN {
                last.steps.push(step);
            }
        } else if series.len() < SERIES_SHOWN {
            series.push(MediaSeries {
                name,
                steps: vec![step],
            });
        }
    }
    let files = backend.store().saved_files(id, FILES_SHOWN).await?;
    let files = files.into_iter().map(|file| FileView {
        path: file.path,
        size_bytes: file.size_bytes,
    });
    Ok(MediaList {
        series,
        files: files.collect(),
    })
}

/// What was logged under a name at a step.
pub async fn at_step(
    backend: &Backend,
    actor: &Actor,
    id: &ExperimentId,
    name: &str,
    step: i64,
) -> Result<Vec<MediaView>> {
    experiments::find(backend, actor, id).await?;
    let rows = backend
        .store()
        .media_at(id, name, step, ITEMS_SHOWN)
        .await?;
    let mut views = Vec::with_capacity(rows.len());
    for row in rows {
        views.push(view(backend, row).await?);
    }
    Ok(views)
}

async fn view(backend: &Backend, row: MediaRow) -> Result<MediaView> {
    let shape = shape(&row.kind, &row.item.said);
    let text = match (&row.file, shape) {
        (Some(file), Shape::Text) => {
            let path = blob(backend, &file.sha256);
            let mut bytes = Vec::new();
            let file = open_blob(&path).await?;
            file.take(TEXT_BYTES)
                .read_to_end(&mut bytes)
                .await
                .map_err(failed("read a text"))?;
            String::from_utf8_lossy(&bytes).into_owned()
        }
        // An old client's text has no file: it is the text.
        (None, Shape::Text) => bounded_text(&row.item.said),
        _ => String::new(),
    };
    Ok(MediaView {
        shape,
        caption: row.item.caption,
        text,
        size_bytes: row.file.as_ref().map_or(0, |file| file.size_bytes),
        path: row.file.map(|file| file.path),
    })
}

async fn open_blob(path: &Path) -> Result<tokio::fs::File> {
    tokio::fs::File::open(path)
        .await
        .map_err(failed("open a text"))
}

fn bounded_text(text: &str) -> String {
    let limit = usize::try_from(TEXT_BYTES).unwrap_or(usize::MAX);
    let mut kept = String::with_capacity(text.len().min(limit));
    for char in text.chars() {
        if kept.len() + char.len_utf8() > limit {
            break;
        }
        kept.push(char);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store;

    #[tokio::test]
    async fn a_deleted_experiment_takes_the_files_that_no_other_has() {
        let (store, folder) = store::tests::fresh().await;
        let (actor, gone) = store::tests::experiment(&store, None).await;
        let stays: ExperimentId = clock::new_id();
        store.insert_for_tests(&actor, &stays, "stays").await;
        let settings = crate::Settings::new(folder.path().to_owned());
        let backend = Backend::new(store, settings).expect("a key file");
        let (own, shared, fresh) = ("a".repeat(64), "b".repeat(64), "c".repeat(64));
        let hour_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
        for sha256 in [&own, &shared, &fresh] {
            let path = blob(&backend, sha256);
            std::fs::create_dir_all(path.parent().expect("below a folder")).expect("made");
            let file = std::fs::File::create(&path).expect("made");
            if sha256 != &fresh {
                file.set_modified(hour_ago).expect("aged");
            }
        }
        let row = |sha256: &str, path: &str| FileRow {
            path: path.to_owned(),
            sha256: sha256.to_owned(),
            size_bytes: 0,
            content_type: String::new(),
            is_saved: true,
            at: clock::now(),
        };
        for (experiment, sha256, path) in [
            (&gone, &own, "own"),
            (&gone, &shared, "shared"),
            (&gone, &fresh, "fresh"),
            (&stays, &shared, "shared"),
        ] {
            let store = backend.store();
            store
                .insert_file(experiment, &row(sha256, path))
                .await
                .expect("stored");
        }
        let name = experiments::find(&backend, &actor, &gone)
            .await
            .expect("read")
            .name;
        experiments::delete(&backend, &actor, &gone, &name)
            .await
            .expect("deleted");
        let is_there = |sha256: &str| blob(&backend, sha256).exists();
        assert!(!is_there(&own));
        assert!(is_there(&shared), "another run shows it");
        assert!(is_there(&fresh), "a run may be about to name it");
    }
}
