//! The arguments of a recipe as people type them: one row each, by which form, check and help agree.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::{Length, Method, Recipe, Tuner};
use crate::finding::Finding;

/// What may be written into a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    Choice(&'static [&'static str]),
    /// `true` or `false`.
    Switch,
    /// A whole number from this on.
    Integer(u64),
    /// A number between the two, both included.
    Real(f64, f64),
}

/// The parts of the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Tuning,
    Batches,
    Saving,
    Parallel,
}

/// One argument.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Field {
    pub key: &'static str,
    pub group: Group,
    pub kind: Kind,
    /// In the dialect of 4.x, without dashes.
    pub flag: &'static str,
    /// (English, Chinese)
    pub label: (&'static str, &'static str),
    /// What it does and what to write, in a sentence.
    pub help: (&'static str, &'static str),
}

const fn field(
    key: &'static str,
    group: Group,
    kind: Kind,
    flag: &'static str,
    label: (&'static str, &'static str),
    help: (&'static str, &'static str),
) -> Field {
    Field {
        key,
        group,
        kind,
        flag,
        label,
        help,
    }
}

const RATE: Kind = Kind::Real(0.0, 1.0);

/// All of them, in the order of the form.
pub const ALL: &[Field] = &[
    field(
        "method",
        Group::Tuning,
        Kind::Choice(&["sft", "pt", "dpo", "kto", "grpo"]),
        "rlhf_type",
        ("Learns from", "训练目标"),
        (
            "sft: conversations; pt: plain text; dpo: pairs of answers; kto: answers marked good or bad; grpo: rewards, from 3.11 on.",
            "sft：对话；pt：纯文本；dpo：成对回答；kto：标注好坏的回答；grpo：奖励，3.11 起支持。",
        ),
    ),
    field(
        "tuner",
        Group::Tuning,
        Kind::Choice(&["lora", "full", "lora_llm"]),
        "tuner_type",
        ("Method", "训练方式"),
        (
            "LoRA trains small added matrices; full trains every weight and needs about 14 bytes per parameter; lora_llm (4.x) adds matrices to the language part and trains the rest whole.",
            "LoRA 只训练附加的小矩阵；全参训练更新全部权重，每个参数约需 14 字节；lora_llm（4.x）只对语言部分用 LoRA，其余全参训练。",
        ),
    ),
    field(
        "learning_rate",
        Group::Tuning,
        RATE,
        "lr",
        ("Learning rate", "学习率"),
        (
            "Runbook: 1e-4 for LoRA, 1e-5 for full.",
            "手册建议：LoRA 1e-4，全参 1e-5。",
        ),
    ),
    field(
        "min_learning_rate",
        Group::Tuning,
        RATE,
        "min_lr",
        ("Lowest learning rate", "最小学习率"),
        (
            "Where the schedule ends. Runbook: a tenth of the learning rate.",
            "学习率衰减的终点。手册建议取学习率的十分之一。",
        ),
    ),
    field(
        "warmup_fraction",
        Group::Tuning,
        RATE,
        "lr_warmup_fraction",
        ("Warm-up", "预热比例"),
        (
            "Share of the iterations over which the rate rises from 0.",
            "学习率从 0 上升所占的迭代比例。",
        ),
    ),
    field(
        "lora_rank",
        Group::Tuning,
        Kind::Integer(1),
        "lora_rank",
        ("LoRA rank", "LoRA 秩"),
        (
            "Width of the added matrices; only for LoRA.",
            "附加矩阵的秩，仅用于 LoRA。",
        ),
    ),
    field(
        "lora_alpha",
        Group::Tuning,
        Kind::Integer(1),
        "lora_alpha",
        ("LoRA alpha", "LoRA alpha"),
        (
            "The added part is scaled by alpha ÷ rank.",
            "附加部分按 alpha ÷ rank 缩放。",
        ),
    ),
    field(
        "length_unit",
        Group::Batches,
        Kind::Choice(&["epochs", "iterations"]),
        "num_train_epochs",
        ("Length in", "训练长度单位"),
        (
            "Passes over the dataset, or a fixed number of iterations (--train_iters).",
            "按数据集遍数，或按固定迭代数（--train_iters）。",
        ),
    ),
    field(
        "length",
        Group::Batches,
        Kind::Integer(1),
        "num_train_epochs",
        ("Length", "训练长度"),
        ("A whole number.", "整数。"),
    ),
    field(
        "micro_batch_size",
        Group::Batches,
        Kind::Integer(1),
        "micro_batch_size",
        ("Micro batch", "微批大小"),
        (
            "Rows that one GPU takes at once.",
            "每张 GPU 一次处理的样本数。",
        ),
    ),
    field(
        "global_batch_size",
        Group::Batches,
        Kind::Integer(1),
        "global_batch_size",
        ("Global batch", "全局批大小"),
        (
            "Rows per iteration over all GPUs; a multiple of micro batch × data-parallel ranks.",
            "每次迭代的总样本数，须为 微批 × 数据并行数 的整数倍。",
        ),
    ),
    field(
        "max_length",
        Group::Batches,
        Kind::Integer(1),
        "max_length",
        ("Longest row", "最大长度"),
        (
            "In tokens; longer rows are dropped.",
            "单位为 token，超长的样本会被丢弃。",
        ),
    ),
    field(
        "packing",
        Group::Batches,
        Kind::Switch,
        "packing",
        ("Packing", "打包"),
        (
            "Fills each row up with others. Needs flash attention; off in the runbook.",
            "将多条样本拼满一行，需要 flash attention；手册默认关闭。",
        ),
    ),
    field(
        "split_dataset_ratio",
        Group::Batches,
        RATE,
        "split_dataset_ratio",
        ("Kept for evaluation", "验证集比例"),
        (
            "Share of the rows that is not trained on; 0 means no evaluation.",
            "不参与训练的样本比例；0 表示不做验证。",
        ),
    ),
    field(
        "save_interval",
        Group::Saving,
        Kind::Integer(1),
        "save_steps",
        ("Save every", "保存间隔"),
        (
            "Iterations; the last one is always saved.",
            "单位为迭代；最后一次迭代总会保存。",
        ),
    ),
    field(
        "eval_interval",
        Group::Saving,
        Kind::Integer(1),
        "eval_steps",
        ("Evaluate every", "验证间隔"),
        ("Iterations.", "单位为迭代。"),
    ),
    field(
        "logging_interval",
        Group::Saving,
        Kind::Integer(1),
        "logging_steps",
        ("Log every", "日志间隔"),
        (
            "Iterations; one point on each chart.",
            "单位为迭代；每次记录对应图上一个点。",
        ),
    ),
    field(
        "seed",
        Group::Saving,
        Kind::Integer(0),
        "seed",
        ("Seed", "随机种子"),
        (
            "The same seed and GPUs give the same points.",
            "相同的种子与 GPU 数得到相同的曲线。",
        ),
    ),
    field(
        "tensor_parallel",
        Group::Parallel,
        Kind::Integer(1),
        "tensor_model_parallel_size",
        ("Tensor parallel", "张量并行 TP"),
        (
            "GPUs that share each layer; best within one node.",
            "共同计算一层的 GPU 数，宜在单节点内。",
        ),
    ),
    field(
        "pipeline_parallel",
        Group::Parallel,
        Kind::Integer(1),
        "pipeline_model_parallel_size",
        ("Pipeline parallel", "流水线并行 PP"),
        ("Groups of layers.", "按层切分的段数。"),
    ),
    field(
        "context_parallel",
        Group::Parallel,
        Kind::Integer(1),
        "context_parallel_size",
        ("Context parallel", "上下文并行 CP"),
        (
            "GPUs that share one long row.",
            "共同处理一条长样本的 GPU 数。",
        ),
    ),
    field(
        "expert_parallel",
        Group::Parallel,
        Kind::Integer(1),
        "expert_model_parallel_size",
        ("Expert parallel", "专家并行 EP"),
        ("For mixture-of-experts models.", "用于 MoE 模型。"),
    ),
];

/// A field by its key.
pub fn find(key: &str) -> Option<&'static Field> {
    ALL.iter().find(|field| field.key == key)
}

/// A number as people write it: `1e-4`, `0.05`, `20`. Reads back to the same number.
pub fn number(value: f64) -> String {
    if value != 0.0 && value.abs() < 1e-2 {
        format!("{value:e}")
    } else {
        value.to_string()
    }
}

/// A recipe as the texts of its fields, without its extra arguments.
pub fn write(recipe: &Recipe) -> BTreeMap<String, String> {
    let (unit, length) = match recipe.length {
        Length::Epochs(count) => ("epochs", u64::from(count)),
        Length::Iterations(count) => ("iterations", count),
    };
    [
        ("method", recipe.method.word().to_owned()),
        ("tuner", recipe.tuner.word().to_owned()),
        ("learning_rate", number(recipe.learning_rate)),
        ("min_learning_rate", number(recipe.min_learning_rate)),
        ("warmup_fraction", number(recipe.warmup_fraction)),
        ("lora_rank", recipe.lora_rank.to_string()),
        ("lora_alpha", recipe.lora_alpha.to_string()),
        ("length_unit", unit.to_owned()),
        ("length", length.to_string()),
        ("micro_batch_size", recipe.micro_batch_size.to_string()),
        ("global_batch_size", recipe.global_batch_size.to_string()),
        ("max_length", recipe.max_length.to_string()),
        ("packing", recipe.packing.to_string()),
        ("split_dataset_ratio", number(recipe.split_dataset_ratio)),
        ("save_interval", recipe.save_interval.to_string()),
        ("eval_interval", recipe.eval_interval.to_string()),
        ("logging_interval", recipe.logging_interval.to_string()),
        ("seed", recipe.seed.to_string()),
        ("tensor_parallel", recipe.tensor_parallel.to_string()),
        ("pipeline_parallel", recipe.pipeline_parallel.to_string()),
        ("context_parallel", recipe.context_parallel.to_string()),
        ("expert_parallel", recipe.expert_parallel.to_string()),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

/// Reads the texts back, with `extra` as its extra arguments. A key that is missing has the value of `preset`.
///
/// Everything that is wrong is found at once, each beside its field.
pub fn read(
    values: &BTreeMap<String, String>,
    extra: &str,
    preset: &Recipe,
) -> Result<Recipe, Vec<Finding>> {
    let mut reader = Reader {
        values,
        defaults: write(preset),
        findings: Vec::new(),
    };
    for key in values.keys().filter(|key| find(key).is_none()) {
        reader.findings.push(Finding::stops(
            key,
            format!("There is no field \"{key}\". Pass other arguments as extra ones, e.g. --{key} value."),
            format!("没有名为“{key}”的字段。其他参数请写在附加参数中，例如 --{key} value。"),
        ));
    }
    let length = reader.number("length");
    let recipe = Recipe {
        method: Method::parse(&reader.text("method")).unwrap_or_default(),
        tuner: match reader.text("tuner").as_str() {
            "full" => Tuner::Full,
            "lora_llm" => Tuner::LoraLlm,
            _ => Tuner::Lora,
        },
        length: if reader.text("length_unit") == "iterations" {
            Length::Iterations(length)
        } else {
            Length::Epochs(u32::try_from(length).unwrap_or(u32::MAX))
        },
        learning_rate: reader.number("learning_rate"),
        min_learning_rate: reader.number("min_learning_rate"),
        warmup_fraction: reader.number("warmup_fraction"),
        lora_rank: reader.number("lora_rank"),
        lora_alpha: reader.number("lora_alpha"),
        micro_batch_size: reader.number("micro_batch_size"),
        global_batch_size: reader.number("global_batch_size"),
        max_length: reader.number("max_length"),
        packing: reader.text("packing") == "true",
        save_interval: reader.number("save_interval"),
        eval_interval: reader.number("eval_interval"),
        logging_interval: reader.number("logging_interval"),
        split_dataset_ratio: reader.number("split_dataset_ratio"),
        tensor_parallel: reader.number("tensor_parallel"),
        pipeline_parallel: reader.number("pipeline_parallel"),
        context_parallel: reader.number("context_parallel"),
        expert_parallel: reader.number("expert_parallel"),
        seed: reader.number("seed"),
        extra: match super::extra::read(extra) {
            Ok(extra) => extra,
            Err(finding) => {
                reader.findings.push(finding);
                Vec::new()
            }
        },
    };
    if reader.findings.is_empty() && recipe.min_learning_rate > recipe.learning_rate {
        reader.findings.push(Finding::stops(
            "min_learning_rate",
            format!(
                "The lowest learning rate {} is above the learning rate {}. Write at most {1}.",
                number(recipe.min_learning_rate),
                number(recipe.learning_rate)
            ),
            format!(
                "最小学习率 {} 大于学习率 {}，请填写不超过 {1} 的值。",
                number(recipe.min_learning_rate),
                number(recipe.learning_rate)
            ),
        ));
    }
    if reader.findings.is_empty() {
        Ok(recipe)
    } else {
        Err(reader.findings)
    }
}

struct Reader<'a> {
    values: &'a BTreeMap<String, String>,
    defaults: BTreeMap<String, String>,
    findings: Vec<Finding>,
}

impl Reader<'_> {
    /// The text of a field, checked against its kind.
    fn text(&mut self, key: &'static str) -> String {
        let text = self
            .values
            .get(key)
            .or_else(|| self.defaults.get(key))
            .map(|text| text.trim().to_owned())
            .unwrap_or_default();
        if let Some(field) = find(key)
            && let Some((en, zh)) = wrong(field.kind, &text)
        {
            let shown = if text.is_empty() {
                (
                    "Nothing is written here".to_owned(),
                    "此处未填写".to_owned(),
                )
            } else {
                (
                    format!("\"{text}\" does not fit"),
                    format!("“{text}”不符合要求"),
                )
            };
            self.findings.push(Finding::stops(
                key,
                format!("{}; {en}", shown.0),
                format!("{}；{zh}", shown.1),
            ));
        }
        text
    }

    /// A number; what does not read is a finding and stands as the type's zero.
    fn number<T: FromStr + Default>(&mut self, key: &'static str) -> T {
        let before = self.findings.len();
        let text = self.text(key);
        match text.parse() {
            Ok(value) => value,
            Err(_) if self.findings.len() > before => T::default(),
            // Fits its kind, but is beyond what the type holds.
            Err(_) => {
                self.findings.push(Finding::stops(
                    key,
                    format!("{text} is too large; write a smaller number."),
                    format!("{text} 过大，请填写更小的数。"),
                ));
                T::default()
            }
        }
    }
}

/// What to write instead, if a text does not fit.
fn wrong(kind: Kind, text: &str) -> Option<(String, String)> {
    let is_right = match kind {
        Kind::Choice(choices) => choices.contains(&text),
        Kind::Switch => matches!(text, "true" | "false"),
        Kind::Integer(least) => {
            !text.is_empty()
                && text.chars().all(|c| c.is_ascii_digit())
                && text.parse::<u64>().map_or(true, |value| value >= least)
        }
        Kind::Real(least, most) => text
            .parse::<f64>()
            .is_ok_and(|value| (least..=most).contains(&value)),
    };
    if is_right {
        return None;
    }
    Some(match kind {
        Kind::Choice(choices) => {
            let list = choices.join(", ");
            (
                format!("write one of {list}."),
                format!("请填写其中之一：{list}。"),
            )
        }
        Kind::Switch => (
            "write true or false.".to_owned(),
            "请填写 true 或 false。".to_owned(),
        ),
        Kind::Integer(least) => (
            format!("write a whole number from {least} on."),
            format!("请填写不小于 {least} 的整数。"),
        ),
        Kind::Real(least, most) => (
            format!("write a number between {least} and {most}, for example 1e-4."),
            format!("请填写 {least} 到 {most} 之间的数，例如 1e-4。"),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::super::{extra, presets};
    use super::*;

    #[test]
    fn every_preset_reads_back_from_its_texts() {
        for preset in presets::ALL {
            let recipe = (preset.recipe)();
            let other = Recipe {
                seed: 7,
                ..presets::full()
            };
            assert_eq!(
                read(&write(&recipe), &extra::write(&recipe.extra), &other),
                Ok(recipe),
                "{}",
                preset.key
            );
        }
    }

    #[test]
    fn every_field_has_a_text_and_every_flag_is_one_of_the_release() {
        let texts = write(&presets::lora());
        assert_eq!(texts.len(), ALL.len());
        let list = include_str!("../../fixtures/cli/ms-swift-4.6.0.json");
        for field in ALL {
            assert!(texts.contains_key(field.key), "{}", field.key);
            assert!(
                list.contains(&format!("\"{}\"", field.flag)),
                "{}",
                field.flag
            );
        }
    }

    #[test]
    fn everything_wrong_is_found_at_once_beside_its_field() {
        let mut values = write(&presets::lora());
        values.insert("learning_rate".to_owned(), "fast".to_owned());
        values.insert("lora_rank".to_owned(), "0".to_owned());
        values.insert("packing".to_owned(), String::new());
        values.insert("max_length".to_owned(), "99999999999".to_owned());
        values.insert("colour".to_owned(), "red".to_owned());
        let findings = read(&values, "--seed 3", &presets::lora()).expect_err("wrong");
        let fields: Vec<&str> = findings
            .iter()
            .map(|finding| finding.field.as_str())
            .collect();
        assert_eq!(
            fields,
            [
                "colour",
                "learning_rate",
                "lora_rank",
                "max_length",
                "packing",
                "extra"
            ]
        );
        assert_eq!(
            findings[1].text.en,
            "\"fast\" does not fit; write a number between 0 and 1, for example 1e-4."
        );
    }
}
