//! The only remote execution. `Host` is the one trait for machines: `ssh`, `local` and, for tests, `scripted`.

mod back_off;
mod first_contact;
mod follow;
mod inside;
mod keys;
pub mod local;
mod log_file;
mod pool;
mod said;
mod scripted;
mod ssh;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

pub use first_contact::{HostKey, first_contact};
pub use follow::{Followed, Follower, Frame};
pub use inside::InsideHost;
pub use keys::{EphemeralKey, ephemeral_key};
pub use local::LocalHost;
pub use log_file::{Grep, Part, Reading, UNCOUNTED, read_part, search};
pub use pool::Hosts;
pub use scripted::{Answer, ScriptedHost};
pub use ssh::{Login, SshHost};

/// Why nothing came back from a machine. Says nothing about the work on it: that may well go on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HostError {
    /// The name has no address.
    #[error("unknown host {0}")]
    UnknownHost(String),
    /// Nobody listens, or a firewall says no.
    #[error("{address}: {why}")]
    Refused { address: String, why: String },
    /// The host key is not the pinned one.
    #[error("the host key has changed")]
    HostKeyChanged,
    /// The key is not accepted for this user.
    #[error("the key is not accepted for user {0}")]
    KeyRefused(String),
    /// The private key cannot be read.
    #[error("the private key cannot be read: {0}")]
    KeyUnreadable(String),
    /// No answer within the time given.
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// Every session of the node is in use by calls of ours.
    #[error("all sessions of the node were in use for {} s", .0.as_secs())]
    Busy(Duration),
    /// The connection broke. What was started may still be running.
    #[error("the connection broke: {0}")]
    Broken(String),
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    /// Ended by this signal, named without `SIG` (`TERM`).
    Signal(String),
}

/// What a command left. Output beyond the limit is dropped and said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    pub stdout: Bytes,
    pub stderr: Bytes,
    pub exit: Exit,
    pub is_cut: bool,
}

impl Output {
    pub fn is_success(&self) -> bool {
        self.exit == Exit::Code(0)
    }

    /// Standard output as text; bytes that are not UTF-8 become U+FFFD.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The last line of standard error, for a person.
    pub fn complaint(&self) -> String {
        let text = String::from_utf8_lossy(&self.stderr);
        let last = text
            .lines()
            .rev()
            .find(|line| !line.trim().is_empty())
            .unwrap_or("");
        last.trim().chars().take(300).collect()
    }
}

/// Bounds of one command.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub time: Duration,
    /// Per stream.
    pub output_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            time: Duration::from_secs(30),
            output_bytes: 4 << 20,
        }
    }
}

impl Limits {
    /// For a look that is repeated anyway: who cannot answer it soon is as good as away.
    pub const LOOK: Limits = Limits {
        time: Duration::from_secs(5),
        output_bytes: 4 << 20,
    };

    pub fn of_secs(secs: u64) -> Self {
        Limits {
            time: Duration::from_secs(secs),
            ..Limits::default()
        }
    }
}

/// A connection to a port on the node's loopback.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A machine that runs POSIX sh.
#[async_trait]
pub trait Host: Send + Sync {
    /// Runs `command` with `sh`, feeding `stdin`. An error does not mean that it did not run: callers make commands repeatable.
    async fn run(&self, command: &str, stdin: Bytes, limits: Limits) -> Result<Output, HostError>;

    /// Runs a command that goes on, and hands over what it prints as it comes. It ends when the receiver is dropped and the command
    /// prints again; a stream that ends says nothing about why.
    async fn stream(&self, command: &str) -> Result<mpsc::Receiver<Bytes>, HostError>;

    /// Connects to a port on the machine's own loopback.
    async fn connect(&self, port: u16) -> Result<Box<dyn Wire>, HostError>;
}

/// A part of a file, as `read_file` answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    pub bytes: Bytes,
    /// Where `bytes` begins.
    pub offset: u64,
    /// Size of the whole file at that moment.
    pub size: u64,
    /// Changes when the file was replaced: reading on at an old offset would then mix two files.
    pub inode: u64,
}

/// Reads at most `limit` bytes from `offset`; None when there is no such file. `offset` None: the last `limit` bytes.
pub async fn read_file(
    host: &dyn Host,
    path: &str,
    offset: Option<u64>,
    limit: u64,
) -> Result<Option<Slice>, HostError> {
    let quoted = domain::shell::quote(path);
    // One shell, so that size, inode and bytes are of one moment (as near as sh comes to it).
    let from = match offset {
        Some(offset) => format!("o={offset}"),
        None => format!("o=$((s > {limit} ? s - {limit} : 0))"),
    };
    let command = format!(
        "f={quoted}; [ -f \"$f\" ] || exit 66; set -- $(stat -L -c '%s %i' \"$f\") && s=$1 i=$2 && {from} && echo \"$s $i $o\" && \
         tail -c +$((o + 1)) \"$f\" 2>/dev/null | head -c {limit}"
    );
    let limits = Limits {
        output_bytes: usize::try_from(limit)
            .unwrap_or(usize::MAX)
            .saturating_add(100),
        ..Limits::default()
    };
    let output = host.run(&command, Bytes::new(), limits).await?;
    if output.exit == Exit::Code(66) {
        return Ok(None);
    }
    let broken = || HostError::Broken(format!("reading {path}: {}", output.complaint()));
    let line_end = output
        .stdout
        .iter()
        .position(|byte| *byte == b'\n')
        .ok_or_else(broken)?;
    let line = std::str::from_utf8(&output.stdout[..line_end]).map_err(|_| broken())?;
    let mut numbers = line.split(' ').map(str::parse::<u64>);
    let (Some(Ok(size)), Some(Ok(inode)), Some(Ok(offset))) =
        (numbers.next(), numbers.next(), numbers.next())
    else {
        return Err(broken());
    };
    Ok(Some(Slice {
        bytes: output.stdout.slice(line_end + 1..),
        offset,
        size,
        inode,
    }))
}

/// Writes a small file whole: beside it first, then renamed, so that a reader never sees half of it.
pub async fn write_file(
    host: &dyn Host,
    path: &str,
    content: Bytes,
    mode: u32,
) -> Result<(), HostError> {
    let quoted = domain::shell::quote(path);
    let command = format!(
        "umask 077; f={quoted}; mkdir -p \"$(dirname \"$f\")\" && cat > \"$f.new\" && chmod {mode:o} \"$f.new\" && mv \"$f.new\" \"$f\""
    );
    let output = host.run(&command, content, Limits::default()).await?;
    if output.is_success() {
        Ok(())
    } else {
        Err(HostError::Broken(format!(
            "writing {path}: {}",
            output.complaint()
        )))
    }
}
