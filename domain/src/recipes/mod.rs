//! Recipes: a version-neutral description of a training run, and the dialects that render it.

pub mod arguments;
pub mod arithmetic;
pub mod command;
pub mod dialects;
pub mod extra;
pub mod fields;
pub mod fit;
pub mod launch;
pub mod memory;
pub mod pasted;
pub mod presets;
pub mod reports;
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
    /// LoRA on the language part, every weight of the others (vision, aligner); 4.x only.
    #[serde(rename = "lora_llm")]
    LoraLlm,
}

impl Tuner {
    /// As `--tuner_type` spells it.
    pub fn word(self) -> &'static str {
        match self {
            Tuner::Lora => "lora",
            Tuner::Full => "full",
            Tuner::LoraLlm => "lora_llm",
        }
    }

    /// Whether added matrices are trained.
    pub fn is_lora(self) -> bool {
        self != Tuner::Full
    }
}

/// What is learnt from the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Answers to conversations.
    #[default]
    Sft,
    /// Plain text, to go on with pre-training.
    Pt,
    /// Which of two answers is better.
    Dpo,
    /// Whether one answer is good.
    Kto,
    /// Rewards of its own answers; 3.11 and later.
    Grpo,
}

impl Method {
    pub const ALL: [Method; 5] = [
        Method::Sft,
        Method::Pt,
        Method::Dpo,
        Method::Kto,
        Method::Grpo,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Method::Sft => "sft",
            Method::Pt => "pt",
            Method::Dpo => "dpo",
            Method::Kto => "kto",
            Method::Grpo => "grpo",
        }
    }

    pub fn parse(word: &str) -> Option<Method> {
        Method::ALL.into_iter().find(|method| method.word() == word)
    }

    /// The subcommand of `megatron`, and `--rlhf_type` where it has one.
    pub fn command(self) -> (&'static str, Option<&'static str>) {
        match self {
            Method::Sft => ("sft", None),
            Method::Pt => ("pt", None),
            Method::Dpo | Method::Kto | Method::Grpo => ("rlhf", Some(self.word())),
        }
    }
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
    #[serde(default)]
    pub method: Method,
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
