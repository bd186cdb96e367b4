//! The shape of a model: what its `config.json` says about size.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A decoder-only transformer, dense or mixture of experts. Counts of elements, not bytes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Shape {
    pub layers: u64,
    /// Of those, how many have one dense feed-forward part instead of experts.
    pub dense_layers: u64,
    pub hidden: u64,
    /// Width of a dense feed-forward part.
    pub feed_forward: u64,
    pub heads: u64,
    /// Groups of keys and values; fewer than heads with GQA.
    pub groups: u64,
    pub head_width: u64,
    pub vocabulary: u64,
    /// Input and output embedding are one matrix.
    pub is_tied: bool,
    pub experts: Option<Experts>,
    pub latent: Option<Latent>,
}

/// A mixture of experts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Experts {
    pub count: u64,
    /// How many each token is sent to.
    pub chosen: u64,
    /// Width of one.
    pub width: u64,
    /// Width of the part that every token passes; 0: none.
    pub shared: u64,
}

/// Multi-head latent attention: queries, keys and values pass narrow matrices.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Latent {
    /// 0: queries are not narrowed.
    pub query_rank: u64,
    pub key_value_rank: u64,
    /// Width of a head's part without position, of the part with it, and of its values.
    pub plain: u64,
    pub rotary: u64,
    pub value: u64,
}

impl Shape {
    /// Reads a `config.json`; of a multimodal model its text part, since that is what Megatron divides. None: a size is missing.
    pub fn of_config(config: &Value) -> Option<Shape> {
        let text = ["text_config", "llm_config", "thinker_config"]
            .into_iter()
            .find_map(|key| config.get(key).filter(|part| part.is_object()));
        if let Some(inner) = text
            && let Some(shape) = Shape::of_config(inner)
        {
            return Some(shape);
        }
        // A size beyond that is no model's; sums and products of those below fit.
        let number = |keys: &[&str]| {
            let found = keys.iter().find_map(|key| config.get(key)?.as_u64());
            found.filter(|size| *size < 1 << 24)
        };
        let layers = number(&["num_hidden_layers", "num_layers"])?;
        let hidden = number(&["hidden_size"])?;
        let heads = number(&["num_attention_heads"]).filter(|heads| *heads > 0)?;
        let latent = number(&["kv_lora_rank"]).map(|key_value_rank| Latent {
            query_rank: number(&["q_lora_rank"]).unwrap_or(0),
            key_value_rank,
            plain: number(&["qk_nope_head_dim"]).unwrap_or(128),
            rotary: number(&["qk_rope_head_dim"]).unwrap_or(64),
            value: number(&["v_head_dim"]).unwrap_or(128),
        });
        let count = number(&["num_experts", "n_routed_experts", "num_local_experts"]);
        let feed_forward = number(&["intermediate_size"]).unwrap_or(4 * hidden);
        let experts = count.filter(|count| *count > 1).map(|count| {
            let width = number(&["moe_intermediate_size"]).unwrap_or(feed_forward);
            let shared = number(&["shared_expert_intermediate_size"])
                .or_else(|| Some(number(&["n_shared_experts", "num_shared_experts"])? * width));
            Experts {
                count,
                chosen: number(&["num_experts_per_tok", "moe_topk"]).unwrap_or(2),
                width,
                shared: shared.unwrap_or(0),
            }
        });
        let dense_layers = match experts {
            None => layers,
            Some(_) => dense(config, layers),
        };
        Some(Shape {
            layers,
            dense_layers,
            hidden,
            feed_forward,
            heads,
            groups: number(&["num_key_value_heads"]).unwrap_or(heads),
            head_width: number(&["head_dim"]).unwrap_or(hidden / heads),
            vocabulary: number(&["vocab_size"])?,
            is_tied: config
                .get("tie_word_embeddings")
                .and_then(Value::as_bool)
                .unwrap_or(false),
            experts,
            latent,
        })
    }

    /// Layers with experts.
    pub fn expert_layers(&self) -> u64 {
        self.layers.saturating_sub(self.dense_layers)
    }

    /// Parameters of one layer's attention.
    pub fn attention(&self) -> u64 {
        let h = self.hidden;
        match &self.latent {
            None => 2 * h * self.heads * self.head_width + 2 * h * self.groups * self.head_width,
            Some(latent) => {
                let query = self.heads * (latent.plain + latent.rotary);
                let down = match latent.query_rank {
                    0 => h * query,
                    rank => h * rank + rank * query,
                };
                down + h * (latent.key_value_rank + latent.rotary)
                    + latent.key_value_rank * self.heads * (latent.plain + latent.value)
                    + self.heads * latent.value * h
            }
        }
    }

    /// Width of all queries of a token, and of all its keys (its values are as wide).
    pub fn attention_widths(&self) -> (u64, u64) {
        match &self.latent {
            None => (self.heads * self.head_width, self.groups * self.head_width),
            // Keys and values are widened to all heads before attention.
            Some(latent) => {
                let width = self.heads * (latent.plain + latent.rotary);
                (width, width)
            }
        }
    }

    /// All parameters, and those that one token passes.
    pub fn parameters(&self) -> (f64, f64) {
        let h = self.hidden as f64;
        let embeddings = self.vocabulary as f64 * h * if self.is_tied { 1.0 } else { 2.0 };
        let common = self.layers as f64 * (self.attention() as f64 + 2.0 * h)
            + self.dense_layers as f64 * 3.0 * h * self.feed_forward as f64
            + embeddings;
        let Some(experts) = &self.experts else {
            return (common, common);
        };
        let layers = self.expert_layers() as f64;
        let every = layers * h * (3.0 * experts.shared as f64 + experts.count as f64);
        let one = layers * 3.0 * h * experts.width as f64;
        (
            common + every + one * experts.count as f64,
            common + every + one * experts.chosen as f64,
        )
    }
}

/// Layers of a mixture of experts that have none, in any of the ways in which families say so.
fn dense(config: &Value, layers: u64) -> u64 {
    if let Some(first) = config.get("first_k_dense_replace").and_then(Value::as_u64) {
        return first.min(layers);
    }
    if let Some(list) = config.get("moe_layer_freq").and_then(Value::as_array) {
        return list.iter().filter(|one| one.as_u64() == Some(0)).count() as u64;
    }
    let named: Vec<u64> = config
        .get("mlp_only_layers")
        .and_then(Value::as_array)
        .map(|list| list.iter().filter_map(Value::as_u64).collect())
        .unwrap_or_default();
    let step = config
        .get("decoder_sparse_step")
        .and_then(Value::as_u64)
        .unwrap_or(1)
        .max(1);
    (0..layers.min(10_000))
        .filter(|layer| named.contains(layer) || (layer + 1) % step != 0)
        .count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parameters_are_those_of_the_published_models() {
        let glm_air = Shape::of_config(&json!({
            "num_hidden_layers": 46, "hidden_size": 4096, "intermediate_size": 10944, "num_attention_heads": 96,
            "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151552, "tie_word_embeddings": false, "n_routed_experts": 128,
            "n_shared_experts": 1, "moe_intermediate_size": 1408, "num_experts_per_tok": 8, "first_k_dense_replace": 1,
        }))
        .expect("a shape");
        let (all, active) = glm_air.parameters();
        assert!((all / 106.9e9 - 1.0).abs() < 0.005, "{all}");
        assert!(active > 11e9 && active < 15e9, "{active}");
        let deepseek_v3 = Shape::of_config(&json!({
            "num_hidden_layers": 61, "hidden_size": 7168, "intermediate_size": 18432, "num_attention_heads": 128,
            "num_key_value_heads": 128, "vocab_size": 129280, "n_routed_experts": 256, "n_shared_experts": 1,
            "moe_intermediate_size": 2048, "num_experts_per_tok": 8, "first_k_dense_replace": 3, "q_lora_rank": 1536,
            "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
        }))
        .expect("a shape");
        let (all, active) = deepseek_v3.parameters();
        assert!((all / 671e9 - 1.0).abs() < 0.01, "{all}");
        assert!((active / 37.5e9 - 1.0).abs() < 0.05, "{active}");
    }

    #[test]
    fn a_multimodal_model_has_the_shape_of_its_text_part_and_a_torn_config_none() {
        let inner = json!({"num_hidden_layers": 2, "hidden_size": 8, "num_attention_heads": 2, "vocab_size": 10});
        let outer = json!({"vision_config": {"hidden_size": 3}, "text_config": inner});
        assert_eq!(Shape::of_config(&outer), Shape::of_config(&inner));
        assert!(Shape::of_config(&inner).is_some());
        assert_eq!(Shape::of_config(&json!({"hidden_size": 8})), None);
        assert_eq!(
            Shape::of_config(
                &json!({"num_hidden_layers": 2, "hidden_size": 8, "num_attention_heads": 0, "vocab_size": 1})
            ),
            None
        );
    }

    #[test]
    fn layers_without_experts_are_counted_in_every_familys_way() {
        assert_eq!(dense(&json!({"first_k_dense_replace": 3}), 61), 3);
        assert_eq!(dense(&json!({"moe_layer_freq": [0, 1, 1]}), 3), 1);
        assert_eq!(
            dense(
                &json!({"mlp_only_layers": [0, 5], "decoder_sparse_step": 1}),
                8
            ),
            2
        );
        assert_eq!(dense(&json!({"decoder_sparse_step": 2}), 8), 4);
    }
}
