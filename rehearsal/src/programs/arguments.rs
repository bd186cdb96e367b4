//! Reads a command line by the argument lists of ms-swift 4.6.0 and 3.9.3, with argparse's own complaints.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::release::Generation;
use crate::training::python::{self, Dict};

const LISTS: &str = include_str!("arguments/ms-swift-4.6.0.json");
const LISTS_3_9: &str = include_str!("arguments/ms-swift-3.9.3.json");

#[derive(Deserialize)]
struct Lists {
    commands: BTreeMap<String, Vec<Argument>>,
}

/// One known argument: name, Python type, default, choices.
#[derive(Clone, Debug, Deserialize)]
struct Argument(String, String, Value, Option<Vec<Value>>);

/// Why a command line was refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// ms-swift's own complaint; the program leaves with 1.
    #[error("remaining_argv: {}", python_list(.0))]
    Remaining(Vec<String>),
    /// argparse's complaint; the program leaves with 2.
    #[error("argument --{name}: {problem}")]
    Invalid { name: String, problem: String },
}

fn python_list(words: &[String]) -> String {
    let quoted: Vec<String> = words
        .iter()
        .map(|word| python::repr(&json!(word)))
        .collect();
    format!("[{}]", quoted.join(", "))
}

/// The values of every argument of a command: what was given, and the defaults of the rest.
#[derive(Clone, Debug)]
pub struct Arguments {
    values: BTreeMap<String, Value>,
    /// In the order of the release's list, which is also the order of `args.json`.
    order: Vec<String>,
    given: BTreeSet<String>,
}

impl Arguments {
    /// Reads `words` (without the program) as a `command` of 4.6.0, such as `megatron sft`.
    pub fn parse(command: &str, words: &[String]) -> Result<Self, Refusal> {
        Self::parse_of(Generation::Four, command, words)
    }

    /// The same for a generation: its release that the rehearsal plays.
    pub fn parse_of(
        generation: Generation,
        command: &str,
        words: &[String],
    ) -> Result<Self, Refusal> {
        let text = match generation {
            Generation::Three => LISTS_3_9,
            Generation::Four => LISTS,
        };
        let mut lists: Lists =
            serde_json::from_str(text).expect("the shipped list is valid, a test reads it");
        let known = lists
            .commands
            .remove(command)
            .expect("only commands of the shipped list are asked for");
        let mut values = BTreeMap::new();
        for Argument(name, _, default, _) in &known {
            values.insert(name.clone(), default.clone());
        }
        let order = known.iter().map(|argument| argument.0.clone()).collect();
        let mut arguments = Self {
            values,
            order,
            given: BTreeSet::new(),
        };
        let mut remaining = Vec::new();
        let mut words = words.iter().map(String::as_str).peekable();
        while let Some(word) = words.next() {
            let (name, inline) = match word.strip_prefix("--").map(|rest| rest.split_once('=')) {
                Some(Some((name, value))) => (name, Some(value)),
                Some(None) => (&word[2..], None),
                None => {
                    remaining.push(word.to_owned());
                    continue;
                }
            };
            let Some(argument) = known.iter().find(|argument| argument.0 == name) else {
                remaining.push(word.to_owned());
                continue;
            };
            let mut texts: Vec<&str> = inline.into_iter().collect();
            let many = argument.1.contains("List[");
            while inline.is_none() && (many || texts.is_empty()) {
                let is_value = |next: &&str| !next.starts_with("--") && !is_flag(next);
                let Some(next) = words.next_if(is_value) else {
                    break;
                };
                texts.push(next);
            }
            let value = argument.read(&texts).map_err(|problem| Refusal::Invalid {
                name: name.into(),
                problem,
            })?;
            arguments.values.insert(name.to_owned(), value);
            arguments.given.insert(name.to_owned());
        }
        if !remaining.is_empty() && !arguments.flag("ignore_args_error") {
            return Err(Refusal::Remaining(remaining));
        }
        Ok(arguments)
    }

    /// Whether the argument stood on the command line.
    pub fn is_given(&self, name: &str) -> bool {
        self.given.contains(name)
    }

    /// Whether the release knows the argument.
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Sets what the program works out for itself after reading.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.values.insert(name.to_owned(), value.into());
    }

    /// Every argument and its value, in the release's order.
    pub fn dict(&self) -> Dict {
        Dict(
            self.order
                .iter()
                .map(|name| (name.clone(), self.value(name).clone()))
                .collect(),
        )
    }

    fn value(&self, name: &str) -> &Value {
        self.values.get(name).unwrap_or(&Value::Null)
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.value(name).as_str()
    }

    pub fn integer(&self, name: &str) -> Option<i64> {
        self.value(name).as_i64()
    }

    pub fn number(&self, name: &str) -> Option<f64> {
        self.value(name).as_f64()
    }

    /// False also when unset.
    pub fn flag(&self, name: &str) -> bool {
        self.value(name).as_bool().unwrap_or(false)
    }

    /// The words of a list argument.
    pub fn list(&self, name: &str) -> Vec<String> {
        let words = self.value(name).as_array().into_iter().flatten();
        words
            .filter_map(|word| word.as_str().map(str::to_owned))
            .collect()
    }
}

/// `-x`, but not a negative number.
fn is_flag(word: &str) -> bool {
    word.strip_prefix('-')
        .is_some_and(|rest| !rest.is_empty() && rest.parse::<f64>().is_err())
}

impl Argument {
    fn read(&self, texts: &[&str]) -> Result<Value, String> {
        let kind = self.1.as_str();
        if kind.contains("List[") {
            if texts.is_empty() {
                return Err("expected at least one argument".into());
            }
            let item = kind
                .rsplit_once("List[")
                .map_or("str", |(_, item)| item.trim_end_matches(']'));
            let items: Result<Vec<Value>, String> =
                texts.iter().map(|text| scalar(item, text)).collect();
            return items.map(Value::Array);
        }
        let Some(text) = texts.first() else {
            // `--packing` alone means true, as HfArgumentParser has it.
            return if kind.contains("bool") {
                Ok(json!(true))
            } else {
                Err("expected one argument".into())
            };
        };
        let Some(choices) = &self.3 else {
            return scalar(kind, text);
        };
        // Choices that are no strings (numbers, null) are compared as they are written.
        let same = |choice: &&Value| match choice {
            Value::String(word) => word == text,
            other => other.to_string() == **text,
        };
        match choices.iter().find(same) {
            Some(choice) => Ok(choice.clone()),
            None => {
                let all: Vec<String> = choices.iter().map(python::repr).collect();
                Err(format!(
                    "invalid choice: '{text}' (choose from {})",
                    all.join(", ")
                ))
            }
        }
    }
}

fn scalar(kind: &str, text: &str) -> Result<Value, String> {
    if kind.contains("Union[dict") {
        return Ok(json!(text));
    }
    if kind.contains("bool") {
        return match text.to_lowercase().as_str() {
            "yes" | "true" | "t" | "y" | "1" => Ok(json!(true)),
            "no" | "false" | "f" | "n" | "0" => Ok(json!(false)),
            _ => Err(format!(
                "Truthy value expected: got {text} but expected one of yes/no, true/false, t/f, y/n, 1/0 (case insensitive)."
            )),
        };
    }
    if kind.contains("int") {
        return text
            .parse::<i64>()
            .map(Value::from)
            .map_err(|_| format!("invalid int value: '{text}'"));
    }
    if kind.contains("float") {
        return text
            .parse::<f64>()
            .map(Value::from)
            .map_err(|_| format!("invalid float value: '{text}'"));
    }
    Ok(json!(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, Refusal> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Arguments::parse("megatron sft", &words)
    }

    #[test]
    fn values_take_the_type_of_the_release_and_the_rest_its_defaults() {
        let arguments = parse("--lr 1e-3 --packing --dataset a.jsonl b.jsonl --tuner_type=lora --lora_rank 4 --eval_iters -1").unwrap();
        assert_eq!(arguments.number("lr"), Some(1e-3));
        assert_eq!(arguments.list("dataset"), ["a.jsonl", "b.jsonl"]);
        assert!(arguments.flag("packing") && arguments.flag("finetune"));
        assert_eq!(arguments.text("tuner_type"), Some("lora"));
        assert_eq!(
            (
                arguments.integer("lora_rank"),
                arguments.integer("eval_iters")
            ),
            (Some(4), Some(-1))
        );
        assert!(arguments.is_given("lr") && !arguments.is_given("min_lr"));
        assert_eq!(arguments.dict().0.len(), 414);
    }

    #[test]
    fn what_the_release_does_not_know_is_named_in_its_own_words() {
        let refusal = parse("--lr 1e-3 --swanlab_token x --save y").unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "remaining_argv: ['--swanlab_token', 'x', '--save', 'y']"
        );
        assert!(parse("--nonsense 1 --ignore_args_error true").is_ok());
        let complaints = [
            ("--lr fast", "argument --lr: invalid float value: 'fast'"),
            (
                "--tuner_type x",
                "argument --tuner_type: invalid choice: 'x' (choose from 'lora', 'full', 'lora_llm')",
            ),
            ("--lora_rank", "argument --lora_rank: expected one argument"),
        ];
        for (line, complaint) in complaints {
            assert_eq!(parse(line).unwrap_err().to_string(), complaint);
        }
    }

    #[test]
    fn the_export_list_is_there_too() {
        let words = ["--to_mcore", "true", "--model", "/m"].map(str::to_owned);
        let arguments = Arguments::parse("swift export", &words).unwrap();
        assert!(arguments.flag("to_mcore"));
        assert_eq!(arguments.text("model"), Some("/m"));
    }
}
