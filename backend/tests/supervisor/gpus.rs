//! GPUs of ended jobs: kept while anything holds their memory, also what is not ours, and while nobody can tell.

use std::process::{Command, Stdio};

use backend::{background, jobs, nodes};
use domain::ids::{JobId, NodeId};
use domain::jobs::{JobSpec, Kind, ProcessSpec, State, Success};

use crate::support::{Console, Sshd, lives, wait_until};

/// Two GPUs; what lies in `apps` holds them. With `broken` it fails as a driver does that lost its devices. Counts its calls.
const NVIDIA_SMI: &str = r#"#!/bin/sh
here=$(dirname "$0")
[ -e "$here/broken" ] && { echo >> "$here/calls"; echo 'Failed to initialize NVML: Unknown Error'; exit 255; }
case "$*" in
*--query-compute-apps=gpu_uuid,pid,process_name*) echo >> "$here/calls"; cat "$here/apps" 2>/dev/null || : ;;
*--query-gpu=index,uuid*) printf '0, GPU-0\n1, GPU-1\n' ;;
*--query-gpu=index,name*) for n in 0 1; do echo "$n, NVIDIA A30, GPU-$n, 24576, 4, 0, 31, 29.9"; done ;;
*) echo "Field is not a valid field to query: $*"; exit 2 ;;
esac
"#;

struct Fixture {
    console: Console,
    sshd: Sshd,
    node: NodeId,
    _work: tempfile::TempDir,
}

async fn ready() -> Fixture {
    let (sshd, work) = (Sshd::start(), tempfile::tempdir().expect("a folder"));
    sshd.install("nvidia-smi", NVIDIA_SMI);
    let console = Console::start().await;
    let node = console.nodes(&sshd, work.path(), 1).await.remove(0);
    Fixture {
        console,
        sshd,
        node,
        _work: work,
    }
}

impl Fixture {
    fn apps(&self, lines: &str) {
        std::fs::write(self.sshd.bin("apps"), lines).expect("written");
    }

    async fn submit(&self, key: &str, gpus: &[u32], script: &str) -> backend::Result<JobId> {
        let actor = &self.console.actor;
        let process = ProcessSpec {
            rank: 0,
            node_id: self.node.clone(),
            gpus: gpus.to_vec(),
            script: script.to_owned(),
            files: Vec::new(),
        };
        let new = jobs::NewJob {
            project: actor.project.clone(),
            creator: actor.user.clone(),
            title: key.to_owned(),
            subject: String::new(),
            launch_key: key.to_owned(),
            spec: JobSpec {
                kind: Kind::Train,
                processes: vec![process],
                success: Success::ExitCode,
            },
        };
        jobs::submit(&self.console.backend, new).await
    }

    async fn pass(&self) {
        background::job_reconciler::activate(self.console.backend.clone())
            .await
            .expect("an activation");
    }

    async fn reserved(&self) -> Vec<u32> {
        let held = self.console.backend.store().reservations_of(&self.node);
        held.await
            .expect("read")
            .iter()
            .map(|(gpu, _)| *gpu)
            .collect()
    }

    /// Passes until the node was asked `times` more what holds its GPUs.
    async fn is_asked(&self, times: usize) {
        let calls = self.sshd.bin("calls");
        let count = || std::fs::read(&calls).unwrap_or_default().len();
        let before = count();
        for _ in 0..2000 {
            self.pass().await;
            if count() >= before + times {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("nobody asked what holds the GPUs");
    }

    async fn until_free(&self) {
        for _ in 0..2000 {
            self.pass().await;
            if self.reserved().await.is_empty() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("the GPUs were not freed");
    }
}

#[tokio::test]
async fn a_foreign_process_keeps_a_gpu_is_named_and_lives_on() {
    let fixture = ready().await;
    let console = &fixture.console;
    let mut stranger = Command::new("sleep")
        .arg("600")
        .stdin(Stdio::null())
        .spawn()
        .expect("sleep runs");
    let pid = stranger.id();
    fixture.apps(&format!("GPU-0, {pid}, python3 their.py\n"));
    let job = fixture
        .submit("one", &[0], "true")
        .await
        .expect("submitted");
    assert_eq!(console.until_ended(&job).await.state, State::Succeeded);
    fixture.is_asked(3).await;
    assert_eq!(fixture.reserved().await, [0], "its memory is held");
    let view = nodes::probe_now(&console.backend, &console.actor, &fixture.node).await;
    let view = view.expect("looked");
    let holder = view.foreign_holder(0).expect("seen");
    let text = format!("held by PID {pid} python3 their.py (not ours)");
    assert_eq!(holder.text().en, text);
    assert_eq!(view.foreign_holder(1), None);
    let refused = fixture.submit("two", &[0], "true").await.expect_err("held");
    assert!(refused.to_string().contains(&text), "{refused}");
    assert!(lives(&pid.to_string()), "a stranger was killed");
    stranger.kill().expect("ended");
    stranger.wait().expect("ended");
    fixture.apps("");
    fixture.until_free().await;
}

#[tokio::test]
async fn a_process_of_ours_is_known_also_when_it_erased_its_environment() {
    let fixture = ready().await;
    let console = &fixture.console;
    let script = "sleep 600 & echo $! > a; setsid env -i sleep 601 & echo $! > b; wait";
    let job = fixture
        .submit("one", &[0, 1], script)
        .await
        .expect("submitted");
    console
        .until(&job, "it runs", |view| view.state == State::Running)
        .await;
    let folder = fixture._work.path().join("node-0");
    let pid = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    let family = folder.join(format!(".trainyard/jobs/{job}/0/family"));
    wait_until("both are noted", || {
        let family = std::fs::read_to_string(&family).unwrap_or_default();
        let is_noted = |name| {
            let pid = pid(name);
            !pid.is_empty() && family.contains(&format!("{} ", pid.trim()))
        };
        is_noted("a") && is_noted("b")
    })
    .await;
    let (a, b) = (pid("a"), pid("b"));
    fixture.apps(&format!(
        "GPU-0, {}, sleep\nGPU-1, {}, sleep\n",
        a.trim(),
        b.trim()
    ));
    let view = nodes::probe_now(&console.backend, &console.actor, &fixture.node).await;
    let gpus = view.expect("looked").probe.expect("seen").gpus;
    assert!(
        gpus.iter()
            .all(|gpu| gpu.holders.len() == 1 && gpu.holders[0].is_ours),
        "{gpus:?}"
    );
    jobs::stop(&console.backend, &console.actor, &job)
        .await
        .expect("asked");
    console.until_ended(&job).await;
    fixture.apps("");
    fixture.until_free().await;
}

#[tokio::test]
async fn a_failing_nvidia_smi_frees_nothing() {
    let fixture = ready().await;
    std::fs::write(fixture.sshd.bin("broken"), "").expect("written");
    let job = fixture
        .submit("one", &[1], "true")
        .await
        .expect("submitted");
    fixture.console.until_ended(&job).await;
    let why = nodes::probe_now(
        &fixture.console.backend,
        &fixture.console.actor,
        &fixture.node,
    );
    assert!(
        why.await
            .expect("looked")
            .probe
            .expect("seen")
            .gpus
            .is_empty()
    );
    fixture.is_asked(3).await;
    assert_eq!(fixture.reserved().await, [1]);
    let store = fixture.console.backend.store();
    assert!(matches!(
        store.reservations_of_ended_jobs().await.expect("read")[..],
        [(ref held, _)] if *held == job
    ));
    std::fs::remove_file(fixture.sshd.bin("broken")).expect("mended");
    fixture.until_free().await;
    let again = fixture.submit("two", &[1], "true").await;
    fixture
        .console
        .until_ended(&again.expect("free again"))
        .await;
    fixture.until_free().await;
}
