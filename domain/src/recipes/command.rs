//! The command lines: a recipe, or a conversion, in the dialect of the release on the nodes.
//!
//! Flags whose defaults flip between releases (`finetune`, `save_safetensors`, …) are always written, so that the same recipe means
//! the same everywhere. Names per generation: ms-swift `megatron/argument(s)/*.py`.

use super::dialects::{self, Change, NEUTRAL};
use super::fields::number;
use super::version::{Generation, Version};
use super::{Length, Recipe};
use crate::finding::Weight;
use crate::language::Text;
use crate::shell::quote;

/// A command: the program's words, then its flags in order, each with its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    pub program: Vec<&'static str>,
    pub flags: Vec<(String, Vec<String>)>,
}

impl Command {
    fn new(program: &[&'static str]) -> Self {
        Command {
            program: program.to_vec(),
            flags: Vec::new(),
        }
    }

    fn flag(&mut self, name: &str, value: impl ToString) -> &mut Self {
        self.flags.push((name.to_owned(), vec![value.to_string()]));
        self
    }

    /// As a person would write it in a script: one flag a line.
    pub fn render(&self) -> String {
        let mut text = self.program.join(" ");
        for (name, values) in &self.flags {
            text.push_str(" \\\n    --");
            text.push_str(name);
            for value in values {
                text.push(' ');
                text.push_str(&quote(value));
            }
        }
        text
    }
}

/// Why a command cannot be written for a release.
pub fn not_spoken(version: Version) -> Text {
    Text::new(
        format!("Trainyard cannot write this command for ms-swift {version} yet."),
        format!("Trainyard 暂不支持为 ms-swift {version} 生成该命令。"),
    )
}

/// HF → MCore with `swift export`, one process.
pub struct Convert<'a> {
    /// Folder of the HF model.
    pub model: &'a str,
    /// Folder to be made; the program refuses one that exists.
    pub output: &'a str,
    /// Compare the two formats by a forward pass each; the program prints the difference and never fails on it.
    pub tests_precision: bool,
}

/// The conversion in the dialect of `version`; both generations spell it alike.
pub fn convert(convert: &Convert<'_>, version: Version) -> Result<Command, Text> {
    version.generation().ok_or_else(|| not_spoken(version))?;
    let mut command = Command::new(&["swift", "export"]);
    command
        .flag("model", convert.model)
        .flag("to_mcore", true)
        .flag("torch_dtype", "bfloat16")
        .flag("output_dir", convert.output)
        .flag("test_convert_precision", convert.tests_precision);
    Ok(command)
}

/// MCore → HF with `swift export`; a LoRA adapter is merged into its base. Everything is named: the paths in a copied `args.json`
/// are those of another machine.
pub struct Export<'a> {
    /// Folder of the HF model: configuration and tokenizer.
    pub model: &'a str,
    /// MCore weights: the base of an adapter, or the checkpoint of full fine-tuning.
    pub mcore_model: &'a str,
    /// The folder above `iter_*` of a LoRA checkpoint.
    pub mcore_adapter: Option<&'a str>,
    pub output: &'a str,
    pub tests_precision: bool,
}

pub fn export(export: &Export<'_>, version: Version) -> Result<Command, Text> {
    let generation = version.generation().ok_or_else(|| not_spoken(version))?;
    let mut command = Command::new(&["swift", "export"]);
    command
        .flag("model", export.model)
        .flag("mcore_model", export.mcore_model);
    if let Some(adapter) = export.mcore_adapter {
        let flag = if generation == Generation::G3 {
            "mcore_adapter"
        } else {
            "mcore_adapters"
        };
        command.flag(flag, adapter);
    }
    command
        .flag("to_hf", true)
        .flag("torch_dtype", "bfloat16")
        .flag("output_dir", export.output)
        .flag("test_convert_precision", export.tests_precision);
    Ok(command)
}

/// What a training command names besides the recipe.
pub struct Train<'a> {
    /// Folder of the HF model: configuration, tokenizer and template.
    pub model: &'a str,
    /// The converted model that training starts from.
    pub mcore_model: &'a str,
    pub dataset: &'a str,
    /// Runs go to `<output>/vN-<date>`.
    pub output: &'a str,
}

/// Arguments that `train` always writes and no field sets, with other names that mean the same: given again, they would silently win.
pub const ALWAYS_WRITTEN: &[&str] = &[
    "model",
    "mcore_model",
    "mcore_adapter",
    "mcore_adapters",
    "load",
    "dataset",
    "finetune",
    "save_safetensors",
    "no_save_optim",
    "no_save_rng",
    "report_to",
    "output_dir",
    "save",
    "add_version",
];

/// A training command in the dialect of a release; what a release cannot do at all is refused, what else is lost `fit` says.
pub fn train(train: &Train<'_>, recipe: &Recipe, version: Version) -> Result<Command, Text> {
    version.generation().ok_or_else(|| not_spoken(version))?;
    let carried = carry(recipe, &neutral(train, recipe), version);
    if let Some(stopping) = carried
        .steps
        .iter()
        .find(|step| step.weight == Change::Lost(Weight::Stops))
    {
        return Err(stopping.text.clone());
    }
    let mut command = Command::new(&["megatron", recipe.method.command().0]);
    command.flags = carried.flags;
    Ok(command)
}

/// The flags of a training, carried from version-neutral words into those of a release.
pub(super) fn carry(
    recipe: &Recipe,
    neutral: &[(String, Vec<String>)],
    version: Version,
) -> dialects::Carried {
    let flags: Vec<(String, Option<Vec<String>>)> = neutral
        .iter()
        .map(|(name, values)| (name.clone(), Some(values.clone())))
        .collect();
    dialects::carry(
        &format!("megatron {}", recipe.method.command().0),
        &flags,
        NEUTRAL,
        version,
    )
}

/// The flags of a training in version-neutral words.
pub(super) fn neutral(train: &Train<'_>, recipe: &Recipe) -> Vec<(String, Vec<String>)> {
    let (sub, preference) = recipe.method.command();
    let mut command = Command::new(&["megatron", sub]);
    if let Some(preference) = preference {
        command.flag("rlhf_type", preference);
    }
    command
        .flag("model", train.model)
        .flag("mcore_model", train.mcore_model)
        .flag("dataset", train.dataset);
    command.flag("split_dataset_ratio", recipe.split_dataset_ratio);
    command.flag("tuner_type", recipe.tuner.word());
    if recipe.tuner.is_lora() {
        command
            .flag("lora_rank", recipe.lora_rank)
            .flag("lora_alpha", recipe.lora_alpha)
            .flag("target_modules", "all-linear");
    }
    match recipe.length {
        Length::Epochs(epochs) => command.flag("num_train_epochs", epochs),
        Length::Iterations(count) => command.flag("train_iters", count),
    };
    command
        .flag("lr", number(recipe.learning_rate))
        .flag("min_lr", number(recipe.min_learning_rate))
        .flag("lr_warmup_fraction", recipe.warmup_fraction)
        .flag("micro_batch_size", recipe.micro_batch_size)
        .flag("global_batch_size", recipe.global_batch_size)
        .flag("max_length", recipe.max_length)
        .flag("packing", recipe.packing)
        .flag("tensor_model_parallel_size", recipe.tensor_parallel)
        .flag("pipeline_model_parallel_size", recipe.pipeline_parallel)
        .flag("context_parallel_size", recipe.context_parallel)
        .flag("expert_model_parallel_size", recipe.expert_parallel)
        .flag("logging_steps", recipe.logging_interval)
        .flag("save_steps", recipe.save_interval)
        .flag("eval_steps", recipe.eval_interval)
        .flag("seed", recipe.seed)
        // From the converted weights at iteration 0; shards stay MCore, so that gather and export have work to do.
        .flag("finetune", true)
        .flag("save_safetensors", false)
        // Their defaults differ between releases: written out, a recipe means the same on each.
        .flag("moe_grouped_gemm", true)
        .flag("cross_entropy_loss_fusion", true)
        .flag("no_save_optim", false)
        .flag("no_save_rng", false)
        .flag("report_to", "tensorboard")
        .flag("output_dir", train.output);
    // One that a person writes stands in place of ours, under whichever name.
    let is_extra = |flag: &str| {
        recipe.extra.iter().any(|(name, _)| {
            let name = name.replace('-', "_");
            name == flag || dialects::synonyms("megatron sft", flag).contains(&name.as_str())
        })
    };
    command.flags.retain(|(flag, _)| !is_extra(flag));
    let extra = recipe
        .extra
        .iter()
        .map(|(name, values)| (name.replace('-', "_"), values.clone()));
    command.flags.extend(extra);
    command.flags
}

#[cfg(test)]
mod tests {
    use super::super::{fields, presets};
    use super::*;

    /// Every argument name of a command in a captured release.
    fn arguments(release: &str, command: &str) -> Vec<String> {
        let text = match release {
            "3.9.3" => include_str!("../../fixtures/cli/ms-swift-3.9.3.json"),
            _ => include_str!("../../fixtures/cli/ms-swift-4.6.0.json"),
        };
        let lists: serde_json::Value = serde_json::from_str(text).expect("JSON");
        let list = lists["commands"][command]
            .as_array()
            .expect("a command")
            .iter();
        list.map(|argument| argument["name"].as_str().expect("a name").to_owned())
            .collect()
    }

    fn version(text: &str) -> Version {
        Version::parse(text).expect("a version")
    }

    fn training<'a>() -> Train<'a> {
        Train {
            model: "/models/qwen3",
            mcore_model: "/models/qwen3-mcore",
            dataset: "/data/it's.jsonl",
            output: "/output/run",
        }
    }

    #[test]
    fn every_flag_of_a_training_command_is_one_of_the_release() {
        let known = arguments("4.6.0", "megatron sft");
        for recipe in [
            presets::lora(),
            presets::full(),
            Recipe {
                length: Length::Iterations(20),
                ..presets::lora()
            },
        ] {
            let command = train(&training(), &recipe, version("4.6.0")).expect("spoken");
            for (flag, _) in &command.flags {
                assert!(known.contains(flag), "{flag}");
            }
        }
    }

    #[test]
    fn what_we_write_has_a_field_or_is_refused_as_an_extra_argument() {
        let command = train(&training(), &presets::lora(), version("4.6.0")).expect("spoken");
        for (flag, _) in &command.flags {
            let has_field = fields::ALL.iter().any(|field| field.flag == flag);
            let is_refused = ALWAYS_WRITTEN.contains(&flag.as_str());
            assert!(
                has_field
                    || is_refused
                    || [
                        "target_modules",
                        "moe_grouped_gemm",
                        "cross_entropy_loss_fusion"
                    ]
                    .contains(&flag.as_str()),
                "{flag}"
            );
        }
        let other = Recipe {
            extra: vec![("target_modules".to_owned(), vec!["linear_qkv".to_owned()])],
            ..presets::lora()
        };
        let command = train(&training(), &other, version("4.6.0")).expect("spoken");
        let named = command
            .flags
            .iter()
            .filter(|(flag, _)| flag == "target_modules");
        let named: Vec<_> = named.map(|(_, values)| values.as_slice()).collect();
        assert_eq!(named, [["linear_qkv".to_owned()]]);
    }

    #[test]
    fn every_preset_is_a_command_of_every_generation_that_can() {
        for (_, release) in super::super::arguments::GENERATIONS {
            for preset in presets::ALL {
                let recipe = (preset.recipe)();
                let command = match train(&training(), &recipe, release) {
                    Ok(command) => command,
                    Err(why) => panic!("{release} {}: {why}", preset.key),
                };
                let table = super::super::arguments::table(release);
                let name = command.program.join(" ");
                for (flag, values) in &command.flags {
                    let argument = table
                        .find(&name, flag)
                        .unwrap_or_else(|| panic!("{release} {name} --{flag}"));
                    let values: Vec<&str> = values.iter().map(String::as_str).collect();
                    let is_grpo_of_old =
                        flag == "rlhf_type" && values == ["grpo"] && release < version("3.11.0");
                    assert!(
                        is_grpo_of_old || argument.check(&values).is_none(),
                        "{release} {name} --{flag} {values:?}"
                    );
                }
                let written = |flag: &str| command.flags.iter().any(|(name, _)| name == flag);
                for flag in ["finetune", "moe_grouped_gemm", "cross_entropy_loss_fusion"] {
                    assert!(written(flag), "{release} {}: --{flag}", preset.key);
                }
                assert_eq!(written("save_safetensors"), release > version("3.9.3"));
            }
        }
    }

    #[test]
    fn conversions_use_the_names_of_their_release() {
        let hf_to_mcore = Convert {
            model: "/m",
            output: "/o",
            tests_precision: true,
        };
        let known = arguments("3.9.3", "swift export");
        for (flag, _) in &convert(&hf_to_mcore, version("3.9.3"))
            .expect("spoken")
            .flags
        {
            assert!(known.contains(flag), "{flag}");
        }
        let to_hf = Export {
            model: "/m",
            mcore_model: "/b",
            mcore_adapter: Some("/a"),
            output: "/o",
            tests_precision: true,
        };
        for (flag, _) in &export(&to_hf, version("3.9.3")).expect("spoken").flags {
            assert!(known.contains(flag), "{flag}");
        }
        assert!(
            export(&to_hf, version("4.6.0"))
                .expect("spoken")
                .render()
                .contains("--mcore_adapter /a")
        );
        assert!(convert(&hf_to_mcore, version("2.6.0")).is_err());
    }

    #[test]
    fn the_captured_conversion_is_the_one_we_write() {
        // The first lines of the log name the arguments that the real run was given.
        let log = include_str!("../../fixtures/megatron-swift-3.9.3/hf_to_mcore.log");
        for flag in [
            "--model",
            "--to_mcore true",
            "--test_convert_precision true",
            "--output_dir",
        ] {
            assert!(
                log.lines().take(3).any(|line| line.contains(flag)),
                "{flag}"
            );
        }
    }

    #[test]
    fn a_training_command_reads_like_a_persons() {
        let recipe = Recipe {
            extra: vec![("attention_backend".to_owned(), vec!["fused".to_owned()])],
            ..presets::lora()
        };
        insta::assert_snapshot!(
            train(&training(), &recipe, version("4.6.0"))
                .expect("spoken")
                .render()
        );
    }
}
