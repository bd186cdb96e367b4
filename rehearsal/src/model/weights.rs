//! Named tensors, and the safetensors file of a Hugging Face folder.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device, Tensor};

use super::Config;

/// Weights by name. The order of the names is the order of every file and every reduction.
pub type Tensors = BTreeMap<String, Tensor>;

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// Reads the weights of a Hugging Face folder (one file or an index of several) as `dtype`.
/// Fails when a file is missing or is no safetensors file.
pub fn load_hf(folder: &Path, dtype: DType) -> Result<Tensors> {
    let mut files = Vec::new();
    if folder.join(SINGLE).exists() {
        files.push(SINGLE.to_owned());
    } else if let Ok(text) = std::fs::read_to_string(folder.join(INDEX)) {
        let index: serde_json::Value = serde_json::from_str(&text).context("parse the index")?;
        let map = index["weight_map"].as_object().context("no weight_map")?;
        files.extend(
            map.values()
                .filter_map(|file| file.as_str().map(str::to_owned)),
        );
        files.sort();
        files.dedup();
    } else {
        bail!(
            "Error no file named model.safetensors, or pytorch_model.bin, found in directory {}.",
            folder.display()
        );
    }
    let mut weights = Tensors::new();
    for file in files {
        let path = folder.join(file);
        let read = candle_core::safetensors::load(&path, &Device::Cpu)
            .with_context(|| format!("read {}", path.display()))?;
        for (name, tensor) in read {
            weights.insert(name, tensor.to_dtype(dtype)?);
        }
    }
    Ok(weights)
}

/// Writes `model.safetensors` as bf16, with the metadata transformers insists on. A tied `lm_head.weight` is left out.
pub fn save_hf(folder: &Path, config: &Config, weights: &Tensors) -> Result<()> {
    let tied = |name: &str| config.tie_word_embeddings && name == "lm_head.weight";
    let mut stored = Tensors::new();
    for (name, tensor) in weights.iter().filter(|(name, _)| !tied(name)) {
        stored.insert(name.clone(), tensor.to_dtype(DType::BF16)?.contiguous()?);
    }
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize_to_file(stored.iter(), Some(metadata), &folder.join(SINGLE))
        .context("write model.safetensors")
}

/// Writes `model-00001-of-00001.safetensors` with its index, as exports of ms-swift do.
pub fn save_hf_sharded(folder: &Path, config: &Config, weights: &Tensors) -> Result<()> {
    const SHARD: &str = "model-00001-of-00001.safetensors";
    save_hf(folder, config, weights)?;
    std::fs::rename(folder.join(SINGLE), folder.join(SHARD)).context("name the shard")?;
    let stored = weights
        .iter()
        .filter(|(name, _)| !(config.tie_word_embeddings && *name == "lm_head.weight"));
    let bytes: usize = stored
        .clone()
        .map(|(_, tensor)| tensor.elem_count() * 2)
        .sum();
    let map: BTreeMap<&str, &str> = stored.map(|(name, _)| (name.as_str(), SHARD)).collect();
    let index = serde_json::json!({"metadata": {"total_size": bytes}, "weight_map": map});
    std::fs::write(
        folder.join(INDEX),
        serde_json::to_string_pretty(&index)? + "\n",
    )
    .context("write the index")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_come_back_as_they_were_saved_without_the_tied_head() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::rehearsal(4, 1, 0);
        let tensor = Tensor::new(&[[1f32, -2.5], [0.5, 3.0]], &Device::Cpu).unwrap();
        let weights = Tensors::from([
            ("lm_head.weight".to_owned(), tensor.clone()),
            ("model.embed_tokens.weight".to_owned(), tensor),
        ]);
        save_hf(folder.path(), &config, &weights).unwrap();
        let read = load_hf(folder.path(), DType::F32).unwrap();
        assert_eq!(
            read.keys().collect::<Vec<_>>(),
            ["model.embed_tokens.weight"]
        );
        assert_eq!(
            read["model.embed_tokens.weight"].to_vec2::<f32>().unwrap(),
            [[1.0, -2.5], [0.5, 3.0]]
        );
    }
}
