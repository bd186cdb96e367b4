//! Configurations: flat names with JSON values, and what differs between several.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::experiments::Setup;
use crate::recipes::{Length, Tuner};

/// A configuration: nested names joined by `.`.
pub type Config = BTreeMap<String, Value>;

/// Reads a profile's column. What is no object is an empty configuration.
pub fn read(json: &str) -> Config {
    serde_json::from_str(json).unwrap_or_default()
}

/// An object with its nested objects' names joined by `.`; lists stay values.
pub fn flatten(object: &Map<String, Value>) -> Config {
    let mut flat = Config::new();
    flatten_into(&mut flat, "", object);
    flat
}

fn flatten_into(flat: &mut Config, before: &str, object: &Map<String, Value>) {
    for (name, value) in object {
        let name = if before.is_empty() {
            name.clone()
        } else {
            format!("{before}.{name}")
        };
        match value {
            Value::Object(inner) if !inner.is_empty() => flatten_into(flat, &name, inner),
            value => {
                flat.insert(name, value.clone());
            }
        }
    }
}

/// What a launched experiment was set up with, under the recipe's names.
pub fn of_setup(setup: &Setup, model: &str, dataset: &str, nodes: &[String]) -> Config {
    let recipe = &setup.recipe;
    let mut flat = match serde_json::to_value(recipe) {
        Ok(Value::Object(object)) => flatten(&object),
        // A recipe is a struct of plain values; nothing else comes of it.
        _ => Config::new(),
    };
    flat.retain(|name, _| name != "extra" && !name.starts_with("length."));
    let (length, unit) = match recipe.length {
        Length::Epochs(count) => (u64::from(count), "epochs"),
        Length::Iterations(count) => (count, "iterations"),
    };
    flat.insert("length".to_owned(), length.into());
    flat.insert("length_unit".to_owned(), unit.into());
    if recipe.tuner == Tuner::Full {
        flat.retain(|name, _| !name.starts_with("lora_"));
    }
    for (flag, words) in &recipe.extra {
        flat.insert(format!("extra.{flag}"), words.join(" ").into());
    }
    for (name, value) in [
        ("model", model),
        ("dataset", dataset),
        ("preset", &setup.preset),
    ] {
        flat.insert(name.to_owned(), value.into());
    }
    flat.insert("nodes".to_owned(), nodes.join(", ").into());
    flat.insert("gpus_per_node".to_owned(), setup.gpus_per_node.into());
    flat.insert(
        "gpus".to_owned(),
        (u64::from(setup.gpus_per_node) * nodes.len() as u64).into(),
    );
    flat
}

/// A value as a table shows it: a text without quotes, everything else as JSON.
pub fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What kind of value it is, in the words that Python's users know.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "None",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

/// One configuration value of several experiments, in their order; None: it has none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    pub name: String,
    pub values: Vec<Option<Value>>,
    /// The same number or text, written as different kinds (`1` and `"1"`, `1` and `1.0`).
    pub is_only_kind: bool,
}

/// The values that are not the same in all of them, by name. 1 and 1.0 differ, and so do 1 and "1": a trainer may treat them apart.
pub fn differences(configs: &[Config]) -> Vec<Difference> {
    let names: std::collections::BTreeSet<&String> =
        configs.iter().flat_map(|c| c.keys()).collect();
    names
        .into_iter()
        .filter_map(|name| {
            let values: Vec<Option<&Value>> =
                configs.iter().map(|config| config.get(name)).collect();
            let first = values.first().copied().flatten();
            if values.iter().all(|value| *value == first) {
                return None;
            }
            let is_same = |value: &Option<&Value>| match (value, first) {
                (Some(one), Some(other)) => same_but_for_kind(one, other),
                _ => false,
            };
            Some(Difference {
                name: name.clone(),
                is_only_kind: values.iter().all(is_same),
                values: values.into_iter().map(Option::<&Value>::cloned).collect(),
            })
        })
        .collect()
}

fn same_but_for_kind(one: &Value, other: &Value) -> bool {
    let number = |value: &Value| match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    match (number(one), number(other)) {
        (Some(one), Some(other)) => one == other,
        _ => shown(one).eq_ignore_ascii_case(&shown(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn config(value: Value) -> Config {
        match value {
            Value::Object(object) => flatten(&object),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn nested_names_are_joined_and_lists_stay() {
        let flat = config(
            json!({"args": {"lr": 1e-4, "betas": [0.9, 0.95], "deep": {"x": null}}, "empty": {}}),
        );
        let names: Vec<&str> = flat.keys().map(String::as_str).collect();
        assert_eq!(names, ["args.betas", "args.deep.x", "args.lr", "empty"]);
        assert_eq!(read("not json"), Config::new());
        assert_eq!(read(r#"{"lr": 1}"#)["lr"], json!(1));
    }

    #[test]
    fn only_what_differs_is_told_and_kinds_are_kept_apart() {
        let found = differences(&[
            config(json!({"lr": 1e-4, "seed": 1, "same": "x", "bf16": true, "only": 1})),
            config(json!({"lr": 2e-4, "seed": "1", "same": "x", "bf16": "True"})),
        ]);
        let told: Vec<(&str, bool)> = found
            .iter()
            .map(|d| (d.name.as_str(), d.is_only_kind))
            .collect();
        assert_eq!(
            told,
            [
                ("bf16", true),
                ("lr", false),
                ("only", false),
                ("seed", true)
            ]
        );
        assert_eq!(found[2].values, [Some(json!(1)), None]);
        assert_eq!(kind(&json!(1)), "int");
        assert_eq!(kind(&json!(1.0)), "float");
        assert_eq!(differences(&[config(json!({"a": 1}))]), []);
        assert_eq!(differences(&[]), []);
    }
}
