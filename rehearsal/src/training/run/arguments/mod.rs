//! `args.json`: what was given, what the release settles itself, what it adds.

mod four;
mod three;

pub(super) use three::megatron_config;

use serde_json::{Value, json};

use super::Run;
use crate::release::Generation;
use crate::training::python::{self, Dict};

impl Run {
    /// Fills in what ms-swift settles itself. `plain` is `megatron pt`.
    pub(super) fn complete_arguments(&mut self, plain: bool) {
        let folder = self.folder.to_string_lossy().into_owned();
        let arguments = &mut self.arguments;
        arguments.set("model", self.model_folder.to_string_lossy().into_owned());
        arguments.set("tensorboard_dir", format!("{folder}/runs"));
        arguments.set(self.settings.names.output, folder);
        let fixed = [
            ("model_type", json!("qwen3")),
            ("template", json!("qwen3")),
            ("task_type", json!("causal_lm")),
            ("torch_dtype", json!("bfloat16")),
            ("lazy_tokenize", json!(false)),
            ("stream", json!(false)),
            ("use_chat_template", json!(true)),
            ("calculate_per_token_loss", json!(true)),
            ("fp16", json!(false)),
            ("bf16", json!(true)),
            ("local_rank", json!(self.world.local_rank)),
        ];
        for (name, value) in fixed {
            arguments.set(name, value);
        }
        match self.release.generation() {
            Generation::Three => self.complete_three(plain),
            Generation::Four => self.complete_four(),
        }
    }

    /// `args.json`: every argument, then what the release adds to them.
    pub(super) fn saved_arguments(&self, micro_batches: usize) -> Dict {
        match self.release.generation() {
            Generation::Three => self.saved_three(),
            Generation::Four => self.saved_four(micro_batches),
        }
    }

    /// The last part of the model's folder.
    fn model_name(&self) -> String {
        let name = self.model_folder.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
}

/// `name=value, …`, the inside of a dataclass's repr.
pub(super) fn call(dict: &Dict) -> String {
    let pair = |(name, value): &(String, Value)| format!("{name}={}", python::repr(value));
    dict.0.iter().map(pair).collect::<Vec<_>>().join(", ")
}
