//! Named tensors, and the safetensors file of a Hugging Face folder.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device, Tensor};

use super::Config;
use crate::exporting::Stored;

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
    let stored = as_stored(config, weights, DType::BF16)?;
    save_file(&folder.join(SINGLE), &stored.iter().collect::<Vec<_>>())
}

/// What is written of `weights`: a tied head is not.
fn as_stored(config: &Config, weights: &Tensors, dtype: DType) -> Result<Tensors> {
    let tied = |name: &str| config.tie_word_embeddings && name == "lm_head.weight";
    let mut stored = Tensors::new();
    for (name, tensor) in weights.iter().filter(|(name, _)| !tied(name)) {
        stored.insert(name.clone(), tensor.to_dtype(dtype)?.contiguous()?);
    }
    Ok(stored)
}

fn save_file(path: &Path, tensors: &[(&String, &Tensor)]) -> Result<()> {
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize_to_file(tensors.iter().copied(), Some(metadata), path)
        .with_context(|| format!("write {}", path.display()))
}

/// Writes `model-00001-of-0000N.safetensors` with an index, as exports do. While they are written their names end in `-of-?????`.
pub fn save_hf_sharded(
    folder: &Path,
    config: &Config,
    weights: &Tensors,
    how: Stored,
) -> Result<()> {
    let stored = as_stored(config, weights, how.dtype)?;
    let size = |tensor: &Tensor| (tensor.elem_count() * how.dtype.size_in_bytes()) as u64;
    let mut shards: Vec<Vec<(&String, &Tensor)>> = vec![Vec::new()];
    let mut filled = 0;
    for (name, tensor) in &stored {
        if filled > 0 && filled + size(tensor) > how.shard_bytes {
            shards.push(Vec::new());
            filled = 0;
        }
        filled += size(tensor);
        if let Some(shard) = shards.last_mut() {
            shard.push((name, tensor));
        }
    }
    if let ([only], true) = (shards.as_slice(), how.names_single) {
        return save_file(&folder.join(SINGLE), only);
    }
    let name = |number: usize, of: &str| format!("model-{:05}-of-{of}.safetensors", number + 1);
    for (number, shard) in shards.iter().enumerate() {
        save_file(&folder.join(name(number, "?????")), shard)?;
    }
    let count = format!("{:05}", shards.len());
    let mut map: BTreeMap<&str, String> = BTreeMap::new();
    for (number, shard) in shards.iter().enumerate() {
        let to = name(number, &count);
        std::fs::rename(folder.join(name(number, "?????")), folder.join(&to))
            .context("name a shard")?;
        map.extend(shard.iter().map(|(name, _)| (name.as_str(), to.clone())));
    }
    let total: u64 = stored.values().map(size).sum();
    let index = serde_json::json!({"metadata": {"total_size": total}, "weight_map": map});
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

    #[test]
    fn weights_are_spread_over_files_by_their_size_and_come_back_whole() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::rehearsal(4, 1, 0);
        let tensor = |seed: f32| Tensor::full(seed, (10, 10), &Device::Cpu).unwrap();
        let weights: Tensors = (0..5)
            .map(|n| (format!("w{n}"), tensor(n as f32)))
            .collect();
        let how = Stored {
            dtype: DType::F32,
            shard_bytes: 850,
            names_single: true,
        };
        save_hf_sharded(folder.path(), &config, &weights, how).unwrap();
        let mut names: Vec<String> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names.len(), 4, "two tensors a file, two, one: {names:?}");
        assert_eq!(names[0], "model-00001-of-00003.safetensors");
        let read = load_hf(folder.path(), DType::F32).unwrap();
        assert_eq!(read.len(), 5);
        let folder = tempfile::tempdir().unwrap();
        let how = Stored {
            shard_bytes: 5_000,
            ..how
        };
        save_hf_sharded(folder.path(), &config, &weights, how).unwrap();
        assert!(folder.path().join(SINGLE).exists() && !folder.path().join(INDEX).exists());
    }
}
