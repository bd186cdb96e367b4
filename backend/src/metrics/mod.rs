//! Metrics: what series an experiment has, and what a chart gets of them.

pub(crate) mod curves;
mod draw;
pub mod files;
mod progress;

pub use draw::draw;
pub(crate) use progress::{best_of, progress, progress_of, spark};

use domain::ids::ExperimentId;
use domain::metrics::Summary;

use crate::{Actor, Backend, Result, experiments};

/// The summaries of all series of an experiment, of every attempt and source.
pub async fn series(backend: &Backend, actor: &Actor, id: &ExperimentId) -> Result<Vec<Summary>> {
    experiments::find(backend, actor, id).await?;
    backend.store().summaries(id).await
}
