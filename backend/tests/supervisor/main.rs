//! The supervisor against a real OpenSSH server: launches, ends, and the faults that break job runners.

mod added;
mod away;

mod chat;
mod container;
mod followed;
mod gpus;
mod imports;
mod launch;
mod leases;
mod logs;
mod places;
mod preflight;
mod stops;
mod support;
mod telemetry;
mod transfers;
mod wires;
mod yard;

use std::path::Path;

use crate::support::{Console, Sshd, lives, wait_until};
use domain::jobs::{State, Success};

const CLOSING: &str = "End time of running main: ";

fn closing() -> Success {
    Success::ClosingLine {
        contains: CLOSING.to_owned(),
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// A launched script leaves its pid there, so that tests can look for it.
fn long_running(pid_file: &Path) -> String {
    format!(
        "echo $$ > {0}.new; mv {0}.new {0}; exec sleep 600",
        pid_file.display()
    )
}

#[tokio::test]
async fn success_needs_exit_code_zero_and_the_closing_line() {
    let (sshd, work) = (Sshd::start(), tempfile::tempdir().expect("a folder"));
    let console = Console::start().await;
    let nodes = console.nodes(&sshd, work.path(), 2).await;
    let done = format!("echo \"{CLOSING}now\"");
    let good = console
        .submit("good", closing(), &[(&nodes[0], &done), (&nodes[1], &done)])
        .await;
    let silent = console
        .submit("silent", closing(), &[(&nodes[0], "exit 0")])
        .await;
    let bad = console
        .submit("bad", closing(), &[(&nodes[0], &format!("{done}; exit 3"))])
        .await;
    assert_eq!(console.until_ended(&good).await.state, State::Succeeded);
    let State::Failed { cause } = console.until_ended(&silent).await.state else {
        panic!("an exit code alone is no success")
    };
    assert!(cause.en.contains("closing line"), "{cause}");
    let State::Failed { cause } = console.until_ended(&bad).await.state else {
        panic!("exit code 3 is no success")
    };
    assert!(cause.en.contains("exit code 3"), "{cause}");
}

#[tokio::test]
async fn the_same_launch_key_is_one_job_and_one_start() {
    let (sshd, work) = (Sshd::start(), tempfile::tempdir().expect("a folder"));
    let console = Console::start().await;
    let nodes = console.nodes(&sshd, work.path(), 1).await;
    let count = work.path().join("starts");
    let script = format!("echo start >> {}; echo '{CLOSING}'", count.display());
    let first = console
        .submit("key", closing(), &[(&nodes[0], &script)])
        .await;
    let second = console
        .submit("key", closing(), &[(&nodes[0], &script)])
        .await;
    assert_eq!(first, second);
    // Two consoles over the same database.
    let other = Console::open(&console.folder).await;
    let (one, two) = tokio::join!(console.until_ended(&first), other.until_ended(&first));
    assert_eq!((one.state, two.state), (State::Succeeded, State::Succeeded));
    assert_eq!(read(&count), "start\n");
}

#[tokio::test]
async fn a_restarted_console_adopts_what_runs() {
    let (sshd, work) = (Sshd::start(), tempfile::tempdir().expect("a folder"));
    let data = tempfile::tempdir().expect("a folder");
    let console = Console::open(data.path()).await;
    let nodes = console.nodes(&sshd, work.path(), 1).await;
    let gate = work.path().join("gate");
    let script = format!(
        "echo once; while [ ! -e {} ]; do sleep 0.05; done; echo '{CLOSING}'",
        gate.display()
    );
    let job = console
        .submit("key", closing(), &[(&nodes[0], &script)])
        .await;
    console
        .until(&job, "it runs", |view| view.state == State::Running)
        .await;
    drop(console);
    let console = Console::restart(data.path()).await;
    console
        .until(&job, "it is seen to run", |view| {
            view.state == State::Running && view.processes[0].phase == "running"
        })
        .await;
    std::fs::write(&gate, "").expect("opened");
    assert_eq!(console.until_ended(&job).await.state, State::Succeeded);
    assert_eq!(console.log(&job, 0).await, format!("once\n{CLOSING}\n"));
}

#[tokio::test]
async fn a_stopped_ssh_server_only_ages_the_last_look() {
    let (mut sshd, work) = (Sshd::start(), tempfile::tempdir().expect("a folder"));
    let console = Console::start().await;
    let nodes = console.nodes(&sshd, work.path(), 1).await;
    let gate = work.path().join("gate");
    let script = format!(
        "while [ ! -e {} ]; do sleep 0.05; done; echo '{CLOSING}'",
        gate.display()
    );
    let job = console
        .submit("key", closing(), &[(&nodes[0], &script)])
        .await;
    console
        .until(&job, "it runs", |view| view.state == State::Running)
        .await;
    sshd.stop();
    let away = console
        .until(&job, "the node is away", |view| {
            view.processes[0].unreachable_since.is_some()
        })
        .await;
    assert_eq!(away.state, State::Running, "unreachable is no state");
    std::fs::write(&gate, "").expect("opened");
    sshd.resume();
    assert_eq!(
        console.until_ended(&job).await.state,
        State::Succeeded,
        "the job went on without us"
    );
}

#[tokio::test]
async fn one_dead_rank_stops_the_others() {
    let (sshd, work) = (Sshd::start(), tempfile::tempdir().expect("a folder"));
    let console = Console::start().await;
    let nodes = console.nodes(&sshd, work.path(), 2).await;
    let pid_file = work.path().join("pid");
    let waiting = long_running(&pid_file);
    let dying = format!(
        "while [ ! -e {} ]; do sleep 0.02; done; exit 1",
        pid_file.display()
    );
    let job = console
        .submit(
            "key",
            closing(),
            &[(&nodes[0], &waiting), (&nodes[1], &dying)],
        )
        .await;
    let ended = console.until_ended(&job).await;
    let State::Failed { cause } = ended.state else {
        panic!("{:?}", ended.state)
    };
    assert!(
        cause.en.contains("Rank 1"),
        "the dead rank is the cause, not the stopped one: {cause}"
    );
    assert!(!lives(read(&pid_file).trim()));
}

#[tokio::test]
async fn a_stop_reaches_what_ignores_term_left_its_session_and_erased_its_environment() {
    let (sshd, work) = (Sshd::start(), tempfile::tempdir().expect("a folder"));
    let console = Console::start().await;
    let nodes = console.nodes(&sshd, work.path(), 1).await;
    let (inner, outer, ready) = (
        work.path().join("inner"),
        work.path().join("outer"),
        work.path().join("ready"),
    );
    // The grandchild has a session of its own, ignores TERM, and its environment holds no cookie.
    let script = format!(
        "setsid env -i PATH=$PATH sh -c 'trap \"\" TERM; echo $$ > {inner}; while :; do sleep 1; done' &\n\
         trap '' TERM; echo $$ > {outer}; while [ ! -s {inner} ]; do sleep 0.02; done; echo > {ready}; while :; do sleep 1; done",
        inner = inner.display(),
        outer = outer.display(),
        ready = ready.display(),
    );
    let job = console
        .submit("key", closing(), &[(&nodes[0], &script)])
        .await;
    console
        .until(&job, "it runs", |view| {
            view.state == State::Running && ready.exists()
        })
        .await;
    let (inner, outer) = (
        read(&inner).trim().to_owned(),
        read(&outer).trim().to_owned(),
    );
    assert!(lives(&inner) && lives(&outer));
    backend::jobs::stop(&console.backend, &console.actor, &job)
        .await
        .expect("asked");
    assert_eq!(console.until_ended(&job).await.state, State::Stopped);
    assert!(!lives(&outer), "the program that ignores TERM lives on");
    assert!(
        !lives(&inner),
        "the grandchild that left its session lives on"
    );
}

#[tokio::test]
async fn a_killed_wrapper_is_lost_and_its_orphan_is_ended() {
    let (sshd, work) = (Sshd::start(), tempfile::tempdir().expect("a folder"));
    let console = Console::start().await;
    let nodes = console.nodes(&sshd, work.path(), 1).await;
    let pid_file = work.path().join("pid");
    let job = console
        .submit("key", closing(), &[(&nodes[0], &long_running(&pid_file))])
        .await;
    console
        .until(&job, "it runs", |view| {
            view.state == State::Running && pid_file.exists()
        })
        .await;
    let id = read(
        &work
            .path()
            .join(format!("node-0/.trainyard/jobs/{job}/0/id")),
    );
    let wrapper = id.split(' ').next().expect("a pid").to_owned();
    assert!(
        std::process::Command::new("kill")
            .args(["-9", &wrapper])
            .status()
            .expect("kill runs")
            .success()
    );
    wait_until("the wrapper is gone", || !lives(&wrapper)).await;
    let ended = console.until_ended(&job).await;
    assert!(
        matches!(ended.state, State::Lost { .. }),
        "{:?}",
        ended.state
    );
    assert!(!lives(read(&pid_file).trim()), "the orphan lives on");
}

#[tokio::test]
async fn a_full_disk_still_records_how_it_ended() {
    let (sshd, work) = (Sshd::start(), tempfile::tempdir().expect("a folder"));
    let console = Console::start().await;
    let disk = work.path().join("node-0");
    std::fs::create_dir_all(&disk).expect("a folder");
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"])
        .arg(&disk)
        .status()
        .expect("mount runs");
    assert!(
        mounted.success(),
        "this test mounts a small tmpfs and needs root"
    );
    let nodes = console.nodes(&sshd, work.path(), 1).await;
    let script = "cat /dev/zero > filler; echo full; exit 9";
    let job = console
        .submit("key", closing(), &[(&nodes[0], script)])
        .await;
    let ended = console.until_ended(&job).await;
    assert!(
        std::process::Command::new("umount")
            .arg("-l")
            .arg(&disk)
            .status()
            .expect("umount runs")
            .success()
    );
    let State::Failed { cause } = ended.state else {
        panic!("{:?}", ended.state)
    };
    assert!(cause.en.contains("exit code 9"), "{cause}");
}

#[tokio::test]
async fn a_half_open_connection_is_noticed_and_the_job_goes_on() {
    let (sshd, work) = (Sshd::start(), tempfile::tempdir().expect("a folder"));
    let console = Console::start().await;
    let nodes = console.nodes(&sshd, work.path(), 1).await;
    let gate = work.path().join("gate");
    let script = format!(
        "while [ ! -e {} ]; do sleep 0.05; done; echo '{CLOSING}'",
        gate.display()
    );
    let job = console
        .submit("key", closing(), &[(&nodes[0], &script)])
        .await;
    console
        .until(&job, "it runs", |view| view.state == State::Running)
        .await;
    sshd.signal_all("-STOP");
    let away = console
        .until(&job, "the node is away", |view| {
            view.processes[0].unreachable_since.is_some()
        })
        .await;
    assert_eq!(away.state, State::Running);
    std::fs::write(&gate, "").expect("opened");
    sshd.signal_all("-CONT");
    assert_eq!(console.until_ended(&job).await.state, State::Succeeded);
}

#[tokio::test]
async fn a_log_of_any_bytes_is_read_by_offset() {
    let (sshd, work) = (Sshd::start(), tempfile::tempdir().expect("a folder"));
    let console = Console::start().await;
    let nodes = console.nodes(&sshd, work.path(), 1).await;
    let script =
        format!("head -c 5000000 /dev/zero | tr '\\0' x; printf 'a\\rb\\377\\n'; echo '{CLOSING}'");
    let job = console
        .submit("key", closing(), &[(&nodes[0], &script)])
        .await;
    assert_eq!(console.until_ended(&job).await.state, State::Succeeded);
    let read = async |offset, limit| {
        backend::jobs::log(&console.backend, &console.actor, &job, 0, offset, limit)
            .await
            .expect("asked")
            .expect("a log")
    };
    let size = 5_000_000 + 5 + CLOSING.len() as u64 + 1;
    let head = read(Some(4_999_998), 7).await;
    assert_eq!(
        (head.bytes.as_ref(), head.size),
        (b"xxa\rb\xff\n".as_slice(), size)
    );
    let tail = read(None, 10).await;
    assert_eq!((tail.offset, tail.bytes.len()), (size - 10, 10));
}

#[tokio::test]
async fn a_launch_with_a_lower_epoch_is_refused_on_the_node() {
    use backend::executors::{Executor, Handle, SshExecutor, Submitted};
    let work = tempfile::tempdir().expect("a folder");
    let executor = SshExecutor::new(std::sync::Arc::new(backend::hosts::local::LocalHost));
    let handle = |epoch| Handle {
        job: "01936b2e-7a00-7000-8000-0123456789ab"
            .parse()
            .expect("an id"),
        rank: 0,
        epoch,
        work_folder: work.path().display().to_string(),
    };
    let spec = domain::jobs::ProcessSpec {
        rank: 0,
        node_id: backend::clock::new_id(),
        gpus: Vec::new(),
        script: "true".to_owned(),
        files: Vec::new(),
    };
    assert_eq!(
        executor.submit(&handle(2), &spec).await,
        Ok(Submitted::Started)
    );
    assert_eq!(
        executor.submit(&handle(2), &spec).await,
        Ok(Submitted::Already)
    );
    assert_eq!(
        executor.submit(&handle(1), &spec).await,
        Ok(Submitted::Fenced)
    );
    assert_eq!(
        executor.submit(&handle(3), &spec).await,
        Ok(Submitted::Started)
    );
}
