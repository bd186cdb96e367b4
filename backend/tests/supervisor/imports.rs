//! Event files on a node, read over SSH and followed while they grow, and uploads.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use backend::background::import_reader;
use backend::imports::{self, Upload};
use backend::{Error, store::Origin};
use bytes::Bytes;
use domain::ids::{ExperimentId, ImportId};
use domain::imports::ImportView;
use domain::metrics::tfevents::What;
use domain::metrics::{SeriesKey, Source};
use domain::tracking::RunState;

use crate::support::{Console, Sshd};

const CAPTURED: &[u8] = include_bytes!(
    "../../../domain/fixtures/megatron-swift-4.6.0/lora_sft/runs/events.out.tfevents.1795477389.vm.966.0"
);

fn record(data: &[u8]) -> Vec<u8> {
    let crc = |bytes: &[u8]| {
        let crc = crc32c::crc32c(bytes).rotate_right(15);
        crc.wrapping_add(0xa282_ead8).to_le_bytes()
    };
    let length = (data.len() as u64).to_le_bytes();
    [&length, &crc(&length)[..], data, &crc(data)].concat()
}

/// Events with one value each, of a tag of one letter; steps below 128.
fn events(tag: u8, steps: std::ops::Range<u8>) -> Vec<u8> {
    let one = |step: u8| {
        let value = f32::from(step).to_le_bytes();
        let mut data = vec![9];
        data.extend((1.7e9 + f64::from(step)).to_le_bytes());
        data.extend([0x10, step, 0x2a, 10, 0x0a, 8, 0x0a, 1, tag, 0x15]);
        data.extend(value);
        record(&data)
    };
    steps.flat_map(one).collect()
}

/// A START of a second session.
fn start(step: u8) -> Vec<u8> {
    let mut data = vec![9];
    data.extend(1.7e9f64.to_le_bytes());
    data.extend([0x10, step, 0x3a, 2, 8, 1]);
    record(&data)
}

fn append(path: &Path, bytes: &[u8]) {
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .expect("opened");
    file.write_all(bytes).expect("written");
}

/// Lets the loop run until the import stands as it should.
async fn until(
    console: &Console,
    id: &ImportId,
    what: &str,
    is_so: impl Fn(&ImportView) -> bool,
) -> ImportView {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        import_reader::activate(console.backend.clone())
            .await
            .expect("an activation");
        let view = imports::get(&console.backend, &console.actor, id)
            .await
            .expect("there");
        if is_so(&view) {
            return view;
        }
        assert!(
            Instant::now() < deadline,
            "waited in vain for {what}: {view:?}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn experiment(view: &ImportView, run: &str) -> ExperimentId {
    let found = view.runs.iter().find(|(own, _)| own.run == run);
    found.expect("the run is there").0.experiment_id.clone()
}

async fn steps(console: &Console, id: &ExperimentId, attempt: u32, tag: &str) -> Vec<i64> {
    let origin = Origin {
        experiment: id,
        attempt,
        source: Source::Tfevents,
    };
    let key = SeriesKey::plain(tag);
    let store = console.backend.store();
    let points = store.points(&origin, &key, i64::MIN, i64::MAX).await;
    points
        .expect("read")
        .iter()
        .map(|point| point.step)
        .collect()
}

fn read_to(bytes: usize) -> impl Fn(&ImportView) -> bool {
    move |view| view.files.iter().map(|file| file.offset).sum::<u64>() == bytes as u64
}

#[tokio::test]
async fn a_folder_of_a_node_is_followed_through_cut_records_restarts_and_new_runs() {
    let (sshd, work) = (Sshd::start(), tempfile::tempdir().expect("a folder"));
    let data = tempfile::tempdir().expect("a folder");
    let mut console = Console::open(data.path()).await;
    let node = console.nodes(&sshd, work.path(), 1).await.remove(0);
    let folder = work.path().join("it's a run");
    std::fs::create_dir_all(folder.join("eval")).expect("made");
    let (first, second) = (
        folder.join("events.out.tfevents.1"),
        folder.join("events.out.tfevents.2"),
    );
    let whole = events(b'l', 0..100);
    // Half a record at its end.
    append(&first, &whole[..whole.len() / 2 + 7]);
    append(
        &folder.join("eval/events.out.tfevents.1"),
        &events(b'e', 0..3),
    );
    let path = folder.display().to_string();
    let id = imports::from_node(&console.backend, &console.actor, &node, &path, "")
        .await
        .expect("imported");
    let one = events(b'l', 0..1).len();
    let so_far = (whole.len() / 2 + 7) / one * one;
    let view = until(&console, &id, "the first look", read_to(so_far + 3 * one)).await;
    assert!(view.import.is_open && view.import.name == "it's a run");
    let names: Vec<&str> = view.runs.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["it's a run", "it's a run/eval"]);
    let run = experiment(&view, ".");
    // The console is ended and another one goes on where the store stands; what came meanwhile is read once.
    drop(console);
    append(&first, &whole[whole.len() / 2 + 7..]);
    console = Console::open(data.path()).await;
    until(&console, &id, "the rest", read_to(whole.len() + 3 * one)).await;
    assert_eq!(
        steps(&console, &run, 1, "l").await,
        (0..100).collect::<Vec<_>>()
    );
    // The trainer is started again from step 80: a second file, and a new run below.
    append(&second, &[start(80), events(b'l', 80..120)].concat());
    std::fs::create_dir_all(folder.join("late")).expect("made");
    append(
        &folder.join("late/events.out.tfevents.9"),
        &events(b'n', 0..2),
    );
    let all = whole.len() + 3 * one + start(80).len() + 40 * one + 2 * one;
    let view = until(&console, &id, "the second attempt", read_to(all)).await;
    assert_eq!(
        steps(&console, &run, 1, "l").await,
        (0..100).collect::<Vec<_>>()
    );
    assert_eq!(
        steps(&console, &run, 2, "l").await,
        (80..120).collect::<Vec<_>>()
    );
    assert_eq!(
        steps(&console, &experiment(&view, "late"), 1, "n").await,
        [0, 1]
    );
    // A bit of the next record is wrong: it alone is left out, and named.
    let mut damaged = events(b'l', 120..123);
    damaged[one + 30] ^= 1;
    append(&second, &damaged);
    let view = until(&console, &id, "the damaged part", read_to(all + 3 * one)).await;
    assert_eq!(steps(&console, &run, 2, "l").await.last(), Some(&122));
    let file = view.files.iter().find(|file| file.file.ends_with(".2"));
    let damage = &file.expect("there").damage;
    let at = (start(80).len() + 41 * one) as u64;
    assert_eq!((damage[0].offset, damage[0].what), (at, What::BadChecksum));
    assert_eq!(steps(&console, &run, 2, "l").await.len(), 42);
    // The same folder again is the same import.
    let again = imports::from_node(&console.backend, &console.actor, &node, &path, "other")
        .await
        .expect("known");
    assert_eq!(again, id);
}

#[tokio::test]
async fn what_cannot_be_imported_is_said_beside_its_field() {
    let (sshd, work) = (Sshd::start(), tempfile::tempdir().expect("a folder"));
    let console = Console::start().await;
    let node = console.nodes(&sshd, work.path(), 1).await.remove(0);
    let (backend, actor) = (&console.backend, &console.actor);
    let empty = work.path().join("empty");
    std::fs::create_dir(&empty).expect("made");
    std::fs::write(empty.join("logging.jsonl"), "{}").expect("written");
    let absent = work.path().join("absent").display().to_string();
    for (path, word) in [
        (absent.as_str(), "no folder"),
        (empty.to_str().expect("text"), "No tfevents file"),
        ("runs", "not an absolute path"),
    ] {
        let Err(Error::Invalid(findings)) =
            imports::from_node(backend, actor, &node, path, "").await
        else {
            panic!("{path} was imported");
        };
        assert_eq!(findings[0].field, "path");
        assert!(findings[0].text.en.contains(word), "{}", findings[0].text);
    }
    assert!(
        imports::list(backend, actor)
            .await
            .expect("listed")
            .is_empty()
    );
}

#[tokio::test]
async fn an_upload_is_read_and_then_deleted() {
    let console = Console::start().await;
    let (backend, actor) = (&console.backend, &console.actor);
    let stream = |bytes: &'static [u8]| {
        let pieces = bytes.chunks(1000).map(Bytes::from_static);
        futures::stream::iter(pieces.map(Ok::<_, std::io::Error>).collect::<Vec<_>>())
    };
    let mut upload = Upload::begin(backend, actor).await.expect("begun");
    let long: &'static [u8] = vec![0; 100].leak();
    upload
        .take("lora/args.json", stream(long))
        .await
        .expect("taken");
    upload
        .take(
            "lora/runs/events.out.tfevents.1795477389.vm.966.0",
            stream(CAPTURED),
        )
        .await
        .expect("taken");
    assert!(
        upload
            .take("../../events.tfevents", stream(long))
            .await
            .is_err()
    );
    let id = upload.finish(backend, actor, "").await.expect("finished");
    let view = until(&console, &id, "its end", |view| !view.import.is_open).await;
    assert_eq!(view.import.name, "lora");
    assert_eq!(
        view.progress(),
        (CAPTURED.len() as u64, CAPTURED.len() as u64)
    );
    let run = experiment(&view, "runs");
    assert_eq!(
        steps(&console, &run, 1, "train/loss").await,
        (1..=47).collect::<Vec<_>>()
    );
    let shown = backend::experiments::get(backend, actor, &run)
        .await
        .expect("there");
    assert_eq!(shown.experiment.name, "lora/runs");
    let profile = backend.store().profile_of(&run).await.expect("read");
    assert_eq!(profile.expect("its arguments").config["lora_rank"], 8);
    let tracked = shown.tracked.expect("a run without a job");
    assert_eq!(tracked.state, RunState::Finished);
    assert_eq!(tracked.started_at.0, 1_795_477_389_000);
    assert_eq!(shown.progress.iteration, Some(47));
    let left = std::fs::read_dir(console.folder.join("imports")).expect("a folder");
    assert_eq!(left.count(), 0, "what was read is deleted");
    // An upload that is broken off leaves nothing, and one without event files says so.
    drop(Upload::begin(backend, actor).await.expect("begun"));
    let mut wrong = Upload::begin(backend, actor).await.expect("begun");
    wrong
        .take("weights.bin", stream(long))
        .await
        .expect("taken");
    let Err(Error::Invalid(findings)) = wrong.finish(backend, actor, "").await else {
        panic!("weights were imported");
    };
    assert!(findings[0].text.en.contains("None of the 1 files"));
    let left = std::fs::read_dir(console.folder.join("imports")).expect("a folder");
    assert_eq!(left.count(), 0);
}
