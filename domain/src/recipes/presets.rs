//! What a new recipe begins with: the runbook's advice.

use super::{Length, Recipe, Tuner};

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
