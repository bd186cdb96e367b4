//! `args.json`: what was given, what the release settles itself, what it adds.

use serde_json::{Value, json};

use super::Run;
use crate::training::python::{self, Dict};

impl Run {
    /// Fills in what ms-swift settles itself.
    pub(super) fn complete_arguments(&mut self) {
        let folder = self.folder.to_string_lossy().into_owned();
        let arguments = &mut self.arguments;
        arguments.set("model", self.model_folder.to_string_lossy().into_owned());
        arguments.set("tensorboard_dir", format!("{folder}/runs"));
        arguments.set("output_dir", folder);
        let fixed = [
            ("model_type", json!("qwen3")),
            ("template", json!("qwen3")),
            ("task_type", json!("causal_lm")),
            ("torch_dtype", json!("bfloat16")),
            ("lazy_tokenize", json!(false)),
            ("stream", json!(false)),
            ("use_chat_template", json!(true)),
            ("calculate_per_token_loss", json!(true)),
            ("metric_for_best_model", json!("loss")),
            ("greater_is_better", json!(false)),
            ("fp16", json!(false)),
            ("bf16", json!(true)),
            ("accumulate_allreduce_grads_in_fp32", json!(true)),
            ("gradient_accumulation_fusion", json!(false)),
            ("batch_p2p_comm", json!(true)),
            ("overlap_p2p_comm", json!(false)),
            ("local_rank", json!(self.world.local_rank)),
            ("callbacks", json!(["print", "default_flow", "tensorboard"])),
        ];
        for (name, value) in fixed {
            arguments.set(name, value);
        }
        if arguments.text("loss_scale") == Some("default")
            && !arguments.flag("disable_ignore_empty_think")
        {
            arguments.set("loss_scale", "default+ignore_empty_think");
        }
        if arguments
            .dict()
            .get("merge_lora")
            .is_some_and(Value::is_null)
        {
            let merge = arguments.flag("save_safetensors");
            arguments.set("merge_lora", merge);
        }
    }

    /// `args.json`: every argument, then what the release adds to them.
    pub(super) fn saved_arguments(&self, micro_batches: usize) -> Dict {
        let model = self.model_folder.to_string_lossy().into_owned();
        let name = self
            .model_folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let info = format!(
            "ModelInfo(model_type='qwen3', model_dir='{model}', torch_dtype=torch.bfloat16, max_model_len={}, task_type='causal_lm')",
            self.config.max_position_embeddings
        );
        self.arguments
            .dict()
            .with("swift_version", "4.6.0")
            .with("ckpt_dir", Value::Null)
            .with("rank", self.world.rank)
            .with("global_world_size", self.world.size)
            .with("local_world_size", self.world.local_size)
            .with("model_suffix", name)
            .with("model_info", info)
            .with(
                "model_meta",
                "ModelMeta(model_type='qwen3', architectures=['Qwen3ForCausalLM'])",
            )
            .with("model_dir", model)
            .with(
                "template_meta",
                "Qwen3MixedTemplateMeta(template_type='qwen3')",
            )
            .with(
                "_val_dataset_exists",
                !self.arguments.list("val_dataset").is_empty()
                    || self.arguments.number("split_dataset_ratio").unwrap_or(0.0) > 0.0,
            )
            .with("hub", "<class 'swift.hub.hub.MSHub'>")
            .with(
                "seq_length",
                self.arguments
                    .integer("max_length")
                    .map_or(Value::Null, Value::from),
            )
            .with("is_multimodal", false)
            .with(
                "megatron_model_meta",
                "ModelMeta(model_type='gpt', model_types=['qwen3'])",
            )
            .with("fp8", Value::Null)
            .with("fp4", Value::Null)
            .with("world_size", self.world.size)
            .with("data_parallel_size", self.world.data())
            .with("num_microbatches", micro_batches)
    }
}

/// `name=value, …`, the inside of a dataclass's repr.
pub(super) fn call(dict: &Dict) -> String {
    let pair = |(name, value): &(String, Value)| format!("{name}={}", python::repr(value));
    dict.0.iter().map(pair).collect::<Vec<_>>().join(", ")
}
