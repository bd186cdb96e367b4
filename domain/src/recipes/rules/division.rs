//! How sizes must divide one another.

use super::super::settings::Recompute;
use super::super::version::Version;
use super::{Broken, Facts, Rule, stops, warns};

pub const RULES: &[Rule] = &[
    Rule {
        key: "world",
        generations: &[],
        says: "world_size (N) is not divisible by M",
        check: world,
    },
    Rule {
        key: "world_experts",
        generations: &[],
        says: "world_size (N) is not divisible by expert_tensor_model_pipeline_parallel size (M)",
        check: world_experts,
    },
    Rule {
        key: "global_batch",
        generations: &[],
        says: "global batch size (G) is not divisible by micro batch size (m) times data parallel size (d)",
        check: global_batch,
    },
    Rule {
        key: "experts",
        generations: &[],
        says: "AssertionError (moe_layer.py)",
        check: experts,
    },
    Rule {
        key: "no_experts",
        generations: &[],
        says: "num_moe_experts must be non None to use expert-parallel.",
        check: no_experts,
    },
    Rule {
        key: "heads",
        generations: &[],
        says: "num_attention_heads (H) must be a multiple of tensor_model_parallel_size (T).",
        check: heads,
    },
    Rule {
        key: "groups",
        generations: &[],
        says: "num_query_groups (Q) must be a multiple or divisor of tensor_model_parallel_size (T).",
        check: groups,
    },
    Rule {
        key: "layers",
        generations: &[],
        says: "num_layers: L must be divisible by pipeline_model_parallel_size P",
        check: layers,
    },
    Rule {
        key: "virtual_stages",
        generations: &[],
        says: "number of layers per pipeline stage must be divisible by the virtual stages",
        check: virtual_stages,
    },
    Rule {
        key: "recomputed_layers",
        generations: &[],
        says: "recompute_num_layers must divide the layers of a stage",
        check: recomputed_layers,
    },
    Rule {
        key: "tensor_across_nodes",
        generations: &[],
        says: "(nothing: it trains, many times slower)",
        check: tensor_across_nodes,
    },
    Rule {
        key: "context_length",
        generations: &[],
        says: "(rows are padded to a multiple of 2 × context parallel)",
        check: context_length,
    },
];

fn world(facts: &Facts<'_>) -> Option<Broken> {
    let (s, world) = (facts.settings, facts.world());
    let model = s.tensor * s.pipeline * s.context;
    if world == 0 {
        return stops(
            "gpus_per_node",
            "Choose at least one GPU.".into(),
            "请至少选择一张 GPU。".into(),
        );
    }
    (model == 0 || !world.is_multiple_of(model)).then_some(())?;
    stops(
        "tensor_parallel",
        format!(
            "{world} GPUs cannot be divided by TP {} × PP {} × CP {} = {model}. Write values whose product divides {world}.",
            s.tensor, s.pipeline, s.context
        ),
        format!(
            "{world} 张 GPU 不能被 TP {} × PP {} × CP {} = {model} 整除。请填写乘积能整除 {world} 的取值。",
            s.tensor, s.pipeline, s.context
        ),
    )
}

fn world_experts(facts: &Facts<'_>) -> Option<Broken> {
    let (s, world) = (facts.settings, facts.world());
    let size = s.expert_tensor * s.expert * s.pipeline;
    (world > 0 && (size == 0 || !world.is_multiple_of(size))).then_some(())?;
    let own = match s.expert_tensor {
        1 => String::new(),
        other => format!("ETP {other} × "),
    };
    stops(
        "expert_parallel",
        format!(
            "{world} GPUs cannot be divided by {own}EP {} × PP {} = {size}. Experts are spread over the ranks of one pipeline stage: write an EP that divides {}.",
            s.expert,
            s.pipeline,
            world / s.pipeline.max(1)
        ),
        format!(
            "{world} 张 GPU 不能被 {own}EP {} × PP {} = {size} 整除。专家分布在同一流水线段的各进程上，请填写能整除 {} 的 EP。",
            s.expert,
            s.pipeline,
            world / s.pipeline.max(1)
        ),
    )
}

fn global_batch(facts: &Facts<'_>) -> Option<Broken> {
    let s = facts.settings;
    let model = s.tensor * s.pipeline * s.context;
    // Said by the rule of the world.
    (model > 0 && facts.world() > 0 && facts.world().is_multiple_of(model)).then_some(())?;
    let data = facts.world() / model;
    let at_once = s.micro_batch.saturating_mul(data);
    let global = s.global_batch;
    (at_once == 0 || global == 0 || !global.is_multiple_of(at_once)).then_some(())?;
    let below = (global / at_once.max(1)).max(1).saturating_mul(at_once);
    let above = below.saturating_add(if global > below { at_once } else { 0 });
    stops(
        "global_batch_size",
        format!(
            "The global batch {global} is not divisible by micro batch {} × {data} data-parallel ranks = {at_once}. Write {below} or {above}.",
            s.micro_batch
        ),
        format!(
            "全局批大小 {global} 不能被 micro batch {} × {data} 个数据并行组 = {at_once} 整除。请填写 {below} 或 {above}。",
            s.micro_batch
        ),
    )
}

fn experts(facts: &Facts<'_>) -> Option<Broken> {
    let count = facts.shape?.experts.as_ref()?.count;
    let ep = facts.settings.expert;
    (ep > 0 && !count.is_multiple_of(ep)).then_some(())?;
    stops(
        "expert_parallel",
        format!(
            "The model's {count} experts cannot be divided by EP {ep}. Write a divisor of {count}."
        ),
        format!("模型的 {count} 个专家不能被 EP {ep} 整除。请填写 {count} 的约数。"),
    )
}

fn no_experts(facts: &Facts<'_>) -> Option<Broken> {
    let ep = facts.settings.expert;
    (ep > 1 && facts.shape?.experts.is_none()).then_some(())?;
    stops(
        "expert_parallel",
        format!("The model has no experts, so EP {ep} cannot be used. Write 1."),
        format!("该模型不是 MoE，不能使用 EP {ep}。请填写 1。"),
    )
}

fn heads(facts: &Facts<'_>) -> Option<Broken> {
    let (heads, tp) = (facts.shape?.heads, facts.settings.tensor);
    (tp > 0 && !heads.is_multiple_of(tp)).then_some(())?;
    stops(
        "tensor_parallel",
        format!(
            "The model's {heads} attention heads cannot be divided by TP {tp}. Write a divisor of {heads}."
        ),
        format!("模型的 {heads} 个注意力头不能被 TP {tp} 整除。请填写 {heads} 的约数。"),
    )
}

fn groups(facts: &Facts<'_>) -> Option<Broken> {
    let shape = facts.shape?;
    let (groups, tp) = (shape.groups, facts.settings.tensor);
    // Latent attention has no groups; a head count that does not divide is said there.
    (tp > 0 && groups > 0 && shape.latent.is_none() && shape.heads.is_multiple_of(tp))
        .then_some(())?;
    let takes_divisors = facts.package("megatron-core").is_none_or(|core| {
        core >= Version {
            major: 0,
            minor: 16,
            patch: 0,
        }
    });
    let fits = groups.is_multiple_of(tp) || (takes_divisors && tp.is_multiple_of(groups));
    (!fits).then_some(())?;
    let (en, zh) = if takes_divisors {
        ("a divisor or a multiple", "约数或倍数")
    } else {
        (
            "a divisor (this Megatron-core takes no multiples)",
            "约数（该版本 Megatron-core 不支持倍数）",
        )
    };
    stops(
        "tensor_parallel",
        format!(
            "The model has {groups} groups of keys and values: TP {tp} does not fit. Write {en} of {groups}."
        ),
        format!("模型有 {groups} 组 KV，TP {tp} 不适用。请填写 {groups} 的{zh}。"),
    )
}

fn layers(facts: &Facts<'_>) -> Option<Broken> {
    let (layers, s) = (facts.shape?.layers, facts.settings);
    let pp = s.pipeline;
    (pp > 1).then_some(())?;
    // Flags of their own that say how layers are laid out.
    let names = [
        "pipeline_model_parallel_layout",
        "account_for_embedding_in_pipeline_split",
        "account_for_loss_in_pipeline_split",
    ];
    facts.extra().words(&names).is_none().then_some(())?;
    let said = s.first_layers.unwrap_or(0) + s.last_layers.unwrap_or(0);
    let uneven = u64::from(s.first_layers.is_some()) + u64::from(s.last_layers.is_some());
    let (rest, stages) = (layers.checked_sub(said), pp.saturating_sub(uneven));
    let fits = match (rest, stages) {
        (Some(rest), 0) => rest == 0,
        (Some(rest), stages) => rest.is_multiple_of(stages) && rest > 0,
        (None, _) => false,
    };
    (!fits).then_some(())?;
    let last = layers.saturating_sub(layers.div_ceil(pp) * (pp - 1));
    if uneven == 0 {
        return stops(
            "pipeline_parallel",
            format!(
                "{layers} layers cannot be divided by PP {pp}. Write a divisor of {layers}, or --decoder_last_pipeline_num_layers {last} in further arguments."
            ),
            format!(
                "{layers} 层不能被 PP {pp} 整除。请填写 {layers} 的约数，或在其他参数中写 --decoder_last_pipeline_num_layers {last}。"
            ),
        );
    }
    stops(
        "extra",
        format!(
            "{layers} layers less {said} of the first and last stage cannot be divided by the other {stages} stages. Change --decoder_first_pipeline_num_layers or --decoder_last_pipeline_num_layers."
        ),
        format!(
            "{layers} 层减去首末段的 {said} 层后，不能平均分给其余 {stages} 段。请修改 --decoder_first_pipeline_num_layers 或 --decoder_last_pipeline_num_layers。"
        ),
    )
}

fn virtual_stages(facts: &Facts<'_>) -> Option<Broken> {
    let s = facts.settings;
    (s.virtual_stages > 1).then_some(())?;
    if s.pipeline < 2 {
        return stops(
            "extra",
            "Virtual stages need pipeline parallel of at least 2. Take the argument out, or raise PP.".into(),
            "虚拟流水线需要 PP 至少为 2。请移除该参数或增大 PP。".into(),
        );
    }
    let own = s.stage_layers(facts.shape?.layers, 0);
    (!own.is_multiple_of(s.virtual_stages)).then_some(())?;
    stops(
        "extra",
        format!(
            "The {own} layers of a stage cannot be divided into {} virtual stages. Write a divisor of {own}.",
            s.virtual_stages
        ),
        format!(
            "每段的 {own} 层不能分为 {} 个虚拟段。请填写 {own} 的约数。",
            s.virtual_stages
        ),
    )
}

fn recomputed_layers(facts: &Facts<'_>) -> Option<Broken> {
    let s = facts.settings;
    let Recompute::Full {
        method: Some(method),
        layers: Some(count),
    } = &s.recompute
    else {
        return None;
    };
    let own = s.stage_layers(facts.shape?.layers, 0);
    (method == "uniform" && *count > 0 && own > 0 && !own.is_multiple_of(*count)).then_some(())?;
    stops(
        "extra",
        format!(
            "The {own} layers of a stage cannot be recomputed {count} at a time. Write --recompute_num_layers 1, or another divisor of {own}."
        ),
        format!(
            "每段 {own} 层不能按每次 {count} 层重计算。请填写 --recompute_num_layers 1 或 {own} 的其他约数。"
        ),
    )
}

fn tensor_across_nodes(facts: &Facts<'_>) -> Option<Broken> {
    let (tp, own) = (facts.settings.tensor, facts.gpus_per_node);
    (facts.nodes > 1 && tp > 0 && own > 0 && !own.is_multiple_of(tp)).then_some(())?;
    warns(
        "tensor_parallel",
        format!(
            "TP {tp} reaches over several nodes of {own} GPUs: every layer then waits for the network. Write a divisor of {own}, and PP for more."
        ),
        format!(
            "TP {tp} 跨越了每节点 {own} 张 GPU 的边界，每层都要等待网络。请填写 {own} 的约数，更大的模型请用 PP。"
        ),
    )
}

fn context_length(facts: &Facts<'_>) -> Option<Broken> {
    let s = facts.settings;
    let step = 2 * s.context;
    (s.context > 1 && !s.longest().is_multiple_of(step)).then_some(())?;
    let length = s.longest() / step * step;
    warns(
        "max_length",
        format!(
            "With CP {} a row's length is a multiple of {step}: {} tokens are padded. Write {length}.",
            s.context,
            s.longest()
        ),
        format!(
            "CP {} 要求长度为 {step} 的倍数，{} 会被填充。请填写 {length}。",
            s.context,
            s.longest()
        ),
    )
}
