//! What a recipe comes to on a world of GPUs (ms-swift `megatron_args.py: init_iters`).

use super::{Length, Recipe};
use crate::finding::Finding;

/// How a recipe divides a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Division {
    /// All GPUs of all nodes.
    pub world: u32,
    pub data_parallel: u32,
    /// Micro-batches that each data-parallel rank accumulates per iteration.
    pub accumulation: u32,
}

/// Divides a world, or says which value does not fit and what would.
pub fn divide(recipe: &Recipe, world: u32) -> Result<Division, Vec<Finding>> {
    let world_wide = u64::from(world);
    let model = product(&[
        recipe.tensor_parallel,
        recipe.pipeline_parallel,
        recipe.context_parallel,
    ]);
    let mut findings = Vec::new();
    if world == 0 {
        findings.push(Finding::stops(
            "gpus_per_node",
            "Choose at least one GPU.",
            "请至少选择一张 GPU。",
        ));
    } else if model == 0 || !world_wide.is_multiple_of(model) {
        findings.push(Finding::stops(
            "tensor_parallel",
            format!(
                "{world} GPUs cannot be divided by TP {} × PP {} × CP {} = {model}. Write values whose product divides {world}.",
                recipe.tensor_parallel, recipe.pipeline_parallel, recipe.context_parallel
            ),
            format!(
                "{world} 张 GPU 不能被 TP {} × PP {} × CP {} = {model} 整除。请填写乘积能整除 {world} 的取值。",
                recipe.tensor_parallel, recipe.pipeline_parallel, recipe.context_parallel
            ),
        ));
    }
    let experts = product(&[recipe.expert_parallel, recipe.pipeline_parallel]);
    if world > 0 && (experts == 0 || !world_wide.is_multiple_of(experts)) {
        findings.push(Finding::stops(
            "expert_parallel",
            format!(
                "{world} GPUs cannot be divided by EP {} × PP {}.",
                recipe.expert_parallel, recipe.pipeline_parallel
            ),
            format!(
                "{world} 张 GPU 不能被 EP {} × PP {} 整除。",
                recipe.expert_parallel, recipe.pipeline_parallel
            ),
        ));
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    // A divisor of the world is no larger than it, so what follows fits.
    let data_parallel = u32::try_from(world_wide / model).unwrap_or(world);
    let at_once = product(&[recipe.micro_batch_size, data_parallel]);
    let global = u64::from(recipe.global_batch_size);
    if at_once == 0 || global == 0 || !global.is_multiple_of(at_once) {
        let below = (global / at_once.max(1)).max(1) * at_once;
        let above = below + if global > below { at_once } else { 0 };
        return Err(vec![Finding::stops(
            "global_batch_size",
            format!(
                "The global batch {} is not divisible by micro batch {} × {data_parallel} data-parallel ranks = {at_once}. Write {below} or {above}.",
                recipe.global_batch_size, recipe.micro_batch_size
            ),
            format!(
                "全局批大小 {} 不能被 micro batch {} × {data_parallel} 个数据并行组 = {at_once} 整除。请填写 {below} 或 {above}。",
                recipe.global_batch_size, recipe.micro_batch_size
            ),
        )]);
    }
    Ok(Division {
        world,
        data_parallel,
        accumulation: u32::try_from(global / at_once).unwrap_or(recipe.global_batch_size),
    })
}

/// Whatever a person types, a product of it never overflows; one that large divides no world.
fn product(factors: &[u32]) -> u64 {
    factors
        .iter()
        .fold(1, |all: u64, factor| all.saturating_mul(u64::from(*factor)))
}

/// Iterations of a run over `rows` rows of training data (after the split, or packs with packing).
///
/// ⌊⌊rows / mb⌋ · mb · epochs / global batch⌋ with mb = micro batch × data-parallel ranks.
pub fn iterations(recipe: &Recipe, division: Division, rows: u64) -> u64 {
    match recipe.length {
        Length::Iterations(count) => count,
        Length::Epochs(epochs) => {
            let at_once = product(&[recipe.micro_batch_size, division.data_parallel]).max(1);
            (rows / at_once * at_once).saturating_mul(u64::from(epochs))
                / u64::from(recipe.global_batch_size).max(1)
        }
    }
}

/// Iterations of one evaluation over `rows` rows; None: fewer rows than one micro-batch of the world, so there is none.
pub fn evaluation_iterations(recipe: &Recipe, division: Division, rows: u64) -> Option<u64> {
    let at_once = product(&[recipe.micro_batch_size, division.data_parallel]).max(1);
    (rows >= at_once)
        .then(|| (rows / at_once * at_once / u64::from(recipe.global_batch_size).max(1)).max(1))
}

#[cfg(test)]
mod tests {
    use super::super::presets;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_numbers_that_a_person_types_overflow(
            sizes in prop::array::uniform6(prop_oneof![0u32..20, Just(u32::MAX), any::<u32>()]),
            world in 0u32..4096,
            rows: u64,
        ) {
            let [tensor_parallel, pipeline_parallel, context_parallel, expert_parallel, micro_batch_size, global_batch_size] = sizes;
            let recipe = Recipe {
                tensor_parallel,
                pipeline_parallel,
                context_parallel,
                expert_parallel,
                micro_batch_size,
                global_batch_size,
                length: Length::Epochs(u32::MAX),
                ..presets::lora()
            };
            if let Ok(division) = divide(&recipe, world) {
                prop_assert_eq!(
                    u64::from(division.accumulation) * u64::from(micro_batch_size) * u64::from(division.data_parallel),
                    u64::from(global_batch_size)
                );
                let _ = iterations(&recipe, division, rows);
                let _ = evaluation_iterations(&recipe, division, rows);
            }
        }
    }

    #[test]
    fn the_captured_run_comes_to_the_same_numbers() {
        // megatron-swift-4.6.0/lora_sft: 760 + 40 rows, one GPU, micro 4, global 16, one epoch → 47 iterations, 2 of evaluation.
        let recipe = Recipe {
            micro_batch_size: 4,
            global_batch_size: 16,
            length: Length::Epochs(1),
            ..presets::lora()
        };
        let division = divide(&recipe, 1).expect("divides");
        assert_eq!((division.data_parallel, division.accumulation), (1, 4));
        assert_eq!(iterations(&recipe, division, 760), 47);
        assert_eq!(evaluation_iterations(&recipe, division, 40), Some(2));
        assert_eq!(evaluation_iterations(&recipe, division, 3), None);
    }

    #[test]
    fn what_does_not_divide_is_said_with_what_would() {
        let recipe = Recipe {
            micro_batch_size: 2,
            global_batch_size: 18,
            ..presets::lora()
        };
        let findings = divide(&recipe, 4).expect_err("18 is no multiple of 8");
        assert_eq!(findings[0].field, "global_batch_size");
        assert!(
            findings[0].text.en.contains("Write 16 or 24."),
            "{}",
            findings[0].text
        );
        let recipe = Recipe {
            tensor_parallel: 3,
            ..presets::lora()
        };
        assert_eq!(
            divide(&recipe, 4).expect_err("3 does not divide 4")[0].field,
            "tensor_parallel"
        );
        let recipe = Recipe {
            expert_parallel: 8,
            ..presets::lora()
        };
        assert_eq!(
            divide(&recipe, 4).expect_err("8 does not divide 4")[0].field,
            "expert_parallel"
        );
        assert_eq!(
            divide(&presets::lora(), 0).expect_err("no GPU")[0].field,
            "gpus_per_node"
        );
    }
}
