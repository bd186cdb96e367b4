//! Reads the command line of `vllm serve` as its argparse does, with argparse's complaints.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::errors::Failure;
use crate::training::python::Dict;

const LIST: &str = include_str!("options/serve.txt");

/// The program's own usage.
pub const USAGE: &str = "usage: vllm [-h] [-v]\n            {chat,complete,serve,launch,bench,collect-env,download-kernels,preload,run-batch,snapshot}\n            ...";
const SERVE_USAGE: &str = "usage: vllm serve [model_tag] [options]";

/// Short names.
const ALIASES: [(&str, &str); 10] = [
    ("-tp", "tensor-parallel-size"),
    ("-pp", "pipeline-parallel-size"),
    ("-dp", "data-parallel-size"),
    ("-dpr", "data-parallel-rank"),
    ("-dpa", "data-parallel-address"),
    ("-q", "quantization"),
    ("-n", "nnodes"),
    ("-r", "node-rank"),
    ("-asc", "api-server-count"),
    ("-O", "compilation-config"),
];

struct Argument {
    name: &'static str,
    kind: &'static str,
    default: &'static str,
    choices: Vec<&'static str>,
}

fn known() -> impl Iterator<Item = Argument> {
    let lines = LIST.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| {
        let mut words = line.split(' ');
        Some(Argument {
            name: words.next()?,
            kind: words.next()?,
            default: words.next()?,
            choices: words
                .next()
                .map(|all| all.split('|').collect())
                .unwrap_or_default(),
        })
    })
}

/// `vllm serve --help`: the names alone.
pub fn help() -> String {
    let mut text = format!("{SERVE_USAGE}\n\noptions:\n");
    for argument in known() {
        text += &match argument.kind {
            "bool" => format!("  --{0}, --no-{0}\n", argument.name),
            "flag" => format!("  --{}\n", argument.name),
            _ => format!(
                "  --{} {}\n",
                argument.name,
                argument.name.replace('-', "_").to_uppercase()
            ),
        };
    }
    text
}

/// What was given, under the names without dashes in front.
#[derive(Clone, Debug, Default)]
pub struct Options {
    model: Option<String>,
    given: BTreeMap<&'static str, Value>,
}

impl Options {
    /// Reads what stands behind `vllm serve`.
    pub fn parse(words: &[String]) -> Result<Self, Failure> {
        let mut options = Self::default();
        let mut unrecognized = Vec::new();
        let mut words = words.iter().map(String::as_str).peekable();
        while let Some(word) = words.next() {
            let (head, mut inline) = match word.split_once('=') {
                Some((head, value)) if word.starts_with('-') => (head, Some(value)),
                _ => (word, None),
            };
            let short = ALIASES
                .iter()
                .find(|(alias, _)| *alias == head)
                .map(|(_, name)| (*name).to_owned());
            // Underscores stand for dashes in names, not in values.
            let long = head.strip_prefix("--").map(|name| name.replace('_', "-"));
            let Some(name) = short.or(long) else {
                if options.model.is_none() && !word.starts_with('-') {
                    options.model = Some(word.to_owned());
                } else {
                    unrecognized.push(word.to_owned());
                }
                continue;
            };
            let negated = name.strip_prefix("no-");
            let Some((argument, off)) = known().find_map(|argument| {
                let off = negated == Some(argument.name) && argument.kind == "bool";
                (argument.name == name || off).then_some((argument, off))
            }) else {
                unrecognized.push(word.to_owned());
                // argparse leaves the value behind an unknown flag over as well.
                unrecognized.extend(
                    words
                        .next_if(|next| !next.starts_with('-'))
                        .map(str::to_owned),
                );
                continue;
            };
            if matches!(argument.kind, "bool" | "flag") {
                options.given.insert(argument.name, json!(!off));
                continue;
            }
            let mut texts: Vec<&str> = inline.take().into_iter().collect();
            let is_value = |next: &&str| !next.starts_with('-') || next.parse::<f64>().is_ok();
            while texts.is_empty() || argument.kind == "list" {
                let Some(next) = words.next_if(is_value) else {
                    break;
                };
                texts.push(next);
            }
            let value = argument.read(&texts).map_err(|problem| Failure::Usage {
                usage: SERVE_USAGE,
                program: "vllm serve",
                problem: format!("argument {head}: {problem}"),
            })?;
            options.given.insert(argument.name, value);
        }
        if !unrecognized.is_empty() {
            return Err(Failure::Usage {
                usage: USAGE,
                program: "vllm",
                problem: format!("unrecognized arguments: {}", unrecognized.join(" ")),
            });
        }
        Ok(options)
    }

    /// The model as it was given; the release's own default otherwise.
    pub fn model(&self) -> &str {
        let named = self.given.get("model").and_then(Value::as_str);
        self.model.as_deref().or(named).unwrap_or("Qwen/Qwen3-0.6B")
    }

    /// What differs from its default, as the log shows it.
    pub fn non_default(&self) -> Dict {
        let mut dict = Dict::default();
        if let Some(model) = &self.model {
            dict = dict.with("model_tag", model.as_str());
        }
        for argument in known() {
            if argument.name == "model"
                && (self.model.is_some() || self.given.contains_key("model"))
            {
                dict = dict.with("model", self.model());
                continue;
            }
            let Some(value) = self.given.get(argument.name) else {
                continue;
            };
            if *value != argument.default() {
                dict = dict.with(&argument.name.replace('-', "_"), value.clone());
            }
        }
        dict
    }

    fn value(&self, name: &str) -> Value {
        let default = || {
            known()
                .find(|argument| argument.name == name)
                .map(|argument| argument.default())
        };
        self.given
            .get(name)
            .cloned()
            .or_else(default)
            .unwrap_or(Value::Null)
    }

    /// None when unset or empty.
    pub fn text(&self, name: &str) -> Option<String> {
        let text = self.value(name).as_str().map(str::to_owned);
        text.filter(|text| !text.is_empty())
    }

    pub fn integer(&self, name: &str) -> Option<i64> {
        self.value(name).as_i64()
    }

    pub fn number(&self, name: &str) -> Option<f64> {
        self.value(name).as_f64()
    }

    pub fn flag(&self, name: &str) -> bool {
        self.value(name).as_bool().unwrap_or(false)
    }

    pub fn list(&self, name: &str) -> Vec<String> {
        let words = self.value(name);
        let words = words.as_array().into_iter().flatten();
        words
            .filter_map(|word| word.as_str().map(str::to_owned))
            .collect()
    }

    /// An argument written as a JSON object; empty when unset or no object.
    pub fn object(&self, name: &str) -> serde_json::Map<String, Value> {
        let text = self.text(name).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }
}

impl Argument {
    fn default(&self) -> Value {
        match (self.default, self.kind) {
            ("-", _) => Value::Null,
            ("\"\"", _) => json!(""),
            ("True", _) => json!(true),
            ("False", _) => json!(false),
            (text, "json") => json!(text),
            (_, "list") => json!([]),
            (text, _) => scalar(self.kind, text).unwrap_or(Value::Null),
        }
    }

    fn read(&self, texts: &[&str]) -> Result<Value, String> {
        let Some(text) = texts.first() else {
            let one = if self.kind == "list" {
                "at least one argument"
            } else {
                "one argument"
            };
            return Err(format!("expected {one}"));
        };
        if self.kind == "list" {
            return Ok(json!(texts));
        }
        if !self.choices.is_empty() && !self.choices.contains(text) {
            let quote = |choice: &&str| {
                if self.kind == "str" {
                    format!("'{choice}'")
                } else {
                    (*choice).to_owned()
                }
            };
            let all: Vec<String> = self.choices.iter().map(quote).collect();
            let got = if self.kind == "str" {
                format!("'{text}'")
            } else {
                (*text).to_owned()
            };
            return Err(format!(
                "invalid choice: {got} (choose from {})",
                all.join(", ")
            ));
        }
        scalar(self.kind, text)
    }
}

fn scalar(kind: &str, text: &str) -> Result<Value, String> {
    match kind {
        "int" => text
            .parse::<i64>()
            .map(Value::from)
            .map_err(|_| format!("invalid int value: '{text}'")),
        "float" => text
            .parse::<f64>()
            .map(Value::from)
            .map_err(|_| format!("invalid float value: '{text}'")),
        "size" => size(text)
            .map(Value::from)
            .ok_or_else(|| format!("invalid human_readable_int value: '{text}'")),
        _ => Ok(json!(text)),
    }
}

/// `2048`, `2k` = 2000, `2K` = 2048; `auto` is -1.
fn size(text: &str) -> Option<i64> {
    if text == "auto" {
        return Some(-1);
    }
    let factor = match text.chars().last()? {
        'k' => 1e3,
        'm' => 1e6,
        'g' => 1e9,
        'K' => 1024.0,
        'M' => 1024f64.powi(2),
        'G' => 1024f64.powi(3),
        _ => return text.parse().ok(),
    };
    let number: f64 = text[..text.len() - 1].parse().ok()?;
    Some((number * factor) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, Failure> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&words)
    }

    #[test]
    fn what_was_given_is_logged_in_the_parsers_order() {
        // vLLM 0.32.0, vllm-failures/badparser.log
        let options = parse("/models/m --enforce-eager --port 18082 --host=127.0.0.1 --enable_auto_tool_choice --tool-call-parser glm4_moe --reasoning-parser glm4_moe").unwrap();
        assert_eq!(
            options.non_default().repr(),
            "{'model_tag': '/models/m', 'enable_auto_tool_choice': True, 'tool_call_parser': 'glm4_moe', 'host': '127.0.0.1', 'port': 18082, 'model': '/models/m', 'enforce_eager': True, 'reasoning_parser': 'glm4_moe'}"
        );
        assert_eq!(
            parse("/m --port 8000 --no-enforce-eager")
                .unwrap()
                .non_default()
                .repr(),
            "{'model_tag': '/m', 'model': '/m'}"
        );
    }

    #[test]
    fn values_are_read_by_kind_and_the_rest_has_defaults() {
        let options = parse("/m -tp 2 --max_model_len 2K --served-model-name a b --gpu-memory-utilization .5 --seed -1").unwrap();
        assert_eq!(
            (
                options.integer("tensor-parallel-size"),
                options.integer("max-model-len")
            ),
            (Some(2), Some(2048))
        );
        assert_eq!(options.list("served-model-name"), ["a", "b"]);
        assert_eq!(
            (
                options.number("gpu-memory-utilization"),
                options.integer("seed")
            ),
            (Some(0.5), Some(-1))
        );
        assert_eq!(
            (
                options.integer("port"),
                options.text("reasoning-parser"),
                options.flag("enable-lora")
            ),
            (Some(8000), None, false)
        );
        assert_eq!(
            parse("/m").unwrap().number("gpu-memory-utilization"),
            Some(0.92)
        );
    }

    #[test]
    fn complaints_are_argparses_own() {
        let complaints = [
            (
                "/m --foo-bar 3",
                "vllm: error: unrecognized arguments: --foo-bar 3",
            ),
            (
                "/m --port x",
                "vllm serve: error: argument --port: invalid int value: 'x'",
            ),
            (
                "/m --port",
                "vllm serve: error: argument --port: expected one argument",
            ),
            (
                "/m --runner x",
                "vllm serve: error: argument --runner: invalid choice: 'x' (choose from 'auto', 'draft', 'generate', 'pooling')",
            ),
        ];
        for (line, complaint) in complaints {
            let failure = parse(line).unwrap_err();
            assert_eq!(failure.to_string().lines().last(), Some(complaint));
            assert!(matches!(failure, Failure::Usage { .. }));
        }
    }
}
