//! What a new recipe begins with: the runbook's advice.

use super::{Length, Recipe, Tuner};

/// A named beginning.
#[derive(Debug, Clone, Copy)]
pub struct Preset {
    pub key: &'static str,
    /// (English, Chinese)
    pub name: (&'static str, &'static str),
    /// What it is for, and where it leaves the runbook.
    pub note: (&'static str, &'static str),
    pub recipe: fn() -> Recipe,
}

/// All of them; the first is what a form begins with.
pub const ALL: &[Preset] = &[
    Preset {
        key: "runbook-lora",
        name: ("Runbook, LoRA", "手册 · LoRA"),
        note: (
            "The runbook's advice: 1e-4 falling to 1e-5, packing off.",
            "手册建议：学习率 1e-4 降至 1e-5，不打包。",
        ),
        recipe: lora,
    },
    Preset {
        key: "runbook-full",
        name: ("Runbook, full", "手册 · 全参"),
        note: (
            "The runbook's advice: 1e-5 falling to 1e-6, packing off.",
            "手册建议：学习率 1e-5 降至 1e-6，不打包。",
        ),
        recipe: full,
    },
    Preset {
        key: "rehearsal",
        name: ("Rehearsal", "演练"),
        note: (
            "For the bundled model of one million parameters: a learning rate fifty times the runbook's, rank 16, 20 epochs of short rows.",
            "用于自带的百万参数模型：学习率为手册的五十倍，秩 16，短样本训练 20 轮，与手册取值不同。",
        ),
        recipe: rehearsal,
    },
];

/// A preset by its key.
pub fn find(key: &str) -> Option<&'static Preset> {
    ALL.iter().find(|preset| preset.key == key)
}

/// LoRA: learning rate 1e-4 falling to 1e-5, packing off.
pub fn lora() -> Recipe {
    Recipe {
        tuner: Tuner::Lora,
        length: Length::Epochs(3),
        learning_rate: 1e-4,
        min_learning_rate: 1e-5,
        warmup_fraction: 0.05,
        lora_rank: 8,
        lora_alpha: 32,
        micro_batch_size: 1,
        global_batch_size: 16,
        max_length: 4096,
        packing: false,
        save_interval: 200,
        eval_interval: 200,
        logging_interval: 5,
        split_dataset_ratio: 0.01,
        tensor_parallel: 1,
        pipeline_parallel: 1,
        context_parallel: 1,
        expert_parallel: 1,
        seed: 42,
        extra: Vec::new(),
    }
}

/// Full fine-tuning: learning rate 1e-5 falling to 1e-6.
pub fn full() -> Recipe {
    Recipe {
        tuner: Tuner::Full,
        learning_rate: 1e-5,
        min_learning_rate: 1e-6,
        ..lora()
    }
}

/// What teaches the rehearsal's small model the bundled dataset; rehearsal/README.md says how it was found.
pub fn rehearsal() -> Recipe {
    Recipe {
        length: Length::Epochs(20),
        learning_rate: 5e-3,
        min_learning_rate: 5e-4,
        lora_rank: 16,
        micro_batch_size: 4,
        max_length: 256,
        save_interval: 100,
        eval_interval: 100,
        split_dataset_ratio: 0.0,
        ..lora()
    }
}
