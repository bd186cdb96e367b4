//! `trainyard inspect` as a person runs it, on files that real programs wrote.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../domain/fixtures/megatron-swift-4.6.0")
}

fn inspect(path: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_trainyard"))
        .arg("inspect")
        .arg(path)
        .args(more)
        .output()
        .expect("it starts")
}

fn json(path: &Path) -> Value {
    let output = inspect(path, &["--json"]);
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn copy_of_events(folder: &Path) -> PathBuf {
    let from = fixtures().join("lora_sft/runs/events.out.tfevents.1795477389.vm.966.0");
    let to = folder.join("events.out.tfevents.1795477389.vm.966.0");
    std::fs::copy(from, &to).expect("copied");
    to
}

#[test]
fn a_run_folder_gives_its_event_file_its_log_and_its_logging_jsonl() {
    let said = json(&fixtures().join("lora_sft"));
    let kinds: Vec<(&str, &str)> = said["runs"]
        .as_array()
        .expect("runs")
        .iter()
        .map(|run| {
            (
                run["run"].as_str().unwrap_or_default(),
                run["kind"].as_str().unwrap_or_default(),
            )
        })
        .collect();
    assert_eq!(kinds, [(".", "jsonl"), (".", "log"), ("runs", "tfevents")]);
    for (run, name) in [(0, "loss"), (1, "loss"), (2, "train/loss")] {
        let series = said["runs"][run]["series"].as_array().expect("series");
        let loss = series
            .iter()
            .find(|series| series["name"] == name)
            .expect(name);
        assert_eq!(loss["points"], 47);
        assert_eq!(
            (&loss["first_step"], &loss["last_step"]),
            (&1.into(), &47.into())
        );
        let last = loss["last_value"].as_f64().expect("a number");
        assert!((last - 2.863_272_43).abs() < 1e-6, "{last}");
    }
    assert_eq!(said["runs"][2]["files"][0]["damage_count"], 0);
}

#[test]
fn the_table_is_aligned_and_names_what_is_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = copy_of_events(folder.path());
    let mut bytes = std::fs::read(&file).expect("read");
    bytes[30_016] ^= 1;
    bytes.truncate(bytes.len() - 10);
    std::fs::write(&file, bytes).expect("written");
    let output = inspect(folder.path(), &[]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.contains("left out"), "{text}");
    assert!(text.contains("unfinished record"), "{text}");
    assert!(text.contains("also text:"), "{text}");
    let rows: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("train/") || line.starts_with("  series"))
        .collect();
    assert!(rows.len() > 5, "{text}");
    let ends = |row: &&str| row.trim_end().chars().count();
    assert!(rows.iter().all(|row| ends(row) == ends(&rows[0])), "{text}");
}

#[test]
fn nothing_readable_is_a_failure_that_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let told = |path: &Path| {
        let output = inspect(path, &[]);
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty());
        String::from_utf8(output.stderr).expect("text")
    };
    assert!(told(&folder.path().join("absent")).contains("there is no file or folder"));
    assert!(told(folder.path()).contains("holds no metrics"));
    let notes = folder.path().join("notes.txt");
    std::fs::write(&notes, "nothing here\n").expect("written");
    assert!(told(&notes).contains("holds no metrics"));
    let broken = folder.path().join("events.out.tfevents.1");
    std::fs::write(&broken, [7; 100]).expect("written");
    let said = told(folder.path());
    assert!(
        said.contains("at byte 0") && said.contains("length"),
        "{said}"
    );
}
