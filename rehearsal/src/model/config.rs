//! A Qwen3 `config.json`, read and written as Hugging Face does.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The shape of a `Qwen3ForCausalLM`. Keys this program does not use are kept in `rest` and written back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    pub architectures: Vec<String>,
    pub vocab_size: usize,
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub num_hidden_layers: usize,
    pub num_attention_heads: usize,
    pub num_key_value_heads: usize,
    pub head_dim: usize,
    pub rms_norm_eps: f64,
    /// transformers 4 writes `rope_theta` here, transformers 5 inside `rope_parameters` (which stays in `rest`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rope_theta: Option<f64>,
    pub max_position_embeddings: usize,
    #[serde(default)]
    pub tie_word_embeddings: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eos_token_id: Option<u32>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Config {
    /// The shape of the shipped base model, about one million parameters.
    pub fn rehearsal(vocab_size: usize, eos_token_id: u32, pad_token_id: u32) -> Self {
        let rest = serde_json::json!({
            "attention_bias": false,
            "attention_dropout": 0.0,
            "bos_token_id": null,
            "hidden_act": "silu",
            "initializer_range": 0.02,
            "max_window_layers": 4,
            "model_type": "qwen3",
            "pad_token_id": pad_token_id,
            "rope_scaling": null,
            "sliding_window": null,
            "torch_dtype": "bfloat16",
            "transformers_version": "4.57.1",
            "use_cache": true,
            "use_sliding_window": false,
        });
        let Value::Object(rest) = rest else {
            unreachable!("the literal above is an object")
        };
        Self {
            architectures: vec!["Qwen3ForCausalLM".into()],
            vocab_size,
            hidden_size: 128,
            intermediate_size: 384,
            num_hidden_layers: 4,
            num_attention_heads: 4,
            num_key_value_heads: 2,
            head_dim: 32,
            rms_norm_eps: 1e-6,
            rope_theta: Some(10_000.0),
            max_position_embeddings: 2048,
            tie_word_embeddings: true,
            eos_token_id: Some(eos_token_id),
            rest,
        }
    }

    /// Reads `folder/config.json`. Fails when it is missing, no JSON, or not a Qwen3 this program can run.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("config.json");
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let config: Self =
            serde_json::from_str(&text).with_context(|| format!("parse {}", path.display()))?;
        ensure!(
            config
                .architectures
                .iter()
                .any(|name| name == "Qwen3ForCausalLM"),
            "architectures {:?} hold no Qwen3ForCausalLM",
            config.architectures
        );
        ensure!(
            config.head_dim.is_multiple_of(2)
                && config.num_attention_heads > 0
                && config.num_key_value_heads > 0
                && config
                    .num_attention_heads
                    .is_multiple_of(config.num_key_value_heads),
            "heads do not divide: {} query, {} key and value, {} wide",
            config.num_attention_heads,
            config.num_key_value_heads,
            config.head_dim
        );
        Ok(config)
    }

    /// Writes `folder/config.json`, two spaces deep as transformers does.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(folder.join("config.json"), text).context("write config.json")
    }

    /// The base of the rotary embedding, wherever this release of transformers put it.
    pub fn rope_theta(&self) -> f64 {
        let nested = || {
            self.rest
                .get("rope_parameters")?
                .get("rope_theta")?
                .as_f64()
        };
        self.rope_theta.or_else(nested).unwrap_or(10_000.0)
    }

    /// Query heads that share one key and value head.
    pub fn heads_per_group(&self) -> usize {
        self.num_attention_heads / self.num_key_value_heads
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_keeps_the_keys_it_does_not_know() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::rehearsal(2048, 1, 0);
        config.write(folder.path()).unwrap();
        let read = Config::read(folder.path()).unwrap();
        assert_eq!(read, config);
        assert_eq!(read.rest["hidden_act"], "silu");
    }

    #[test]
    fn rope_theta_is_found_where_transformers_5_puts_it() {
        let mut config = Config::rehearsal(16, 1, 0);
        config.rope_theta = None;
        config.rest.insert(
            "rope_parameters".into(),
            serde_json::json!({"rope_theta": 5e5}),
        );
        assert_eq!(config.rope_theta(), 5e5);
    }
}
