//! The data folder belongs to one console at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::{Backend, Error, Result};

/// The folder is ours for as long as this lives; the kernel lets it go with the process, however that ends.
#[derive(Debug)]
pub struct Held {
    _lock: File,
}

/// Takes the folder. Err(Some(pid)) inside: that process has it (None: it did not say).
pub fn hold(folder: &Path) -> Result<std::result::Result<Held, Option<u32>>> {
    let mut lock = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(folder.join("lock"))
        .map_err(Error::internal("open the data folder's lock"))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            lock.read_to_string(&mut text)
                .map_err(Error::internal("read the data folder's lock"))?;
            return Ok(Err(text.trim().parse().ok()));
        }
        Err(TryLockError::Error(error)) => {
            return Err(Error::internal("lock the data folder")(error));
        }
    }
    // For the message of whoever comes second.
    lock.set_len(0)
        .and_then(|()| lock.rewind())
        .and_then(|()| writeln!(lock, "{}", std::process::id()))
        .map_err(Error::internal("write the data folder's lock"))?;
    Ok(Ok(Held { _lock: lock }))
}

/// What an earlier console held goes to this one at once: as it holds the folder, the other has ended.
pub async fn take_over(backend: &Backend, _: &Held) -> Result<()> {
    backend.store().end_other_leases(backend.instance()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_folder_is_refused_until_it_is_let_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let held = hold(folder.path()).expect("locked").expect("free");
        let other = hold(folder.path()).expect("asked").err();
        assert_eq!(other, Some(Some(std::process::id())));
        drop(held);
        assert!(hold(folder.path()).expect("locked").is_ok());
    }
}
