//! Logs read over a real OpenSSH server: followed, replaced, searched, downloaded, and one of a gigabyte.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use backend::logs;
use domain::ids::JobId;
use domain::jobs::{State, Success, wrapper};
use domain::logs::{Ask, At, Find, Piece};
use futures::StreamExt;

use crate::support::{Console, Sshd};

struct Fixture {
    console: Console,
    _sshd: Sshd,
    _work: tempfile::TempDir,
    job: JobId,
    /// The log of the job's only process.
    path: PathBuf,
}

/// A job that runs until its log is no longer looked at.
async fn running(script: &str) -> Fixture {
    let (sshd, work) = (Sshd::start(), tempfile::tempdir().expect("a folder"));
    let console = Console::start().await;
    let node = console.nodes(&sshd, work.path(), 1).await.remove(0);
    let job = console
        .submit("log", Success::ExitCode, &[(&node, script)])
        .await;
    console
        .until(&job, "it runs", |view| view.state == State::Running)
        .await;
    let folder = work.path().join("node-0");
    let path = Path::new(&wrapper::folder(
        &folder.display().to_string(),
        job.as_str(),
        0,
    ))
    .join("log");
    Fixture {
        console,
        _sshd: sshd,
        _work: work,
        job,
        path,
    }
}

impl Fixture {
    fn name(&self) -> String {
        format!("{}/0", self.job)
    }

    async fn read(&self, at: At, inode: u64, is_following: bool) -> Piece {
        let ask = Ask {
            log: self.name(),
            at,
            inode,
            counted: None,
            is_expanded: false,
            find: Find::default(),
            is_following,
        };
        logs::read(&self.console.backend, &self.console.actor, &ask)
            .await
            .expect("read")
    }

    async fn found(&self, text: &str, is_regex: bool, near: u64) -> domain::logs::Found {
        let find = Find {
            text: text.to_owned(),
            is_regex,
            is_case_sensitive: false,
        };
        let (backend, actor) = (&self.console.backend, &self.console.actor);
        logs::search(backend, actor, &self.name(), &find, near)
            .await
            .expect("searched")
    }
}

#[tokio::test]
async fn a_log_is_told_of_as_it_grows_and_a_replaced_one_begins_anew() {
    let log = running("echo first; exec sleep 600").await;
    let mut changes = log.console.backend.changes().subscribe();
    let opened = log.read(At::End, 0, true).await;
    assert!(
        opened.is_there && opened.html.ends_with("first</p>"),
        "{opened:?}"
    );
    let mut file = File::options()
        .append(true)
        .open(&log.path)
        .expect("opened");
    let mut news = async || {
        loop {
            let change = tokio::time::timeout(Duration::from_secs(20), changes.recv());
            let change = change.await.expect("told in time").expect("told");
            if change.kind == "log" {
                assert_eq!(change.subject, log.name());
                return;
            }
        }
    };
    file.write_all(b"second\nhalf").expect("written");
    news().await;
    let second = log.read(At::After(opened.end), opened.inode, true).await;
    assert!(
        second.html.ends_with("second</p>") && second.open.ends_with("half</p>"),
        "{second:?}"
    );
    file.write_all(b" done\n").expect("written");
    news().await;
    let third = log.read(At::After(second.end), opened.inode, true).await;
    assert!(
        third.html.ends_with("half done</p>") && third.open.is_empty(),
        "{third:?}"
    );
    // Another file in its place, and then none.
    std::fs::write(log.path.with_extension("new"), "other\n").expect("written");
    std::fs::rename(log.path.with_extension("new"), &log.path).expect("renamed");
    news().await;
    let other = log.read(At::After(third.end), opened.inode, true).await;
    assert!(
        other.is_replaced && other.html.ends_with("other</p>"),
        "{other:?}"
    );
    std::fs::remove_file(&log.path).expect("removed");
    assert_eq!(log.read(At::End, 0, false).await, Piece::default());
}

#[tokio::test]
async fn a_search_that_takes_too_long_or_is_wrong_is_said() {
    let log = running("echo 'it'\"'\"'s $HOME; loss: 1'; exec sleep 600").await;
    assert_eq!(log.found("it's $HOME; l", false, 0).await.total, 1);
    assert_eq!(
        log.found(r"LOSS:\s\d", true, 0).await.hits[0].excerpt,
        "it's $HOME; loss: 1"
    );
    let find = Find {
        text: "(a".to_owned(),
        is_regex: true,
        is_case_sensitive: false,
    };
    let (backend, actor) = (&log.console.backend, &log.console.actor);
    let refused = logs::search(backend, actor, &log.name(), &find, 0).await;
    assert!(
        refused
            .expect_err("refused")
            .to_string()
            .contains("unclosed group")
    );
    // An expression that a backtracking engine would not come to an end with.
    std::fs::write(&log.path, "a".repeat(100_000) + "!\n").expect("written");
    let begun = Instant::now();
    assert_eq!(log.found(r"^(a+)+b$", true, 0).await.total, 0);
    assert!(begun.elapsed() < Duration::from_secs(20));
}

/// A gigabyte of lines as a training writes them, with three needles.
fn gigabyte(path: &Path) -> u64 {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).expect("created"));
    let mut written = 0u64;
    let mut step = 0u64;
    let needles = [1_000_000, 500_000_000, 999_000_000];
    let mut next = needles.iter().peekable();
    while written < 1_000_000_000 {
        let minute = step / 600;
        let mut line = format!(
            "2026-11-{:02} {:02}:{:02}:{:02} {{'loss': {}.25, 'grad_norm': 0.5, 'learning_rate': 0.0001, 'iteration': '{step}/9000000', 'memory(GiB)': 61.5}}\n",
            1 + minute / 1440,
            minute / 60 % 24,
            minute % 60,
            step / 10 % 60,
            step % 7,
        );
        if next.next_if(|at| written > **at).is_some() {
            line = format!("a needle at {written}\n");
        }
        file.write_all(line.as_bytes()).expect("written");
        written += line.len() as u64;
        step += 1;
    }
    file.flush().expect("written");
    written
}

/// Memory of this process that is in use, MiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .expect("VmRSS");
    line.split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse::<u64>().ok())
        .expect("a number")
        / 1024
}

#[tokio::test]
#[ignore = "writes a gigabyte; `make test-full` runs it"]
async fn a_gigabyte_is_opened_searched_and_gone_through_without_being_loaded() {
    let log = running("exec sleep 600").await;
    let size = gigabyte(&log.path);
    let before = memory();
    let timed = |begun: Instant| begun.elapsed().as_millis();
    // The first call makes the connection, as any page before it has.
    log.read(At::Around(0), 0, false).await;
    let begun = Instant::now();
    let end = log.read(At::End, 0, false).await;
    let opened = timed(begun);
    assert_eq!((end.size, end.end), (size, size));
    let begun = Instant::now();
    let found = log.found("NEEDLE", false, size).await;
    let text = timed(begun);
    assert_eq!(
        (found.total, found.hits.len(), found.is_complete),
        (3, 3, true)
    );
    let begun = Instant::now();
    let regex = log.found(r"needle at \d{9}", true, 0).await;
    let by_regex = timed(begun);
    assert_eq!(regex.total, 2);
    let begun = Instant::now();
    let common = log.found("loss", false, size / 2).await;
    let of_every_line = timed(begun);
    assert!(common.is_complete && common.total > 6_000_000 && common.hits.len() == 50);
    let hit = &found.hits[1];
    let begun = Instant::now();
    let around = log.read(At::Around(hit.offset), 0, false).await;
    let jumped = timed(begun);
    assert!(
        around.focus.is_some_and(|focus| focus <= hit.offset)
            && around.html.contains("a needle at")
    );
    let begun = Instant::now();
    let (backend, actor) = (&log.console.backend, &log.console.actor);
    let moment = logs::moment(backend, actor, &log.name(), "2026-11-04 12:34:56")
        .await
        .expect("found");
    let by_time = timed(begun);
    let there = log.read(At::Around(moment.offset), 0, false).await;
    assert!(there.html.contains("2026-11-04 12:34:56"));
    let begun = Instant::now();
    let mut download = logs::download(backend, actor, &log.job, 0)
        .await
        .expect("begun");
    let (mut bytes, mut most) = (0, 0);
    while let Some(piece) = download.pieces.next().await {
        bytes += piece.expect("read").len() as u64;
        most = most.max(memory());
    }
    let downloaded = timed(begun);
    assert_eq!((bytes, download.size), (size, size));
    println!(
        "1 GB log over OpenSSH: opened at its end {opened} ms, text {text} ms, regex {by_regex} ms, text in every line {of_every_line} ms, \
         jump {jumped} ms, time {by_time} ms, download {downloaded} ms; memory of the process {before} MiB before, at most {most} MiB"
    );
    assert!(opened <= 300, "{opened} ms to the first lines");
    assert!(
        most < before + 96,
        "{before} MiB before, {most} MiB while it was downloaded"
    );
}
