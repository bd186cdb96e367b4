//! ms-swift 4.x.

use serde_json::{Value, json};

use super::Run;
use crate::training::python::Dict;

impl Run {
    /// Fills in what 4.x settles itself.
    pub(super) fn complete_four(&mut self) {
        let arguments = &mut self.arguments;
        let fixed = [
            ("metric_for_best_model", json!("loss")),
            ("greater_is_better", json!(false)),
            ("accumulate_allreduce_grads_in_fp32", json!(true)),
            ("gradient_accumulation_fusion", json!(false)),
            ("batch_p2p_comm", json!(true)),
            ("overlap_p2p_comm", json!(false)),
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

    /// Every argument, then what 4.x adds to them.
    pub(super) fn saved_four(&self, micro_batches: usize) -> Dict {
        let model = self.model_folder.to_string_lossy().into_owned();
        let info = format!(
            "ModelInfo(model_type='qwen3', model_dir='{model}', torch_dtype=torch.bfloat16, max_model_len={}, task_type='causal_lm')",
            self.config.max_position_embeddings
        );
        self.arguments
            .dict()
            .with("swift_version", self.release.swift.clone())
            .with("ckpt_dir", Value::Null)
            .with("rank", self.world.rank)
            .with("global_world_size", self.world.size)
            .with("local_world_size", self.world.local_size)
            .with("model_suffix", self.model_name())
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
