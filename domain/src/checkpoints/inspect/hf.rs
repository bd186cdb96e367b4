//! Hugging Face files: config.json, safetensors with or without an index, and PEFT adapters.

use std::collections::{BTreeMap, BTreeSet};

use super::{Entry, EntryKind, Fault, Folder, Report, Weights, find, has_file, join, json, needed};
use crate::language::Text;
use crate::models::safetensors::{self, Header, NoHeader};

const CONFIG: &str = "config.json";
const INDEX: &str = "model.safetensors.index.json";
const SINGLE: &str = "model.safetensors";
const ADAPTER_CONFIG: &str = "adapter_config.json";
const ADAPTER: &str = "adapter_model.safetensors";
const OLD_INDEX: &str = "pytorch_model.bin.index.json";
const ENDING: &str = ".safetensors";
/// Indexes of the largest models are some 10 MB.
const LONGEST_INDEX: u64 = 128 << 20;
const LONGEST_CONFIG: u64 = 8 << 20;
/// A name that stands only while an export is being written.
const UNFINISHED: &str = "-of-?????.safetensors";

pub(super) fn is_adapter(entries: &[Entry]) -> bool {
    has_file(entries, ADAPTER_CONFIG)
        || has_file(entries, ADAPTER)
        || has_file(entries, "adapter_model.bin")
}

pub(super) fn is_one(entries: &[Entry]) -> bool {
    is_adapter(entries)
        || has_file(entries, CONFIG)
        || has_file(entries, INDEX)
        || has_file(entries, OLD_INDEX)
        || entries.iter().any(|entry| is_weights(&entry.name))
}

fn is_weights(name: &str) -> bool {
    name.ends_with(ENDING) || name.starts_with("pytorch_model") && name.ends_with(".bin")
}

/// Looks at the Hugging Face files in the folder `at`.
pub(super) fn look(folder: &dyn Folder, at: &str, entries: &[Entry], report: &mut Report) {
    let mut weights = Look {
        folder,
        at,
        entries,
        headers: BTreeMap::new(),
    };
    for entry in entries
        .iter()
        .filter(|entry| entry.name.ends_with(UNFINISHED))
    {
        let text = Text::new(
            "Named so while an export is being written: it did not end.",
            "导出过程中的临时文件名：导出没有完成。",
        );
        let problem = report.problem(Fault::Unfinished, join(at, &entry.name), text);
        problem.found_bytes = Some(entry.bytes);
    }
    if is_adapter(entries) {
        weights.adapter(report);
        let has_more = has_file(entries, INDEX) || has_file(entries, SINGLE);
        if has_more {
            weights.model(report);
        }
    } else {
        weights.model(report);
    }
    let headers = weights.headers.into_values();
    let headers: Vec<Header> = headers.flatten().collect();
    if !headers.is_empty() {
        let mut dtypes: BTreeMap<&str, u64> = BTreeMap::new();
        for header in &headers {
            *dtypes.entry(header.dtype()).or_default() += header.parameters();
        }
        let most = dtypes.into_iter().max_by_key(|(_, elements)| *elements);
        report.weights = Some(Weights {
            tensors: headers
                .iter()
                .map(|header| header.tensors.len() as u64)
                .sum(),
            parameters: headers.iter().map(Header::parameters).sum(),
            dtype: crate::models::folder::torch_name(
                most.map(|(name, _)| name).unwrap_or_default(),
            ),
        });
    }
}

struct Look<'a> {
    folder: &'a dyn Folder,
    at: &'a str,
    entries: &'a [Entry],
    /// What was read of each file; None: it was said what is wrong.
    headers: BTreeMap<String, Option<Header>>,
}

impl Look<'_> {
    fn adapter(&mut self, report: &mut Report) {
        let why = Text::new("PEFT knows an adapter by it.", "PEFT 以此识别适配器。");
        if let Some(entry) = needed(report, self.entries, self.at, ADAPTER_CONFIG, why) {
            let path = join(self.at, ADAPTER_CONFIG);
            json(self.folder, report, &path, entry, LONGEST_CONFIG);
        }
        if has_file(self.entries, "adapter_model.bin") && !has_file(self.entries, ADAPTER) {
            self.old_weights("adapter_model.bin", report);
        } else {
            self.file(
                ADAPTER,
                Text::new("The adapter's weights.", "适配器的权重。"),
                report,
            );
        }
    }

    fn model(&mut self, report: &mut Report) {
        let why = Text::new(
            "Nothing loads the model without it.",
            "缺少它无法加载模型。",
        );
        if let Some(entry) = needed(report, self.entries, self.at, CONFIG, why) {
            json(
                self.folder,
                report,
                &join(self.at, CONFIG),
                entry,
                LONGEST_CONFIG,
            );
        }
        let has_tokenizer = [
            "tokenizer.json",
            "tokenizer.model",
            "tokenizer_config.json",
            "vocab.json",
        ]
        .iter()
        .any(|name| has_file(self.entries, name));
        if !has_tokenizer {
            report.note(
                "No tokenizer files: serving the folder needs them.",
                "没有 tokenizer 文件：部署时需要。",
            );
        }
        if let Some(entry) = find(self.entries, INDEX) {
            let entry = entry.clone();
            self.indexed(&entry, report);
        } else if let Some(entry) = find(self.entries, OLD_INDEX) {
            let entry = entry.clone();
            self.old_indexed(&entry, report);
        } else {
            self.unindexed(report);
        }
    }

    /// The files that an index names, each with the tensors that it says are in it.
    fn indexed(&mut self, entry: &Entry, report: &mut Report) {
        let Some(map) = self.weight_map(entry, INDEX, report) else {
            return;
        };
        let mut files: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (tensor, file) in &map {
            files.entry(file).or_default().push(tensor);
        }
        for (file, tensors) in &files {
            let why = Text::new(format!("Named by {INDEX}."), format!("由 {INDEX} 列出。"));
            self.file(file, why, report);
            let Some(Some(header)) = self.headers.get(*file) else {
                continue;
            };
            let absent: Vec<&&str> = tensors
                .iter()
                .filter(|tensor| !header.tensors.contains_key(**tensor))
                .collect();
            if let Some(first) = absent.first() {
                let count = absent.len();
                report.problem(
                    Fault::Damaged,
                    join(self.at, file),
                    Text::new(
                        format!("It lacks {count} of the tensors that the index places in it, first {first}: a file of another model."),
                        format!("缺少索引中列出的 {count} 个张量（首个为 {first}）：属于另一个模型的文件。"),
                    ),
                );
            }
        }
        self.others(&files.keys().copied().collect(), report);
    }

    /// Tensor → file. None: it was said what is wrong.
    fn weight_map(
        &self,
        entry: &Entry,
        name: &str,
        report: &mut Report,
    ) -> Option<BTreeMap<String, String>> {
        let nothing = Text::new("", "");
        needed(report, std::slice::from_ref(entry), self.at, name, nothing)?;
        let path = join(self.at, name);
        let mut index = json(self.folder, report, &path, entry, LONGEST_INDEX)?;
        let map = index.remove("weight_map").unwrap_or_default();
        let map: Option<BTreeMap<String, String>> = serde_json::from_value(map).ok();
        let is_plain = |file: &String| !file.is_empty() && !file.contains('/') && file != "..";
        match map {
            Some(map) if !map.is_empty() && map.values().all(is_plain) => Some(map),
            _ => {
                let text = Text::new(
                    "Its weight_map does not name a file of this folder for each tensor.",
                    "weight_map 没有为每个张量指出本文件夹中的文件。",
                );
                report.problem(Fault::Damaged, path, text);
                None
            }
        }
    }

    /// Weights without an index: one file, or files whose names say how many there are.
    fn unindexed(&mut self, report: &mut Report) {
        let mut known: BTreeSet<&str> = BTreeSet::new();
        let files: Vec<&Entry> = self
            .entries
            .iter()
            .filter(|entry| entry.name.ends_with(ENDING) && !entry.name.ends_with(UNFINISHED))
            .filter(|entry| entry.name != ADAPTER)
            .collect();
        let counts: BTreeSet<(&str, u32)> = files
            .iter()
            .filter_map(|entry| counted(&entry.name))
            .collect();
        let nothing = || Text::new("", "");
        if let Some((prefix, count)) = counts.last().filter(|(_, count)| *count > 1).copied() {
            let text = Text::new(
                "Weights in several files are not loaded without it.",
                "多文件权重缺少它无法加载。",
            );
            report.problem(
                Fault::Missing,
                join(self.at, &format!("{prefix}.safetensors.index.json")),
                text,
            );
            let names: Vec<String> = (1..=count)
                .map(|n| format!("{prefix}-{n:05}-of-{count:05}{ENDING}"))
                .collect();
            for name in &names {
                let why = Text::new(
                    format!("The other files' names say that there are {count}."),
                    format!("其他文件名表明共有 {count} 个。"),
                );
                self.file(name, why, report);
            }
            return;
        }
        for entry in &files {
            self.file(&entry.name, nothing(), report);
            known.insert(&entry.name);
        }
        let old: Vec<&Entry> = self
            .entries
            .iter()
            .filter(|entry| is_weights(&entry.name) && entry.name.ends_with(".bin"))
            .collect();
        for entry in &old {
            self.old_weights(&entry.name, report);
        }
        let has_unfinished = self
            .entries
            .iter()
            .any(|entry| entry.name.ends_with(UNFINISHED));
        if files.is_empty() && old.is_empty() && !has_unfinished {
            let text = Text::new(
                "There are no weights: neither safetensors files nor their index.",
                "没有权重：既没有 safetensors 文件也没有索引。",
            );
            report.problem(Fault::Missing, join(self.at, SINGLE), text);
        }
    }

    /// One safetensors file by its header.
    fn file(&mut self, name: &str, why: Text, report: &mut Report) {
        if self.headers.contains_key(name) {
            return;
        }
        let found = needed(report, self.entries, self.at, name, why)
            .map(|entry| entry.bytes)
            .and_then(|bytes| self.header(name, bytes, report));
        self.headers.insert(name.to_owned(), found);
    }

    fn header(&self, name: &str, bytes: u64, report: &mut Report) -> Option<Header> {
        let path = join(self.at, name);
        let read = (|| -> Result<Result<Header, NoHeader>, String> {
            let first = self.folder.read(&path, 0, 8)?;
            let length = match safetensors::header_bytes(&first, bytes) {
                Ok(length) => length,
                Err(error) => return Ok(Err(error)),
            };
            Ok(safetensors::read(&self.folder.read(&path, 8, length)?))
        })();
        let (fault, text, needed_bytes) = match read {
            Ok(Ok(header)) => match bytes.cmp(&header.file_bytes) {
                std::cmp::Ordering::Equal => return Some(header),
                std::cmp::Ordering::Less => (
                    Fault::Truncated,
                    Text::new("Shorter than its header says.", "比文件头声明的短。"),
                    Some(header.file_bytes),
                ),
                std::cmp::Ordering::Greater => (
                    Fault::TooLong,
                    Text::new("Longer than its header says.", "比文件头声明的长。"),
                    Some(header.file_bytes),
                ),
            },
            Ok(Err(NoHeader::CutOff { needed_bytes })) => (
                Fault::Truncated,
                Text::new("It ends within its header.", "文件在文件头内截断。"),
                Some(needed_bytes),
            ),
            Ok(Err(error)) => (
                Fault::Damaged,
                Text::new(
                    format!("It is no safetensors file: {error}."),
                    format!("不是 safetensors 文件：{error}。"),
                ),
                None,
            ),
            Err(why) => (
                Fault::Unreadable,
                Text::new(
                    format!("It cannot be read: {why}."),
                    format!("无法读取：{why}。"),
                ),
                None,
            ),
        };
        let problem = report.problem(fault, path, text);
        problem.found_bytes = Some(bytes);
        problem.needed_bytes = needed_bytes;
        None
    }

    fn old_indexed(&mut self, entry: &Entry, report: &mut Report) {
        let Some(map) = self.weight_map(entry, OLD_INDEX, report) else {
            return;
        };
        let files: BTreeSet<&String> = map.values().collect();
        for file in files {
            self.old_weights(file, report);
        }
    }

    /// A pickle of weights: never loaded; whether it is whole shows at the end of its zip.
    fn old_weights(&self, name: &str, report: &mut Report) {
        let why = Text::new("Weights.", "权重。");
        let Some(entry) = needed(report, self.entries, self.at, name, why) else {
            return;
        };
        let path = join(self.at, name);
        match super::iteration::zip_is_whole(self.folder, &path, entry.bytes) {
            Ok(true) => report.note(
                format!("{name} is a pickle of weights: its content is not looked at."),
                format!("{name} 是 pickle 权重，不检查其内容。"),
            ),
            Ok(false) => {
                let text = Text::new("Its end is missing.", "文件末尾缺失。");
                report.problem(Fault::Truncated, path, text).found_bytes = Some(entry.bytes);
            }
            Err(why) => {
                let text = Text::new(
                    format!("It cannot be read: {why}."),
                    format!("无法读取：{why}。"),
                );
                report.problem(Fault::Unreadable, path, text);
            }
        }
    }

    /// Weights that the index does not name.
    fn others(&self, named: &BTreeSet<&str>, report: &mut Report) {
        for entry in self
            .entries
            .iter()
            .filter(|entry| entry.kind == EntryKind::File)
        {
            let is_other = entry.name.ends_with(ENDING)
                && !entry.name.ends_with(UNFINISHED)
                && entry.name != ADAPTER
                && !named.contains(entry.name.as_str());
            if is_other {
                report.extra.push(super::Extra {
                    path: join(self.at, &entry.name),
                    bytes: entry.bytes,
                });
            }
        }
    }
}

/// `model-00001-of-00004.safetensors` → (`model`, 4).
fn counted(name: &str) -> Option<(&str, u32)> {
    let (rest, count) = name.strip_suffix(ENDING)?.rsplit_once("-of-")?;
    let (prefix, number) = rest.rsplit_once('-')?;
    let digits = |text: &str| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(number) && digits(count)).then_some(())?;
    Some((prefix, count.parse().ok()?))
}
