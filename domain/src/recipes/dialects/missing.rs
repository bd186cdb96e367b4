//! Arguments that another release does not have: why, and what that means.

use super::super::version::{Generation, Version};
use super::Change;
use crate::finding::Weight;
use crate::language::Text;

/// Flags of 3.x that describe the model itself; 4.x reads them from its config.json.
pub const STRUCTURE: &[&str] = &[
    "add_qkv_bias",
    "architectures",
    "attention_dropout",
    "disable_bias_linear",
    "ffn_hidden_size",
    "group_query_attention",
    "hidden_dropout",
    "hidden_size",
    "initialize_embedding",
    "kv_channels",
    "kv_lora_rank",
    "layer_types",
    "linear_conv_kernel_dim",
    "linear_key_head_dim",
    "linear_num_key_heads",
    "linear_num_value_heads",
    "linear_value_head_dim",
    "llm_architectures",
    "max_position_embeddings",
    "moe_ffn_hidden_size",
    "moe_layer_freq",
    "moe_router_bias_update_rate",
    "moe_router_enable_expert_bias",
    "moe_router_pre_softmax",
    "moe_router_score_function",
    "moe_router_topk",
    "moe_router_topk_scaling_factor",
    "moe_shared_expert_intermediate_size",
    "mrope_interleaved",
    "mrope_section",
    "multi_latent_attention",
    "norm_epsilon",
    "normalization",
    "num_attention_heads",
    "num_experts",
    "num_layers",
    "num_query_groups",
    "original_max_position_embeddings",
    "padded_vocab_size",
    "partial_rotary_factor",
    "position_embedding_type",
    "q_lora_rank",
    "qk_head_dim",
    "qk_layernorm",
    "qk_pos_emb_head_dim",
    "rotary_base",
    "rotary_interleaved",
    "rotary_percent",
    "seq_length",
    "swiglu",
    "untie_embeddings_and_output_weights",
    "use_shared_expert_gate",
];

pub fn no_counterpart(name: &str, to: Version) -> Text {
    Text::new(
        format!("ms-swift {to} has nothing like --{name}; it is taken out."),
        format!("ms-swift {to} 没有与 --{name} 对应的参数，已移除。"),
    )
}

pub fn safetensors(from: Version, to: Version) -> Text {
    Text::new(
        format!(
            "ms-swift {from} saves Hugging Face weights while training, {to} only MCore shards: export the checkpoint afterwards."
        ),
        format!(
            "ms-swift {from} 训练时会保存 Hugging Face 权重，{to} 只保存 MCore 分片：请在训练后导出。"
        ),
    )
}

/// What a release means where it has no such argument at all: the behaviour that it always has.
pub fn meant_without(name: &str, version: Version) -> Option<&'static str> {
    let generation = version.generation();
    match name {
        "save_safetensors" if generation == Some(Generation::G1) => Some("false"),
        // 4.x masks the empty thinking block of hybrid models unless it is told not to.
        "disable_ignore_empty_think" if generation != Some(Generation::G3) => Some("true"),
        _ => None,
    }
}

/// Why a flag has no place in `to`; None where nothing special is known.
pub fn why(
    command: &str,
    name: &str,
    values: Option<&[String]>,
    from: Version,
    to: Version,
) -> Option<(Change, Text)> {
    let is_new = to.generation() == Some(Generation::G3);
    let value = values.and_then(|values| values.first()).map(String::as_str);
    let is_on = value.is_none_or(|value| value == "true");
    let lost = |en: String, zh: String| Some((Change::Lost(Weight::Warning), Text::new(en, zh)));
    let stops = |en: String, zh: String| Some((Change::Lost(Weight::Stops), Text::new(en, zh)));
    let not_needed = |en: String, zh: String| Some((Change::NotNeeded, Text::new(en, zh)));
    if is_new && command.starts_with("megatron ") && STRUCTURE.contains(&name) {
        return not_needed(
            format!("ms-swift {to} reads --{name} from the model's config.json."),
            format!("ms-swift {to} 从模型的 config.json 读取 --{name}。"),
        );
    }
    match name {
        "load_safetensors" => not_needed(
            format!("ms-swift {to} starts from Hugging Face weights where no MCore weights are named."),
            format!("ms-swift {to} 在未指定 MCore 权重时直接从 Hugging Face 权重开始。"),
        ),
        "save_safetensors" if !is_on => not_needed(format!("ms-swift {to} never saves Hugging Face weights while training."), format!("ms-swift {to} 训练时从不保存 Hugging Face 权重。")),
        "save_safetensors" => Some((Change::Lost(Weight::Warning), safetensors(from, to))),
        "merge_lora" if command.starts_with("megatron ") && !is_on => {
            not_needed(format!("ms-swift {to} never merges while training."), format!("ms-swift {to} 训练时从不合并。"))
        }
        "merge_lora" if command.starts_with("megatron ") => lost(
            format!("ms-swift {to} cannot merge while saving: export the adapter with swift export --mcore_adapters … --to_hf true."),
            format!("ms-swift {to} 保存时不能合并：请用 swift export --mcore_adapters … --to_hf true 导出。"),
        ),
        "ckpt_format" | "auto_detect_ckpt_format" => {
            not_needed(format!("ms-swift {to} always writes torch_dist checkpoints and reads what it finds."), format!("ms-swift {to} 总是写 torch_dist 检查点，并自动识别。"))
        }
        "use_flash_attn" => not_needed(
            format!("ms-swift {to} chooses by --attention_backend, whose default is flash."),
            format!("ms-swift {to} 由 --attention_backend 决定，默认为 flash。"),
        ),
        "exit_on_missing_checkpoint" => not_needed(format!("ms-swift {to} fails by itself where a checkpoint is missing."), format!("ms-swift {to} 在缺少检查点时会自行报错。")),
        "tensorboard_log_interval" | "log_throughput" | "log_params_norm" | "log_memory_to_tensorboard" | "log_timers_to_tensorboard"
        | "log_validation_ppl_to_tensorboard" | "no_log_learning_rate_to_tensorboard"
            if is_new =>
        {
            lost(
                format!("ms-swift {to} writes the same records to TensorBoard as to logging.jsonl, at --logging_steps."),
                format!("ms-swift {to} 写入 TensorBoard 的内容与 logging.jsonl 相同，间隔为 --logging_steps。"),
            )
        }
        "save_retain_interval" => lost(
            "There is no --save_retain_interval in 4.x; --save_total_limit (at least 2) keeps the newest checkpoints.".to_owned(),
            "4.x 没有 --save_retain_interval；可用 --save_total_limit（至少 2）保留最新的检查点。".to_owned(),
        ),
        "save_total_limit" => lost(
            format!("ms-swift {to} keeps every checkpoint: watch the disk."),
            format!("ms-swift {to} 会保留所有检查点：请留意磁盘空间。"),
        ),
        "save_strategy" if value == Some("steps") => not_needed(format!("ms-swift {to} always saves by iterations."), format!("ms-swift {to} 总是按迭代保存。")),
        "save_strategy" => lost(
            format!("ms-swift {to} cannot save per epoch: write how many iterations an epoch has as --save_interval."),
            format!("ms-swift {to} 不能按 epoch 保存：请将每个 epoch 的迭代数写入 --save_interval。"),
        ),
        "num_layers_per_virtual_pipeline_stage" if is_new => stops(
            "4.x counts virtual stages per pipeline rank: write --virtual_pipeline_model_parallel_size (layers ÷ pipeline ranks ÷ layers per virtual stage).".to_owned(),
            "4.x 填写每个流水线组的虚拟段数：请写 --virtual_pipeline_model_parallel_size（层数 ÷ 流水线组数 ÷ 每段层数）。".to_owned(),
        ),
        "ckpt_dir" if is_new => stops(
            "4.x has no --ckpt_dir: write --model for a whole model, --adapters for an adapter.".to_owned(),
            "4.x 没有 --ckpt_dir：完整模型请写 --model，适配器请写 --adapters。".to_owned(),
        ),
        "dataloader_type" => lost(
            "4.x has no --dataloader_type; --train_dataloader_shuffle false keeps the order of the rows.".to_owned(),
            "4.x 没有 --dataloader_type；--train_dataloader_shuffle false 可保持样本顺序。".to_owned(),
        ),
        "enable_thinking" => lost(
            format!("ms-swift {to} has no --enable_thinking; a --response_prefix with an empty thinking block does it."),
            format!("ms-swift {to} 没有 --enable_thinking；可用带空思考块的 --response_prefix 代替。"),
        ),
        "disable_ignore_empty_think" if is_on => {
            not_needed(format!("ms-swift {to} never masks an empty thinking block by itself."), format!("ms-swift {to} 不会自行屏蔽空思考块。"))
        }
        "use_ray" | "ray_exp_name" | "device_groups" => stops(format!("ms-swift {to} has no Ray launcher for megatron."), format!("ms-swift {to} 的 megatron 不支持 Ray。")),
        "config" => stops(
            format!("ms-swift {to} takes no --config for this command: write the file's arguments here."),
            format!("ms-swift {to} 的该命令没有 --config：请将文件中的参数写在这里。"),
        ),
        _ => None,
    }
}
