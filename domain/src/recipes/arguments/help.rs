//! What the arguments do that people reach for beyond the form's own fields, by their names in 4.x.

use crate::language::Text;

/// (name, English, Chinese)
const ALL: &[(&str, &str, &str)] = &[
    (
        "sequence_parallel",
        "Splits activations along the row as well; needs TP > 1, and MoE with TP needs it.",
        "沿序列方向再切分激活；需 TP > 1，MoE 与 TP 同用时必须开启。",
    ),
    (
        "recompute_granularity",
        "What is computed again in the backward pass: selective, full or none.",
        "反向时重新计算的范围：selective、full 或 none。",
    ),
    (
        "recompute_method",
        "With full: uniform or block.",
        "granularity 为 full 时：uniform 或 block。",
    ),
    (
        "recompute_num_layers",
        "With full: layers per recomputed group; 1 saves most.",
        "granularity 为 full 时：每组重算的层数，1 最省显存。",
    ),
    (
        "recompute_modules",
        "With selective: which parts of a layer.",
        "granularity 为 selective 时：层内重算的部分。",
    ),
    (
        "attention_backend",
        "flash, fused, unfused or auto; packing needs flash.",
        "flash、fused、unfused 或 auto；打包需要 flash。",
    ),
    (
        "packing_length",
        "Tokens of a packed row; default the longest row.",
        "打包后每行的 token 数；默认等于最大长度。",
    ),
    (
        "padding_free",
        "Rows of a micro batch laid end to end instead of padded.",
        "微批内样本首尾相接，不做填充。",
    ),
    (
        "truncation_strategy",
        "What happens to rows that are too long: delete, left, right, split.",
        "超长样本的处理方式：delete、left、right、split。",
    ),
    (
        "optimizer_cpu_offload",
        "Optimizer in the machine's memory; slower, saves 12 bytes per trained parameter.",
        "优化器放在主机内存；较慢，每个可训练参数省 12 字节。",
    ),
    (
        "optimizer_offload_fraction",
        "Share of the optimizer that is offloaded, 0 … 1.",
        "卸载的优化器比例，0 … 1。",
    ),
    (
        "use_precision_aware_optimizer",
        "Optimizer states in narrower numbers (main_grads_dtype, exp_avg_dtype, exp_avg_sq_dtype).",
        "优化器状态使用更窄的数值类型。",
    ),
    (
        "target_modules",
        "Layers that LoRA is added to; all-linear or their names.",
        "添加 LoRA 的层：all-linear 或层名。",
    ),
    (
        "modules_to_save",
        "Layers that are trained whole beside LoRA.",
        "除 LoRA 外全参训练的层。",
    ),
    (
        "lora_dropout",
        "Dropout within LoRA.",
        "LoRA 内的 dropout。",
    ),
    (
        "use_rslora",
        "Scales LoRA by alpha ÷ √rank.",
        "LoRA 按 alpha ÷ √rank 缩放。",
    ),
    (
        "moe_grouped_gemm",
        "Experts of a GPU computed in one call.",
        "同一 GPU 上的专家合并计算。",
    ),
    (
        "moe_permute_fusion",
        "Fused reordering of tokens for experts.",
        "融合专家的 token 重排。",
    ),
    (
        "moe_shared_expert_overlap",
        "Shared expert computed while tokens travel.",
        "通信时同时计算共享专家。",
    ),
    (
        "moe_aux_loss_coeff",
        "Weight of the loss that keeps experts evenly used.",
        "专家均衡损失的权重。",
    ),
    (
        "moe_expert_capacity_factor",
        "Tokens an expert takes at most, in multiples of the mean; more are dropped.",
        "每个专家最多处理的 token（均值的倍数），超出则丢弃。",
    ),
    (
        "moe_token_dispatcher_type",
        "How tokens reach experts: alltoall, allgather, flex.",
        "token 分发方式：alltoall、allgather、flex。",
    ),
    (
        "expert_tensor_parallel_size",
        "GPUs that share each expert.",
        "共同计算一个专家的 GPU 数。",
    ),
    (
        "virtual_pipeline_model_parallel_size",
        "Virtual stages of each pipeline rank; fewer idle GPUs.",
        "每个流水线组的虚拟段数，减少空闲。",
    ),
    (
        "decoder_first_pipeline_num_layers",
        "Layers of the first stage, where stages are uneven.",
        "首段的层数（不均分时）。",
    ),
    (
        "decoder_last_pipeline_num_layers",
        "Layers of the last stage, where stages are uneven.",
        "末段的层数（不均分时）。",
    ),
    (
        "lr_decay_style",
        "cosine, linear, constant (4.x also WSD).",
        "cosine、linear、constant（4.x 还有 WSD）。",
    ),
    ("weight_decay", "Pulls weights to 0.", "权重衰减。"),
    (
        "clip_grad",
        "Longest gradient; a longer one is scaled down.",
        "梯度裁剪上限。",
    ),
    (
        "loss_scale",
        "Which turns count how much: default, last_round, all, react, hermes …",
        "各轮的损失权重：default、last_round、all、react、hermes …",
    ),
    (
        "template",
        "Chat template of the model; found by itself where it is clear.",
        "模型的对话模板；明确时自动识别。",
    ),
    (
        "agent_template",
        "How tools and calls are written: hermes, react_en, qwen_en, glm4 …",
        "工具与调用的写法：hermes、react_en、qwen_en、glm4 …",
    ),
    (
        "system",
        "System text for rows without one.",
        "样本没有 system 时使用的内容。",
    ),
    (
        "dataset_num_proc",
        "Processes that prepare the rows.",
        "数据预处理的进程数。",
    ),
    (
        "dataloader_num_workers",
        "Processes that load rows on each GPU.",
        "每张 GPU 的数据加载进程数。",
    ),
    (
        "lazy_tokenize",
        "Tokenise while training instead of before.",
        "训练时再分词，而不是预先分词。",
    ),
    (
        "strict",
        "Stop at a bad row instead of dropping it.",
        "遇到坏样本即停止，而不是丢弃。",
    ),
    (
        "streaming",
        "Read the dataset while training; needs train_iters.",
        "边训练边读取数据；需设置 train_iters。",
    ),
    (
        "save_total_limit",
        "Checkpoints that are kept, at least 2.",
        "保留的检查点数，至少 2。",
    ),
    (
        "async_save",
        "Save while training goes on.",
        "训练继续时异步保存。",
    ),
    (
        "cross_entropy_loss_fusion",
        "Fused loss: less memory for the logits.",
        "融合损失，减少 logits 显存。",
    ),
    (
        "gradient_accumulation_fusion",
        "Gradients accumulated within the kernel; needs apex in 3.x.",
        "在算子内累积梯度；3.x 需要 apex。",
    ),
    (
        "apply_rope_fusion",
        "Fused rotary embedding.",
        "融合旋转位置编码。",
    ),
    (
        "beta",
        "DPO, KTO, GRPO: how near the model stays to the one it began with.",
        "DPO、KTO、GRPO：与初始模型的接近程度。",
    ),
    (
        "reward_funcs",
        "GRPO: rewards by name.",
        "GRPO：奖励函数名。",
    ),
    (
        "num_generations",
        "GRPO: answers to each prompt.",
        "GRPO：每个提示的回答数。",
    ),
    (
        "external_plugins",
        "Python files that register models, templates, rewards.",
        "注册模型、模板、奖励的 Python 文件。",
    ),
    (
        "custom_register_path",
        "Python files that register models and templates (3.x).",
        "注册模型与模板的 Python 文件（3.x）。",
    ),
    (
        "fp8_format",
        "Compute in 8 bits: e4m3 or hybrid.",
        "8 位计算：e4m3 或 hybrid。",
    ),
    (
        "overlap_grad_reduce",
        "Reduce gradients while computing.",
        "计算时同步归约梯度。",
    ),
    (
        "overlap_param_gather",
        "Gather weights while computing.",
        "计算时同步聚合权重。",
    ),
    (
        "megatron_extra_kwargs",
        "Further settings of Megatron as a JSON object.",
        "以 JSON 对象传入的其他 Megatron 设置。",
    ),
];

/// What an argument does, in a sentence; None where nothing is written of it.
pub fn help(name: &str) -> Option<Text> {
    ALL.iter()
        .find(|(own, _, _)| *own == name)
        .map(|(_, en, zh)| Text::new(*en, *zh))
}

#[cfg(test)]
mod tests {
    use super::super::{GENERATIONS, table};
    use super::*;

    #[test]
    fn help_is_of_arguments_that_exist() {
        for (name, _, _) in ALL {
            assert!(
                GENERATIONS
                    .iter()
                    .any(|(_, version)| table(*version).find("megatron rlhf", name).is_some()),
                "{name}"
            );
        }
    }
}
