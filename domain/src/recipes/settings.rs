//! What a recipe's arguments come to, whichever generation's names they were written in: what memory, world and rules compute with.

use super::version::Generation;
use super::{Recipe, Tuner};

/// What is computed again in the backward pass instead of kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recompute {
    None,
    /// Parts of a layer, as `--recompute_modules` names them.
    Selective(Vec<String>),
    /// Whole layers, as `--recompute_method` and `--recompute_num_layers` say.
    Full {
        method: Option<String>,
        layers: Option<u64>,
    },
}

/// Bytes of each kind of number of the optimizer, per parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Widths {
    pub gradients: u64,
    pub master: u64,
    pub first: u64,
    pub second: u64,
}

/// All of it. Sizes are as written, 0 included: the rules say what is wrong with them.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub tuner: Tuner,
    pub lora_rank: u64,
    pub targets: Vec<String>,
    pub tensor: u64,
    pub pipeline: u64,
    pub context: u64,
    pub expert: u64,
    pub expert_tensor: u64,
    /// Virtual stages on each pipeline rank; 1: none.
    pub virtual_stages: u64,
    /// Layers of the first and of the last stage, where they are said.
    pub first_layers: Option<u64>,
    pub last_layers: Option<u64>,
    pub micro_batch: u64,
    pub global_batch: u64,
    pub max_length: u64,
    pub packing: bool,
    pub packing_length: Option<u64>,
    pub padding_free: bool,
    pub sequence_parallel: bool,
    pub recompute: Recompute,
    /// `--recompute_method` beside a granularity that is not full.
    pub stray_method: Option<String>,
    pub distributed_optimizer: bool,
    /// Share of the optimizer that lives in the machine's memory, 0 … 1.
    pub offload: f64,
    pub precision_aware: bool,
    pub widths: Widths,
    pub optimizer: String,
    pub fused_loss: bool,
    pub fp8: Option<String>,
    pub attention_backend: String,
    /// `--rlhf_type`; empty: none.
    pub preference: String,
    /// Layers that predict further tokens.
    pub further_layers: u64,
    /// Bytes of one weight.
    pub weight_width: u64,
}

/// The extra arguments of a recipe, by any of the names that they have.
#[derive(Clone, Copy)]
pub struct Extra<'a>(pub &'a [(String, Vec<String>)]);

impl<'a> Extra<'a> {
    /// All words of the last one given.
    pub fn words(self, names: &[&str]) -> Option<&'a [String]> {
        let is_one = |name: &str| names.contains(&name.replace('-', "_").as_str());
        let found = self.0.iter().rev().find(|(name, _)| is_one(name))?;
        Some(&found.1)
    }

    pub fn word(self, names: &[&str]) -> Option<&'a str> {
        self.words(names)?.first().map(String::as_str)
    }

    pub fn number(self, names: &[&str]) -> Option<u64> {
        // No cluster divides further; products of three such numbers fit.
        Some(self.word(names)?.parse::<u64>().ok()?.min(1 << 20))
    }

    pub fn switch(self, names: &[&str]) -> Option<bool> {
        match self.words(names)? {
            // A flag that stands alone is true.
            [] => Some(true),
            [word, ..] => match word.to_lowercase().as_str() {
                "true" | "1" | "yes" => Some(true),
                "false" | "0" | "no" => Some(false),
                _ => None,
            },
        }
    }
}

impl Settings {
    /// Reads a recipe as the release of that generation would.
    pub fn of(recipe: &Recipe, generation: Generation) -> Settings {
        let extra = Extra(&recipe.extra);
        let dtype = |names: &[&str]| extra.word(names).map(width);
        let method = extra.word(&["recompute_method"]).map(str::to_owned);
        let (recompute, stray_method) = match extra.word(&["recompute_granularity"]) {
            Some("full") => {
                let layers = extra.number(&["recompute_num_layers"]);
                (Recompute::Full { method, layers }, None)
            }
            Some("none") => (Recompute::None, method),
            _ => {
                let modules = extra.words(&["recompute_modules"]);
                let own = || vec!["core_attn".to_owned()];
                let modules = modules.map_or_else(own, <[String]>::to_vec);
                (Recompute::Selective(modules), method)
            }
        };
        let padding_free = extra.switch(&["padding_free"]).unwrap_or(true);
        let offload = match extra.switch(&["optimizer_cpu_offload"]) {
            Some(true) => extra
                .word(&["optimizer_offload_fraction"])
                .and_then(|word| word.parse().ok())
                .filter(|share: &f64| (0.0..=1.0).contains(share))
                .unwrap_or(1.0),
            _ => 0.0,
        };
        Settings {
            tuner: recipe.tuner,
            lora_rank: recipe.lora_rank.into(),
            targets: extra
                .words(&["target_modules"])
                .map_or_else(|| vec!["all-linear".to_owned()], <[String]>::to_vec),
            tensor: degree(recipe.tensor_parallel),
            pipeline: degree(recipe.pipeline_parallel),
            context: degree(recipe.context_parallel),
            expert: degree(recipe.expert_parallel),
            expert_tensor: extra.number(&["expert_tensor_parallel_size"]).unwrap_or(1),
            virtual_stages: extra
                .number(&[
                    "virtual_pipeline_model_parallel_size",
                    "num_virtual_stages_per_pipeline_rank",
                ])
                .unwrap_or(1)
                .max(1),
            first_layers: extra.number(&["decoder_first_pipeline_num_layers"]),
            last_layers: extra.number(&["decoder_last_pipeline_num_layers"]),
            micro_batch: recipe.micro_batch_size.into(),
            global_batch: recipe.global_batch_size.into(),
            max_length: recipe.max_length.into(),
            packing: recipe.packing,
            packing_length: extra.number(&["packing_length"]),
            padding_free,
            sequence_parallel: extra.switch(&["sequence_parallel"]).unwrap_or(false),
            recompute,
            stray_method,
            distributed_optimizer: extra.switch(&["use_distributed_optimizer"]).unwrap_or(true),
            offload,
            precision_aware: extra
                .switch(&["use_precision_aware_optimizer"])
                .unwrap_or(false),
            widths: Widths {
                gradients: dtype(&["main_grads_dtype"]).unwrap_or(4),
                master: dtype(&["main_params_dtype"]).unwrap_or(4),
                first: dtype(&["exp_avg_dtype"]).unwrap_or(4),
                second: dtype(&["exp_avg_sq_dtype"]).unwrap_or(4),
            },
            optimizer: extra.word(&["optimizer"]).unwrap_or("adam").to_owned(),
            fused_loss: extra
                .switch(&["cross_entropy_loss_fusion"])
                .unwrap_or(generation == Generation::G3),
            fp8: extra
                .word(&["fp8_format", "fp8"])
                .filter(|word| !matches!(*word, "none" | "None" | ""))
                .map(str::to_owned),
            attention_backend: extra
                .word(&["attention_backend"])
                .unwrap_or("flash")
                .to_owned(),
            preference: match extra.word(&["rlhf_type"]) {
                Some(word) => word.to_owned(),
                None => recipe.method.command().1.unwrap_or_default().to_owned(),
            },
            further_layers: extra.number(&["mtp_num_layers"]).unwrap_or(0),
            weight_width: dtype(&["torch_dtype"]).unwrap_or(2),
        }
    }

    /// Model-parallel GPUs of the dense part.
    pub fn model_parallel(&self) -> u64 {
        self.tensor
            .saturating_mul(self.pipeline)
            .saturating_mul(self.context)
            .max(1)
    }

    /// Data-parallel ranks of the dense part; 0 where the world does not divide.
    pub fn data(&self, world: u64) -> u64 {
        world / self.model_parallel()
    }

    /// Data-parallel ranks of the experts.
    pub fn expert_data(&self, world: u64) -> u64 {
        let own = self
            .expert_tensor
            .saturating_mul(self.expert)
            .saturating_mul(self.pipeline);
        (world / own.max(1)).max(1)
    }

    /// Layers of a pipeline stage, counted from 0.
    pub fn stage_layers(&self, layers: u64, stage: u64) -> u64 {
        let stages = self.pipeline.max(1);
        let (first, last) = (
            self.first_layers.filter(|_| stages > 1),
            self.last_layers.filter(|_| stages > 1),
        );
        match (stage, first, last) {
            (0, Some(own), _) => own,
            (stage, _, Some(own)) if stage + 1 == stages => own,
            _ => {
                let said = first.unwrap_or(0) + last.unwrap_or(0);
                let others = stages - u64::from(first.is_some()) - u64::from(last.is_some());
                let rest = layers.saturating_sub(said);
                // What does not divide is refused elsewhere; the fuller stage is what memory asks for.
                rest.div_ceil(others.max(1))
            }
        }
    }

    /// Tokens of the longest row that a GPU's micro-batch can hold: a pack, or a row.
    pub fn longest(&self) -> u64 {
        if self.packing {
            self.packing_length.unwrap_or(self.max_length)
        } else {
            self.max_length
        }
    }
}

fn degree(written: u32) -> u64 {
    u64::from(written).min(1 << 20)
}

fn width(dtype: &str) -> u64 {
    match dtype {
        "fp32" | "float32" | "float" => 4,
        "fp8" | "float8" => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::super::presets;
    use super::*;

    fn with(flags: &[(&str, &[&str])]) -> Recipe {
        let owned = |(name, words): &(&str, &[&str])| {
            (
                (*name).to_owned(),
                words.iter().map(|word| (*word).to_owned()).collect(),
            )
        };
        Recipe {
            extra: flags.iter().map(owned).collect(),
            ..presets::full()
        }
    }

    #[test]
    fn what_is_not_written_is_as_the_release_has_it() {
        let newer = Settings::of(&with(&[]), Generation::G3);
        let older = Settings::of(&with(&[]), Generation::G1);
        assert!(newer.fused_loss && !older.fused_loss);
        assert!(newer.distributed_optimizer && newer.padding_free && !newer.sequence_parallel);
        assert_eq!(
            newer.recompute,
            Recompute::Selective(vec!["core_attn".to_owned()])
        );
        assert_eq!(newer.offload, 0.0);
    }

    #[test]
    fn what_is_written_counts_and_the_last_of_two_wins() {
        let read = |flags: &[(&str, &[&str])]| Settings::of(&with(flags), Generation::G3);
        let all = read(&[
            ("recompute_granularity", &["full"]),
            ("recompute_method", &["uniform"]),
            ("recompute-num-layers", &["1"]),
            ("sequence_parallel", &["true"]),
            ("sequence_parallel", &[]),
            ("optimizer_cpu_offload", &["true"]),
            ("optimizer_offload_fraction", &["0.5"]),
            ("exp_avg_dtype", &["bf16"]),
            ("num_virtual_stages_per_pipeline_rank", &["2"]),
        ]);
        assert_eq!(
            all.recompute,
            Recompute::Full {
                method: Some("uniform".to_owned()),
                layers: Some(1)
            }
        );
        assert!(all.sequence_parallel);
        assert_eq!(
            (all.offload, all.widths.first, all.virtual_stages),
            (0.5, 2, 2)
        );
        let last = read(&[
            ("sequence_parallel", &["true"]),
            ("sequence_parallel", &["false"]),
        ]);
        assert!(!last.sequence_parallel);
    }

    #[test]
    fn uneven_stages_share_what_is_left() {
        let mut settings = Settings::of(
            &with(&[("decoder_first_pipeline_num_layers", &["25"])]),
            Generation::G3,
        );
        settings.pipeline = 2;
        assert_eq!(
            [0, 1].map(|stage| settings.stage_layers(48, stage)),
            [25, 23]
        );
        settings.pipeline = 4;
        settings.first_layers = None;
        settings.last_layers = Some(9);
        assert_eq!(
            [0, 1, 2, 3].map(|stage| settings.stage_layers(48, stage)),
            [13, 13, 13, 9]
        );
    }
}
