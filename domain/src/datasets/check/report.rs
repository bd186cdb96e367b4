//! What a check says: findings, and what the file holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::kind::Kind;
use crate::language::Text;

/// What a release of ms-swift does with a row, mildest first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Trained as it stands.
    #[default]
    Kept,
    /// Kept, but something of it is lost or trained otherwise than written.
    Changed,
    /// Kept, but nothing of it, or an empty turn, is trained.
    EmptyTurn,
    /// Lost: removed when loading or tokenising; with `--lazy_tokenize true` a random other row takes its place.
    Dropped,
    /// The whole file is refused: no row of it is trained.
    FileFails,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Note,
    Warning,
    Error,
}

impl Effect {
    pub fn severity(self) -> Severity {
        match self {
            Effect::Kept => Severity::Note,
            Effect::Changed | Effect::EmptyTurn => Severity::Warning,
            Effect::Dropped | Effect::FileFails => Severity::Error,
        }
    }

    /// A sentence about the release that was asked for.
    pub fn says(self, version: &str) -> Text {
        let (en, zh) = match self {
            Effect::Kept => ("trains the row as it stands", "按原样训练该行"),
            Effect::Changed => (
                "keeps the row, but not as it is written",
                "保留该行，但与所写不同",
            ),
            Effect::EmptyTurn => (
                "keeps the row and trains nothing, or an empty turn",
                "保留该行，但不训练任何内容或只训练空轮",
            ),
            Effect::Dropped => (
                "drops the row (with lazy_tokenize: puts a random one in its place)",
                "丢弃该行（lazy_tokenize 时以随机的另一行代替）",
            ),
            Effect::FileFails => (
                "refuses the whole file: no row of it is trained",
                "拒绝整个文件：不训练其中任何一行",
            ),
        };
        Text::new(
            format!("ms-swift {version} {en}"),
            format!("ms-swift {version} {zh}"),
        )
    }
}

/// One thing found. Row, line and column count from 1; the column counts characters, not bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    pub kind: Kind,
    pub severity: Severity,
    pub effect: Effect,
    /// 0: the file as a whole.
    pub row: u64,
    pub line: u64,
    pub column: u64,
    /// `messages[2].content`; empty for the row or file as a whole.
    pub path: String,
    pub found: Text,
    pub write: Text,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LongRow {
    pub row: u64,
    pub line: u64,
    pub bytes: u64,
}

/// Findings of one kind: all of them counted, the first ones listed in the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    pub kind: Kind,
    pub effect: Effect,
    pub count: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub kept: u64,
    pub changed: u64,
    pub empty_turn: u64,
    pub dropped: u64,
    /// The file as a whole is refused; the other numbers then say what the rows by themselves are worth.
    pub file_fails: bool,
}

impl Verdict {
    /// Rows that are not trained, of `rows`.
    pub fn lost(&self, rows: u64) -> u64 {
        if self.file_fails { rows } else { self.dropped }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The release whose behaviour is told.
    pub version: String,
    pub bytes: u64,
    pub lines: u64,
    pub rows: u64,
    pub rows_lost: u64,
    pub verdict: Verdict,
    /// Rows of each form: messages, query_response, alpaca, text, sharegpt_pairs, preference, kto, grpo, agent, multimodal.
    pub forms: BTreeMap<String, u64>,
    /// Turns of each role, after ms-swift's own renaming.
    pub turns: BTreeMap<String, u64>,
    pub tool_calls: u64,
    /// Files named by images, videos and audios.
    pub media: u64,
    pub longest_rows: Vec<LongRow>,
    pub columns: Vec<String>,
    pub counts: Vec<Count>,
    pub findings: Vec<Problem>,
}

impl Report {
    pub fn finding_count(&self) -> u64 {
        self.counts.iter().map(|count| count.count).sum()
    }
}
