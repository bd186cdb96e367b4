//! A row as training will see it: computed on the node by the ms-swift that is installed there.

use serde::{Deserialize, Serialize};

use crate::finding::Finding;
use crate::shell::quote;

/// The program that the node's Python runs.
pub const PROGRAM: &str = include_str!("preview.py");
/// The exit code where the node has no ms-swift.
pub const MISSING: i32 = 69;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    /// Folder of the model on the node.
    pub model: String,
    /// Empty: ms-swift finds it itself, where the model's files leave no choice.
    pub model_type: String,
    pub template: String,
    pub agent_template: String,
    /// `default`, `last_round`, `react` …; empty: default.
    pub loss_scale: String,
    /// A loss_scale of one's own: a text or pattern, and the weights of what it finds and what follows.
    pub loss_scale_pairs: Vec<(String, Vec<f64>)>,
    /// Plugin files to load before, as text.
    pub plugins: Vec<String>,
    /// The row, JSON.
    pub row: String,
}

/// Tokens whose text belongs together, and their weight in the loss; 0: masked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part(pub String, pub u32, pub f64);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Answer {
    Rendered {
        version: String,
        template: String,
        agent_template: String,
        length: u32,
        trained: u32,
        parts: Vec<Part>,
    },
    /// ms-swift refused the row, or the request.
    Failed { error: String },
    /// The node has Python, but no ms-swift in it.
    Missing { missing: String },
}

/// The command; the request goes to its standard input.
pub fn command() -> String {
    // The interpreter that owns the launcher, as for the probe of versions.
    format!(
        "m=$(command -v megatron || command -v swift) || exit {MISSING}; p=$(sed -n '1s/^#! *//p;1q' \"$m\" 2>/dev/null | tr -d '\\0' | cut -d' ' -f1); \
         case $p in */python*) ;; *) exit {MISSING};; esac; exec \"$p\" -c {}",
        quote(PROGRAM)
    )
}

/// None: the program ended before it could answer.
pub fn answer(stdout: &str) -> Option<Answer> {
    let line = stdout
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix('@'))?;
    serde_json::from_str(line).ok()
}

/// A loss_scale of one's own from a table of lines `text = weight` or `text = weight, weight after`. Findings are on `loss_scale_pairs`.
pub fn pairs(table: &str) -> Result<Vec<(String, Vec<f64>)>, Finding> {
    table
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(n, line)| {
            let bad = |en: String, zh: String| {
                Finding::stops(
                    "loss_scale_pairs",
                    format!("Line {}: {en}", n + 1),
                    format!("第 {} 行：{zh}", n + 1),
                )
            };
            let (text, weights) = line.rsplit_once('=').ok_or_else(|| {
                bad(
                    format!("no = in \"{line}\". Write a text, =, and its weight: <tool_call> = 2"),
                    format!("“{line}”中没有 =。请写文本、= 和权重：<tool_call> = 2"),
                )
            })?;
            let weights: Vec<f64> = weights
                .split(',')
                .map(|weight| {
                    weight
                        .trim()
                        .parse()
                        .ok()
                        .filter(|weight: &f64| weight.is_finite() && *weight >= 0.0)
                })
                .collect::<Option<_>>()
                .ok_or_else(|| {
                    bad(
                        format!(
                            "\"{}\" is no weight. Write one number, or two with a comma.",
                            weights.trim()
                        ),
                        format!(
                            "“{}”不是权重。请写一个数字，或用逗号隔开的两个。",
                            weights.trim()
                        ),
                    )
                })?;
            if weights.len() > 2 {
                return Err(bad(
                    "more than two weights.".into(),
                    "权重多于两个。".into(),
                ));
            }
            Ok((text.trim().to_owned(), weights))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_becomes_pairs() {
        let table = pairs("<tool_call>.+?</tool_call> = 2\n\nAction: = 2, 2.5\n").unwrap();
        assert_eq!(
            table,
            [
                ("<tool_call>.+?</tool_call>".to_owned(), vec![2.0]),
                ("Action:".to_owned(), vec![2.0, 2.5])
            ]
        );
        for bad in ["x", "x = y", "x = 1, 2, 3", "x = -1"] {
            assert_eq!(pairs(bad).unwrap_err().field, "loss_scale_pairs");
        }
    }

    #[test]
    fn answers_are_read() {
        let rendered = answer(
            "noise\n@{\"version\":\"4.6.0\",\"template\":\"qwen3\",\"agent_template\":\"\",\"length\":2,\"trained\":1,\"parts\":[[\"a\",1,0.0],[\"b\",1,2.5]]}\n",
        );
        assert!(matches!(rendered, Some(Answer::Rendered { length: 2, .. })));
        assert_eq!(
            answer("@{\"error\":\"no\"}"),
            Some(Answer::Failed { error: "no".into() })
        );
        assert_eq!(
            answer("@{\"missing\":\"no\"}"),
            Some(Answer::Missing {
                missing: "no".into()
            })
        );
        assert_eq!(answer("killed"), None);
    }
}
