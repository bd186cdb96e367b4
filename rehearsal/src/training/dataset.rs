//! Reads what `--dataset` names, in the shapes ms-swift converts to messages, and splits off what is evaluated.

use std::path::Path;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde_json::Value;

use super::python;
use crate::model::tokenizer::Message;

/// One conversation and the file it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub messages: Vec<Message>,
    pub dataset: String,
}

/// An error by the name Python prints, as `ValueError: …`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DatasetError(pub String);

/// The rows of one dataset argument (`file`, or `file#N` for a sample of N) and how many were not usable.
pub fn load(argument: &str, seed: u64) -> Result<(Vec<Row>, usize), DatasetError> {
    let (file, count) = match argument.rsplit_once('#') {
        Some((file, count)) if count.parse::<usize>().is_ok() => (file, count.parse().ok()),
        _ => (argument, None),
    };
    if !Path::new(file).exists() {
        return Err(DatasetError(format!(
            "ValueError: The local path does not exist, dataset_id: `{file}`. os.path.exists(dataset_id): False"
        )));
    }
    let broken = || {
        DatasetError("datasets.exceptions.DatasetGenerationError: An error occurred while generating the dataset".into())
    };
    let text = std::fs::read_to_string(file).map_err(|_| broken())?;
    let values: Vec<Value> = if text.trim_start().starts_with('[') {
        serde_json::from_str(&text).map_err(|_| broken())?
    } else {
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        lines
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()
            .map_err(|_| broken())?
    };
    let found = values.len();
    let mut rows: Vec<Row> = values
        .iter()
        .filter_map(messages)
        .map(|messages| Row {
            messages,
            dataset: file.to_owned(),
        })
        .collect();
    let lost = found - rows.len();
    if let Some(count) = count {
        rows.shuffle(&mut StdRng::seed_from_u64(seed));
        rows.truncate(count);
    }
    Ok((rows, lost))
}

/// The messages of a row in any of the known shapes; none when the trainer would drop it.
fn messages(row: &Value) -> Option<Vec<Message>> {
    let text = |keys: &[&str]| {
        let found = keys.iter().find_map(|key| row.get(*key))?;
        found
            .as_str()
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let message = |role: &str, content: String| Message {
        role: role.to_owned(),
        content,
    };
    let mut messages: Vec<Message> = text(&["system", "system_prompt"])
        .map(|system| message("system", system))
        .into_iter()
        .collect();
    if let Some(turns) = ["messages", "conversation", "conversations"]
        .iter()
        .find_map(|key| row.get(*key)?.as_array())
    {
        for turn in turns {
            let get = |keys: [&str; 2]| keys.iter().find_map(|key| turn.get(*key)?.as_str());
            let role = match get(["role", "from"])? {
                "user" | "human" => "user",
                "assistant" | "gpt" | "bot" => "assistant",
                "system" => "system",
                _ => return None,
            };
            messages.push(message(role, get(["content", "value"])?.to_owned()));
        }
    } else {
        let input = text(&["input"]).map_or_else(String::new, |input| format!("\n{input}"));
        let query = text(&["query", "prompt", "question", "instruction"])? + &input;
        for pair in row
            .get("history")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            messages.push(message("user", pair.get(0)?.as_str()?.to_owned()));
            messages.push(message("assistant", pair.get(1)?.as_str()?.to_owned()));
        }
        messages.push(message("user", query));
        messages.push(message(
            "assistant",
            text(&["response", "answer", "output", "target", "text"])?,
        ));
    }
    // The template takes a system message first and then user and assistant in turns.
    let turns = messages.strip_prefix(
        messages
            .iter()
            .take_while(|message| message.role == "system")
            .cloned()
            .collect::<Vec<_>>()
            .as_slice(),
    )?;
    let answered = turns.iter().any(|message| message.role == "assistant");
    let no_late_system = turns.iter().all(|message| message.role != "system");
    (answered && no_late_system).then_some(messages)
}

/// Takes `ratio` of the rows away for evaluation, at least one, chosen by the seed.
pub fn split(rows: Vec<Row>, ratio: f64, seed: u64) -> (Vec<Row>, Vec<Row>) {
    if ratio <= 0.0 || rows.is_empty() {
        return (rows, Vec::new());
    }
    let mut rows = rows;
    rows.shuffle(&mut StdRng::seed_from_u64(seed));
    let count = ((rows.len() as f64 * ratio) as usize).max(1);
    let train = rows.split_off(count.min(rows.len()));
    (train, rows)
}

/// A line of `val_dataset.jsonl`: messages are JSON inside JSON, as the release writes them.
pub fn line(row: &Row) -> String {
    let inner = |message: &Message| {
        let json = serde_json::to_string(message).unwrap_or_default();
        Value::from(python::ascii(&json)).to_string()
    };
    let messages: Vec<String> = row.messages.iter().map(inner).collect();
    format!(
        "{{\"messages\": [{}], \"dataset\": {}}}\n",
        messages.join(", "),
        Value::from(row.dataset.as_str())
    )
}

/// The same as 3.x writes it: messages as they are.
pub fn plain_line(row: &Row) -> String {
    let message = |message: &Message| {
        python::Dict::default()
            .with("role", message.role.as_str())
            .with("content", message.content.as_str())
            .json()
    };
    let messages: Vec<String> = row.messages.iter().map(message).collect();
    format!("{{\"messages\": [{}]}}\n", messages.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Result<(Vec<Row>, usize), DatasetError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rows.jsonl");
        std::fs::write(&file, text).unwrap();
        load(file.to_str().unwrap(), 1)
    }

    #[test]
    fn the_usual_shapes_become_messages_and_bad_rows_are_counted() {
        let text = r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}
{"conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b"}]}
{"query":"a","response":"b"}
{"instruction":"a","input":"","output":"b"}
{"messages":[]}
{"messages":[{"role":"robot","content":"a"}]}
"#;
        let (rows, lost) = rows(text).unwrap();
        assert_eq!((rows.len(), lost), (4, 2));
        assert!(
            rows.iter()
                .all(|row| row.messages[0].content == "a" && row.messages[1].content == "b")
        );
    }

    #[test]
    fn missing_and_broken_files_are_refused_in_the_releases_words() {
        assert_eq!(
            load("/nowhere.jsonl", 1).unwrap_err().0,
            "ValueError: The local path does not exist, dataset_id: `/nowhere.jsonl`. os.path.exists(dataset_id): False"
        );
        assert!(
            rows("{no json")
                .unwrap_err()
                .0
                .contains("An error occurred while generating the dataset")
        );
    }

    #[test]
    fn a_split_row_is_written_as_captured() {
        // ms-swift 4.6.0, fixture lora_sft/val_dataset.head.jsonl, third line
        let captured = r#"{"messages": ["{\"role\":\"system\",\"content\":\"You are a helpful assistant.\"}", "{\"role\":\"user\",\"content\":\"\\u4f60\\u597d\\uff0c\\u4f60\\u662f\\u8c01\\uff1f\"}"], "dataset": "/datasets/train.jsonl"}"#;
        let message = |role: &str, content: &str| Message {
            role: role.into(),
            content: content.into(),
        };
        let messages = vec![
            message("system", "You are a helpful assistant."),
            message("user", "你好，你是谁？"),
        ];
        assert_eq!(
            line(&Row {
                messages,
                dataset: "/datasets/train.jsonl".into()
            })
            .trim_end(),
            captured
        );
    }

    #[test]
    fn the_split_depends_on_the_seed_alone() {
        let rows: Vec<Row> = (0..40)
            .map(|i| Row {
                messages: vec![],
                dataset: i.to_string(),
            })
            .collect();
        let (train, val) = split(rows.clone(), 0.05, 3);
        assert_eq!((train.len(), val.len()), (38, 2));
        assert_eq!(split(rows.clone(), 0.05, 3).1, val);
        assert_eq!(split(rows, 0.0, 3).1, []);
    }
}
