//! What a new recipe begins with: the runbook's advice.

use super::{Length, Method, Recipe, Tuner};

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
    Preset {
        key: "pretrain",
        name: ("Go on with pre-training", "继续预训练"),
        note: (
            "Plain text, every weight, packed rows, a tenth of the learning rate of full fine-tuning at its end.",
            "纯文本、全参、打包；学习率末值为起始的十分之一。",
        ),
        recipe: pretrain,
    },
    Preset {
        key: "dpo",
        name: ("Preferences, DPO", "偏好 · DPO"),
        note: (
            "Rows with rejected_response. LoRA; beta 0.1 is written out, since releases differ in it.",
            "样本含 rejected_response。LoRA；各版本 beta 默认不同，因此写明 0.1。",
        ),
        recipe: dpo,
    },
    Preset {
        key: "kto",
        name: ("Preferences, KTO", "偏好 · KTO"),
        note: (
            "Rows with a label true or false for each answer. LoRA.",
            "每条样本的 label 为 true 或 false。LoRA。",
        ),
        recipe: kto,
    },
    Preset {
        key: "grpo",
        name: ("Rewards, GRPO (3.11 and later)", "奖励 · GRPO（3.11 起）"),
        note: (
            "Eight answers to each prompt, rewarded by accuracy and format: choose --reward_funcs for your task.",
            "每个提示生成八个回答，按 accuracy 与 format 给奖励：请按任务选择 --reward_funcs。",
        ),
        recipe: grpo,
    },
    Preset {
        key: "moe-lora",
        name: ("Mixture of experts, LoRA, one node", "MoE · LoRA · 单节点"),
        note: (
            "Experts over 8 GPUs, fused permutation, everything recomputed: for models such as GLM-4.5-Air or Qwen3-30B-A3B.",
            "专家分布在 8 张 GPU，融合 permute，全部重计算：适用于 GLM-4.5-Air、Qwen3-30B-A3B 等模型。",
        ),
        recipe: moe_lora,
    },
    Preset {
        key: "moe-full-nodes",
        name: (
            "Mixture of experts, full, many nodes",
            "MoE · 全参 · 多节点",
        ),
        note: (
            "Two pipeline stages, experts over 8 GPUs each, optimizer in the machines' memory: from 4 nodes of 8 GPUs on.",
            "两段流水线，每段专家分布在 8 张 GPU，优化器放在主机内存：需 4 个以上 8 卡节点。",
        ),
        recipe: moe_full_nodes,
    },
    Preset {
        key: "dense-full-nodes",
        name: ("Dense, full, many nodes", "稠密 · 全参 · 多节点"),
        note: (
            "Each layer over 8 GPUs of a node, with sequence parallelism and recomputing.",
            "每层在节点内 8 张 GPU 上切分，开启序列并行与重计算。",
        ),
        recipe: dense_full_nodes,
    },
];

/// A preset by its key.
pub fn find(key: &str) -> Option<&'static Preset> {
    ALL.iter().find(|preset| preset.key == key)
}

/// LoRA: learning rate 1e-4 falling to 1e-5, packing off.
pub fn lora() -> Recipe {
    Recipe {
        method: Method::Sft,
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

fn words(pairs: &[(&str, &str)]) -> Vec<(String, Vec<String>)> {
    pairs
        .iter()
        .map(|(flag, values)| {
            (
                (*flag).to_owned(),
                values.split(' ').map(str::to_owned).collect(),
            )
        })
        .collect()
}

/// Every layer computed again in the backward pass.
const RECOMPUTED: [(&str, &str); 3] = [
    ("recompute_granularity", "full"),
    ("recompute_method", "uniform"),
    ("recompute_num_layers", "1"),
];

/// Plain text, every weight.
pub fn pretrain() -> Recipe {
    Recipe {
        method: Method::Pt,
        length: Length::Epochs(1),
        packing: true,
        global_batch_size: 64,
        ..full()
    }
}

/// Pairs of answers.
pub fn dpo() -> Recipe {
    Recipe {
        method: Method::Dpo,
        length: Length::Epochs(1),
        learning_rate: 5e-5,
        min_learning_rate: 5e-6,
        extra: words(&[
            ("beta", "0.1"),
            ("rpo_alpha", "0.1"),
            ("loss_type", "sigmoid"),
        ]),
        ..lora()
    }
}

/// Answers marked good or bad.
pub fn kto() -> Recipe {
    Recipe {
        method: Method::Kto,
        extra: words(&[
            ("beta", "0.1"),
            ("desirable_weight", "1"),
            ("undesirable_weight", "1"),
        ]),
        ..dpo()
    }
}

/// Rewards of its own answers.
pub fn grpo() -> Recipe {
    Recipe {
        method: Method::Grpo,
        learning_rate: 1e-5,
        min_learning_rate: 1e-6,
        global_batch_size: 64,
        extra: words(&[
            ("beta", "0.04"),
            ("num_generations", "8"),
            ("max_completion_length", "2048"),
            ("reward_funcs", "accuracy format"),
            ("use_vllm", "true"),
            ("vllm_mode", "colocate"),
        ]),
        ..lora()
    }
}

/// A mixture of experts on one node of 8 GPUs.
pub fn moe_lora() -> Recipe {
    let mut extra = words(&RECOMPUTED);
    extra.extend(words(&[
        ("sequence_parallel", "true"),
        ("moe_permute_fusion", "true"),
        ("moe_shared_expert_overlap", "true"),
        ("moe_aux_loss_coeff", "1e-3"),
    ]));
    Recipe {
        expert_parallel: 8,
        extra,
        ..lora()
    }
}

/// A mixture of experts on several nodes, every weight.
pub fn moe_full_nodes() -> Recipe {
    let mut extra = moe_lora().extra;
    extra.extend(words(&[
        ("optimizer_cpu_offload", "true"),
        ("use_precision_aware_optimizer", "true"),
    ]));
    Recipe {
        tensor_parallel: 2,
        pipeline_parallel: 2,
        expert_parallel: 8,
        global_batch_size: 64,
        extra,
        ..full()
    }
}

/// A dense model on several nodes, every weight.
pub fn dense_full_nodes() -> Recipe {
    let mut extra = words(&RECOMPUTED);
    extra.extend(words(&[("sequence_parallel", "true")]));
    Recipe {
        tensor_parallel: 8,
        global_batch_size: 64,
        extra,
        ..full()
    }
}
