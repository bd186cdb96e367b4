//! Is a checkpoint or model folder whole? Judged from names, sizes and small files alone; no weights are read and no pickle is loaded.
//!
//! Before ms-swift 4.5.3 a checkpoint with missing or truncated shards loads without an error, so this has to be known beforehand.
//! Whoever calls brings the folder (`Folder`): the command line one on this machine, the console one on a node.

mod checkpoint;
mod hf;
mod iteration;
mod run;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::metadata::Index;
use crate::language::Text;

pub use checkpoint::iteration_of;

/// A folder that can be looked into. Paths are relative to it, `""` is the folder itself.
pub trait Folder {
    /// What lies in a folder, sorted by name. Err: why it cannot be listed.
    fn list(&self, path: &str) -> Result<Vec<Entry>, String>;

    /// At most `length` bytes of a regular file, from `offset` on.
    fn read(&self, path: &str, offset: u64, length: u64) -> Result<Vec<u8>, String>;

    /// The name of the folder itself, without what it lies in.
    fn name(&self) -> &str;
}

/// What a name stands for. Links are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    File,
    Folder,
    /// A link that leads nowhere.
    Dangling,
    /// A socket, a pipe, a device: never opened.
    Other,
}

/// A name in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What is not UTF-8 in it is U+FFFD.
    pub name: String,
    pub kind: EntryKind,
    pub bytes: u64,
    /// Why it cannot be opened for reading; empty: it can.
    pub refused: String,
}

/// How a folder is laid out (facts of each release stand in docs/guide/checkpoints.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Folders of runs, `vN-date`.
    Runs,
    /// A run of 3.12 or 4.x, or of 3.10/3.11 with safetensors: `checkpoint-N` folders.
    Run,
    /// `iter_NNNNNNN` folders beside one tracker: a run of 3.9 to 3.11, or weights converted to MCore.
    Mcore,
    /// `checkpoint-N` of 3.12 and 4.x: tracker and one `iter_NNNNNNN`.
    Checkpoint,
    /// The same with Hugging Face files beside the shards.
    CheckpointWithSafetensors,
    /// `checkpoint-N` of 3.12 and 4.x without optimizer: weights only as safetensors, `iter_NNNNNNN` holds `common.pt` alone.
    SafetensorsWithCommon,
    /// `checkpoint-N` of 3.10 and 3.11 with safetensors: no shards, no tracker.
    SafetensorsOnly,
    /// `checkpoint-N-merged`: the LoRA weights merged into a Hugging Face model.
    Merged,
    /// One `iter_NNNNNNN`.
    Iteration,
    /// torch.distributed.checkpoint without Megatron's own files.
    TorchDistributed,
    /// A Hugging Face model.
    HuggingFace,
    /// A PEFT adapter.
    Adapter,
    /// Nothing of these.
    Unknown,
}

/// May it be loaded?
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Complete,
    /// Nothing is known to be missing, but something could not be looked at; or there is neither checkpoint nor model.
    Unreadable,
    Incomplete,
}

/// What is wrong with one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    Missing,
    /// Shorter than it has to be.
    Truncated,
    /// Longer than what describes it says: it is of another save.
    TooLong,
    /// Its content is not what it has to be.
    Damaged,
    /// Its name is one that only stands while an export is being written.
    Unfinished,
    /// It cannot be opened, or is of a kind that is not read.
    Unreadable,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    pub fault: Fault,
    /// Relative to the folder that was asked about.
    pub path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needed_bytes: Option<u64>,
    /// What else there is to say.
    pub text: Text,
}

/// A file that nothing asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extra {
    pub path: String,
    pub bytes: u64,
}

/// The shards of an iteration, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Shards {
    pub needed: u64,
    /// Of those, how many are there with their full length.
    pub whole: u64,
    pub needed_bytes: u64,
}

/// What the weights are, from headers alone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Weights {
    pub tensors: u64,
    pub parameters: u64,
    /// As torch names it: `bfloat16`.
    pub dtype: String,
}

/// What was found in one folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Relative to the folder that was asked about, `.` for that one.
    pub path: String,
    pub layout: Layout,
    pub verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iteration: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shards: Option<Shards>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<Weights>,
    /// Training can go on with the optimizer's state. None: no training checkpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_optimizer: Option<bool>,
    pub problems: Vec<Problem>,
    pub extra: Vec<Extra>,
    pub notes: Vec<Text>,
    /// The checkpoints in it.
    pub folders: Vec<Report>,
}

impl Report {
    fn new(path: &str, layout: Layout) -> Report {
        Report {
            path: if path.is_empty() { "." } else { path }.to_owned(),
            layout,
            verdict: Verdict::Complete,
            iteration: None,
            shards: None,
            weights: None,
            has_optimizer: None,
            problems: Vec::new(),
            extra: Vec::new(),
            notes: Vec::new(),
            folders: Vec::new(),
        }
    }

    fn problem(&mut self, fault: Fault, path: impl Into<String>, text: Text) -> &mut Problem {
        let at = self.problems.len();
        self.problems.push(Problem {
            fault,
            path: path.into(),
            found_bytes: None,
            needed_bytes: None,
            text,
        });
        &mut self.problems[at]
    }

    fn note(&mut self, en: impl Into<String>, zh: impl Into<String>) {
        self.notes.push(Text::new(en, zh));
    }

    /// The worst of its own problems and of what lies in it.
    fn judged(mut self) -> Report {
        let own = self.problems.iter().map(|problem| match problem.fault {
            Fault::Unreadable => Verdict::Unreadable,
            _ => Verdict::Incomplete,
        });
        let below = self.folders.iter().map(|report| report.verdict);
        self.verdict = own.chain(below).max().unwrap_or(self.verdict);
        self
    }

    fn describe(&mut self, index: &Index) {
        self.has_optimizer = Some(index.has_optimizer);
        self.weights = Some(Weights {
            tensors: index.tensors,
            parameters: index.parameters,
            dtype: index.dtype.clone(),
        });
    }

    /// All problems, its own and of what lies in it.
    pub fn all_problems(&self) -> Vec<&Problem> {
        let below = self.folders.iter().flat_map(Report::all_problems);
        self.problems.iter().chain(below).collect()
    }
}

/// Looks at a folder and everything in it that belongs to checkpoints or a model.
pub fn inspect(folder: &dyn Folder) -> Report {
    let entries = match folder.list("") {
        Ok(entries) => entries,
        Err(why) => {
            let mut report = Report::new("", Layout::Unknown);
            report.problem(
                Fault::Unreadable,
                ".",
                Text::new(
                    format!("The folder cannot be listed: {why}."),
                    format!("无法列出文件夹：{why}。"),
                ),
            );
            return report.judged();
        }
    };
    if iteration::is_one(folder.name(), &entries) {
        return iteration::inspect(folder, &entries);
    }
    if checkpoint::is_one(&entries) || hf::is_one(&entries) {
        if run::has_checkpoints(&entries) {
            return run::inspect(folder, &entries);
        }
        return checkpoint::inspect(folder, "", folder.name(), &entries);
    }
    run::inspect(folder, &entries)
}

/// A path below another.
fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}

fn find<'a>(entries: &'a [Entry], name: &str) -> Option<&'a Entry> {
    entries.iter().find(|entry| entry.name == name)
}

fn has_file(entries: &[Entry], name: &str) -> bool {
    find(entries, name).is_some_and(|entry| entry.kind != EntryKind::Folder)
}

/// Looks at a file that has to be there. None: it was said what is wrong; nothing can be read.
fn needed<'a>(
    report: &mut Report,
    entries: &'a [Entry],
    at: &str,
    name: &str,
    why: Text,
) -> Option<&'a Entry> {
    let path = join(at, name);
    let Some(entry) = find(entries, name) else {
        report.problem(Fault::Missing, path, why);
        return None;
    };
    match entry.kind {
        EntryKind::File if entry.refused.is_empty() => Some(entry),
        EntryKind::File => {
            report.problem(
                Fault::Unreadable,
                path,
                Text::new(
                    format!("It cannot be opened: {}.", entry.refused),
                    format!("无法打开：{}。", entry.refused),
                ),
            );
            None
        }
        EntryKind::Dangling => {
            let text = Text::new("A link that leads nowhere.", "失效的链接。");
            report.problem(Fault::Missing, path, text);
            None
        }
        EntryKind::Folder | EntryKind::Other => {
            let text = Text::new("Not a file.", "不是文件。");
            report.problem(Fault::Damaged, path, text);
            None
        }
    }
}

/// The whole content of a small file. None: it was said what is wrong.
fn content(
    folder: &dyn Folder,
    report: &mut Report,
    path: &str,
    entry: &Entry,
    longest: u64,
) -> Option<Vec<u8>> {
    if entry.bytes > longest {
        report
            .problem(
                Fault::Damaged,
                path,
                Text::new(
                    "Longer than any real one; not read.",
                    "比任何真实文件都长，未读取。",
                ),
            )
            .found_bytes = Some(entry.bytes);
        return None;
    }
    match folder.read(path, 0, longest) {
        Ok(bytes) => Some(bytes),
        Err(why) => {
            report.problem(
                Fault::Unreadable,
                path,
                Text::new(
                    format!("It cannot be read: {why}."),
                    format!("无法读取：{why}。"),
                ),
            );
            None
        }
    }
}

/// A JSON object that has to be in a file. None: it was said what is wrong.
fn json(
    folder: &dyn Folder,
    report: &mut Report,
    path: &str,
    entry: &Entry,
    longest: u64,
) -> Option<serde_json::Map<String, serde_json::Value>> {
    let bytes = content(folder, report, path, entry, longest)?;
    match serde_json::from_slice(&bytes) {
        Ok(serde_json::Value::Object(object)) => Some(object),
        Ok(_) => {
            let text = Text::new("Not a JSON object.", "不是 JSON 对象。");
            report.problem(Fault::Damaged, path, text);
            None
        }
        Err(error) if error.is_eof() => {
            let text = Text::new("Its JSON ends before it is whole.", "JSON 内容不完整。");
            report.problem(Fault::Truncated, path, text).found_bytes = Some(bytes.len() as u64);
            None
        }
        Err(error) => {
            report.problem(
                Fault::Damaged,
                path,
                Text::new(
                    format!("It is no JSON: {error}."),
                    format!("不是 JSON：{error}。"),
                ),
            );
            None
        }
    }
}
