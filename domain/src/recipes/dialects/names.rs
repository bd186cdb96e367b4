//! Arguments that mean the same under another name, and values that do.

use super::super::arguments::kind::switch;
use super::super::version::{Generation, Version};
use crate::language::Text;

/// How a value changes on the way.
#[derive(Debug, Clone, Copy, PartialEq)]
enum How {
    Same,
    /// true and false change places.
    Not,
    /// Minutes in 3.x, seconds in 4.x.
    Minutes,
    /// Several in 3.x, one in 4.x.
    One,
}

/// (3.x, 4.x, how)
const MEGATRON: &[(&str, &str, How)] = &[
    ("load", "mcore_model", How::Same),
    ("adapter_load", "mcore_adapter", How::Same),
    ("ref_load", "mcore_ref_model", How::Same),
    ("ref_adapter_load", "mcore_ref_adapter", How::Same),
    ("save", "output_dir", How::Same),
    ("train_type", "tuner_type", How::Same),
    ("max_epochs", "num_train_epochs", How::Same),
    ("save_interval", "save_steps", How::Same),
    ("eval_interval", "eval_steps", How::Same),
    ("log_interval", "logging_steps", How::Same),
    ("num_workers", "dataloader_num_workers", How::Same),
    (
        "num_virtual_stages_per_pipeline_rank",
        "virtual_pipeline_model_parallel_size",
        How::Same,
    ),
    (
        "microbatch_group_size_per_virtual_pipeline_stage",
        "microbatch_group_size_per_vp_stage",
        How::Same,
    ),
    ("manual_gc_interval", "manual_gc_steps", How::Same),
    ("distributed_backend", "ddp_backend", How::Same),
    ("distributed_timeout_minutes", "ddp_timeout", How::Minutes),
    (
        "gradient_checkpointing_kwargs",
        "vit_gradient_checkpointing_kwargs",
        How::Same,
    ),
    // 3.9 has the first, 3.10–3.12 and 4.3 on the second.
    ("extra_megatron_kwargs", "megatron_extra_kwargs", How::Same),
    ("no_initialization", "perform_initialization", How::Not),
    ("no_rope_fusion", "apply_rope_fusion", How::Not),
    ("no_bias_swiglu_fusion", "bias_activation_fusion", How::Not),
    ("no_bias_dropout_fusion", "bias_dropout_fusion", How::Not),
    (
        "no_masked_softmax_fusion",
        "masked_softmax_fusion",
        How::Not,
    ),
    (
        "no_gradient_accumulation_fusion",
        "gradient_accumulation_fusion",
        How::Not,
    ),
    ("no_data_sharding", "data_sharding", How::Not),
    ("lora_modules", "adapters", How::Same),
];

const SWIFT: &[(&str, &str, How)] = &[
    ("mcore_adapters", "mcore_adapter", How::One),
    ("train_type", "tuner_type", How::Same),
    ("lora_modules", "adapters", How::Same),
    // Old names that 3.9 still took.
    (
        "gpu_memory_utilization",
        "vllm_gpu_memory_utilization",
        How::Same,
    ),
    (
        "tensor_parallel_size",
        "vllm_tensor_parallel_size",
        How::Same,
    ),
    ("data_parallel_size", "vllm_data_parallel_size", How::Same),
    ("limit_mm_per_prompt", "vllm_limit_mm_per_prompt", How::Same),
    ("use_async_engine", "vllm_use_async_engine", How::Same),
];

/// Another name for the same argument.
#[derive(Debug, Clone, Copy)]
pub struct Partner {
    pub name: &'static str,
    how: How,
    is_forward: bool,
}

pub enum Unconverted {
    /// The value is known only when the script runs.
    Unknown,
    Refused(Text),
}

impl Partner {
    pub fn is_plain(self) -> bool {
        self.how == How::Same
    }

    pub fn convert(self, values: Option<&[String]>) -> Result<Vec<String>, Unconverted> {
        let values = values.ok_or(Unconverted::Unknown)?;
        let one = values.first().map(String::as_str);
        let refused = |en: String, zh: String| Err(Unconverted::Refused(Text::new(en, zh)));
        match self.how {
            How::Same => Ok(values.to_vec()),
            How::Not => match switch(one.unwrap_or("true")) {
                Some(on) => Ok(vec![(!on).to_string()]),
                None => refused(
                    format!("\"{}\" is neither true nor false.", one.unwrap_or_default()),
                    format!("“{}”既不是 true 也不是 false。", one.unwrap_or_default()),
                ),
            },
            How::Minutes => match one.and_then(|text| text.parse::<f64>().ok()) {
                Some(time) if self.is_forward => Ok(vec![format!("{}", (time * 60.0).round())]),
                Some(time) => Ok(vec![format!("{}", (time / 60.0).round().max(1.0))]),
                None => refused(
                    format!("\"{}\" is no number of minutes.", one.unwrap_or_default()),
                    format!("“{}”不是分钟数。", one.unwrap_or_default()),
                ),
            },
            How::One if self.is_forward && values.len() > 1 => refused(
                format!(
                    "ms-swift 4.x takes one adapter at a time (--{}), here are {}. Merge them one after another.",
                    self.name,
                    values.len()
                ),
                format!(
                    "ms-swift 4.x 一次只接受一个适配器（--{}），此处有 {} 个。请逐个合并。",
                    self.name,
                    values.len()
                ),
            ),
            How::One => Ok(values.to_vec()),
        }
    }
}

/// The other name of an argument that `is_known` there.
pub fn partner(command: &str, name: &str, is_known: impl Fn(&str) -> bool) -> Option<Partner> {
    let list = if command.starts_with("megatron ") {
        MEGATRON
    } else {
        SWIFT
    };
    list.iter().find_map(|(old, new, how)| {
        let (other, is_forward) = if *old == name {
            (*new, true)
        } else if *new == name {
            (*old, false)
        } else {
            return None;
        };
        is_known(other).then_some(Partner {
            name: other,
            how: *how,
            is_forward,
        })
    })
}

/// Every name that means the same as this one, in any generation.
pub fn synonyms(command: &str, name: &str) -> Vec<&'static str> {
    let list = if command.starts_with("megatron ") {
        MEGATRON
    } else {
        SWIFT
    };
    list.iter()
        .filter_map(|(old, new, _)| {
            if *old == name {
                Some(*new)
            } else if *new == name {
                Some(*old)
            } else {
                None
            }
        })
        .collect()
}

/// A value that another release spells differently.
pub fn other_value(
    command: &str,
    name: &str,
    values: Option<&[String]>,
    from: Version,
    to: Version,
) -> Option<(Vec<String>, Text)> {
    let value = values?.first()?.as_str();
    let is_new = |version: Version| version.generation() == Some(Generation::G3);
    let is_g1 = |version: Version| version.generation() == Some(Generation::G1);
    let pair = |new: &str, text: Text| Some((vec![new.to_owned()], text));
    let spelt = |new: &str| {
        Text::new(
            format!("--{name} {value} is {new} in ms-swift {to}."),
            format!("--{name} {value} 在 ms-swift {to} 中写作 {new}。"),
        )
    };
    match (name, value) {
        ("agent_template", "glm4") if !is_new(from) && is_new(to) => {
            pair("chatglm4", spelt("chatglm4"))
        }
        ("agent_template", "glm4_0414") if !is_new(from) && is_new(to) => {
            pair("glm4", spelt("glm4"))
        }
        ("agent_template", "chatglm4") if is_new(from) && !is_new(to) => {
            pair("glm4", spelt("glm4"))
        }
        ("agent_template", "glm4") if is_new(from) && !is_new(to) => {
            pair("glm4_0414", spelt("glm4_0414"))
        }
        ("infer_backend", "pt") if !is_new(from) && is_new(to) => {
            pair("transformers", spelt("transformers"))
        }
        ("infer_backend", "transformers") if is_new(from) && !is_new(to) => pair("pt", spelt("pt")),
        ("loss_scale", "last_round_with_ignore_empty_think") if is_g1(from) && !is_g1(to) => pair(
            "last_round+ignore_empty_think",
            spelt("last_round+ignore_empty_think"),
        ),
        ("loss_scale", "last_round+ignore_empty_think") if !is_g1(from) && is_g1(to) => pair(
            "last_round_with_ignore_empty_think",
            spelt("last_round_with_ignore_empty_think"),
        ),
        ("moe_token_dispatcher_type", "alltoall_seq") if is_new(to) => pair(
            "alltoall",
            Text::new(
                format!("alltoall_seq is gone from ms-swift {to}; alltoall does the same work."),
                format!("ms-swift {to} 已没有 alltoall_seq，alltoall 完成同样的工作。"),
            ),
        ),
        ("cached_dataset", _) if is_g1(from) != is_g1(to) && command.starts_with("megatron ") => {
            let new: Vec<String> = values?
                .iter()
                .map(|folder| {
                    if is_g1(from) {
                        format!("{}/train", folder.trim_end_matches('/'))
                    } else {
                        folder
                            .trim_end_matches('/')
                            .trim_end_matches("/train")
                            .to_owned()
                    }
                })
                .collect();
            Some((
                new,
                Text::new(
                    "3.9 names the folder of a cached dataset, later releases the train folder in it (and --cached_val_dataset its val folder).",
                    "3.9 填写缓存数据集的文件夹，之后的版本填写其中的 train 文件夹（验证集用 --cached_val_dataset 填 val 文件夹）。",
                ),
            ))
        }
        _ => None,
    }
}
