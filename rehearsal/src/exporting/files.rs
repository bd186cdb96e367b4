//! The folders that an export writes: a Hugging Face model, or PEFT's adapter.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result};
use candle_core::DType;
use serde_json::Value;

use crate::model::{Config, Tensors, mapping, weights};
use crate::training::settings::Refused;

/// Files of a Hugging Face folder that an export copies.
const COPIED: [&str; 6] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "special_tokens_map.json",
];

/// How weights are stored.
#[derive(Debug, Clone, Copy)]
pub struct Stored {
    pub dtype: DType,
    /// A file holds no more, unless a single tensor does.
    pub shard_bytes: u64,
    /// One file alone is `model.safetensors` without an index, as transformers writes it; ms-swift's own writer numbers it.
    pub names_single: bool,
}

impl Stored {
    /// As 4.x saves while training.
    pub const DEFAULT: Self = Self {
        dtype: DType::BF16,
        shard_bytes: 5_000_000_000,
        names_single: false,
    };
}

/// `5GB`, `500MB`, `2KiB` or a number of bytes.
pub fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: f64 = digits.trim().parse().ok().filter(|number| *number > 0.0)?;
    let factor: f64 = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" => 1.0,
        "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "TB" => 1e12,
        "KIB" => 1024.0,
        "MIB" => 1024.0 * 1024.0,
        "GIB" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    Some((number * factor) as u64)
}

/// Writes Megatron's tensors as a Hugging Face folder; configuration and tokenizer are those of `model`.
pub fn write_hf(
    model: &Path,
    output: &Path,
    config: &Config,
    tensors: &Tensors,
    stored: Stored,
) -> Result<()> {
    let hf = mapping::hf_from_mcore(config, tensors)?;
    std::fs::create_dir_all(output).context("create the output folder")?;
    for name in COPIED {
        let from = model.join(name);
        if from.exists() {
            std::fs::copy(&from, output.join(name))
                .with_context(|| format!("copy {}", from.display()))?;
        }
    }
    name_dtype(&output.join("config.json"), stored.dtype)?;
    weights::save_hf_sharded(output, config, &hf, stored)
}

/// The type of the weights in a `config.json`, where it names another.
fn name_dtype(file: &Path, dtype: DType) -> Result<()> {
    let name = match dtype {
        DType::F32 => "float32",
        DType::F16 => "float16",
        _ => "bfloat16",
    };
    let mut config: Value = serde_json::from_slice(&std::fs::read(file)?)?;
    for key in ["torch_dtype", "dtype"] {
        if config.get(key).is_some_and(|known| known != name) {
            config[key] = Value::from(name);
            std::fs::write(file, serde_json::to_string_pretty(&config)? + "\n")?;
        }
    }
    Ok(())
}

/// The shape of an adapter, as its run was given it.
#[derive(Debug, Clone, PartialEq)]
pub struct Peft {
    pub rank: u64,
    pub alpha: f64,
    pub dropout: f64,
    pub use_rslora: bool,
}

impl Peft {
    /// From the `args.json` beside an adapter.
    pub fn of(adapter: &Path) -> Result<Self> {
        let path = adapter.join("args.json");
        let text = std::fs::read_to_string(&path).map_err(|_| {
            Refused(format!(
                "FileNotFoundError: [Errno 2] No such file or directory: '{}'",
                path.display()
            ))
        })?;
        let arguments: Value =
            serde_json::from_str(&text).context("read the adapter's args.json")?;
        let number = |name: &str| {
            arguments[name]
                .as_f64()
                .with_context(|| format!("args.json of the adapter names no {name}"))
        };
        Ok(Self {
            rank: number("lora_rank")? as u64,
            alpha: number("lora_alpha")?,
            dropout: number("lora_dropout").unwrap_or(0.05),
            use_rslora: arguments["use_rslora"].as_bool().unwrap_or(false),
        })
    }

    /// What `B·A` is multiplied by.
    pub fn scale(&self) -> f64 {
        let rank = self.rank as f64;
        self.alpha / if self.use_rslora { rank.sqrt() } else { rank }
    }
}

/// `adapter_model.safetensors` and `adapter_config.json`, as PEFT reads them.
pub fn write_peft(
    folder: &Path,
    model: &Path,
    config: &Config,
    adapters: &Tensors,
    peft: &Peft,
) -> Result<()> {
    std::fs::create_dir_all(folder).context("create the output folder")?;
    let mut stored = Tensors::new();
    for (name, tensor) in mapping::peft_from_mcore(config, adapters)? {
        stored.insert(name, tensor.to_dtype(DType::BF16)?.contiguous()?);
    }
    let mut modules: Vec<&str> = stored
        .keys()
        .filter_map(|name| name.split(".lora_").next()?.rsplit('.').next())
        .collect();
    modules.sort_unstable();
    modules.dedup();
    let config = serde_json::json!({
        "base_model_name_or_path": model,
        "bias": "none",
        "lora_alpha": peft.alpha,
        "lora_dropout": peft.dropout,
        "peft_type": "LORA",
        "r": peft.rank,
        "target_modules": modules,
        "task_type": "CAUSAL_LM",
        "use_rslora": peft.use_rslora,
    });
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize_to_file(
        stored.iter(),
        Some(metadata),
        &folder.join("adapter_model.safetensors"),
    )
    .context("write adapter_model.safetensors")?;
    let text = serde_json::to_string_pretty(&config)? + "\n";
    std::fs::write(folder.join("adapter_config.json"), text).context("write adapter_config.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units() {
        let cases = [
            ("5GB", Some(5_000_000_000)),
            ("300KB", Some(300_000)),
            ("1MiB", Some(1_048_576)),
            ("1000", Some(1000)),
            ("five", None),
            ("5XB", None),
            ("-5GB", None),
        ];
        for (text, expected) in cases {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }
}
