//! Checkpoints for pages.

use domain::checkpoints::Checkpoint;
use leptos::prelude::*;
use leptos::server_fn::codec::Json;

use crate::error::AppError;

#[server(prefix = "/fn", endpoint = "checkpoints/list", input = Json)]
pub async fn list_checkpoints(experiment: String) -> Result<Vec<Checkpoint>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::checkpoints::list(&backend, &actor, &experiment.parse()?).await?)
}

/// The job that copies.
#[server(prefix = "/fn", endpoint = "checkpoints/gather", input = Json)]
pub async fn gather_checkpoint(id: String, node: String, launch_key: String) -> Result<String, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::checkpoints::gather(&backend, &actor, &id.parse()?, &node.parse()?, &launch_key).await?.to_string())
}

/// The job that merges and converts.
#[server(prefix = "/fn", endpoint = "checkpoints/export", input = Json)]
pub async fn export_checkpoint(id: String, name: String, test_precision: bool, launch_key: String) -> Result<String, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let options = backend::models::ExportOptions { name, test_precision };
    Ok(backend::models::export(&backend, &actor, &id.parse()?, options, &launch_key).await?.to_string())
}
