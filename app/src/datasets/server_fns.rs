//! Datasets for pages.

use crate::wire::Json;
use domain::datasets::Dataset;
use leptos::prelude::*;

use crate::error::AppError;

/// Enough to see what a row is.
#[cfg(feature = "ssr")]
const HEAD_ROWS: u32 = 5;

#[server(prefix = "/fn", endpoint = "datasets/list", input = Json, output = Json)]
pub async fn list_datasets() -> Result<Vec<Dataset>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::datasets::list(&backend, &actor).await?)
}

#[server(prefix = "/fn", endpoint = "datasets/get", input = Json, output = Json)]
pub async fn get_dataset(id: String) -> Result<Dataset, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::datasets::get(&backend, &actor, &id.parse()?).await?)
}

/// The first rows, read from the node now.
#[server(prefix = "/fn", endpoint = "datasets/head", input = Json, output = Json)]
pub async fn dataset_head(id: String) -> Result<Vec<String>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::datasets::head(&backend, &actor, &id.parse()?, HEAD_ROWS).await?)
}

#[server(prefix = "/fn", endpoint = "datasets/register", input = Json, output = Json)]
pub async fn register_dataset(
    node: String,
    path: String,
    name: String,
) -> Result<String, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(
        backend::datasets::register(&backend, &actor, &node.parse()?, &path, &name)
            .await?
            .to_string(),
    )
}
