//! The arguments of ms-swift's commands as data: name, type, default, choices, by release.
//!
//! Eleven releases from 3.9.3 to 4.6.0 are known whole, one of each minor version; of any other, the newest before it stands in and says
//! that it is not whole. A table read from a node (`probe`) has the same shape.
//! They are large: nothing that runs in a browser may reach them.

mod help;
pub mod kind;
mod nearest;
pub mod probe;
mod tables;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use help::help;
pub use kind::{Kind, Wrong};
pub use tables::{GENERATIONS, releases, table};

/// One argument of a command.
#[derive(Debug, Clone, PartialEq)]
pub struct Argument {
    /// Without dashes.
    pub name: String,
    pub kind: Kind,
    /// Whether it takes several words.
    pub takes_many: bool,
    /// As Python prints it; `null` is None.
    pub default: Value,
    /// Empty: anything of its kind.
    pub choices: Vec<String>,
    /// The class that declares it.
    pub group: String,
}

/// As the lists hold it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Listed {
    pub name: String,
    #[serde(rename = "type")]
    pub python: String,
    #[serde(default)]
    pub default: Value,
    #[serde(default)]
    pub choices: Option<Vec<Value>>,
    #[serde(default)]
    pub group: String,
}

impl From<Listed> for Argument {
    fn from(listed: Listed) -> Argument {
        let (kind, takes_many) = kind::of_python(&listed.python);
        let choices = match listed.choices {
            Some(choices) => choices
                .iter()
                .filter(|choice| !choice.is_null())
                .map(said)
                .collect(),
            None => kind::literals(&listed.python),
        };
        Argument {
            name: listed.name,
            kind,
            takes_many,
            default: listed.default,
            choices,
            group: listed.group,
        }
    }
}

/// A value as a command line spells it: `true`, `5`, `adam`.
pub fn said(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(said).collect::<Vec<_>>().join(" "),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

impl Argument {
    /// The default as a command line spells it; None where it is Python's None.
    pub fn default_text(&self) -> Option<String> {
        (!self.default.is_null()).then(|| said(&self.default))
    }

    /// The first of these values that does not fit.
    pub fn check(&self, values: &[&str]) -> Option<Wrong> {
        kind::check(self, values)
    }
}

/// All commands of one release.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// `4.6.0`
    pub release: String,
    /// Whether an argument that is not in it does not exist.
    pub is_whole: bool,
    pub commands: BTreeMap<String, Vec<Argument>>,
}

#[derive(Deserialize)]
struct File {
    ms_swift: String,
    commands: BTreeMap<String, Vec<Listed>>,
}

impl Table {
    /// Reads a list as `fixtures/cli` holds it.
    pub fn read(json: &str) -> Result<Table, String> {
        let file: File = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let commands = file
            .commands
            .into_iter()
            .map(|(command, list)| (command, list.into_iter().map(Argument::from).collect()))
            .collect();
        Ok(Table {
            release: file.ms_swift,
            is_whole: true,
            commands,
        })
    }

    /// The arguments of a command; None where the release has no such command, or no list of it is known.
    pub fn command(&self, command: &str) -> Option<&[Argument]> {
        // The trainers of one program share their list.
        let listed = match command {
            "megatron pt" => "megatron sft",
            other => other,
        };
        self.commands.get(listed).map(Vec::as_slice)
    }

    pub fn find(&self, command: &str, name: &str) -> Option<&Argument> {
        self.command(command)?
            .iter()
            .find(|argument| argument.name == name)
    }

    /// The name that a person may have meant.
    pub fn nearest(&self, command: &str, name: &str) -> Option<&str> {
        nearest::of(
            self.command(command)?
                .iter()
                .map(|argument| argument.name.as_str()),
            name,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::version::Version;
    use super::*;

    fn of(version: &str) -> &'static Table {
        table(Version::parse(version).expect("a version"))
    }

    #[test]
    fn the_lists_are_whole_and_every_type_is_understood() {
        for (version, counts) in [
            (
                "3.9.3",
                vec![
                    ("megatron sft", 297),
                    ("megatron pt", 297),
                    ("megatron rlhf", 297),
                    ("swift export", 108),
                    ("swift infer", 135),
                    ("swift deploy", 146),
                ],
            ),
            (
                "4.6.0",
                vec![
                    ("megatron sft", 414),
                    ("megatron export", 417),
                    ("swift export", 127),
                    ("swift infer", 153),
                    ("swift deploy", 164),
                ],
            ),
        ] {
            let table = of(version);
            assert!(table.is_whole);
            for (command, count) in counts {
                let list = table.command(command).expect(command);
                assert_eq!(list.len(), count, "{command}");
                for argument in list {
                    // Its own default fits it.
                    if let Some(default) = argument.default_text() {
                        let words: Vec<&str> = if argument.takes_many {
                            default.split(' ').filter(|word| !word.is_empty()).collect()
                        } else {
                            vec![&default]
                        };
                        if !words.is_empty() {
                            assert_eq!(
                                argument.check(&words),
                                None,
                                "{command} --{} {default}",
                                argument.name
                            );
                        }
                    }
                    for choice in &argument.choices {
                        assert_eq!(argument.check(&[choice]), None, "{}", argument.name);
                        assert_eq!(argument.kind, Kind::Choice, "{}", argument.name);
                    }
                }
            }
        }
    }

    #[test]
    fn what_lies_between_was_read_from_its_own_release() {
        assert_eq!(
            releases().collect::<Vec<_>>(),
            [
                "3.9.3", "3.10.3", "3.11.3", "3.12.6", "4.0.4", "4.1.3", "4.2.3", "4.3.2", "4.4.2",
                "4.5.3", "4.6.0"
            ]
        );
        let count =
            |version: &str, command: &str| of(version).command(command).map(<[Argument]>::len);
        assert_eq!(count("3.9.3", "megatron export"), None);
        for (version, sft, export) in [
            ("3.10.3", 310, 314),
            ("3.11.3", 394, 398),
            ("3.12.6", 412, 416),
            ("4.0.4", 353, 356),
            ("4.1.3", 365, 368),
            ("4.3.2", 391, 394),
            ("4.5.3", 409, 412),
        ] {
            assert_eq!(
                (
                    count(version, "megatron sft"),
                    count(version, "megatron export")
                ),
                (Some(sft), Some(export)),
                "{version}"
            );
        }
        assert!(
            of("3.11.0").is_whole
                && of("4.6.1").is_whole
                && !of("4.7.0").is_whole
                && !of("3.13.0").is_whole
        );
        assert_eq!(
            (
                of("4.7.0").release.as_str(),
                of("3.13.0").release.as_str(),
                of("2.0.0").release.as_str()
            ),
            ("4.6.0", "3.12.6", "3.12.6")
        );
        let default = |version: &str, name: &str| {
            of(version)
                .find("megatron sft", name)
                .map(|a| a.default.clone())
        };
        assert_eq!(default("3.9.3", "moe_grouped_gemm"), Some(false.into()));
        assert_eq!(default("3.10.3", "moe_grouped_gemm"), Some(true.into()));
        assert_eq!(default("3.9.3", "save_safetensors"), None);
        assert_eq!(default("3.11.3", "save_safetensors"), Some(false.into()));
        assert_eq!(default("3.12.6", "save_safetensors"), Some(true.into()));
        assert_eq!(default("3.10.3", "extra_megatron_kwargs"), None);
        assert!(
            of("3.11.0").find("megatron pt", "save_strategy").is_some()
                && of("3.10.0").find("megatron pt", "save_strategy").is_none()
        );
    }

    #[test]
    fn a_misspelt_name_finds_its_neighbour() {
        let near = |name: &str| of("4.6.0").nearest("megatron sft", name);
        assert_eq!(near("micro_batchsize"), Some("micro_batch_size"));
        assert_eq!(near("lora_rnak"), Some("lora_rank"));
        assert_eq!(
            near("tensor_parallel_size"),
            Some("tensor_model_parallel_size")
        );
        assert_eq!(near("recompute_gran"), Some("recompute_granularity"));
        assert_eq!(near("zzzzqqqq"), None);
    }
}
