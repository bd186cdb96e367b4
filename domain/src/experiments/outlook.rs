//! What a launch comes to, in numbers that move with the form.

use serde::{Deserialize, Serialize};

use crate::recipes::memory::{self, Estimate, RowLengths, Shape};
use crate::recipes::rules::Breach;
use crate::recipes::settings::{Extra, Settings};
use crate::recipes::world::{self, EarlierRun, Grid, Pace};
use crate::recipes::{Length, Recipe};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outlook {
    /// None: the GPUs do not divide.
    pub grid: Option<Grid>,
    /// None: the model's sizes are not known, or the GPUs do not divide.
    pub memory: Option<Estimate>,
    /// Name and bytes of the smallest GPU that is used.
    pub gpu: Option<(String, f64)>,
    pub pace: Pace,
    /// Bytes of one checkpoint over all nodes, and how many will be kept. None: the model's sizes are not known.
    pub checkpoints: Option<(f64, u64)>,
    pub breaches: Vec<Breach>,
    /// What the newest run of the same model and method took of a GPU at most: its name and GiB.
    pub measured: Option<(String, f64)>,
}

/// What the numbers are made of.
pub struct Ground<'a> {
    pub recipe: &'a Recipe,
    pub settings: &'a Settings,
    pub shape: Option<&'a Shape>,
    pub nodes: u64,
    pub gpus_per_node: u64,
    pub gpu: Option<(String, f64)>,
    pub iterations: Option<u64>,
    pub rows: RowLengths,
    pub earlier: &'a [EarlierRun],
    pub measured: Option<(String, f64)>,
    pub breaches: Vec<Breach>,
}

/// The numbers.
pub fn outlook(ground: Ground<'_>) -> Outlook {
    let Ground {
        recipe,
        settings,
        shape,
        nodes,
        gpus_per_node,
        ..
    } = ground;
    let world = nodes.saturating_mul(gpus_per_node);
    let grid = world::grid(
        settings,
        nodes,
        gpus_per_node,
        shape.map(|shape| shape.layers),
    );
    let memory = shape
        .filter(|_| grid.is_some())
        .and_then(|shape| memory::estimate(shape, settings, world, gpus_per_node, ground.rows));
    let name = ground.gpu.as_ref().map_or("", |(name, _)| name);
    let pace = world::pace(
        settings,
        shape,
        world,
        ground.iterations,
        ground.rows,
        ground.earlier,
        name,
    );
    let checkpoints = shape.map(|shape| {
        let has_states = Extra(&recipe.extra).switch(&["no_save_optim"]) != Some(true);
        (
            memory::checkpoint_bytes(shape, settings, has_states),
            kept(recipe, ground.iterations),
        )
    });
    Outlook {
        grid,
        memory,
        gpu: ground.gpu,
        pace,
        checkpoints,
        breaches: ground.breaches,
        measured: ground.measured,
    }
}

/// Checkpoints that will lie on the disk at the end.
fn kept(recipe: &Recipe, iterations: Option<u64>) -> u64 {
    let written = match (iterations, recipe.length) {
        (Some(count), _) | (None, Length::Iterations(count)) => {
            // The last iteration is always saved.
            count.div_ceil(recipe.save_interval.max(1)).max(1)
        }
        (None, Length::Epochs(_)) => 1,
    };
    match Extra(&recipe.extra).number(&["save_total_limit"]) {
        Some(limit) if limit > 0 => written.min(limit),
        _ => written,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipes::presets;
    use crate::recipes::version::Generation;

    #[test]
    fn as_many_checkpoints_are_kept_as_are_written_or_allowed() {
        let recipe = Recipe {
            save_interval: 100,
            ..presets::lora()
        };
        assert_eq!(kept(&recipe, Some(250)), 3);
        assert_eq!(kept(&recipe, Some(7)), 1);
        let limited = Recipe {
            extra: vec![("save_total_limit".to_owned(), vec!["2".to_owned()])],
            ..recipe
        };
        assert_eq!(kept(&limited, Some(250)), 2);
    }

    #[test]
    fn without_the_models_sizes_what_can_be_known_is_there() {
        let recipe = presets::lora();
        let settings = Settings::of(&recipe, Generation::G3);
        let outlook = outlook(Ground {
            recipe: &recipe,
            settings: &settings,
            shape: None,
            nodes: 2,
            gpus_per_node: 2,
            gpu: None,
            iterations: Some(100),
            rows: RowLengths::default(),
            earlier: &[],
            measured: None,
            breaches: Vec::new(),
        });
        assert!(
            outlook.grid.is_some() && outlook.memory.is_none() && outlook.checkpoints.is_none()
        );
        assert_eq!(outlook.pace.tokens_per_iteration, f64::from(16 * 4096));
    }
}
