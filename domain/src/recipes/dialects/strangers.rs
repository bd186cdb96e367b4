//! Flags of other programs that people write for `megatron`, which ends with `remaining_argv`: what to write instead.

use super::super::version::{Generation, Version};
use crate::language::Text;

/// What to write instead of a flag that this command never had; None where nothing is known of it.
pub fn advice(command: &str, name: &str, version: Version) -> Option<Text> {
    if !command.starts_with("megatron ") {
        return None;
    }
    let is_new = version.generation() == Some(Generation::G3);
    if let Some(part) = name.strip_prefix("swanlab_") {
        return Some(swanlab(part, version));
    }
    let text = |en: &str, zh: &str| Some(Text::new(en, zh));
    let flag = |old: &str, new: &str| {
        if is_new {
            new.to_owned()
        } else {
            old.to_owned()
        }
    };
    let instead = |flag: String| {
        Some(Text::new(
            format!("Write --{flag}."),
            format!("请写 --{flag}。"),
        ))
    };
    match name {
        "report_to" => text(
            "Take it out: TensorBoard files are always written; --wandb_project turns W&B on; for SwanLab use Reports in the form, Trainyard records the run by itself.",
            "请删除：TensorBoard 文件总会写出；--wandb_project 开启 W&B；SwanLab 请使用表单中的“上报”，Trainyard 会自行记录。",
        ),
        "learning_rate" => instead("lr".to_owned()),
        "warmup_ratio" => instead("lr_warmup_fraction".to_owned()),
        "warmup_steps" => instead("lr_warmup_iters".to_owned()),
        "lr_scheduler_type" => instead("lr_decay_style".to_owned()),
        "per_device_train_batch_size" => instead("micro_batch_size".to_owned()),
        "per_device_eval_batch_size" => instead("micro_batch_size".to_owned()),
        "gradient_accumulation_steps" => text(
            "Write --global_batch_size: micro batch × data-parallel ranks × accumulation steps.",
            "请写 --global_batch_size：微批 × 数据并行数 × 累积步数。",
        ),
        "max_steps" => instead("train_iters".to_owned()),
        "num_train_epochs" | "num_epochs" | "epochs" => {
            instead(flag("max_epochs", "num_train_epochs"))
        }
        "output" | "output_dir" => instead(flag("save", "output_dir")),
        "attn_impl" => instead("attention_backend".to_owned()),
        "gradient_checkpointing" => text(
            "Write --recompute_granularity full --recompute_method uniform --recompute_num_layers 1.",
            "请写 --recompute_granularity full --recompute_method uniform --recompute_num_layers 1。",
        ),
        "deepspeed" | "fsdp" => text(
            "Megatron divides the model itself: write --tensor_model_parallel_size and --pipeline_model_parallel_size.",
            "Megatron 自行切分模型：请写 --tensor_model_parallel_size 与 --pipeline_model_parallel_size。",
        ),
        "resume_from_checkpoint" => text(
            if is_new {
                "Write --mcore_model (or --mcore_adapter) with --finetune false."
            } else {
                "Write --load (or --adapter_load) with --finetune false."
            },
            if is_new {
                "请写 --mcore_model（或 --mcore_adapter）并加 --finetune false。"
            } else {
                "请写 --load（或 --adapter_load）并加 --finetune false。"
            },
        ),
        "max_grad_norm" => instead("clip_grad".to_owned()),
        "dataloader_num_workers" => instead(flag("num_workers", "dataloader_num_workers")),
        _ => None,
    }
}

fn swanlab(part: &str, version: Version) -> Text {
    let whose = Text::new("It is a flag of swift sft. ", "它是 swift sft 的参数。");
    let how = match (part, version.generation()) {
        ("token", _) => Text::new(
            "Take it out and set SWANLAB_API_KEY in the environment of the last node (Reports in the form does, and keeps it secret).",
            "请删除，并在最后一个节点的环境中设置 SWANLAB_API_KEY（表单中的“上报”会设置并加密保存）。",
        ),
        ("project", Some(Generation::G2b)) => Text::new(
            "Write --report_to swanlab --wandb_project NAME.",
            "请写 --report_to swanlab --wandb_project 名称。",
        ),
        ("exp_name", Some(Generation::G2b)) => Text::new(
            "Write --report_to swanlab --wandb_exp_name NAME.",
            "请写 --report_to swanlab --wandb_exp_name 名称。",
        ),
        ("workspace", _) => Text::new(
            "Take it out and set SWANLAB_WORKSPACE in the environment of the last node (Reports in the form does).",
            "请删除，并在最后一个节点的环境中设置 SWANLAB_WORKSPACE（表单中的“上报”会设置）。",
        ),
        ("mode", _) => Text::new(
            "Take it out and set SWANLAB_MODE in the environment of the last node (Reports in the form does).",
            "请删除，并在最后一个节点的环境中设置 SWANLAB_MODE（表单中的“上报”会设置）。",
        ),
        (
            "lark_webhook_url" | "lark_secret" | "webhook_url" | "secret" | "notification_method",
            _,
        ) => Text::new(
            "Take it out: no release of megatron sends messages to Lark.",
            "请删除：任何版本的 megatron 都不会发送飞书消息。",
        ),
        _ => Text::new(
            "Take it out: this release cannot report to SwanLab. Trainyard records the run by itself; Reports in the form names another host.",
            "请删除：该版本不能上报 SwanLab。Trainyard 会自行记录；可在表单的“上报”中填写其他主机。",
        ),
    };
    Text::new(
        format!("{}{}", whose.en, how.en),
        format!("{}{}", whose.zh, how.zh),
    )
}

/// Flags and variables whose value is a secret.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [
        "token",
        "secret",
        "api_key",
        "apikey",
        "password",
        "webhook_url",
        "access_key",
    ]
    .iter()
    .any(|part| name.ends_with(part))
        && !matches!(
            name.as_str(),
            "eos_token" | "pad_token" | "bos_token" | "stop_token"
        )
}
