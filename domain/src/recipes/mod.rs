//! Recipes: a version-neutral description of a training run, and the dialects that render it.

pub mod arguments;
pub mod arithmetic;
pub mod command;
pub mod dialects;
pub mod extra;
pub mod fields;
pub mod launch;
pub mod memory;
pub mod presets;
pub mod review;
pub mod rules;
pub mod script;
pub mod settings;
pub mod version;
pub mod world;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tuner {
    #[default]
    Lora,
    Full,
}

/// How long to train.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Length {
    Epochs(u32),
    Iterations(u64),
}

/// A training run, version-neutral. Every field is always written out, since defaults flip between releases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    pub tuner: Tuner,
    pub length: Length,
    pub learning_rate: f64,
    pub min_learning_rate: f64,
    /// Share of the iterations, 0 … 1.
    pub warmup_fraction: f64,
    pub lora_rank: u32,
    pub lora_alpha: u32,
    pub micro_batch_size: u32,
    pub global_batch_size: u32,
    /// Tokens.
    pub max_length: u32,
    pub packing: bool,
    /// Iterations between saves.
    pub save_interval: u64,
    pub eval_interval: u64,
    pub logging_interval: u64,
    /// Share of the dataset kept for evaluation, 0 … 1.
    pub split_dataset_ratio: f64,
    pub tensor_parallel: u32,
    pub pipeline_parallel: u32,
    pub context_parallel: u32,
    pub expert_parallel: u32,
    pub seed: u64,
    /// Passed on as they are, never lost: (flag without dashes, its words).
    pub extra: Vec<(String, Vec<String>)>,
}
