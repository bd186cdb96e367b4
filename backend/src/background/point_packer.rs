//! Packs what arrived in small pieces, once a run is quiet; at the start of the process also what an earlier one left.

use std::time::Duration;

use domain::ids::ExperimentId;

use crate::{Backend, Result};

/// An experiment that got no points for this long is quiet.
const QUIET: Duration = Duration::from_secs(60);

pub async fn activate(backend: Backend) -> Result<()> {
    let store = backend.store();
    for experiment in store.unpacked_experiments(QUIET).await? {
        pack(&backend, &experiment).await?;
    }
    Ok(())
}

async fn pack(backend: &Backend, experiment: &ExperimentId) -> Result<()> {
    let store = backend.store();
    let generation = store.generation(experiment);
    for series in store.loose_series(experiment).await? {
        if backend.stopping().is_cancelled() {
            return Ok(());
        }
        store.compact(series).await?;
    }
    store.note_packed(experiment, generation);
    Ok(())
}
