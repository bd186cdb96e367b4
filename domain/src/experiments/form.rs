//! A new experiment as a person types it: every value stays the text it was, so that nothing typed is lost.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::finding::Finding;
use crate::recipes::arithmetic::Division;
use crate::recipes::{Recipe, extra, fields, presets};

/// What the form holds. A recipe value that is missing has that of the preset.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Form {
    pub name: String,
    pub cluster_id: String,
    /// The HF model; training starts from its MCore form.
    pub model_id: String,
    pub dataset_id: String,
    /// Key of `recipes::presets::ALL`; empty: the first.
    pub preset: String,
    /// GPUs on each node; empty: all.
    pub gpus_per_node: String,
    /// Texts by the keys of `recipes::fields::ALL`.
    pub recipe: BTreeMap<String, String>,
    /// Further arguments, `--name value …`.
    pub extra: String,
    /// A person's own `train.sh`, which the launch edits in place; empty: one is written from the recipe.
    pub script: String,
    /// Texts by the keys of `recipes::reports::ALL`; of secrets their ids.
    pub reports: BTreeMap<String, String>,
    /// Variables set on every node besides those of the launch.
    pub variables: BTreeMap<String, String>,
}

impl Form {
    /// The texts of a preset, with nothing chosen yet. An unknown key gives the first preset.
    pub fn of_preset(key: &str) -> Form {
        let preset = presets::find(key).unwrap_or(&presets::ALL[0]);
        let recipe = (preset.recipe)();
        Form {
            preset: preset.key.to_owned(),
            recipe: fields::write(&recipe),
            extra: extra::write(&recipe.extra),
            ..Form::default()
        }
    }

    /// What the preset says.
    pub fn preset(&self) -> Result<&'static presets::Preset, Finding> {
        if self.preset.is_empty() {
            return Ok(&presets::ALL[0]);
        }
        presets::find(&self.preset).ok_or_else(|| {
            let known: Vec<&str> = presets::ALL.iter().map(|preset| preset.key).collect();
            let known = known.join(", ");
            Finding::stops(
                "preset",
                format!(
                    "There is no preset \"{}\"; write one of {known}.",
                    self.preset
                ),
                format!("没有名为“{}”的预设，请填写其中之一：{known}。", self.preset),
            )
        })
    }

    /// The recipe that is written here.
    pub fn recipe(&self) -> Result<Recipe, Vec<Finding>> {
        let preset = self.preset().map_err(|finding| vec![finding])?;
        fields::read(&self.recipe, &self.extra, &(preset.recipe)())
    }

    /// Writes values that something else found: a field of the recipe, a variable, or an argument among the further ones.
    pub fn write(&mut self, set: &[(String, String)]) {
        for (name, value) in set {
            if name
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
            {
                self.variables.insert(name.clone(), value.clone());
            } else if let Some(field) = fields::ALL
                .iter()
                .find(|field| field.key == name || field.flag == name)
            {
                self.recipe.insert(field.key.to_owned(), value.clone());
            } else if let Ok(mut all) = extra::read(&self.extra) {
                all.retain(|(flag, _)| flag.replace('-', "_") != *name);
                all.push((name.clone(), vec![value.clone()]));
                self.extra = extra::write(&all);
            }
        }
    }

    /// Variables whose name no shell takes.
    pub fn variable_findings(&self) -> Vec<Finding> {
        let is_name = |name: &str| {
            let rest = |c: char| c.is_ascii_alphanumeric() || c == '_';
            name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.chars().all(rest)
        };
        let wrong = self.variables.keys().filter(|name| !is_name(name));
        wrong
            .map(|name| {
                Finding::stops(
                    "variables",
                    format!("\"{name}\" is no name of a variable: letters, digits and _ only, not beginning with a digit."),
                    format!("“{name}”不是合法的变量名，只能包含字母、数字和 _，且不能以数字开头。"),
                )
            })
            .collect()
    }

    /// GPUs per node: what is written, else all that the node with the fewest has.
    pub fn gpus_per_node(&self, fewest: u32) -> Result<u32, Finding> {
        let text = self.gpus_per_node.trim();
        if text.is_empty() {
            return Ok(fewest);
        }
        match text.parse::<u32>() {
            Ok(count) if (1..=fewest).contains(&count) => Ok(count),
            _ => Err(Finding::stops(
                "gpus_per_node",
                format!(
                    "\"{text}\" GPUs per node: the smallest node has {fewest}. Write 1 … {fewest}, or leave it empty for all."
                ),
                format!(
                    "每节点 GPU 数“{text}”不可用：最小的节点有 {fewest} 张。请填写 1 … {fewest}，或留空表示全部。"
                ),
            )),
        }
    }
}

/// What a launch would do, and what stands against it. Scripts are there as soon as they can be written.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Preview {
    /// `train.sh` of each node, in rank order.
    pub scripts: Vec<NodeScript>,
    pub division: Option<Division>,
    pub gpus_per_node: u32,
    /// Rows of the dataset, those kept for evaluation included.
    pub rows: u64,
    pub iterations: Option<u64>,
    pub findings: Vec<Finding>,
    /// Memory, the grid of GPUs, tokens and hours, once the nodes and the model are known. Shown as the server writes it.
    #[serde(skip)]
    pub outlook: Option<super::outlook::Outlook>,
}

impl Preview {
    /// Whether nothing stands against a launch.
    pub fn is_ready(&self) -> bool {
        !self.scripts.is_empty()
            && self
                .findings
                .iter()
                .all(|finding| finding.weight != crate::finding::Weight::Stops)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeScript {
    pub node: String,
    pub script: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_of_a_preset_reads_back_to_its_recipe() {
        for preset in presets::ALL {
            assert_eq!(Form::of_preset(preset.key).recipe(), Ok((preset.recipe)()));
        }
        let short: Form =
            serde_json::from_str(r#"{"preset": "rehearsal", "recipe": {"seed": "7"}}"#)
                .expect("a form");
        assert_eq!(
            short.recipe(),
            Ok(Recipe {
                seed: 7,
                ..presets::rehearsal()
            })
        );
    }

    #[test]
    fn what_something_found_is_written_where_it_belongs() {
        let mut form = Form {
            extra: "--sequence-parallel false --a b".to_owned(),
            ..Form::of_preset("")
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        form.write(&[
            pair("tensor_parallel", "4"),
            pair("sequence_parallel", "true"),
            pair("NCCL_IB_DISABLE", "1"),
        ]);
        assert_eq!(form.recipe["tensor_parallel"], "4");
        assert_eq!(form.extra, "--a b --sequence_parallel true");
        assert_eq!(form.variables["NCCL_IB_DISABLE"], "1");
        assert!(form.variable_findings().is_empty());
        form.variables.insert("1; rm".to_owned(), String::new());
        assert_eq!(form.variable_findings().len(), 1);
    }

    #[test]
    fn what_is_not_there_is_named_with_what_is() {
        let form = Form {
            preset: "mine".to_owned(),
            ..Form::default()
        };
        assert!(
            form.recipe().expect_err("unknown")[0]
                .text
                .en
                .contains("runbook-lora, runbook-full, rehearsal")
        );
        let form = Form {
            gpus_per_node: "3".to_owned(),
            ..Form::default()
        };
        assert!(
            form.gpus_per_node(2)
                .expect_err("too many")
                .text
                .en
                .contains("Write 1 … 2")
        );
        assert_eq!(Form::default().gpus_per_node(2), Ok(2));
    }
}
