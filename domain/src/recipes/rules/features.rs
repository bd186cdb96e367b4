//! Which arguments go together.

use super::super::settings::Recompute;
use super::super::version::Generation::{G1, G2a, G2b, G3};
use super::{Broken, Facts, Rule, stops, warns};

pub const RULES: &[Rule] = &[
    Rule {
        key: "sequence_parallel",
        generations: &[],
        says: "Cannot use sequence parallelism without tensor parallelism",
        check: sequence_parallel,
    },
    Rule {
        key: "experts_sequence_parallel",
        generations: &[],
        says: "During training, performance may degrade if MoE and tensor parallelism are enabled without also enabling sequence parallelism.",
        check: experts_sequence_parallel,
    },
    Rule {
        key: "recompute_full",
        generations: &[],
        says: "Using recompute_granularity: full so recompute_method must be \"block\" or \"uniform\"",
        check: recompute_full,
    },
    Rule {
        key: "recompute_selective",
        generations: &[],
        says: "recompute method is not yet supported for selective recomputing granularity",
        check: recompute_selective,
    },
    Rule {
        key: "recompute_none",
        generations: &[G1, G2a],
        says: "--recompute_granularity: invalid choice: 'none'",
        check: recompute_none,
    },
    Rule {
        key: "packing_padding",
        generations: &[],
        says: "packing implies padding_free",
        check: packing_padding,
    },
    Rule {
        key: "packing_backend",
        generations: &[],
        says: "No dot product attention backend is available",
        check: packing_backend,
    },
    Rule {
        key: "packing_grouping",
        generations: &[],
        says: "packing and group_by_length exclude each other",
        check: packing_grouping,
    },
    Rule {
        key: "precision_aware",
        generations: &[],
        says: "precision-aware optimizer: only adam with the distributed optimizer",
        check: precision_aware,
    },
    Rule {
        key: "precision_types",
        generations: &[],
        says: "main_grads_dtype can only be fp32 when not using precision-aware optimizer",
        check: precision_types,
    },
    Rule {
        key: "offload",
        generations: &[],
        says: "(needs use_precision_aware_optimizer)",
        check: offload,
    },
    Rule {
        key: "offload_lora",
        generations: &[],
        says: "CUDA error: an illegal memory access was encountered (ms-swift #9554)",
        check: offload_lora,
    },
    Rule {
        key: "save_total_limit",
        generations: &[],
        says: "save_total_limit must be greater than or equal to 2.",
        check: save_total_limit,
    },
    Rule {
        key: "save_total_limit_unknown",
        generations: &[G1, G2a],
        says: "ValueError: remaining_argv: ['--save_total_limit', …]",
        check: save_total_limit_unknown,
    },
    Rule {
        key: "weights_older",
        generations: &[G1],
        says: "You did not pass `--load`, so you need to set `--no_initialization false` …",
        check: weights,
    },
    Rule {
        key: "weights",
        generations: &[G3],
        says: "You did not pass `--mcore_model/--model` …",
        check: weights,
    },
    Rule {
        key: "streaming",
        generations: &[],
        says: "You are using a streaming training dataset. Please explicitly specify `--train_iters`.",
        check: streaming,
    },
    Rule {
        key: "swanlab_flags",
        generations: &[],
        says: "ValueError: remaining_argv: ['--swanlab_…', …]",
        check: swanlab_flags,
    },
    Rule {
        key: "reporters",
        generations: &[G1, G2a],
        says: "ValueError: remaining_argv: ['--report_to', …]",
        check: reporters,
    },
    Rule {
        key: "no_checkpoint_to_resume",
        generations: &[G2a],
        says: "(only Hugging Face files are written: no iter_*, no tracker)",
        check: no_checkpoint_to_resume,
    },
    Rule {
        key: "async_save",
        generations: &[G1, G2a, G2b],
        says: "(a process that ends while it still saves leaves a checkpoint without .metadata)",
        check: async_save,
    },
];

fn sequence_parallel(facts: &Facts<'_>) -> Option<Broken> {
    let s = facts.settings;
    (s.sequence_parallel && s.tensor == 1).then_some(())?;
    warns(
        "extra",
        "Sequence parallel is turned off where TP is 1. Take it out, or raise TP.".into(),
        "TP 为 1 时序列并行会被关闭。请移除该参数或增大 TP。".into(),
    )
}

fn experts_sequence_parallel(facts: &Facts<'_>) -> Option<Broken> {
    let s = facts.settings;
    (facts.shape?.experts.is_some() && s.tensor > 1 && !s.sequence_parallel).then_some(())?;
    stops(
        "extra",
        format!(
            "A model with experts at TP {} trains only with sequence parallel. Write --sequence_parallel true.",
            s.tensor
        ),
        format!(
            "MoE 模型在 TP {} 下必须开启序列并行。请填写 --sequence_parallel true。",
            s.tensor
        ),
    )
}

fn recompute_full(facts: &Facts<'_>) -> Option<Broken> {
    let Recompute::Full { method, layers } = &facts.settings.recompute else {
        return None;
    };
    let is_known = matches!(method.as_deref(), Some("uniform" | "block"));
    (!is_known || layers.is_none_or(|count| count == 0)).then_some(())?;
    stops(
        "extra",
        "Full recomputation needs its method and number of layers. Write --recompute_method uniform --recompute_num_layers 1.".into(),
        "整层重计算需要方法与层数。请填写 --recompute_method uniform --recompute_num_layers 1。".into(),
    )
}

fn recompute_selective(facts: &Facts<'_>) -> Option<Broken> {
    let method = facts.settings.stray_method.as_ref()?;
    stops(
        "extra",
        format!(
            "--recompute_method {method} goes with --recompute_granularity full only. Take it out, or write full."
        ),
        format!(
            "--recompute_method {method} 只能与 --recompute_granularity full 同用。请移除，或改为 full。"
        ),
    )
}

fn recompute_none(facts: &Facts<'_>) -> Option<Broken> {
    (facts.settings.recompute == Recompute::None).then_some(())?;
    stops(
        "extra",
        "--recompute_granularity none is known from 3.12 on. Take it out: selective costs almost nothing.".into(),
        "--recompute_granularity none 从 3.12 起才支持。请移除该参数，selective 几乎没有开销。".into(),
    )
}

fn packing_padding(facts: &Facts<'_>) -> Option<Broken> {
    (facts.settings.packing && !facts.settings.padding_free).then_some(())?;
    warns(
        "packing",
        "Packing works without padding: --padding_free false is ignored. Take one of the two out."
            .into(),
        "打包训练不使用填充，--padding_free false 会被忽略。请移除其中之一。".into(),
    )
}

fn packing_backend(facts: &Facts<'_>) -> Option<Broken> {
    let s = facts.settings;
    (matches!(s.attention_backend.as_str(), "unfused" | "local") && (s.packing || s.padding_free))
        .then_some(())?;
    let (en, zh) = (
        format!(
            "--attention_backend {} cannot tell packed rows apart.",
            s.attention_backend
        ),
        format!(
            "--attention_backend {} 无法区分打包在一起的样本。",
            s.attention_backend
        ),
    );
    if s.packing {
        stops(
            "packing",
            format!("{en} Write flash or fused, or turn packing off."),
            format!("{zh}请改为 flash 或 fused，或关闭打包。"),
        )
    } else {
        warns(
            "extra",
            format!(
                "{en} 4.x turns padding_free off, earlier releases fail. Write --padding_free false, or flash."
            ),
            format!(
                "{zh}4.x 会关闭 padding_free，更早的版本会失败。请填写 --padding_free false 或改用 flash。"
            ),
        )
    }
}

fn packing_grouping(facts: &Facts<'_>) -> Option<Broken> {
    (facts.settings.packing && facts.extra().switch(&["group_by_length"]) == Some(true))
        .then_some(())?;
    stops(
        "packing",
        "Packing and --group_by_length exclude each other. Turn one of them off.".into(),
        "打包与 --group_by_length 不能同时使用。请关闭其中之一。".into(),
    )
}

fn precision_aware(facts: &Facts<'_>) -> Option<Broken> {
    let s = facts.settings;
    (s.precision_aware && (s.optimizer != "adam" || !s.distributed_optimizer)).then_some(())?;
    stops(
        "extra",
        "The precision-aware optimizer is adam with the distributed optimizer. Take --optimizer and --use_distributed_optimizer false out.".into(),
        "precision-aware 优化器只支持 adam 与分布式优化器。请移除 --optimizer 与 --use_distributed_optimizer false。".into(),
    )
}

fn precision_types(facts: &Facts<'_>) -> Option<Broken> {
    let s = facts.settings;
    let is_plain = s.widths
        == super::super::settings::Widths {
            gradients: 4,
            master: 4,
            first: 4,
            second: 4,
        };
    (!s.precision_aware && !is_plain).then_some(())?;
    stops(
        "extra",
        "Other types than fp32 for gradients and moments need --use_precision_aware_optimizer true. Add it, or take the types out.".into(),
        "梯度与动量使用非 fp32 类型时需要 --use_precision_aware_optimizer true。请添加，或移除这些类型。".into(),
    )
}

fn offload(facts: &Facts<'_>) -> Option<Broken> {
    (facts.settings.offload > 0.0 && !facts.settings.precision_aware).then_some(())?;
    stops(
        "extra",
        "An optimizer on the CPU goes with the precision-aware one. Write --use_precision_aware_optimizer true, too.".into(),
        "优化器放到 CPU 时需同时使用 precision-aware 优化器。请添加 --use_precision_aware_optimizer true。".into(),
    )
}

fn offload_lora(facts: &Facts<'_>) -> Option<Broken> {
    (facts.settings.offload > 0.0 && facts.settings.tuner.is_lora()).then_some(())?;
    warns(
        "extra",
        "LoRA with the optimizer on the CPU is reported to end in an illegal memory access, and LoRA's optimizer is small. Take --optimizer_cpu_offload out.".into(),
        "有报告称 LoRA 与 CPU 优化器同用会出现非法内存访问，而 LoRA 的优化器很小。请移除 --optimizer_cpu_offload。".into(),
    )
}

fn save_total_limit(facts: &Facts<'_>) -> Option<Broken> {
    let words = facts.extra().word(&["save_total_limit"])?;
    match words.parse::<u64>() {
        Ok(0 | 1) => stops(
            "extra",
            format!(
                "--save_total_limit {words}: the best and the last checkpoint are always kept. Write 2 or more."
            ),
            format!("--save_total_limit {words}：最佳与最新检查点总会保留。请填写不小于 2 的数。"),
        ),
        Ok(_) if facts.extra().switch(&["async_save"]) == Some(true) => stops(
            "extra",
            "--save_total_limit does not go with --async_save. Take one of the two out.".into(),
            "--save_total_limit 不能与 --async_save 同用。请移除其中之一。".into(),
        ),
        Ok(_) => None,
        Err(_) => stops(
            "extra",
            format!("--save_total_limit \"{words}\" is no whole number. Write 2 or more."),
            format!("--save_total_limit “{words}”不是整数。请填写不小于 2 的数。"),
        ),
    }
}

fn save_total_limit_unknown(facts: &Facts<'_>) -> Option<Broken> {
    facts.extra().word(&["save_total_limit"])?;
    stops(
        "extra",
        format!(
            "ms-swift {} does not know --save_total_limit. Take it out, or write --save_retain_interval.",
            facts.version
        ),
        format!(
            "ms-swift {} 没有 --save_total_limit 参数。请移除，或使用 --save_retain_interval。",
            facts.version
        ),
    )
}

fn weights(facts: &Facts<'_>) -> Option<Broken> {
    (!facts.has_weights).then_some(())?;
    stops(
        "model_id",
        "The command names no weights to start from. Choose a model.".into(),
        "命令没有指定初始权重。请选择模型。".into(),
    )
}

fn streaming(facts: &Facts<'_>) -> Option<Broken> {
    let is_by_epochs = matches!(facts.recipe.length, super::super::Length::Epochs(_));
    (facts.extra().switch(&["streaming"]) == Some(true) && is_by_epochs).then_some(())?;
    stops(
        "length_unit",
        "A streamed dataset has no known end, so epochs cannot be counted. Choose iterations."
            .into(),
        "流式数据集长度未知，无法按轮数训练。请改为按迭代数。".into(),
    )
}

fn swanlab_flags(facts: &Facts<'_>) -> Option<Broken> {
    // 4.x knows these two; no release of `megatron` knows others.
    let is_known = |flag: &str| {
        facts.generation() == G3 && matches!(flag, "swanlab_project" | "swanlab_exp_name")
    };
    let (flag, _) = facts
        .recipe
        .extra
        .iter()
        .find(|(flag, _)| flag.starts_with("swanlab_") && !is_known(flag))?;
    stops(
        "extra",
        format!(
            "--{flag} is an argument of `swift sft`, not of `megatron`, which refuses it. Take it out and set the report under reports: the console passes it on."
        ),
        format!(
            "--{flag} 是 `swift sft` 的参数，`megatron` 会拒绝。请移除，并在“报告”中设置，由控制台传递。"
        ),
    )
}

fn reporters(facts: &Facts<'_>) -> Option<Broken> {
    facts.extra().words(&["report_to"])?;
    stops(
        "extra",
        format!(
            "`megatron` of ms-swift {} has no --report_to. Take it out: TensorBoard files are written anyway, W&B by --wandb_project.",
            facts.version
        ),
        format!(
            "ms-swift {} 的 `megatron` 没有 --report_to。请移除：TensorBoard 文件总会写入，W&B 请用 --wandb_project。",
            facts.version
        ),
    )
}

fn no_checkpoint_to_resume(facts: &Facts<'_>) -> Option<Broken> {
    (facts.extra().switch(&["save_safetensors"]) == Some(true)).then_some(())?;
    warns(
        "extra",
        "In 3.10 and 3.11 --save_safetensors true writes no MCore checkpoint at all: such a run cannot be resumed. Write false to be able to.".into(),
        "3.10 与 3.11 中 --save_safetensors true 不写任何 MCore 检查点，训练无法续训。如需续训请填写 false。".into(),
    )
}

fn async_save(facts: &Facts<'_>) -> Option<Broken> {
    (facts.extra().switch(&["async_save"]) == Some(true)).then_some(())?;
    warns(
        "extra",
        "With --async_save a run that ends early leaves its last checkpoint without .metadata, and 3.x loads damaged ones without a word. Take it out if saving is not what slows you down.".into(),
        "使用 --async_save 时，提前结束的训练会留下缺少 .metadata 的检查点，而 3.x 读取损坏的检查点时不报错。若保存并非瓶颈，请移除。".into(),
    )
}
