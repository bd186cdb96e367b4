//! The console is killed at each step of a launch: the next one adopts what it finds and starts nothing twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use backend::hosts::{Host, HostError, Limits, Login, Output, SshHost, Wire};
use bytes::Bytes;
use domain::jobs::{State, Success};
use tokio::sync::Notify;

use crate::support::{Console, Sshd};

/// Lets `left` commands through to the node; at the next one the console "dies": nothing ever comes back.
struct Dying {
    node: SshHost,
    left: Arc<AtomicUsize>,
    /// Whether the fatal command still reaches the node: it may, when only its answer is lost.
    arrives: bool,
    died: Arc<Notify>,
}

#[async_trait]
impl Host for Dying {
    async fn run(&self, command: &str, stdin: Bytes, limits: Limits) -> Result<Output, HostError> {
        let alive = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            })
            .is_ok();
        if alive || self.arrives {
            let output = self.node.run(command, stdin, limits).await;
            if alive {
                return output;
            }
        }
        self.died.notify_one();
        std::future::pending().await
    }

    async fn stream(&self, command: &str) -> Result<tokio::sync::mpsc::Receiver<Bytes>, HostError> {
        self.node.stream(command).await
    }

    async fn connect(&self, port: u16) -> Result<Box<dyn Wire>, HostError> {
        self.node.connect(port).await
    }
}

/// One launch on two nodes, killed after `steps` commands. False: the job ended before it came to that.
async fn is_killed_in(sshd: &Sshd, steps: usize, arrives: bool) -> bool {
    let (data, work) = (
        tempfile::tempdir().expect("a folder"),
        tempfile::tempdir().expect("a folder"),
    );
    let console = Console::open(data.path()).await;
    let nodes = console.nodes(sshd, work.path(), 2).await;
    let (left, died) = (Arc::new(AtomicUsize::new(steps)), Arc::new(Notify::new()));
    for id in &nodes {
        let node = console
            .backend
            .store()
            .node(id)
            .await
            .expect("read")
            .expect("stored");
        let login = Login {
            address: node.address.clone(),
            private_key: sshd.private_key(),
            host_key: node.host_key.clone(),
        };
        let dying = Dying {
            node: SshHost::new(login),
            left: left.clone(),
            arrives,
            died: died.clone(),
        };
        console.backend.hosts().place(
            id,
            node.address.clone(),
            node.host_key.clone(),
            Arc::new(dying),
        );
    }
    let script = "echo start >> starts; echo 'the end'";
    let success = Success::ClosingLine {
        contains: "the end".to_owned(),
    };
    let job = console
        .submit("key", success, &[(&nodes[0], script), (&nodes[1], script)])
        .await;
    let is_killed = tokio::select! {
        () = died.notified() => true,
        _ = console.until_ended(&job) => false,
    };
    drop(console);
    let next = Console::restart(data.path()).await;
    let ended = next.until_ended(&job).await;
    assert_eq!(
        ended.state,
        State::Succeeded,
        "killed after {steps} commands"
    );
    for rank in 0..2 {
        let starts = std::fs::read_to_string(work.path().join(format!("node-{rank}/starts")));
        assert_eq!(
            starts.expect("it started"),
            "start\n",
            "rank {rank}, killed after {steps} commands"
        );
    }
    is_killed
}

#[tokio::test]
async fn a_console_killed_at_any_step_of_a_launch_starts_each_rank_once() {
    let sshd = Sshd::start();
    for arrives in [false, true] {
        let mut steps = 0;
        while is_killed_in(&sshd, steps, arrives).await {
            steps += 1;
        }
        // Two looks, then folder and start on each node: fewer steps would mean that the kill never fell into the launch.
        assert!(steps >= 6, "only {steps} steps were seen");
    }
}

#[tokio::test]
async fn launches_of_one_epoch_at_the_same_moment_start_one_process() {
    use backend::executors::{Executor, Handle, SshExecutor, Submitted};
    let work = tempfile::tempdir().expect("a folder");
    let handle = Handle {
        job: backend::clock::new_id(),
        rank: 0,
        epoch: 1,
        work_folder: work.path().display().to_string(),
    };
    let spec = domain::jobs::ProcessSpec {
        rank: 0,
        node_id: backend::clock::new_id(),
        gpus: Vec::new(),
        script: "echo start >> starts; sleep 600".to_owned(),
        files: Vec::new(),
    };
    let executor = SshExecutor::new(Arc::new(backend::hosts::local::LocalHost));
    let launches =
        futures::future::join_all((0..12).map(|_| executor.submit(&handle, &spec))).await;
    let started = launches
        .iter()
        .filter(|launch| **launch == Ok(Submitted::Started))
        .count();
    assert_eq!(started, 1, "{launches:?}");
    assert_eq!(executor.reap(&handle, 1).await, Ok(0));
    let starts = std::fs::read_to_string(work.path().join("starts"));
    assert_eq!(starts.expect("it started"), "start\n");
}
