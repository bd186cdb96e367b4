//! What a stop must reach although it hides, and what it must leave alone.

use std::path::Path;
use std::process::{Command, Stdio};

use domain::jobs::{State, Success};

use crate::support::{Console, Sshd, lives, wait_until};

fn pid_in(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.trim().to_owned()
}

#[tokio::test]
async fn a_stop_reaches_a_daemon_whose_parent_has_left() {
    let (sshd, work) = (Sshd::start(), tempfile::tempdir().expect("a folder"));
    let console = Console::start().await;
    let nodes = console.nodes(&sshd, work.path(), 1).await;
    let (daemon, gate) = (work.path().join("daemon"), work.path().join("gate"));
    // A session of its own, no cookie in its environment; its parent leaves once the gate opens, so that nothing leads to it.
    let script = format!(
        "(setsid env -i PATH=$PATH sh -c 'trap \"\" TERM; echo $$ > {daemon}; while :; do sleep 1; done' & \
         while [ ! -e {gate} ]; do sleep 0.05; done) &\nwhile :; do sleep 1; done",
        daemon = daemon.display(),
        gate = gate.display(),
    );
    let job = console
        .submit("key", Success::ExitCode, &[(&nodes[0], &script)])
        .await;
    let family = work
        .path()
        .join(format!("node-0/.trainyard/jobs/{job}/0/family"));
    let noted = || {
        let pid = pid_in(&daemon);
        let family = std::fs::read_to_string(&family).unwrap_or_default();
        !pid.is_empty()
            && family
                .lines()
                .any(|line| line.starts_with(&format!("{pid} ")))
    };
    console
        .until(&job, "the daemon is noted", |view| {
            view.state == State::Running && noted()
        })
        .await;
    let pid = pid_in(&daemon);
    std::fs::write(&gate, "").expect("opened");
    let parent = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    wait_until("the daemon is an orphan", || {
        let stat = parent();
        let (_, rest) = stat.rsplit_once(") ").unwrap_or_default();
        let parent = rest.split(' ').nth(1).unwrap_or_default().to_owned();
        let name = std::fs::read_to_string(format!("/proc/{parent}/environ")).unwrap_or_default();
        !parent.is_empty() && !name.contains("TRAINYARD_COOKIE")
    })
    .await;
    backend::jobs::stop(&console.backend, &console.actor, &job)
        .await
        .expect("asked");
    assert_eq!(console.until_ended(&job).await.state, State::Stopped);
    assert!(!lives(&pid), "the daemon lives on");
}

#[tokio::test]
async fn a_stop_works_on_a_full_disk() {
    let (sshd, work) = (Sshd::start(), tempfile::tempdir().expect("a folder"));
    let console = Console::start().await;
    let disk = work.path().join("node-0");
    std::fs::create_dir_all(&disk).expect("a folder");
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"])
        .arg(&disk)
        .status()
        .expect("mount runs");
    assert!(mounted.success(), "this test mounts a tmpfs and needs root");
    let nodes = console.nodes(&sshd, work.path(), 1).await;
    let pid_file = work.path().join("pid");
    let script = format!(
        "trap '' TERM; cat /dev/zero > filler; echo $$ > {}; while :; do sleep 1; done",
        pid_file.display()
    );
    let job = console
        .submit("key", Success::ExitCode, &[(&nodes[0], &script)])
        .await;
    console
        .until(&job, "the disk is full", |view| {
            view.state == State::Running && !pid_in(&pid_file).is_empty()
        })
        .await;
    backend::jobs::stop(&console.backend, &console.actor, &job)
        .await
        .expect("asked");
    let ended = console.until_ended(&job).await;
    let unmounted = Command::new("umount").arg("-l").arg(&disk).status();
    assert!(unmounted.expect("umount runs").success());
    assert_eq!(ended.state, State::Stopped);
    assert_eq!(
        ended.processes[0].exit_code,
        Some(137),
        "the supervising shell goes last and records the end"
    );
    assert!(!lives(&pid_in(&pid_file)));
}

#[tokio::test]
async fn a_stop_leaves_strangers_alone() {
    let (sshd, work) = (Sshd::start(), tempfile::tempdir().expect("a folder"));
    let console = Console::start().await;
    let nodes = console.nodes(&sshd, work.path(), 1).await;
    let mut stranger = Command::new("setsid")
        .args(["sleep", "600"])
        .stdin(Stdio::null())
        .spawn()
        .expect("setsid runs");
    let job = console
        .submit("key", Success::ExitCode, &[(&nodes[0], "sleep 600")])
        .await;
    let other = console
        .submit("other", Success::ExitCode, &[(&nodes[0], "sleep 600")])
        .await;
    for job in [&job, &other] {
        console
            .until(job, "it runs", |view| view.state == State::Running)
            .await;
    }
    // A number in the family file that is another's by now: the start ticks tell.
    let family = work
        .path()
        .join(format!("node-0/.trainyard/jobs/{job}/0/family"));
    std::fs::write(&family, format!("{} 1\n", stranger.id())).expect("written");
    backend::jobs::stop(&console.backend, &console.actor, &job)
        .await
        .expect("asked");
    assert_eq!(console.until_ended(&job).await.state, State::Stopped);
    assert!(lives(&stranger.id().to_string()), "a stranger was killed");
    let neighbour = backend::jobs::get(&console.backend, &console.actor, &other).await;
    assert_eq!(neighbour.expect("the job").state, State::Running);
    backend::jobs::stop(&console.backend, &console.actor, &other)
        .await
        .expect("asked");
    console.until_ended(&other).await;
    stranger.kill().expect("ended");
    stranger.wait().expect("ended");
}

#[tokio::test]
async fn programs_are_asked_to_leave_their_environment_as_it_is() {
    let (sshd, work) = (Sshd::start(), tempfile::tempdir().expect("a folder"));
    let console = Console::start().await;
    let nodes = console.nodes(&sshd, work.path(), 1).await;
    // setproctitle, with which engines rename their workers, erases it otherwise, and the cookie with it.
    let script = "sh -c 'echo \"$SPT_NOENV $TRAINYARD_COOKIE\"'";
    let job = console
        .submit("key", Success::ExitCode, &[(&nodes[0], script)])
        .await;
    assert_eq!(console.until_ended(&job).await.state, State::Succeeded);
    assert_eq!(console.log(&job, 0).await, format!("1 {job}.0.1\n"));
}
