//! A folder with a tracker and iterations, with Hugging Face files, or with both: one checkpoint, or a run of 3.9.

use super::iteration::{self, Holds};
use super::{Entry, EntryKind, Fault, Folder, Layout, Report, hf, join, json, needed};
use crate::jobs::transfer::TRACKER;
use crate::language::Text;

/// args.json of real runs is some 15 KB.
const LONGEST_ARGUMENTS: u64 = 4 << 20;
/// A tracker holds one number.
const LONGEST_TRACKER: u64 = 64;

/// `iter_0000020` → 20.
pub fn iteration_of(name: &str) -> Option<u64> {
    iteration_named(name)
}

pub(super) fn iteration_named(name: &str) -> Option<u64> {
    number(name.strip_prefix("iter_")?)
}

/// `checkpoint-20` and `checkpoint-20-merged` → 20.
pub(super) fn checkpoint_named(name: &str) -> Option<u64> {
    let rest = name.strip_prefix("checkpoint-")?;
    number(rest.strip_suffix("-merged").unwrap_or(rest))
}

fn number(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

/// Is there a tracker, or an iteration?
pub(super) fn is_one(entries: &[Entry]) -> bool {
    entries.iter().any(|entry| {
        entry.name == TRACKER
            || entry.kind == EntryKind::Folder && iteration_named(&entry.name).is_some()
    })
}

pub(super) fn inspect(folder: &dyn Folder, at: &str, name: &str, entries: &[Entry]) -> Report {
    let is_merged = name.ends_with("-merged");
    let has_hf = hf::is_one(entries);
    let mut report = Report::new(at, layout(name, entries, has_hf));
    report.iteration = checkpoint_named(name);
    if has_hf || is_merged {
        hf::look(folder, at, entries, &mut report);
    }
    let iterations: Vec<(u64, &Entry)> = entries
        .iter()
        .filter(|entry| entry.kind == EntryKind::Folder)
        .filter_map(|entry| Some((iteration_named(&entry.name)?, entry)))
        .collect();
    let has_tracker = entries.iter().any(|entry| entry.name == TRACKER);
    if iterations.is_empty() && !has_tracker {
        if report.layout == Layout::SafetensorsOnly {
            report.has_optimizer = Some(false);
            report.note(
                "Weights only: a run of 3.10 or 3.11 with save_safetensors cannot be resumed with its optimizer. A new run can start from these weights.",
                "仅有权重：3.10/3.11 使用 save_safetensors 的训练无法带优化器续训，但可以从这些权重开始新的训练。",
            );
        }
        return report.judged();
    }
    arguments(folder, at, entries, &mut report);
    let named = tracker(folder, at, entries, is_merged, &mut report);
    if let Some(named) = named {
        report.iteration = Some(named);
        if let Some(own) = checkpoint_named(name).filter(|own| *own != named) {
            report.problem(
                Fault::Damaged,
                join(at, TRACKER),
                Text::new(
                    format!("It names iteration {named}, the folder is of iteration {own}."),
                    format!("其中为迭代 {named}，而文件夹属于迭代 {own}。"),
                ),
            );
        } else if !iterations.iter().any(|(number, _)| *number == named) {
            report.problem(
                Fault::Missing,
                join(at, &crate::checkpoints::iteration_folder(named)),
                Text::new(
                    format!("The tracker names iteration {named}."),
                    format!("tracker 指向迭代 {named}。"),
                ),
            );
        }
    }
    let weights_are_beside = has_hf || is_merged;
    if let [(number, entry)] = iterations[..] {
        // The iteration's facts are the checkpoint's.
        one(folder, at, entry, weights_are_beside, &mut report);
        report.iteration = report.iteration.or(Some(number));
        return report.judged();
    }
    for (number, entry) in &iterations {
        let path = join(at, &entry.name);
        let mut below = Report::new(&path, Layout::Iteration);
        below.iteration = Some(*number);
        one(folder, at, entry, weights_are_beside, &mut below);
        report.folders.push(below.judged());
    }
    let newest = iterations.last().map(|(number, _)| *number);
    if let (Some(newest), Some(named)) = (newest, named)
        && newest > named
    {
        report.note(
            format!("The tracker names iteration {named}; {newest} is newer: it was not saved to its end, or not copied with its tracker."),
            format!("tracker 指向迭代 {named}，而 {newest} 更新：保存未完成，或复制时缺少 tracker。"),
        );
    }
    report.judged()
}

fn one(
    folder: &dyn Folder,
    at: &str,
    entry: &Entry,
    weights_are_beside: bool,
    report: &mut Report,
) {
    let path = join(at, &entry.name);
    let entries = match folder.list(&path) {
        Ok(entries) => entries,
        Err(why) => {
            report.problem(
                Fault::Unreadable,
                path,
                Text::new(
                    format!("The folder cannot be listed: {why}."),
                    format!("无法列出文件夹：{why}。"),
                ),
            );
            return;
        }
    };
    if let Holds::CommonOnly = iteration::look(folder, &path, &entries, report) {
        if weights_are_beside {
            report.has_optimizer = Some(false);
            if report.layout == Layout::CheckpointWithSafetensors {
                report.layout = Layout::SafetensorsWithCommon;
                report.note(
                    "The weights are in the safetensors files alone (saved without optimizer).",
                    "权重仅在 safetensors 文件中（保存时未包含优化器）。",
                );
            }
        } else {
            iteration::no_shards(report, &path);
        }
    }
}

fn layout(name: &str, entries: &[Entry], has_hf: bool) -> Layout {
    let is_checkpoint = checkpoint_named(name).is_some();
    match (is_one(entries), has_hf) {
        _ if is_checkpoint && name.ends_with("-merged") => Layout::Merged,
        (true, true) => Layout::CheckpointWithSafetensors,
        (true, false) if is_checkpoint => Layout::Checkpoint,
        (true, false) => Layout::Mcore,
        (false, _) if is_checkpoint => Layout::SafetensorsOnly,
        (false, _) if hf::is_adapter(entries) => Layout::Adapter,
        (false, _) => Layout::HuggingFace,
    }
}

/// args.json supplies LoRA settings and the base model; weights load without it, so its absence is only said.
fn arguments(folder: &dyn Folder, at: &str, entries: &[Entry], report: &mut Report) {
    const NAME: &str = "args.json";
    if super::find(entries, NAME).is_none() {
        report.note(
            "args.json is not there: exports and LoRA resumes take the base model and LoRA settings from it.",
            "缺少 args.json：导出和 LoRA 续训需要从中读取基座模型和 LoRA 设置。",
        );
        return;
    }
    let nothing = Text::new("", "");
    if let Some(entry) = needed(report, entries, at, NAME, nothing) {
        json(folder, report, &join(at, NAME), entry, LONGEST_ARGUMENTS);
    }
}

/// The iteration that the tracker names. None: none, or it was said what is wrong.
fn tracker(
    folder: &dyn Folder,
    at: &str,
    entries: &[Entry],
    is_merged: bool,
    report: &mut Report,
) -> Option<u64> {
    // A merged model is loaded as a Hugging Face one.
    if is_merged && super::find(entries, TRACKER).is_none() {
        return None;
    }
    let why = Text::new(
        "It names the iteration to load and is written last: without it this is no checkpoint to Megatron.",
        "其中写明要加载的迭代，最后写出；缺少它 Megatron 不会识别该检查点。",
    );
    let entry = needed(report, entries, at, TRACKER, why)?;
    let path = join(at, TRACKER);
    if entry.bytes == 0 {
        let text = Text::new("It is empty.", "文件为空。");
        report.problem(Fault::Truncated, path, text).found_bytes = Some(0);
        return None;
    }
    let bytes = match folder.read(&path, 0, LONGEST_TRACKER) {
        Ok(bytes) => bytes,
        Err(why) => {
            report.problem(
                Fault::Unreadable,
                path,
                Text::new(
                    format!("It cannot be read: {why}."),
                    format!("无法读取：{why}。"),
                ),
            );
            return None;
        }
    };
    let text = String::from_utf8_lossy(&bytes);
    let read = number(text.trim()).filter(|_| entry.bytes <= LONGEST_TRACKER);
    if read.is_none() {
        let said: String = text.trim().chars().take(20).collect();
        report.problem(
            Fault::Damaged,
            path,
            Text::new(
                format!("It holds {said:?} instead of the number of an iteration."),
                format!("内容为 {said:?}，不是迭代数。"),
            ),
        );
    }
    read
}
