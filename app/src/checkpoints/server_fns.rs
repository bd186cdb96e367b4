//! Checkpoints for pages.

use crate::wire::Json;
use domain::checkpoints::Checkpoint;
use domain::jobs::JobView;
use leptos::prelude::*;

use crate::error::AppError;

#[server(prefix = "/fn", endpoint = "checkpoints/list", input = Json, output = Json)]
pub async fn list_checkpoints(experiment: String) -> Result<Vec<Checkpoint>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::checkpoints::list(&backend, &actor, &experiment.parse()?).await?)
}

/// The newest job that works on each of some checkpoints.
#[server(prefix = "/fn", endpoint = "checkpoints/jobs", input = Json, output = Json)]
pub async fn jobs_of_checkpoints(experiment: String) -> Result<Vec<(String, JobView)>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let jobs = backend::checkpoints::jobs(&backend, &actor, &experiment.parse()?).await?;
    Ok(jobs
        .into_iter()
        .map(|(id, job)| (id.to_string(), job))
        .collect())
}

/// The job that brings the shards together on the main node.
#[server(prefix = "/fn", endpoint = "checkpoints/gather", input = Json, output = Json)]
pub async fn gather_checkpoint(id: String) -> Result<String, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::checkpoints::gather(&backend, &actor, &id.parse()?)
        .await?
        .to_string())
}

/// The job that merges and converts.
#[server(prefix = "/fn", endpoint = "checkpoints/export", input = Json, output = Json)]
pub async fn export_checkpoint(
    id: String,
    name: String,
    output: String,
    test_precision: bool,
) -> Result<String, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let options = backend::checkpoints::ExportOptions {
        name,
        output,
        test_precision,
    };
    Ok(
        backend::checkpoints::export(&backend, &actor, &id.parse()?, options)
            .await?
            .to_string(),
    )
}
