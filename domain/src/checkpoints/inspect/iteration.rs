//! One `iter_NNNNNNN`: `.metadata`, its shards, `metadata.json` and `common.pt`.

use super::{
    Entry, EntryKind, Extra, Fault, Folder, Layout, Report, Shards, content, find, has_file, join,
    json, needed,
};
use crate::checkpoints::metadata;
use crate::language::Text;

pub const METADATA: &str = ".metadata";
pub const BACKEND: &str = "metadata.json";
pub const COMMON: &str = "common.pt";
/// Ending of a shard's name.
const SHARD: &str = ".distcp";
/// Such a small file never grows beyond this.
const SMALL: u64 = 1 << 20;

/// What an iteration's folder turned out to hold.
pub(super) enum Holds {
    /// Shards, or what is left of them.
    Shards,
    /// `common.pt` alone: the weights are elsewhere.
    CommonOnly,
}

/// Does a folder of this name hold an iteration itself?
pub(super) fn is_one(name: &str, entries: &[Entry]) -> bool {
    let is_named = super::checkpoint::iteration_named(name).is_some();
    let has_parts = has_file(entries, METADATA) || entries.iter().any(is_shard);
    (is_named || has_parts) && !super::checkpoint::is_one(entries)
}

fn is_shard(entry: &Entry) -> bool {
    entry.name.ends_with(SHARD)
}

pub(super) fn inspect(folder: &dyn Folder, entries: &[Entry]) -> Report {
    let iteration = super::checkpoint::iteration_named(folder.name());
    let mut report = Report::new("", Layout::Iteration);
    report.iteration = iteration;
    if iteration.is_none() && !has_file(entries, BACKEND) && !has_file(entries, COMMON) {
        report.layout = Layout::TorchDistributed;
        report.note(
            "Neither metadata.json nor common.pt: written by torch.distributed.checkpoint itself, no checkpoint that Megatron loads.",
            "没有 metadata.json 和 common.pt：由 torch.distributed.checkpoint 直接写出，Megatron 无法加载。",
        );
        shards(folder, "", entries, &mut report);
        return report.judged();
    }
    if let Holds::CommonOnly = look(folder, "", entries, &mut report) {
        no_shards(&mut report, "");
    }
    report.judged()
}

/// An iteration without shards, whose weights are nowhere else either.
pub(super) fn no_shards(report: &mut Report, at: &str) {
    report.problem(
        Fault::Missing,
        join(at, METADATA),
        Text::new(
            "common.pt is all there is: neither shards nor their index.",
            "只有 common.pt，没有分片及其索引。",
        ),
    );
}

/// Looks at the iteration in the folder `at`.
pub(super) fn look(folder: &dyn Folder, at: &str, entries: &[Entry], report: &mut Report) -> Holds {
    let has_shards = entries.iter().any(is_shard);
    if let Some(legacy) = entries
        .iter()
        .find(|entry| entry.kind == EntryKind::Folder && entry.name.starts_with("mp_rank_"))
    {
        report.problem(
            Fault::Unreadable,
            join(at, &legacy.name),
            Text::new(
                "A checkpoint in Megatron's old format of one file per rank, which ms-swift does not write.",
                "Megatron 旧格式（每个 rank 一个文件）的检查点，ms-swift 不会写出。",
            ),
        );
        return Holds::Shards;
    }
    let has = |name| has_file(entries, name);
    if has(COMMON) && !has_shards && !has(METADATA) && !has(BACKEND) {
        common(folder, at, entries, report);
        return Holds::CommonOnly;
    }
    if has_shards && !has(METADATA) && !has(COMMON) && !has(BACKEND) {
        report.note(
            "Shards alone: what one node of a run without a shared disk holds. Gather the iteration to have all of it.",
            "只有分片：没有共享磁盘时，单个节点上就是这样。请归集该迭代。",
        );
    }
    if !backend(folder, at, entries, report) {
        return Holds::Shards;
    }
    common(folder, at, entries, report);
    shards(folder, at, entries, report);
    Holds::Shards
}

/// `metadata.json` names the format. False: it is one that is not read here.
fn backend(folder: &dyn Folder, at: &str, entries: &[Entry], report: &mut Report) -> bool {
    let why = Text::new(
        "Megatron knows a distributed checkpoint by it.",
        "Megatron 以此识别分布式检查点。",
    );
    let Some(entry) = needed(report, entries, at, BACKEND, why) else {
        return true;
    };
    let path = join(at, BACKEND);
    let Some(said) = json(folder, report, &path, entry, SMALL) else {
        return true;
    };
    match said.get("sharded_backend").and_then(|name| name.as_str()) {
        None | Some("torch_dist" | "torch_dcp") => true,
        Some(other) => {
            let other: String = other.chars().take(40).collect();
            report.problem(
                Fault::Unreadable,
                path,
                Text::new(
                    format!("The format is {other:?}; only torch_dist is known here."),
                    format!("格式为 {other:?}；这里只支持 torch_dist。"),
                ),
            );
            false
        }
    }
}

/// `common.pt` is a zip by torch.save; whether it is whole shows at its end, without reading what it holds.
fn common(folder: &dyn Folder, at: &str, entries: &[Entry], report: &mut Report) {
    let why = Text::new(
        "It holds the arguments, the iteration and the data position; nothing loads without it.",
        "保存参数、迭代数和数据位置，缺少它无法加载。",
    );
    let Some(entry) = needed(report, entries, at, COMMON, why) else {
        return;
    };
    let path = join(at, COMMON);
    match zip_is_whole(folder, &path, entry.bytes) {
        Ok(true) => {}
        Ok(false) => {
            report
                .problem(
                    Fault::Truncated,
                    path,
                    Text::new("Its end is missing.", "文件末尾缺失。"),
                )
                .found_bytes = Some(entry.bytes);
        }
        Err(why) => {
            report.problem(
                Fault::Unreadable,
                path,
                Text::new(
                    format!("It cannot be read: {why}."),
                    format!("无法读取：{why}。"),
                ),
            );
        }
    }
}

/// Has a file that begins as a zip also a zip's end? What is no zip may be torch's older form, of which nothing shows.
pub(super) fn zip_is_whole(folder: &dyn Folder, path: &str, bytes: u64) -> Result<bool, String> {
    /// A zip's last record without its comment; a comment has at most 64 KiB.
    const LAST: u64 = 22 + 0xffff;
    if bytes == 0 {
        return Ok(false);
    }
    if !folder.read(path, 0, 4)?.starts_with(b"PK\x03\x04") {
        return Ok(true);
    }
    let from = bytes.saturating_sub(LAST);
    let end = folder.read(path, from, LAST)?;
    Ok(end.windows(4).any(|part| part == b"PK\x05\x06"))
}

fn shards(folder: &dyn Folder, at: &str, entries: &[Entry], report: &mut Report) {
    let why = Text::new(
        "The index of the shards is written last: this save was broken off, or the folder is one node's part.",
        "分片索引在最后写出：保存被中断，或者这里只是单个节点的部分。",
    );
    let Some(entry) = needed(report, entries, at, METADATA, why) else {
        return;
    };
    let path = join(at, METADATA);
    if entry.bytes > metadata::LONGEST {
        report
            .problem(
                Fault::Unreadable,
                path,
                Text::new(
                    format!(
                        "Longer than the {} MiB that are read.",
                        metadata::LONGEST >> 20
                    ),
                    format!("超过可读取的 {} MiB。", metadata::LONGEST >> 20),
                ),
            )
            .found_bytes = Some(entry.bytes);
        return;
    }
    let Some(bytes) = content(folder, report, &path, entry, metadata::LONGEST) else {
        return;
    };
    let index = match metadata::read(&bytes) {
        Ok(index) => index,
        Err(error) => {
            // A pickle that ends early is a file that was cut off; what is none at all says nothing about the shards.
            let fault = if error.is_cut_off() {
                Fault::Truncated
            } else {
                Fault::Unreadable
            };
            report
                .problem(
                    fault,
                    path,
                    Text::new(
                        format!("The index cannot be read: {error}."),
                        format!("无法读取索引：{error}。"),
                    ),
                )
                .found_bytes = Some(bytes.len() as u64);
            return;
        }
    };
    report.describe(&index);
    compare(&index, at, entries, report);
    if index.shards.is_empty() {
        let text = Text::new("It names no shard.", "没有列出任何分片。");
        report.problem(Fault::Damaged, path, text);
    }
}

/// Every shard that the index names, with its length; and those that it does not name.
fn compare(index: &metadata::Index, at: &str, entries: &[Entry], report: &mut Report) {
    let mut counted = Shards {
        needed: index.shards.len() as u64,
        whole: 0,
        needed_bytes: index
            .shards
            .values()
            .fold(0, |sum, bytes| u64::saturating_add(sum, *bytes)),
    };
    for (name, bytes) in &index.shards {
        let why = Text::new("Named by .metadata.", "由 .metadata 列出。");
        let Some(entry) = needed(report, entries, at, name, why) else {
            if let Some(problem) = report.problems.last_mut() {
                problem.needed_bytes = Some(*bytes);
                problem.found_bytes = find(entries, name)
                    .filter(|entry| entry.kind == EntryKind::File)
                    .map(|entry| entry.bytes);
            }
            continue;
        };
        let (fault, text) = match entry.bytes.cmp(bytes) {
            std::cmp::Ordering::Equal => {
                counted.whole += 1;
                continue;
            }
            std::cmp::Ordering::Less => (
                Fault::Truncated,
                Text::new(
                    "Shorter than the parts that .metadata lists in it.",
                    "比 .metadata 中列出的内容短。",
                ),
            ),
            std::cmp::Ordering::Greater => (
                Fault::TooLong,
                Text::new(
                    "Longer than the parts that .metadata lists in it: a shard of another save.",
                    "比 .metadata 中列出的内容长：属于另一次保存。",
                ),
            ),
        };
        let problem = report.problem(fault, join(at, name), text);
        problem.found_bytes = Some(entry.bytes);
        problem.needed_bytes = Some(*bytes);
    }
    report.shards = Some(counted);
    let others = entries
        .iter()
        .filter(|entry| is_shard(entry) && !index.shards.contains_key(&entry.name));
    report.extra.extend(others.map(|entry| Extra {
        path: join(at, &entry.name),
        bytes: entry.bytes,
    }));
    if !report.extra.is_empty() {
        report.note(
            "There are shards that .metadata does not name: left from another save or another run. Loading passes them over.",
            "存在 .metadata 未列出的分片：来自另一次保存或另一次训练，加载时会被忽略。",
        );
    }
}
