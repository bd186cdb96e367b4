//! ms-swift 3.x, as `args.json` of a captured run of 3.9.3 has it (fixture lora_args.json).

use serde_json::{Value, json};

use super::Run;
use crate::model::Config;
use crate::training::python::Dict;

/// Of the arguments in their order, those of `MegatronArguments` itself; all others go to Megatron as extra ones.
const FIRST_OF_MEGATRON: &str = "micro_batch_size";
const LAST_OF_MEGATRON: &str = "extra_megatron_kwargs";

/// What 3.x reads of the model's own configuration.
pub(in crate::training::run) fn megatron_config(config: &Config) -> Dict {
    Dict::default()
        .with("num_layers", config.num_hidden_layers)
        .with("hidden_size", config.hidden_size)
        .with("ffn_hidden_size", config.intermediate_size)
        .with("num_attention_heads", config.num_attention_heads)
        .with("num_query_groups", config.num_key_value_heads)
        .with("max_position_embeddings", config.max_position_embeddings)
        .with("norm_epsilon", config.rms_norm_eps)
        .with("rotary_base", config.rope_theta() as u64)
        .with("padded_vocab_size", config.vocab_size)
        .with("attention_dropout", 0.0)
        .with(
            "untie_embeddings_and_output_weights",
            !config.tie_word_embeddings,
        )
        .with("swiglu", true)
        .with("add_qkv_bias", false)
        .with("kv_channels", config.head_dim)
        .with("architectures", "Qwen3ForCausalLM")
        .with("qk_layernorm", true)
}

impl Run {
    /// Fills in what 3.x settles itself.
    pub(super) fn complete_three(&mut self, plain: bool) {
        let fixed = [
            ("max_memory", json!({})),
            ("columns", json!({})),
            ("bnb_4bit_compute_dtype", json!("bfloat16")),
            ("model_kwargs", json!({})),
            ("use_shared_expert_gate", json!(false)),
            ("mrope_interleaved", json!(false)),
            ("no_rope_fusion", json!(false)),
            ("group_query_attention", json!(true)),
            ("position_embedding_type", json!("rope")),
            ("rotary_interleaved", json!(false)),
            ("disable_bias_linear", json!(true)),
            ("moe_layer_freq", json!("1")),
            ("moe_router_topk", json!(2)),
            ("moe_router_pre_softmax", json!(false)),
            ("moe_router_score_function", json!("softmax")),
            ("moe_router_enable_expert_bias", json!(false)),
            ("moe_router_load_balancing_type", json!("aux_loss")),
            ("multi_latent_attention", json!(false)),
            ("kv_lora_rank", json!(32)),
            ("qk_head_dim", json!(128)),
            ("qk_pos_emb_head_dim", json!(64)),
            ("apply_query_key_layer_scaling", json!(false)),
            ("extra_megatron_kwargs", json!({})),
        ];
        let length = self.arguments.integer("max_length");
        let length = length.unwrap_or(self.config.max_position_embeddings as i64);
        let own = megatron_config(&self.config).0;
        let given = fixed.map(|(name, value)| (name.to_owned(), value));
        let length = [("seq_length".to_owned(), json!(length))];
        for (name, value) in own.into_iter().chain(given).chain(length) {
            if self.arguments.dict().get(&name).is_some_and(Value::is_null) {
                self.arguments.set(&name, value);
            }
        }
        if self.arguments.flag("packing") {
            self.arguments.set("padding_free", true);
        }
        if plain {
            self.arguments.set("use_chat_template", false);
            self.arguments.set("loss_scale", "all");
        }
    }

    /// Every argument, then what 3.x adds to them.
    pub(super) fn saved_three(&self) -> Dict {
        let model = self.model_folder.to_string_lossy().into_owned();
        let info = format!(
            "ModelInfo(model_type='qwen3', model_dir='{model}', torch_dtype=torch.bfloat16, max_model_len={}, quant_method=None, quant_bits=None, rope_scaling=None, is_moe_model=False, config=None, task_type='causal_lm', num_labels=None)",
            self.config.max_position_embeddings
        );
        let meta = "ModelMeta(model_type='qwen3', architectures=['Qwen3ForCausalLM'])";
        let megatron = "MegatronModelMeta(megatron_model_type='gpt', model_types=['qwen3'])";
        let all = self.arguments.dict();
        let mut is_megatrons = false;
        let mut extra = serde_json::Map::new();
        for (name, value) in &all.0 {
            is_megatrons |= name == FIRST_OF_MEGATRON;
            if !is_megatrons && name != "loss_scale" && name != "seed" {
                extra.insert(name.clone(), value.clone());
            }
            is_megatrons &= name != LAST_OF_MEGATRON;
        }
        for (name, text) in [
            ("model_info", info.as_str()),
            ("model_meta", meta),
            ("megatron_model_meta", megatron),
        ] {
            extra.insert(name.to_owned(), json!(text));
        }
        all.with("rank", self.world.rank)
            .with("global_world_size", self.world.size)
            .with("local_world_size", self.world.local_size)
            .with("model_suffix", self.model_name())
            .with("model_info", info)
            .with("model_meta", meta)
            .with("model_dir", model)
            .with("hub", "<class 'swift.hub.hub.MSHub'>")
            .with("megatron_model_meta", megatron)
            .with("extra_args", extra)
    }
}
