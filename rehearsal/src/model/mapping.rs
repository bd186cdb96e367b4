//! Hugging Face's names and shapes of a Qwen3, and Megatron's: the same numbers, cut differently.

use std::path::Path;

use anyhow::{Context, Result};
use candle_core::{DType, Tensor};

use super::weights;
use super::{Config, Tensors};

/// A Hugging Face folder as Megatron's tensors, f32. Fails when a tensor is missing.
pub fn mcore_from_hf(folder: &Path, config: &Config) -> Result<Tensors> {
    let hf = weights::load_hf(folder, DType::F32)?;
    let get = |name: &str| hf.get(name).cloned().with_context(|| format!("no {name}"));
    let mut out = Tensors::new();
    out.insert(
        "embedding.word_embeddings.weight".into(),
        get("model.embed_tokens.weight")?,
    );
    out.insert(
        "decoder.final_layernorm.weight".into(),
        get("model.norm.weight")?,
    );
    if !config.tie_word_embeddings {
        out.insert("output_layer.weight".into(), get("lm_head.weight")?);
    }
    for layer in 0..config.num_hidden_layers {
        let get = |part: &str| get(&format!("model.layers.{layer}.{part}.weight"));
        let (d, s, g, h) = (
            config.head_dim,
            config.heads_per_group(),
            config.num_key_value_heads,
            config.hidden_size,
        );
        let q = get("self_attn.q_proj")?.reshape((g, s * d, h))?;
        let k = get("self_attn.k_proj")?.reshape((g, d, h))?;
        let v = get("self_attn.v_proj")?.reshape((g, d, h))?;
        let qkv = Tensor::cat(&[q, k, v], 1)?.reshape(((), h))?;
        let mut add =
            |to: &str, tensor: Tensor| out.insert(format!("decoder.layers.{layer}.{to}"), tensor);
        add("self_attention.linear_qkv.weight", qkv);
        add(
            "self_attention.linear_qkv.layer_norm_weight",
            get("input_layernorm")?,
        );
        add(
            "self_attention.linear_proj.weight",
            get("self_attn.o_proj")?,
        );
        add(
            "self_attention.q_layernorm.weight",
            get("self_attn.q_norm")?,
        );
        add(
            "self_attention.k_layernorm.weight",
            get("self_attn.k_norm")?,
        );
        add(
            "mlp.linear_fc1.layer_norm_weight",
            get("post_attention_layernorm")?,
        );
        add(
            "mlp.linear_fc1.weight",
            Tensor::cat(&[get("mlp.gate_proj")?, get("mlp.up_proj")?], 0)?,
        );
        add("mlp.linear_fc2.weight", get("mlp.down_proj")?);
    }
    Ok(out)
}

/// Megatron's tensors under Hugging Face's names.
pub fn hf_from_mcore(config: &Config, weights: &Tensors) -> Result<Tensors> {
    let mut out = Tensors::new();
    for (name, tensor) in weights {
        let Some(rest) = name.strip_prefix("decoder.layers.") else {
            let to = match name.as_str() {
                "embedding.word_embeddings.weight" => "model.embed_tokens.weight",
                "decoder.final_layernorm.weight" => "model.norm.weight",
                _ => "lm_head.weight",
            };
            out.insert(to.into(), tensor.clone());
            continue;
        };
        let (layer, part) = rest.split_once('.').context("layer")?;
        let mut add = |to: &str, tensor: Tensor| {
            out.insert(format!("model.layers.{layer}.{to}.weight"), tensor)
        };
        match part {
            "self_attention.linear_qkv.weight" => {
                let (d, s, g) = (
                    config.head_dim,
                    config.heads_per_group(),
                    config.num_key_value_heads,
                );
                let all = tensor.reshape((g, s + 2, d, config.hidden_size))?;
                let cut = |from: usize, count: usize| {
                    all.narrow(1, from, count)?
                        .contiguous()?
                        .reshape((g * count * d, config.hidden_size))
                };
                add("self_attn.q_proj", cut(0, s)?);
                add("self_attn.k_proj", cut(s, 1)?);
                add("self_attn.v_proj", cut(s + 1, 1)?);
            }
            "mlp.linear_fc1.weight" => {
                add(
                    "mlp.gate_proj",
                    tensor.narrow(0, 0, config.intermediate_size)?,
                );
                add(
                    "mlp.up_proj",
                    tensor.narrow(0, config.intermediate_size, config.intermediate_size)?,
                );
            }
            "self_attention.linear_proj.weight" => {
                add("self_attn.o_proj", tensor.clone());
            }
            "self_attention.q_layernorm.weight" => {
                add("self_attn.q_norm", tensor.clone());
            }
            "self_attention.k_layernorm.weight" => {
                add("self_attn.k_norm", tensor.clone());
            }
            "mlp.linear_fc2.weight" => {
                add("mlp.down_proj", tensor.clone());
            }
            "mlp.linear_fc1.layer_norm_weight" => {
                add("post_attention_layernorm", tensor.clone());
            }
            _ => {
                add("input_layernorm", tensor.clone());
            }
        }
    }
    Ok(out)
}

/// The adapters added into the base: `W + scale · B·A` for each module that has them.
pub fn merged(base: &Tensors, adapters: &Tensors, scale: f64) -> Result<Tensors> {
    let mut weights = base.clone();
    for (name, a) in adapters {
        let Some(module) = name.strip_suffix(".lora_A.default.weight") else {
            continue;
        };
        let b = adapters
            .get(&format!("{module}.lora_B.default.weight"))
            .with_context(|| format!("{module} has no lora_B"))?;
        let weight = weights
            .get_mut(&format!("{module}.weight"))
            .with_context(|| format!("the base model has no {module}"))?;
        *weight = (&*weight + (b.matmul(a)? * scale)?)?;
    }
    Ok(weights)
}

/// Megatron's adapters under the names that PEFT gives those of the Hugging Face model. What Megatron holds in one matrix
/// is adapted together: query, key and value share their `lora_A`, and so do gate and up.
pub fn peft_from_mcore(config: &Config, adapters: &Tensors) -> Result<Tensors> {
    let mut out = Tensors::new();
    for (name, a) in adapters {
        let Some(module) = name.strip_suffix(".lora_A.default.weight") else {
            continue;
        };
        let b = adapters
            .get(&format!("{module}.lora_B.default.weight"))
            .with_context(|| format!("{module} has no lora_B"))?;
        // The rows of B are those of the adapted matrix, so they part like those of a matrix that is as wide as the rank.
        let narrow = Config {
            hidden_size: b.dim(1)?,
            ..config.clone()
        };
        let rows = Tensors::from([(format!("{module}.weight"), b.clone())]);
        for (part, b) in hf_from_mcore(&narrow, &rows)? {
            let part = part.trim_end_matches(".weight");
            out.insert(format!("base_model.model.{part}.lora_A.weight"), a.clone());
            out.insert(format!("base_model.model.{part}.lora_B.weight"), b);
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::mcore::{self, LINEAR};

    #[test]
    fn an_adapter_does_the_same_in_both_formats() {
        let config = Config::rehearsal(40, 1, 0);
        let base = mcore::initial(&config, 1).unwrap();
        let mut adapters = mcore::initial_adapters(&config, &LINEAR, 4, 2).unwrap();
        for (name, tensor) in &mut adapters {
            if name.contains("lora_B") {
                *tensor = tensor.randn_like(0.0, 1.0).unwrap();
            }
        }
        let expected = hf_from_mcore(&config, &merged(&base, &adapters, 2.0).unwrap()).unwrap();
        let peft = peft_from_mcore(&config, &adapters).unwrap();
        let plain = hf_from_mcore(&config, &base).unwrap();
        let mut adapted = 0;
        for (name, weight) in &plain {
            let part = |half: &str| {
                let module = name.trim_end_matches(".weight");
                peft.get(&format!("base_model.model.{module}.{half}.weight"))
            };
            let weight = match (part("lora_A"), part("lora_B")) {
                (Some(a), Some(b)) => {
                    adapted += 1;
                    (weight + (b.matmul(a).unwrap() * 2.0).unwrap()).unwrap()
                }
                _ => weight.clone(),
            };
            let difference = (weight - &expected[name]).unwrap().abs().unwrap();
            let most: f32 = difference
                .flatten_all()
                .unwrap()
                .max(0)
                .unwrap()
                .to_scalar()
                .unwrap();
            assert!(most < 1e-4, "{name}: {most}");
        }
        assert_eq!(adapted, 7 * config.num_hidden_layers);
    }
}
