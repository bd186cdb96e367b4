//! The load of a training's GPUs, asked of a real shell with an `nvidia-smi` that now and then fails.

use std::path::Path;
use std::process::Command;

use backend::background::telemetry;
use backend::store::Origin;
use domain::jobs::{ProcessSpec, State};
use domain::metrics::{Batch, Labels, Point, SeriesKey, Source};

use crate::support::{Console, Sshd, wait_until};

/// As nvidia-smi answers on a machine with three GPUs, one of which knows no power. Counts its calls.
const NVIDIA_SMI: &str = r#"#!/bin/sh
here=$(dirname "$0")
case "$*" in
"--query-gpu=index,utilization.gpu,memory.used,power.draw,temperature.gpu --format=csv,noheader,nounits")
  echo >> "$here/calls"
  [ -e "$here/broken" ] && { echo 'Failed to initialize NVML: Unknown Error'; exit 255; }
  printf '0, 3, 512, 40.10, 30\n1, 97, 71680, 612.35, 58\n2, 99, 1024, [N/A], 59\n' ;;
*) exit 2 ;;
esac
"#;

fn git(folder: &Path, arguments: &[&str]) {
    let done = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["-c", "user.name=a", "-c", "user.email=a@b"])
        .args(arguments)
        .output()
        .expect("git runs");
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

#[tokio::test]
async fn a_training_gets_the_load_of_its_own_gpus_beside_its_steps_and_a_failing_driver_only_a_gap()
{
    let (sshd, work) = (Sshd::start(), tempfile::tempdir().expect("a folder"));
    sshd.install("nvidia-smi", NVIDIA_SMI);
    let console = Console::start().await;
    let node = console.nodes(&sshd, work.path(), 1).await.remove(0);
    let tree = work.path().join("node-0");
    git(&tree, &["init", "-q", "-b", "trunk"]);
    git(&tree, &["commit", "-q", "--allow-empty", "-m", "x"]);
    let process = ProcessSpec {
        rank: 0,
        node_id: node,
        gpus: vec![1, 2],
        script: "exec sleep 600".to_owned(),
        files: Vec::new(),
    };
    let (experiment, job) = console.launch("run", process).await;
    let view = console
        .until(&job, "it runs", |view| view.state == State::Running)
        .await;
    let backend = &console.backend;
    let of = |source| Origin {
        experiment: &experiment,
        attempt: 1,
        source,
    };
    let loss = Point {
        step: 7,
        time_millis: 1,
        value: 1.5,
    };
    let batch: Batch = [(SeriesKey::plain("loss"), loss)].into_iter().collect();
    backend
        .store()
        .append_points(&of(Source::Jsonl), &batch, None)
        .await
        .expect("stored");
    let calls = || std::fs::read_to_string(sshd.bin("calls")).map_or(0, |text| text.len());
    let sampled = async |times: usize| {
        let before = calls();
        telemetry::activate(backend.clone())
            .await
            .expect("an activation");
        wait_until("it was asked", || calls() == before + times).await;
    };
    let summaries = async || {
        let all = backend.store().summaries(&experiment).await.expect("read");
        all.into_iter()
            .filter(|one| one.source == Source::Sampled)
            .collect::<Vec<_>>()
    };
    let until_points = async |count: u64| {
        for _ in 0..500 {
            let all = summaries().await;
            if all.iter().map(|one| one.count).sum::<u64>() == count {
                return all;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("{count} points did not come: {:?}", summaries().await);
    };
    sampled(1).await;
    let all = until_points(7).await;
    let value = |name: &str, gpu: u32| {
        let labels = Labels::default().with("node", "node-0").with("gpu", gpu);
        let found = all
            .iter()
            .find(|one| one.key.name == name && one.key.labels == labels)?;
        assert_eq!(found.last_step, 7, "the newest step of the run");
        found.last
    };
    assert_eq!(value("gpu_utilization", 1), Some(97.0));
    assert_eq!(value("gpu_memory_gib", 1), Some(70.0));
    assert_eq!(value("gpu_power_w", 1), Some(612.35));
    assert_eq!(value("gpu_temperature_c", 2), Some(59.0));
    assert_eq!(value("gpu_power_w", 2), None, "not known");
    assert_eq!(value("gpu_utilization", 0), None, "somebody else's");
    // A driver that fails leaves a gap; the training goes on.
    std::fs::write(sshd.bin("broken"), "").expect("broken");
    sampled(1).await;
    std::fs::remove_file(sshd.bin("broken")).expect("mended");
    sampled(1).await;
    until_points(14).await;
    let after = backend::jobs::get(backend, &console.actor, &job)
        .await
        .expect("the job");
    assert_eq!(
        (after.state, after.processes[0].unreachable_since),
        (State::Running, view.processes[0].unreachable_since)
    );
    let profile = backend
        .store()
        .profile_of(&experiment)
        .await
        .expect("read")
        .expect("there");
    assert_eq!(profile.metadata["git_branch"], "trunk");
    assert_eq!(
        profile.metadata["git_commit"].as_str().map(str::len),
        Some(40)
    );
    assert!(
        profile.metadata["hostname"]
            .as_str()
            .is_some_and(|name| name.ends_with("(node-0)"))
    );
    // What has ended is asked for no more.
    backend::jobs::stop(backend, &console.actor, &job)
        .await
        .expect("asked");
    console.until_ended(&job).await;
    let before = calls();
    telemetry::activate(backend.clone())
        .await
        .expect("an activation");
    assert_eq!(calls(), before);
}
