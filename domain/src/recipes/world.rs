//! How a recipe divides a world of GPUs, and what that comes to: who does what, steps, tokens, hours.

use serde::{Deserialize, Serialize};

use super::Tuner;
use super::memory::{RowLengths, Shape};
use super::settings::{Recompute, Settings};

/// Where one rank stands, each number from 0. Megatron's order is tp-cp-ep-dp-pp: the first changes fastest with the rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub rank: u64,
    pub tensor: u64,
    pub context: u64,
    pub data: u64,
    pub pipeline: u64,
    /// Its part of the experts, whose groups run across data, context and tensor.
    pub expert: u64,
}

/// The GPUs of a world, node by node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grid {
    /// In rank order; each a node's GPUs.
    pub nodes: Vec<Vec<Place>>,
    /// Degrees: TP, PP, CP, EP, DP.
    pub degrees: [u64; 5],
    /// First layer and number of layers of each pipeline stage; empty where the model's layers are not known.
    pub stages: Vec<(u64, u64)>,
    /// Ranks of a tensor-parallel group that lie on several nodes.
    pub is_split: bool,
}

/// The largest world that is drawn; beyond it only numbers are shown.
const DRAWN: u64 = 4096;

/// Divides the GPUs. None: they do not divide.
pub fn grid(settings: &Settings, nodes: u64, per_node: u64, layers: Option<u64>) -> Option<Grid> {
    let world = nodes.checked_mul(per_node)?;
    let (t, p, c) = (settings.tensor, settings.pipeline, settings.context);
    let (e, own) = (settings.expert, settings.expert_tensor);
    if [t, p, c, e, own, world].contains(&0)
        || world > DRAWN
        || !world.is_multiple_of(t * p * c)
        || !world.is_multiple_of(own * e * p)
    {
        return None;
    }
    let d = world / (t * p * c);
    let place = |rank: u64| Place {
        rank,
        tensor: rank % t,
        context: rank / t % c,
        data: rank / (t * c) % d,
        pipeline: rank / (t * c * d),
        expert: rank / own % e,
    };
    let mut first = 0;
    let stages = layers.map(|layers| {
        let stage = |stage| {
            let count = settings
                .stage_layers(layers, stage)
                .min(layers - first.min(layers));
            first += count;
            (first - count, count)
        };
        (0..p).map(stage).collect()
    });
    Some(Grid {
        nodes: (0..nodes)
            .map(|node| {
                (node * per_node..(node + 1) * per_node)
                    .map(place)
                    .collect()
            })
            .collect(),
        degrees: [t, p, c, e, d],
        stages: stages.unwrap_or_default(),
        is_split: t > per_node || !per_node.is_multiple_of(t),
    })
}

/// What a dataset comes to in training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// Tokens of one iteration over all GPUs.
    pub tokens_per_iteration: f64,
    /// They follow from counted rows or full packs, not from max_length alone.
    pub is_counted: bool,
    pub seconds_per_iteration: Option<f64>,
    pub hours: Option<f64>,
    pub basis: Basis,
}

/// Where the time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Basis {
    /// From runs of the same model, method and GPUs: how many.
    Earlier { runs: u64 },
    /// From the arithmetic of the model at this share of the GPU's peak.
    Peak { share: f64, teraflops: f64 },
    /// Neither an earlier run nor a GPU whose peak is known.
    Unknown,
}

/// An earlier run, from which time is taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EarlierRun {
    pub seconds_per_iteration: f64,
    pub tokens_per_iteration: f64,
    pub world: u64,
}

/// Share of a GPU's peak that fine-tuning with Megatron usually reaches: dense, and with experts. Stated with every number.
const DENSE_SHARE: f64 = 0.40;
const EXPERT_SHARE: f64 = 0.25;

/// Peak of bf16 without sparsity, in TFLOP/s, by a part of the name that nvidia-smi gives. Data sheets of the makers.
const PEAKS: &[(&str, f64)] = &[
    ("B300", 2250.0),
    ("B200", 2250.0),
    ("GB200", 2500.0),
    ("H200", 989.0),
    ("H100 PCIe", 756.0),
    ("H100", 989.0),
    ("H800", 989.0),
    ("H20", 148.0),
    ("A100", 312.0),
    ("A800", 312.0),
    ("A30", 165.0),
    ("A10", 125.0),
    ("A6000", 155.0),
    ("L40S", 362.0),
    ("L40", 181.0),
    ("L20", 119.0),
    ("L4", 121.0),
    ("RTX 5090", 209.0),
    ("RTX 4090", 165.0),
    ("RTX 3090", 71.0),
];

/// TFLOP/s of a GPU in bf16, by its name.
pub fn peak(name: &str) -> Option<f64> {
    PEAKS
        .iter()
        .find(|(part, _)| name.contains(part))
        .map(|(_, peak)| *peak)
}

/// Floating-point operations of one token, forward and backward.
///
/// Two a parameter forward; backward twice that, of which LoRA leaves out the gradients of frozen weights; full recomputation goes
/// forward once more. Attention over `length` tokens adds 2 · 2 · width · length / 2 a layer and pass.
fn operations(shape: &Shape, settings: &Settings, length: f64) -> f64 {
    let (_, active) = shape.parameters();
    let weights = active - (shape.vocabulary * shape.hidden) as f64;
    let attention = shape.layers as f64 * 2.0 * shape.attention_widths().0 as f64 * length;
    let (mut passes, mut attending) = match settings.tuner {
        Tuner::Full => (3.0, 3.0),
        Tuner::Lora | Tuner::LoraLlm => (2.0, 3.0),
    };
    if matches!(settings.recompute, Recompute::Full { .. }) {
        passes += 1.0;
        attending += 1.0;
    }
    2.0 * weights * passes + attention * attending
}

/// Tokens of one iteration over all GPUs.
pub fn tokens_per_iteration(settings: &Settings, rows: RowLengths) -> f64 {
    let each = if settings.packing {
        settings.longest() as f64
    } else {
        row_length(settings, rows)
    };
    settings.global_batch as f64 * each
}

/// Tokens of a row on average; where nobody knows, of the longest.
fn row_length(settings: &Settings, rows: RowLengths) -> f64 {
    let longest = settings.longest() as f64;
    rows.mean.map_or(longest, |mean| mean.min(longest))
}

/// What a run will take.
pub fn pace(
    settings: &Settings,
    shape: Option<&Shape>,
    world: u64,
    iterations: Option<u64>,
    rows: RowLengths,
    earlier: &[EarlierRun],
    gpu: &str,
) -> Pace {
    let tokens = tokens_per_iteration(settings, rows);
    let speeds: Vec<f64> = earlier
        .iter()
        .filter(|run| run.seconds_per_iteration > 0.0 && run.tokens_per_iteration > 0.0)
        .map(|run| run.tokens_per_iteration / run.seconds_per_iteration / run.world.max(1) as f64)
        .collect();
    let (seconds, basis) = if let Some(middle) = median(speeds.clone()) {
        let runs = speeds.len() as u64;
        (
            Some(tokens / middle / world.max(1) as f64),
            Basis::Earlier { runs },
        )
    } else if let (Some(shape), Some(teraflops)) = (shape, peak(gpu)) {
        let share = if shape.experts.is_some() {
            EXPERT_SHARE
        } else {
            DENSE_SHARE
        };
        let length = row_length(settings, rows);
        let total = operations(shape, settings, length) * tokens;
        let seconds = total / (teraflops * 1e12 * share * world.max(1) as f64);
        (Some(seconds), Basis::Peak { share, teraflops })
    } else {
        (None, Basis::Unknown)
    };
    Pace {
        tokens_per_iteration: tokens,
        is_counted: settings.packing || rows.are_counted(),
        seconds_per_iteration: seconds,
        hours: seconds
            .zip(iterations)
            .map(|(each, count)| each * count as f64 / 3600.0),
        basis,
    }
}

/// How many packs rows of this mean length make, and how full they are: first-fit-decreasing fills all but part of a row of each.
///
/// Rows longer than half a pack stand alone, so the share of room that is filled falls with the mean.
pub fn packs(rows: u64, mean_row: f64, pack: u64) -> (u64, f64) {
    let pack = pack.max(1) as f64;
    let mean = mean_row.clamp(1.0, pack);
    let in_one = if mean > pack / 2.0 {
        1.0
    } else {
        // On average a third of a row's length stays empty.
        ((pack - mean / 3.0) / mean).max(1.0)
    };
    let count = (rows as f64 / in_one)
        .ceil()
        .max(if rows > 0 { 1.0 } else { 0.0 });
    (
        count as u64,
        (rows as f64 * mean / (count.max(1.0) * pack)).min(1.0),
    )
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::super::version::Generation;
    use super::super::{Recipe, presets};
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn settings(tp: u32, pp: u32, cp: u32, ep: u32) -> Settings {
        let recipe = Recipe {
            tensor_parallel: tp,
            pipeline_parallel: pp,
            context_parallel: cp,
            expert_parallel: ep,
            ..presets::full()
        };
        Settings::of(&recipe, Generation::G3)
    }

    #[test]
    fn ranks_stand_in_megatrons_order() {
        // Two nodes of eight: TP 2, CP 2, PP 2, so DP 2; EP 4 across the ranks of a stage.
        let grid = grid(&settings(2, 2, 2, 4), 2, 8, Some(48)).expect("divides");
        let at = |rank: usize| grid.nodes[rank / 8][rank % 8];
        let of = |rank: usize| {
            let place = at(rank);
            (
                place.tensor,
                place.context,
                place.data,
                place.pipeline,
                place.expert,
            )
        };
        assert_eq!(of(0), (0, 0, 0, 0, 0));
        assert_eq!(of(1), (1, 0, 0, 0, 1));
        assert_eq!(of(2), (0, 1, 0, 0, 2));
        assert_eq!(of(4), (0, 0, 1, 0, 0));
        assert_eq!(of(8), (0, 0, 0, 1, 0));
        assert_eq!(of(15), (1, 1, 1, 1, 3));
        assert_eq!(grid.degrees, [2, 2, 2, 4, 2]);
        assert_eq!(grid.stages, [(0, 24), (24, 24)]);
        assert!(!grid.is_split);
    }

    #[test]
    fn a_tensor_group_on_two_nodes_is_seen_and_what_does_not_divide_is_not_drawn() {
        assert!(
            grid(&settings(4, 1, 1, 1), 2, 2, None)
                .expect("divides")
                .is_split
        );
        assert_eq!(grid(&settings(3, 1, 1, 1), 2, 2, None), None);
        assert_eq!(grid(&settings(1, 1, 1, 8), 2, 2, None), None);
        assert_eq!(grid(&settings(0, 1, 1, 1), 2, 2, None), None);
        assert_eq!(grid(&settings(1, 1, 1, 1), u64::MAX, 8, None), None);
    }

    proptest! {
        #[test]
        fn every_group_of_every_kind_has_its_size(t in 1u32..5, p in 1u32..4, c in 1u32..3, d in 1u32..4) {
            let settings = settings(t, p, c, 1);
            let grid = grid(&settings, 1, u64::from(t * p * c * d), None).expect("divides");
            let places = &grid.nodes[0];
            let group = places.iter().filter(|x| (x.context, x.data, x.pipeline) == (0, 0, 0)).count();
            prop_assert_eq!(group, t as usize);
            let group = places.iter().filter(|x| (x.tensor, x.context, x.pipeline) == (0, 0, 0)).count();
            prop_assert_eq!(group, d as usize);
            let mut seen: Vec<_> = places.iter().map(|x| (x.tensor, x.context, x.data, x.pipeline)).collect();
            seen.sort_unstable();
            seen.dedup();
            prop_assert_eq!(seen.len(), places.len());
        }
    }

    #[test]
    fn time_comes_from_earlier_runs_else_from_the_gpus_peak_else_from_nothing() {
        let settings = settings(1, 1, 1, 1);
        let shape = Shape::of_config(&json!({
            "num_hidden_layers": 28, "hidden_size": 3584, "intermediate_size": 18944, "num_attention_heads": 28,
            "num_key_value_heads": 4, "vocab_size": 152064,
        }));
        let earlier = [EarlierRun {
            seconds_per_iteration: 2.0,
            tokens_per_iteration: 16_000.0,
            world: 8,
        }];
        let rows = RowLengths {
            mean: Some(1000.0),
            ..RowLengths::default()
        };
        let known = pace(
            &settings,
            shape.as_ref(),
            16,
            Some(1800),
            rows,
            &earlier,
            "x",
        );
        // 1000 tokens per second and GPU: 16 rows of 1000 tokens on 16 GPUs take one second.
        assert_eq!(
            (known.seconds_per_iteration, known.hours),
            (Some(1.0), Some(0.5))
        );
        assert_eq!(known.basis, Basis::Earlier { runs: 1 });
        let peak = pace(
            &settings,
            shape.as_ref(),
            8,
            Some(100),
            RowLengths::default(),
            &[],
            "NVIDIA H100 80GB HBM3",
        );
        assert!(matches!(peak.basis, Basis::Peak { .. }));
        // 16 rows of 4096 tokens at 6 operations a parameter: about 0.95 s at 40 % of eight H100.
        let seconds = peak.seconds_per_iteration.expect("known");
        assert!((0.7..1.3).contains(&seconds), "{seconds}");
        assert_eq!(
            pace(&settings, None, 8, None, RowLengths::default(), &[], "GPU").basis,
            Basis::Unknown
        );
    }

    #[test]
    fn packs_are_fewer_than_rows_and_never_overfull() {
        let (count, filled) = packs(1000, 500.0, 8192);
        assert!((60..70).contains(&count), "{count}");
        assert!(filled > 0.9 && filled <= 1.0, "{filled}");
        assert_eq!(packs(10, 5000.0, 8192).0, 10);
        assert_eq!(packs(0, 5000.0, 8192).0, 0);
        assert_eq!(packs(3, 9e9, 100).0, 3);
    }
}
