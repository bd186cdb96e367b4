//! Logs that somebody reads as they grow: one session per node for all of them, however many people look.
//!
//! Open pages hear over `/events` that a log has grown and ask for what is new; the newest bytes are held here, so that fifty pages cost
//! the node no more than one. A log is followed for as long as pages go on asking for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use domain::ids::{NodeId, ProjectId};
use domain::nodes::Node;
use domain::time::Timestamp;
use tokio::task::JoinHandle;
use tokio::time::interval;

use super::now;
use crate::changes::Change;
use crate::hosts::{Followed, Follower, Frame, Part};
use crate::{Backend, Result, nodes};

/// Held of each log; who is further behind reads from the node.
const HELD: usize = 256 << 10;
/// How long a log is followed after it was last asked for. Pages ask at least every ten seconds.
const LEASE_MILLIS: i64 = 30_000;

/// The followed logs, by node.
#[derive(Default)]
pub struct Watches(Mutex<HashMap<NodeId, Watch>>);

struct Watch {
    files: Vec<Arc<File>>,
    task: JoinHandle<()>,
}

/// Which log, and who hears of it.
pub(super) struct Log {
    pub project: ProjectId,
    pub subject: String,
    pub path: String,
}

struct File {
    log: Log,
    tail: Mutex<Tail>,
}

/// The newest bytes of a file.
struct Tail {
    begin: u64,
    bytes: Vec<u8>,
    inode: u64,
    wanted_until: Timestamp,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tail {
    fn end(&self) -> u64 {
        self.begin + self.bytes.len() as u64
    }

    fn push(&mut self, offset: u64, inode: u64, bytes: &[u8]) {
        if offset != self.end() || (self.inode != 0 && inode != self.inode) {
            self.bytes.clear();
            self.begin = offset;
        }
        self.inode = inode;
        self.bytes.extend_from_slice(bytes);
        // Half at a time, so that not every line moves all bytes.
        if self.bytes.len() > HELD * 2 {
            let surplus = self.bytes.len() - HELD;
            self.bytes.drain(..surplus);
            self.begin += surplus as u64;
        }
    }
}

impl Watches {
    /// What is held of a log from `offset` on.
    pub(super) fn held(&self, node: &NodeId, path: &str, offset: u64, inode: u64) -> Option<Part> {
        let watches = locked(&self.0);
        let watch = watches
            .get(node)
            .filter(|watch| !watch.task.is_finished())?;
        let file = watch.files.iter().find(|file| file.log.path == path)?;
        let mut tail = locked(&file.tail);
        if tail.inode != inode || offset < tail.begin || offset > tail.end() {
            return None;
        }
        tail.wanted_until = now().plus_millis(LEASE_MILLIS);
        let from = usize::try_from(offset - tail.begin).ok()?;
        let length =
            (tail.bytes.len() - from).min(usize::try_from(super::PIECE).unwrap_or(usize::MAX));
        Some(Part {
            bytes: Bytes::copy_from_slice(&tail.bytes[from..from + length]),
            offset,
            size: tail.end(),
            inode,
            changed_at: 0,
            newlines_before: None,
        })
    }
}

/// Follows a log from the end of what was seen of it; one that is followed already goes on being.
pub(super) fn follow(backend: &Backend, node: &Node, log: Log, seen: &Part) {
    let wanted_until = now().plus_millis(LEASE_MILLIS);
    let mut watches = locked(&backend.watches().0);
    let known = watches.remove(&node.id);
    let mut files = Vec::new();
    if let Some(watch) = known {
        let file = watch.files.iter().find(|file| file.log.path == log.path);
        if let Some(file) = file
            && !watch.task.is_finished()
        {
            locked(&file.tail).wanted_until = wanted_until;
            watches.insert(node.id.clone(), watch);
            return;
        }
        watch.task.abort();
        let is_wanted =
            |file: &Arc<File>| file.log.path != log.path && locked(&file.tail).wanted_until > now();
        files.extend(watch.files.into_iter().filter(is_wanted));
    }
    files.push(Arc::new(File {
        log,
        tail: Mutex::new(Tail {
            begin: seen.offset,
            bytes: seen.bytes.to_vec(),
            inode: seen.inode,
            wanted_until,
        }),
    }));
    let (own, of_task, node_id) = (backend.clone(), files.clone(), node.id.clone());
    let node = node.clone();
    let task = tokio::spawn(async move {
        let stopping = own.stopping();
        tokio::select! {
            ended = attend(&own, &node, &of_task) => if let Err(error) = ended {
                tracing::debug!(node.id = %node.id, %error, "A watch of logs ended");
            },
            () = stopping.cancelled() => {}
        }
    });
    watches.insert(node_id, Watch { files, task });
}

async fn attend(backend: &Backend, node: &Node, files: &[Arc<File>]) -> Result<()> {
    let host = nodes::host(backend, node).await?;
    let away = |error| nodes::unreachable(node, &error);
    let followed: Vec<Followed> = files
        .iter()
        .map(|file| {
            let tail = locked(&file.tail);
            Followed {
                path: file.log.path.clone(),
                offset: tail.end(),
                inode: tail.inode,
            }
        })
        .collect();
    let mut follower = Follower::start(&*host, &followed).await.map_err(away)?;
    let mut ticks = interval(Duration::from_secs(5));
    loop {
        // Dropping `next` in mid-wait loses nothing: what arrived stays with the follower.
        let frame = tokio::select! {
            frame = follower.next() => frame.map_err(away)?,
            _ = ticks.tick() => {
                if files.iter().all(|file| locked(&file.tail).wanted_until <= now()) {
                    return Ok(());
                }
                continue;
            }
        };
        let (Frame::Added { index, .. } | Frame::Replaced { index }) = &frame;
        let Some(file) = files.get(*index) else {
            continue;
        };
        match &frame {
            Frame::Added {
                offset,
                inode,
                bytes,
                ..
            } => locked(&file.tail).push(*offset, *inode, bytes),
            Frame::Replaced { .. } => {
                let mut tail = locked(&file.tail);
                (tail.begin, tail.inode) = (0, 0);
                tail.bytes.clear();
            }
        }
        // Not stored: who missed it asks again within seconds anyway.
        backend.changes().announce(Change {
            number: 0,
            project: file.log.project.to_string(),
            kind: "log",
            subject: file.log.subject.clone(),
            detail: serde_json::json!({}),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_bytes_are_held_and_a_replaced_file_begins_anew() {
        let mut tail = Tail {
            begin: 10,
            bytes: b"ab".to_vec(),
            inode: 1,
            wanted_until: Timestamp(0),
        };
        tail.push(12, 1, b"cd");
        assert_eq!(
            (tail.begin, tail.end(), tail.bytes.as_slice()),
            (10, 14, b"abcd".as_slice())
        );
        for at in 0..9u64 {
            tail.push(14 + at * 65_536, 1, &[b'x'; 65_536]);
        }
        assert!((HELD..HELD * 2).contains(&tail.bytes.len()));
        assert_eq!(tail.end(), 14 + 9 * 65_536);
        tail.push(0, 2, b"new");
        assert_eq!((tail.begin, tail.bytes.as_slice()), (0, b"new".as_slice()));
    }
}
