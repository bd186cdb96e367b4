//! Files that TensorBoard's own writer and tensorboardX make, read back value for value, and held against TensorBoard's own reader.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use domain::metrics::tfevents::{Reader, runs};
use serde_json::Value;

/// By attempt and tag: (step, bits).
type Points = BTreeMap<(u32, String), Vec<(i64, u64)>>;

fn names(root: &Path, folder: &Path, all: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            names(root, &path, all);
        } else {
            let below = path.strip_prefix(root).expect("below it");
            all.push(below.display().to_string());
        }
    }
}

fn pairs(list: &Value) -> Vec<(i64, u64)> {
    let pair = |pair: &Value| {
        (
            pair[0].as_i64().expect("a step"),
            pair[1].as_u64().expect("bits"),
        )
    };
    list.as_array().expect("a list").iter().map(pair).collect()
}

/// NaNs are one value, whatever their bits.
fn canonical(bits: u64) -> u64 {
    if f64::from_bits(bits).is_nan() {
        f64::NAN.to_bits()
    } else {
        bits
    }
}

fn same(found: &[(i64, u64)], wanted: &[(i64, u64)], what: &str) {
    let plain = |points: &[(i64, u64)]| -> Vec<(i64, u64)> {
        points
            .iter()
            .map(|(step, bits)| (*step, canonical(*bits)))
            .collect()
    };
    assert_eq!(plain(found), plain(wanted), "{what}");
}

#[test]
#[ignore = "needs TensorBoard: TENSORBOARD_PYTHON names a python3 that has it; scripts/test_tensorboard.sh"]
fn what_tensorboard_writes_is_read_back_value_for_value() {
    let python = std::env::var("TENSORBOARD_PYTHON").unwrap_or_else(|_| "python3".into());
    let folder = tempfile::tempdir().expect("a folder");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tensorboard_writes.py");
    let output = Command::new(python)
        .args([script.as_ref(), folder.path()])
        .output()
        .expect("python starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let expected: BTreeMap<String, Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let mut all = Vec::new();
    names(folder.path(), folder.path(), &mut all);
    let found = runs(all);
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>()
    );
    let mut compared = 0;
    for (run, files) in found {
        let mut reader = Reader::new(Some(crc32c::crc32c));
        for file in files {
            let id = reader.open();
            let bytes = std::fs::read(folder.path().join(file)).expect("read");
            for piece in bytes.chunks(100) {
                reader.push(id, piece);
            }
            assert_eq!((reader.pending(id), reader.damage(id).1), (0, 0), "{run}");
        }
        let mut points = Points::new();
        reader.drain(|attempt, tag, part| {
            points
                .entry((attempt, tag.to_owned()))
                .or_default()
                .extend(part.iter().map(|point| (point.step, point.value.to_bits())));
        });
        let expected = &expected[&run];
        let mut wanted = Points::new();
        for (attempt, tags) in expected["attempts"].as_object().expect("attempts") {
            let attempt: u32 = attempt.parse().expect("a number");
            for (tag, list) in tags.as_object().expect("tags") {
                wanted.insert((attempt, tag.clone()), pairs(list));
            }
        }
        assert_eq!(
            points.keys().collect::<Vec<_>>(),
            wanted.keys().collect::<Vec<_>>(),
            "{run}"
        );
        for (key, wanted) in &wanted {
            same(&points[key], wanted, &format!("{run}: {key:?}"));
            compared += wanted.len();
        }
        for (tag, plugin) in expected["others"].as_object().expect("others") {
            let other = reader.others().get(tag);
            assert_eq!(
                other.map(|other| &*other.plugin),
                plugin.as_str(),
                "{run}: {tag}"
            );
        }
        shown(&run, &points, &expected["shown"]);
    }
    assert!(compared > 300, "{compared}");
}

/// The newest attempt that has a step gives its point: what TensorBoard shows where it purges.
fn shown(run: &str, points: &Points, shown: &Value) {
    for (tag, list) in shown.as_object().expect("tags") {
        let mut merged: BTreeMap<i64, u64> = BTreeMap::new();
        for ((_, own), part) in points {
            if own == tag {
                merged.extend(part.iter().copied());
            }
        }
        let merged: Vec<(i64, u64)> = merged.into_iter().collect();
        let list = pairs(list);
        // Without purge_step it keeps both points of a step, and zig-zags.
        if run != "plain" {
            same(
                &merged,
                &list,
                &format!("{run}: {tag} as TensorBoard shows it"),
            );
        }
    }
}
