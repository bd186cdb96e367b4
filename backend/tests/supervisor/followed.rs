//! A run's records, followed over SSH while their file is replaced, cut and read to its end.

use std::path::Path;
use std::time::{Duration, Instant};

use backend::background::log_follower;
use backend::store::Origin;
use domain::jobs::{ProcessSpec, State};
use domain::metrics::{SeriesKey, Source};

use crate::support::{Console, Sshd};

/// Puts a file with a record of each step in the place of `path`: another inode.
fn replace(path: &Path, steps: std::ops::RangeInclusive<i64>) {
    let lines: String = steps
        .map(|step| format!("{{\"loss\": {step}.5, \"iteration\": \"{step}/9\"}}\n"))
        .collect();
    let new = path.with_extension("new");
    std::fs::write(&new, lines).expect("written");
    std::fs::rename(new, path).expect("renamed");
}

#[tokio::test]
async fn a_file_that_is_replaced_is_read_anew_without_doubled_points() {
    let (sshd, work) = (Sshd::start(), tempfile::tempdir().expect("a folder"));
    let console = Console::start().await;
    let node = console.nodes(&sshd, work.path(), 1).await.remove(0);
    let (folder, gate) = (work.path().join("run"), work.path().join("gate"));
    std::fs::create_dir(&folder).expect("made");
    let file = folder.join("logging.jsonl");
    replace(&file, 1..=3);
    let script = format!(
        "echo '[INFO:swift] args.output_dir: {}'; while [ ! -e {} ]; do sleep 0.05; done",
        folder.display(),
        gate.display()
    );
    let backend = &console.backend;
    let process = ProcessSpec {
        rank: 0,
        node_id: node,
        gpus: Vec::new(),
        script,
        files: Vec::new(),
    };
    let (experiment, job) = console.launch("run", process).await;
    console
        .until(&job, "it runs", |view| view.state == State::Running)
        .await;
    let origin = Origin {
        experiment: &experiment,
        attempt: 1,
        source: Source::Jsonl,
    };
    let until_steps = async |wanted: &[i64]| {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            log_follower::activate(backend.clone())
                .await
                .expect("an activation");
            let points = backend
                .store()
                .points(&origin, &SeriesKey::plain("loss"), 0, 99)
                .await;
            let steps: Vec<i64> = points
                .expect("read")
                .iter()
                .map(|point| point.step)
                .collect();
            if steps == wanted {
                return;
            }
            assert!(
                Instant::now() < deadline && steps.len() <= wanted.len(),
                "{steps:?} instead of {wanted:?}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    until_steps(&[1, 2, 3]).await;
    replace(&file, 1..=5);
    until_steps(&[1, 2, 3, 4, 5]).await;
    // Shorter than what was read of it; its last step is new.
    replace(&file, 6..=6);
    until_steps(&[1, 2, 3, 4, 5, 6]).await;
    // Replaced after the end, with nobody following.
    std::fs::write(&gate, "").expect("opened");
    assert_eq!(console.until_ended(&job).await.state, State::Succeeded);
    replace(&file, 2..=8);
    until_steps(&[1, 2, 3, 4, 5, 6, 7, 8]).await;
}
