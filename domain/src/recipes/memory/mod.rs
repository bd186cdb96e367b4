//! Memory of one GPU during training, by part, before anything was started.
//!
//! Bytes of states after Megatron-LM's `theoretical_memory_usage.py` with the shard sizes of Megatron-Bridge (context parallel
//! included); activations after Korthikanti et al. (arXiv 2205.05198) with flash attention. Held within ±15 % to what ms-swift's own
//! example scripts say they used (`fixtures/memory/measured.json`).

mod helps;
mod parts;
mod shape;

pub use helps::Help;
pub use shape::{Experts, Latent, Shape};

use serde::{Deserialize, Serialize};

use super::settings::Settings;

pub const GIB: f64 = (1_u64 << 30) as f64;

/// Bytes on one GPU.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Parts {
    pub weights: f64,
    pub gradients: f64,
    pub optimizer: f64,
    pub activations: f64,
    pub logits: f64,
    /// CUDA context, NCCL, cuBLAS, fragmentation.
    pub overhead: f64,
}

impl Parts {
    pub fn total(&self) -> f64 {
        self.named().iter().map(|(_, bytes)| bytes).sum()
    }

    /// In the order in which a bar shows them.
    pub fn named(&self) -> [(&'static str, f64); 6] {
        [
            ("weights", self.weights),
            ("gradients", self.gradients),
            ("optimizer", self.optimizer),
            ("activations", self.activations),
            ("logits", self.logits),
            ("overhead", self.overhead),
        ]
    }
}

/// Tokens of a row of the dataset. None: not known.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RowLengths {
    pub mean: Option<f64>,
    pub longest: Option<f64>,
    /// The mean follows from the file's size; nobody counted with the model's tokenizer.
    pub is_guess: bool,
}

/// Bytes of a JSON row for each token of it: English has about four, Chinese about as many (three a character).
const BYTES_PER_TOKEN: f64 = 4.0;

impl RowLengths {
    /// What a file of so many bytes and rows lets one guess.
    pub fn guessed(bytes: u64, rows: u64) -> RowLengths {
        RowLengths {
            mean: (rows > 0).then(|| (bytes as f64 / rows as f64 / BYTES_PER_TOKEN).max(1.0)),
            longest: None,
            is_guess: true,
        }
    }

    /// The mean was counted.
    pub fn are_counted(self) -> bool {
        self.mean.is_some() && !self.is_guess
    }
}

/// What a training would take of each GPU of its fullest pipeline stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// What is likely.
    pub parts: Parts,
    /// Totals in bytes: with short rows and a tenth less; with the longest rows, uneven experts and a tenth more.
    pub low: f64,
    pub high: f64,
    /// The fullest stage, from 0.
    pub stage: u64,
    /// Tokens of one micro-batch that the likely value is for, and whether they were counted rather than taken from max_length.
    pub tokens: f64,
    pub is_counted: bool,
    /// What would take less, most effective first.
    pub helps: Vec<Help>,
}

/// How full a GPU would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// Likely below 85 %.
    Fits,
    /// Likely between 85 and 100 %, or above with the longest rows.
    Tight,
    /// Likely above 100 %.
    TooLarge,
}

impl Estimate {
    pub fn likely(&self) -> f64 {
        self.parts.total()
    }

    /// How it fits a GPU of `bytes`.
    pub fn fit(&self, bytes: f64) -> Fit {
        let likely = self.likely();
        if likely > bytes {
            Fit::TooLarge
        } else if likely > 0.85 * bytes || self.high > bytes {
            Fit::Tight
        } else {
            Fit::Fits
        }
    }
}

/// Tokens of a micro-batch on one GPU before context parallel: on average, and of the fullest one of a run.
///
/// The sum of b rows strays by √b, not b, from its mean: of sixteen short rows no micro-batch is sixteen longest ones.
fn micro_batch(settings: &Settings, rows: RowLengths) -> (f64, f64) {
    let limit = settings.longest() as f64;
    // Preference training passes two answers a row.
    let answers = if matches!(settings.preference.as_str(), "dpo" | "rm" | "cpo" | "orpo") {
        2.0
    } else {
        1.0
    };
    let count = settings.micro_batch as f64;
    if settings.packing {
        return (count * limit * answers, count * limit * answers);
    }
    let longest = rows.longest.unwrap_or(limit).min(limit);
    let mean = rows.mean.unwrap_or(longest).min(longest);
    if !settings.padding_free {
        // Padded to the longest of the batch.
        let usual = if settings.micro_batch > 1 {
            f64::midpoint(mean, longest)
        } else {
            mean
        };
        return (count * usual * answers, count * longest * answers);
    }
    (
        count * mean * answers,
        (count * mean + count.sqrt() * (longest - mean)) * answers,
    )
}

/// Estimates a training on a world of GPUs. None: the sizes do not divide at all (a degree of 0, more degrees than GPUs).
pub fn estimate(
    shape: &Shape,
    settings: &Settings,
    world: u64,
    gpus_per_node: u64,
    rows: RowLengths,
) -> Option<Estimate> {
    let plain = bare(shape, settings, world, rows)?;
    let helps = helps::find(shape, settings, world, gpus_per_node, rows, plain.likely());
    Some(Estimate { helps, ..plain })
}

/// Bytes of one checkpoint over all nodes: trained weights in bf16, with `has_states` also the optimizer's master, moments.
pub fn checkpoint_bytes(shape: &Shape, settings: &Settings, has_states: bool) -> f64 {
    parts::trained(shape, settings) * if has_states { 14.0 } else { 2.0 }
}

/// Bytes of the machine's memory on each node that an optimizer on the CPU takes.
pub fn offloaded_bytes(shape: &Shape, settings: &Settings, nodes: u64) -> f64 {
    // Master and moments, and the gradients that come over.
    parts::trained(shape, settings) * 16.0 * settings.offload / nodes.max(1) as f64
}

/// An estimate without what would help.
fn bare(shape: &Shape, settings: &Settings, world: u64, rows: RowLengths) -> Option<Estimate> {
    let degrees = [
        settings.tensor,
        settings.pipeline,
        settings.context,
        settings.expert,
        settings.expert_tensor,
        settings.micro_batch,
    ];
    if degrees.contains(&0) || settings.data(world) == 0 || settings.pipeline > shape.layers {
        return None;
    }
    let (tokens, most) = micro_batch(settings, rows);
    let (stage, parts) = parts::fullest(shape, settings, world, tokens, 1.0);
    let (_, worst) = parts::fullest(shape, settings, world, most, 1.5);
    Some(Estimate {
        parts,
        low: 0.9 * parts.total(),
        high: 1.1 * worst.total(),
        stage,
        tokens,
        is_counted: settings.packing || rows.are_counted(),
        helps: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::version::Generation;
    use super::super::{Recipe, presets};
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn dense() -> Shape {
        Shape::of_config(&json!({
            "num_hidden_layers": 28, "hidden_size": 3584, "intermediate_size": 18944, "num_attention_heads": 28,
            "num_key_value_heads": 4, "vocab_size": 152064,
        }))
        .expect("a shape")
    }

    fn air() -> Shape {
        Shape::of_config(&json!({
            "num_hidden_layers": 46, "hidden_size": 4096, "intermediate_size": 10944, "num_attention_heads": 96,
            "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151552, "n_routed_experts": 128, "n_shared_experts": 1,
            "moe_intermediate_size": 1408, "num_experts_per_tok": 8, "first_k_dense_replace": 1,
        }))
        .expect("a shape")
    }

    fn read(recipe: &Recipe) -> Settings {
        Settings::of(recipe, Generation::G3)
    }

    #[test]
    fn the_seeds_model_fits_where_it_is_known_to() {
        // GLM-4.5-Air: LoRA TP1 EP8 on 8 GPUs of 80 GiB at 8k fits; full on 16 does not by far.
        let recompute = extra_of(
            "--recompute_granularity full --recompute_method uniform --recompute_num_layers 1 --sequence_parallel true",
        );
        let recipe = Recipe {
            expert_parallel: 8,
            packing: true,
            max_length: 8192,
            extra: recompute,
            ..presets::lora()
        };
        let lora = estimate(&air(), &read(&recipe), 8, 8, RowLengths::default()).expect("divides");
        assert_eq!(lora.fit(80.0 * GIB), Fit::Fits);
        let full = Recipe {
            tuner: super::super::Tuner::Full,
            pipeline_parallel: 2,
            ..recipe
        };
        let full = estimate(&air(), &read(&full), 16, 8, RowLengths::default()).expect("divides");
        assert_eq!(full.fit(80.0 * GIB), Fit::TooLarge);
        assert!(full.likely() > 120.0 * GIB, "{}", full.likely() / GIB);
    }

    fn extra_of(text: &str) -> Vec<(String, Vec<String>)> {
        super::super::extra::read(text).expect("arguments")
    }

    #[test]
    fn what_would_help_saves_what_it_says_and_the_best_comes_first() {
        let recipe = Recipe {
            micro_batch_size: 4,
            tensor_parallel: 2,
            ..presets::full()
        };
        let before =
            estimate(&dense(), &read(&recipe), 8, 8, RowLengths::default()).expect("divides");
        let keys: Vec<&str> = before
            .helps
            .iter()
            .map(|help| help.set[0].0.as_str())
            .collect();
        for key in [
            "recompute_granularity",
            "optimizer_cpu_offload",
            "tuner",
            "micro_batch_size",
            "sequence_parallel",
            "tensor_parallel",
        ] {
            assert!(keys.contains(&key), "{key} is not in {keys:?}");
        }
        assert!(
            before
                .helps
                .is_sorted_by(|one, other| one.saves >= other.saves)
        );
        let recompute = before
            .helps
            .iter()
            .find(|help| help.set[0].0 == "recompute_granularity")
            .expect("there");
        let after = Recipe {
            extra: recompute
                .set
                .iter()
                .map(|(flag, value)| (flag.clone(), vec![value.clone()]))
                .collect(),
            ..recipe
        };
        let after =
            estimate(&dense(), &read(&after), 8, 8, RowLengths::default()).expect("divides");
        assert!((after.likely() - recompute.after).abs() < 1.0);
        assert!((before.likely() - after.likely() - recompute.saves).abs() < 1.0);
    }

    #[test]
    fn bands_open_with_uncounted_rows_and_the_real_length_narrows_them() {
        let recipe = Recipe {
            micro_batch_size: 16,
            ..presets::lora()
        };
        let of = |rows| estimate(&dense(), &read(&recipe), 1, 8, rows).expect("divides");
        let unknown = of(RowLengths::default());
        let counted = of(RowLengths {
            mean: Some(300.0),
            longest: Some(1500.0),
            is_guess: false,
        });
        let guessed = of(RowLengths::guessed(1_200_000, 1000));
        assert_eq!(guessed.likely(), counted.likely());
        assert!(!guessed.is_counted && guessed.high > counted.high);
        assert!(!unknown.is_counted && counted.is_counted);
        assert!(counted.likely() < unknown.likely() / 2.0);
        assert!(counted.low < counted.likely() && counted.likely() < counted.high);
        assert!(counted.high < unknown.high);
    }

    proptest! {
        #[test]
        fn no_numbers_that_a_person_types_break_it(
            sizes in prop::array::uniform6(prop_oneof![0u32..20, Just(u32::MAX), any::<u32>()]),
            further in prop_oneof![0u64..9, any::<u64>()],
            world in 0u64..5000,
        ) {
            let [tensor_parallel, pipeline_parallel, context_parallel, expert_parallel, micro_batch_size, max_length] = sizes;
            let recipe = Recipe {
                tensor_parallel,
                pipeline_parallel,
                context_parallel,
                expert_parallel,
                micro_batch_size,
                max_length,
                extra: ["expert_tensor_parallel_size", "decoder_first_pipeline_num_layers", "virtual_pipeline_model_parallel_size", "recompute_num_layers", "mtp_num_layers"]
                    .map(|name| (name.to_owned(), vec![further.to_string()])).to_vec(),
                ..presets::full()
            };
            for shape in [dense(), air()] {
                if let Some(found) = estimate(&shape, &read(&recipe), world, 8, RowLengths::default()) {
                    prop_assert!(found.likely().is_finite() && found.likely() > 0.0);
                    prop_assert!(found.low <= found.high);
                }
            }
        }
    }
}
