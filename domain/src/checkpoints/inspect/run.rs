//! A run's folder with its `checkpoint-N`, or a folder of runs.

use super::checkpoint::{self, checkpoint_named};
use super::{Entry, EntryKind, Fault, Folder, Layout, Report, join};
use crate::language::Text;

/// Runs of one output folder beyond this many are not entered.
const MOST_RUNS: usize = 1000;

pub(super) fn has_checkpoints(entries: &[Entry]) -> bool {
    checkpoints(entries).next().is_some()
}

/// By iteration. `last-checkpoint` and `best` are links to one of them.
fn checkpoints(entries: &[Entry]) -> impl Iterator<Item = (u64, &Entry)> {
    let mut all: Vec<(u64, &Entry)> = entries
        .iter()
        .filter(|entry| matches!(entry.kind, EntryKind::Folder | EntryKind::Dangling))
        .filter_map(|entry| Some((checkpoint_named(&entry.name)?, entry)))
        .collect();
    all.sort_by(|a, b| (a.0, &a.1.name).cmp(&(b.0, &b.1.name)));
    all.into_iter()
}

/// `v0-20260115-101500`.
fn is_run(name: &str) -> bool {
    let mut parts = name.split('-');
    let digits = |part: Option<&str>, length: Option<usize>| {
        part.is_some_and(|part| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_digit())
                && length.is_none_or(|length| part.len() == length)
        })
    };
    digits(parts.next().and_then(|part| part.strip_prefix('v')), None)
        && digits(parts.next(), Some(8))
        && digits(parts.next(), Some(6))
        && parts.next().is_none()
}

pub(super) fn inspect(folder: &dyn Folder, entries: &[Entry]) -> Report {
    if has_checkpoints(entries) {
        return run(folder, "", entries);
    }
    let mut report = Report::new("", Layout::Runs);
    let runs = entries
        .iter()
        .filter(|entry| entry.kind == EntryKind::Folder && is_run(&entry.name));
    for entry in runs.take(MOST_RUNS) {
        let below = match folder.list(&entry.name) {
            Ok(entries) if has_checkpoints(&entries) => run(folder, &entry.name, &entries),
            Ok(entries) if checkpoint::is_one(&entries) => {
                checkpoint::inspect(folder, &entry.name, &entry.name, &entries)
            }
            // A run that has not saved yet.
            Ok(_) => continue,
            Err(why) => unlistable(&entry.name, &why),
        };
        report.folders.push(below);
    }
    if report.folders.is_empty() {
        report.layout = Layout::Unknown;
        report.problem(
            Fault::Unreadable,
            ".",
            Text::new(
                "There is no checkpoint and no model in it: no iter_NNNNNNN, checkpoint-N or latest_checkpointed_iteration.txt, no config.json or adapter_config.json, no safetensors files.",
                "其中没有检查点也没有模型：没有 iter_NNNNNNN、checkpoint-N、latest_checkpointed_iteration.txt，也没有 config.json、adapter_config.json 或 safetensors 文件。",
            ),
        );
    }
    report.judged()
}

fn run(folder: &dyn Folder, at: &str, entries: &[Entry]) -> Report {
    let mut report = Report::new(at, Layout::Run);
    for (iteration, entry) in checkpoints(entries) {
        let path = join(at, &entry.name);
        if entry.kind == EntryKind::Dangling {
            let text = Text::new("A link that leads nowhere.", "失效的链接。");
            report.problem(Fault::Missing, path, text);
            continue;
        }
        let mut below = match folder.list(&path) {
            Ok(entries) if entries.is_empty() => {
                let mut below = Report::new(&path, Layout::Checkpoint);
                let text = Text::new("The folder is empty.", "文件夹为空。");
                below.problem(Fault::Missing, path.clone(), text);
                below.judged()
            }
            Ok(entries) => checkpoint::inspect(folder, &path, &entry.name, &entries),
            Err(why) => unlistable(&path, &why),
        };
        below.iteration = below.iteration.or(Some(iteration));
        report.folders.push(below);
    }
    // Iterations of 3.9 beside those of a later release: two runs in one folder.
    if checkpoint::is_one(entries) {
        let name = if at.is_empty() { folder.name() } else { at };
        report
            .folders
            .push(checkpoint::inspect(folder, at, name, entries));
    }
    report.judged()
}

fn unlistable(path: &str, why: &str) -> Report {
    let mut report = Report::new(path, Layout::Unknown);
    report.problem(
        Fault::Unreadable,
        path,
        Text::new(
            format!("The folder cannot be listed: {why}."),
            format!("无法列出文件夹：{why}。"),
        ),
    );
    report.judged()
}
