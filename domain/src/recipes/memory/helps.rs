//! What would take less memory, each with the bytes it saves: the same estimate with one thing changed.

use serde::{Deserialize, Serialize};

use super::super::Tuner;
use super::super::settings::{Recompute, Settings};
use super::{RowLengths, Shape, bare};
use crate::language::Text;

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Help {
    pub text: Text,
    /// What to write: (a field's key or an argument's name, its value).
    pub set: Vec<(String, String)>,
    /// Bytes per GPU that it saves, and what is then likely.
    pub saves: f64,
    pub after: f64,
}

struct Idea {
    text: Text,
    set: Vec<(&'static str, String)>,
    settings: Settings,
}

/// Everything that can be changed and saves at least half a percent, most effective first.
pub fn find(
    shape: &Shape,
    settings: &Settings,
    world: u64,
    gpus_per_node: u64,
    rows: RowLengths,
    likely: f64,
) -> Vec<Help> {
    let fits = |idea: &Idea| {
        let changed = &idea.settings;
        world.is_multiple_of(changed.model_parallel())
            && world
                .is_multiple_of((changed.expert_tensor * changed.expert * changed.pipeline).max(1))
            && changed
                .global_batch
                .is_multiple_of((changed.micro_batch * changed.data(world)).max(1))
    };
    let mut helps: Vec<Help> = ideas(shape, settings, gpus_per_node)
        .into_iter()
        .filter(fits)
        .filter_map(|idea| {
            let after = bare(shape, &idea.settings, world, rows)?.likely();
            let set = idea
                .set
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value));
            (likely - after > 0.005 * likely).then(|| Help {
                text: idea.text,
                set: set.collect(),
                saves: likely - after,
                after,
            })
        })
        .collect();
    helps.sort_by(|one, other| other.saves.total_cmp(&one.saves));
    helps
}

fn ideas(shape: &Shape, now: &Settings, gpus_per_node: u64) -> Vec<Idea> {
    let mut ideas = Vec::new();
    let mut add = |en: String, zh: String, set: Vec<(&'static str, String)>, settings: Settings| {
        ideas.push(Idea {
            text: Text::new(en, zh),
            set,
            settings,
        });
    };
    let yes = || "true".to_owned();
    if !matches!(now.recompute, Recompute::Full { .. }) {
        add(
            "Recompute whole layers (about a third slower)".into(),
            "整层重计算（约慢三分之一）".into(),
            vec![
                ("recompute_granularity", "full".into()),
                ("recompute_method", "uniform".into()),
                ("recompute_num_layers", "1".into()),
            ],
            Settings {
                recompute: Recompute::Full {
                    method: Some("uniform".into()),
                    layers: Some(1),
                },
                ..now.clone()
            },
        );
    }
    if now.tensor > 1 && !now.sequence_parallel {
        add(
            "Sequence parallel: the ranks of TP share the norms, too".into(),
            "开启序列并行，归一化部分也由 TP 分担".into(),
            vec![("sequence_parallel", yes())],
            Settings {
                sequence_parallel: true,
                ..now.clone()
            },
        );
    }
    let tensor = now.tensor * 2;
    let divides = |whole: u64, by: u64| whole.is_multiple_of(by) || by.is_multiple_of(whole.max(1));
    if tensor <= gpus_per_node
        && shape.heads.is_multiple_of(tensor)
        && divides(shape.groups, tensor)
    {
        add(
            format!("Tensor parallel {tensor} with sequence parallel"),
            format!("张量并行 TP {tensor}，并开启序列并行"),
            vec![
                ("tensor_parallel", tensor.to_string()),
                ("sequence_parallel", yes()),
            ],
            Settings {
                tensor,
                sequence_parallel: true,
                ..now.clone()
            },
        );
    }
    let pipeline = now.pipeline * 2;
    if shape.layers.is_multiple_of(pipeline)
        && now.first_layers.is_none()
        && now.last_layers.is_none()
    {
        add(
            format!("Pipeline parallel {pipeline}"),
            format!("流水线并行 PP {pipeline}"),
            vec![("pipeline_parallel", pipeline.to_string())],
            Settings {
                pipeline,
                ..now.clone()
            },
        );
    }
    let context = now.context * 2;
    if now.longest().is_multiple_of(2 * context) {
        add(
            format!("Context parallel {context}: GPUs share each row"),
            format!("上下文并行 CP {context}，多张 GPU 分担一条样本"),
            vec![("context_parallel", context.to_string())],
            Settings {
                context,
                ..now.clone()
            },
        );
    }
    let expert = now.expert * 2;
    if shape
        .experts
        .as_ref()
        .is_some_and(|mixture| mixture.count.is_multiple_of(expert))
    {
        add(
            format!("Expert parallel {expert}"),
            format!("专家并行 EP {expert}"),
            vec![("expert_parallel", expert.to_string())],
            Settings {
                expert,
                ..now.clone()
            },
        );
    }
    if now.micro_batch > 1 {
        add(
            "Micro batch 1 (more, smaller steps for the same global batch)".into(),
            "微批大小改为 1（全局批大小不变）".into(),
            vec![("micro_batch_size", "1".into())],
            Settings {
                micro_batch: 1,
                ..now.clone()
            },
        );
    }
    if !now.distributed_optimizer {
        add(
            "Distributed optimizer: data-parallel ranks share its states".into(),
            "分布式优化器，各数据并行组分担优化器状态".into(),
            vec![("use_distributed_optimizer", yes())],
            Settings {
                distributed_optimizer: true,
                ..now.clone()
            },
        );
    }
    if !now.fused_loss {
        add(
            "Fused cross entropy".into(),
            "融合交叉熵".into(),
            vec![("cross_entropy_loss_fusion", yes())],
            Settings {
                fused_loss: true,
                ..now.clone()
            },
        );
    }
    if now.tuner == Tuner::Full {
        if now.offload < 1.0 {
            add(
                "Optimizer in the machine's memory (slower; 12–16 bytes of it per parameter)"
                    .into(),
                "优化器放到内存（更慢，每个参数占内存 12–16 字节）".into(),
                vec![
                    ("optimizer_cpu_offload", yes()),
                    ("use_precision_aware_optimizer", yes()),
                    ("optimizer_offload_fraction", "1".into()),
                ],
                Settings {
                    offload: 1.0,
                    precision_aware: true,
                    ..now.clone()
                },
            );
        }
        if now.widths.first == 4 && now.optimizer == "adam" && now.distributed_optimizer {
            let mut widths = now.widths;
            (widths.first, widths.second) = (2, 2);
            add(
                "Optimizer moments in bf16 (precision-aware optimizer)".into(),
                "优化器动量使用 bf16（precision-aware 优化器）".into(),
                vec![
                    ("use_precision_aware_optimizer", yes()),
                    ("exp_avg_dtype", "bf16".into()),
                    ("exp_avg_sq_dtype", "bf16".into()),
                ],
                Settings {
                    widths,
                    precision_aware: true,
                    ..now.clone()
                },
            );
        }
        add(
            "LoRA instead of full fine-tuning".into(),
            "改用 LoRA 训练".into(),
            vec![("tuner", "lora".into())],
            Settings {
                tuner: Tuner::Lora,
                ..now.clone()
            },
        );
    }
    let half = now.max_length / 2;
    if half >= 512 {
        add(
            format!("Longest row {half} (longer rows are dropped)"),
            format!("最大长度 {half}（更长的样本会被丢弃）"),
            vec![("max_length", half.to_string())],
            Settings {
                max_length: half,
                packing_length: None,
                ..now.clone()
            },
        );
    }
    ideas
}
