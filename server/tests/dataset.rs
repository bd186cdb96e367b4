//! `trainyard dataset check` as a person runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const GOOD: &str =
    r#"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}"#;

fn run(path: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_trainyard"))
        .args(["dataset", "check"])
        .arg(path)
        .args(more)
        .output()
        .expect("it runs")
}

fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("written");
    path
}

#[test]
fn the_exit_code_says_whether_a_row_would_be_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = file(folder.path(), "good.jsonl", &format!("{GOOD}\n{GOOD}\n"));
    let output = run(&good, &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("2 kept"));

    let row = GOOD.replacen("user", "narrator", 1);
    let bad = file(folder.path(), "bad.jsonl", &format!("{GOOD}\n{row}\n"));
    let output = run(&bad, &["--for", "3.9.3", "--json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (&said["rows"], &said["rows_lost"], &said["version"]),
        (&2.into(), &1.into(), &"3.9.3".into())
    );
    let found = &said["findings"][0];
    assert_eq!(
        (
            &found["kind"],
            &found["line"],
            &found["column"],
            &found["effect"]
        ),
        (
            &"unknown_role".into(),
            &2.into(),
            &24.into(),
            &"dropped".into()
        )
    );
    assert_eq!(found["path"], "messages[0].role");
    assert!(
        run(&bad, &[])
            .stdout
            .starts_with(bad.display().to_string().as_bytes())
    );
}

#[test]
fn what_cannot_be_read_is_named_with_exit_code_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    std::os::unix::fs::symlink(at("loop.jsonl"), at("loop.jsonl")).expect("a link");
    std::os::unix::fs::symlink("nowhere", at("dangling.jsonl")).expect("a link");
    file(folder.path(), "table.csv", "a,b\n");
    for (path, says) in [
        (at("loop.jsonl"), "a link that leads back to itself"),
        (
            at("dangling.jsonl"),
            "a link to nowhere, which does not exist",
        ),
        (at("missing.jsonl"), "there is no file"),
        (folder.path().to_owned(), "is a folder"),
        (at("table.csv"), "this check reads .jsonl, .json and .txt"),
        (PathBuf::from("/dev/null"), "a device, pipe or socket"),
    ] {
        let output = run(&path, &["--json"]);
        assert_eq!(output.status.code(), Some(2), "{}", path.display());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(says), "{said}");
        assert!(output.stdout.is_empty());
    }
    let good = file(folder.path(), "good.jsonl", GOOD);
    for version in ["3.8.0", "new", ""] {
        assert_eq!(
            run(&good, &["--for", version]).status.code(),
            Some(2),
            "{version}"
        );
    }
}
