//! A run's configuration, as its event files tell it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::comparison::config::Config;
use crate::metrics::tfevents::Other;

/// Hyperparameters of TensorBoard's plugin, and texts named `<argument>/text_summary`: ms-swift writes one for each of its arguments.
pub fn config<H: Serialize>(
    hparams: &BTreeMap<String, H>,
    others: &BTreeMap<String, Other>,
) -> Config {
    let mut config = Config::new();
    for (tag, other) in others {
        if let (Some(name), Some(text)) = (tag.strip_suffix("/text_summary"), &other.text) {
            config.insert(name.to_owned(), value(text));
        }
    }
    for (name, given) in hparams {
        // They are numbers, flags and texts.
        if let Ok(given) = serde_json::to_value(given) {
            config.insert(name.clone(), given);
        }
    }
    config
}

/// As Python prints it: numbers, True, False and None are what they are, all else is a text.
fn value(text: &str) -> Value {
    match text {
        "True" => Value::from(true),
        "False" => Value::from(false),
        "None" => Value::Null,
        text => match serde_json::from_str(text) {
            Ok(number @ Value::Number(_)) => number,
            _ => Value::from(text),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::tfevents::Reader;

    #[test]
    fn a_captured_run_tells_its_arguments() {
        let file = include_bytes!(
            "../../fixtures/megatron-swift-4.6.0/lora_sft/runs/events.out.tfevents.1795477389.vm.966.0"
        );
        let mut reader = Reader::new(None);
        let id = reader.open();
        reader.push(id, file);
        let config = config(reader.hparams(), reader.others());
        assert_eq!(config["lr"], 0.001);
        assert_eq!(config["lora_rank"], 8);
        assert_eq!(config["padding_free"], false);
        assert_eq!(config["mcore_model"], Value::Null);
        assert_eq!(config["model_type"], "qwen3");
    }
}
