//! `trainyard checkpoint` as a person runs it, on folders whose index real torch wrote.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

fn fixture(ending: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../domain/fixtures/checkpoints");
    fs::read(folder.join(format!("torch-2.15.0-world-4.{ending}"))).expect("read")
}

/// A `checkpoint-N` as 4.x leaves it, its shards sparse files of the right length.
fn lay(run: &Path, iteration: u64) -> PathBuf {
    let folder = run.join(format!("checkpoint-{iteration}"));
    let shards = folder.join(format!("iter_{iteration:07}"));
    fs::create_dir_all(&shards).expect("made");
    let put = |path: PathBuf, bytes: &[u8]| fs::write(path, bytes).expect("written");
    put(
        folder.join("latest_checkpointed_iteration.txt"),
        iteration.to_string().as_bytes(),
    );
    put(folder.join("args.json"), b"{}");
    put(shards.join(".metadata"), &fixture("metadata"));
    put(
        shards.join("metadata.json"),
        br#"{"sharded_backend": "torch_dist", "sharded_backend_version": 1}"#,
    );
    put(shards.join("common.pt"), b"PK\x03\x04 and PK\x05\x06 more");
    let truth: Value = serde_json::from_slice(&fixture("json")).expect("JSON");
    for (name, bytes) in truth["shards"].as_object().expect("shards") {
        let file = fs::File::create(shards.join(name)).expect("made");
        file.set_len(bytes.as_u64().expect("a length"))
            .expect("grown");
    }
    folder
}

fn checkpoint(path: &Path, more: &[&str]) -> Output {
    let begun = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_trainyard"))
        .arg("checkpoint")
        .arg(path)
        .args(more)
        .output()
        .expect("it starts");
    assert!(begun.elapsed() < Duration::from_secs(10), "it hangs");
    output
}

/// Exit code and JSON.
fn said(path: &Path) -> (i32, Value) {
    let output = checkpoint(path, &["--json"]);
    let code = output.status.code().expect("a code");
    (code, serde_json::from_slice(&output.stdout).expect("JSON"))
}

fn names(said: &Value, list: &str) -> Vec<String> {
    let all = said[list].as_array().expect("a list");
    all.iter()
        .map(|problem| problem["path"].as_str().expect("a path").to_owned())
        .collect()
}

#[test]
fn a_whole_run_is_complete_seen_from_every_folder_of_it() {
    let work = tempfile::tempdir().expect("a folder");
    let run = work.path().join("v0-20260115-101500");
    let newest = lay(&run, 40);
    lay(&run, 20);
    std::os::unix::fs::symlink("checkpoint-40", run.join("last-checkpoint")).expect("linked");
    // A link that leads back up is not entered for ever.
    std::os::unix::fs::symlink("..", run.join("checkpoint-40/up")).expect("linked");
    for (path, layout) in [
        (work.path().to_owned(), "runs"),
        (run.clone(), "run"),
        (newest.clone(), "checkpoint"),
        (run.join("last-checkpoint"), "checkpoint"),
        (newest.join("iter_0000040"), "iteration"),
        (newest.join("iter_0000040/../"), "checkpoint"),
    ] {
        let (code, said) = said(&path);
        assert_eq!((code, &said["complete"]), (0, &Value::Bool(true)), "{said}");
        assert_eq!(said["layout"], layout);
    }
    let text = String::from_utf8(checkpoint(&run, &[]).stdout).expect("text");
    assert!(
        text.contains("checkpoint-20: complete") && text.contains("iteration  40"),
        "{text}"
    );
}

#[test]
fn what_is_missing_and_truncated_is_named_with_bytes() {
    let work = tempfile::tempdir().expect("a folder");
    let run = work.path().join("v0-20260115-101500");
    let folder = lay(&run, 40).join("iter_0000040");
    fs::remove_file(folder.join("__1_0.distcp")).expect("removed");
    let cut = fs::OpenOptions::new()
        .write(true)
        .open(folder.join("__2_0.distcp"))
        .expect("opened");
    cut.set_len(100).expect("cut");
    let (code, said) = said(&run);
    assert_eq!(code, 1);
    assert_eq!(said["verdict"], "incomplete");
    assert_eq!(
        names(&said, "missing"),
        ["checkpoint-40/iter_0000040/__1_0.distcp"]
    );
    assert_eq!(
        names(&said, "truncated"),
        ["checkpoint-40/iter_0000040/__2_0.distcp"]
    );
    let truth: Value = serde_json::from_slice(&fixture("json")).expect("JSON");
    let truncated = &said["truncated"][0];
    assert_eq!(truncated["found_bytes"], 100);
    assert_eq!(truncated["needed_bytes"], truth["shards"]["__2_0.distcp"]);
    assert_eq!(
        said["missing"][0]["needed_bytes"],
        truth["shards"]["__1_0.distcp"]
    );
    let text = String::from_utf8(checkpoint(&run, &[]).stdout).expect("text");
    assert!(
        text.contains("truncated: checkpoint-40/iter_0000040/__2_0.distcp has 100 of "),
        "{text}"
    );
}

#[test]
fn odd_files_neither_hang_nor_hide_anything() {
    let work = tempfile::tempdir().expect("a folder");
    let folder = lay(work.path(), 40);
    let shards = folder.join("iter_0000040");
    // Names that are no UTF-8, a name that would clear a terminal, a file of a terabyte.
    fs::write(shards.join(OsStr::from_bytes(b"__9_\xff.distcp")), b"x").expect("written");
    fs::write(shards.join("__8_\u{1b}[2J.distcp"), b"x").expect("written");
    let output = checkpoint(&folder, &[]);
    assert_eq!(output.status.code(), Some(0));
    assert!(!output.stdout.contains(&0x1b));
    assert_eq!(
        said(&folder).1["extra"].as_array().expect("a list").len(),
        2
    );
    // A shard that is a link elsewhere counts, one that leads nowhere does not; a pipe is never opened.
    let first = shards.join("__0_0.distcp");
    let elsewhere = work.path().join("elsewhere");
    fs::rename(&first, &elsewhere).expect("moved");
    std::os::unix::fs::symlink(&elsewhere, &first).expect("linked");
    assert_eq!(said(&folder).0, 0);
    fs::remove_file(&elsewhere).expect("removed");
    assert_eq!(
        names(&said(&folder).1, "missing"),
        ["iter_0000040/__0_0.distcp"]
    );
    fs::remove_file(&first).expect("removed");
    let made = Command::new("mkfifo").arg(&first).status().expect("mkfifo");
    assert!(made.success());
    assert_eq!(said(&folder).0, 1);
    let huge = fs::File::create(shards.join(".metadata")).expect("made");
    huge.set_len(1 << 40).expect("grown");
    let (code, said) = said(&folder);
    assert_eq!(
        (code, names(&said, "unreadable")),
        (2, vec!["iter_0000040/.metadata".to_owned()])
    );
}

#[test]
fn what_is_no_checkpoint_ends_with_two_and_a_sentence() {
    let work = tempfile::tempdir().expect("a folder");
    let file = work.path().join("file");
    fs::write(&file, b"x").expect("written");
    for (path, why) in [
        (work.path().join("gone"), "there is no folder"),
        (file, "is a file"),
    ] {
        let output = checkpoint(&path, &[]);
        assert_eq!(output.status.code(), Some(2));
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(complaint.contains(why), "{complaint}");
        assert_eq!(said(&path).0, 2);
    }
    let (code, said) = said(work.path());
    assert_eq!((code, &said["layout"]), (2, &Value::from("unknown")));
}

#[test]
fn a_folder_that_may_not_be_read_is_said_to_be_unreadable() {
    use std::os::unix::fs::PermissionsExt;
    let work = tempfile::tempdir().expect("a folder");
    let folder = lay(work.path(), 40);
    let shard = folder.join("iter_0000040/__0_0.distcp");
    fs::set_permissions(&shard, fs::Permissions::from_mode(0o000)).expect("set");
    // Root reads everything.
    if fs::File::open(&shard).is_ok() {
        return;
    }
    let (code, said) = said(&folder);
    assert_eq!(
        (code, names(&said, "unreadable")),
        (2, vec!["iter_0000040/__0_0.distcp".to_owned()])
    );
}
