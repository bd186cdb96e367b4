//! What earlier runs of the same model and method took: time and memory.

use domain::ids::ModelId;
use domain::metrics::SeriesKey;
use domain::recipes::Recipe;
use domain::recipes::memory::RowLengths;
use domain::recipes::settings::Settings;
use domain::recipes::version::Generation;
use domain::recipes::world::{EarlierRun, tokens_per_iteration};

use crate::{Actor, Backend, Result, metrics};

/// The newest runs say enough; older ones had other drivers and data.
const NEWEST: usize = 20;

/// What was found.
#[derive(Default)]
pub struct Earlier {
    pub paces: Vec<EarlierRun>,
    /// The newest one's name and its greatest use of a GPU, in GiB.
    pub memory: Option<(String, f64)>,
}

/// Runs with the same weights and tuner, newest first. Their tokens are counted as those of the new one are.
pub async fn runs(
    backend: &Backend,
    actor: &Actor,
    model: &ModelId,
    recipe: &Recipe,
) -> Result<Earlier> {
    let mut earlier = Earlier::default();
    let all = backend.store().experiments(&actor.project).await?;
    let alike = all.into_iter().filter_map(|experiment| {
        let setup = experiment.setup.clone()?;
        (setup.model_id == *model && setup.recipe.tuner == recipe.tuner)
            .then_some((experiment, setup))
    });
    for (experiment, setup) in alike.take(NEWEST) {
        let Some(attempt) = backend.store().attempts(&experiment.id).await?.pop() else {
            continue;
        };
        let of = async |name: &str| {
            let key = SeriesKey::plain(name);
            metrics::best_of(backend, &experiment.id, attempt.number, &key).await
        };
        if earlier.memory.is_none()
            && let Some(memory) = of("memory_gib")
                .await?
                .and_then(|series| series.summary.max)
        {
            earlier.memory = Some((experiment.name.clone(), memory));
        }
        let Some(pace) = of("seconds_per_iteration")
            .await?
            .and_then(|series| series.summary.last)
        else {
            continue;
        };
        let job = backend.store().job(&attempt.job_id).await?;
        let gpus = job.map_or(0, |job| {
            job.spec
                .processes
                .iter()
                .map(|process| process.gpus.len())
                .sum()
        });
        // The names that matter here are the same in all generations.
        let settings = Settings::of(&setup.recipe, Generation::G3);
        let dataset = backend
            .store()
            .dataset(&actor.project, &setup.dataset_id)
            .await?;
        let rows = dataset.map_or_else(RowLengths::default, |dataset| {
            RowLengths::guessed(dataset.size_bytes, dataset.rows)
        });
        earlier.paces.push(EarlierRun {
            seconds_per_iteration: pace,
            tokens_per_iteration: tokens_per_iteration(&settings, rows),
            world: gpus as u64,
        });
    }
    Ok(earlier)
}
