//! Datasets: list, register, first rows.

use axum::extract::{Path, Query, State};
use axum::{Extension, Json};
use backend::{Actor, Backend, datasets};
use domain::datasets::Dataset;
use domain::ids::{DatasetId, NodeId};
use serde::Deserialize;

use super::{Answer, Started};

#[derive(Deserialize)]
pub struct NewDataset {
    node_id: NodeId,
    /// Absolute path on the node.
    path: String,
    /// Empty: the file's name.
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
pub struct Rows {
    #[serde(default = "ten")]
    rows: u32,
}

fn ten() -> u32 {
    10
}

pub async fn list(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
) -> Answer<Vec<Dataset>> {
    Ok(Json(datasets::list(&backend, &actor).await?))
}

pub async fn register(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Json(new): Json<NewDataset>,
) -> Answer<Started<DatasetId>> {
    let id = datasets::register(&backend, &actor, &new.node_id, &new.path, &new.name).await?;
    Ok(Json(Started { id }))
}

pub async fn get(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<DatasetId>,
) -> Answer<Dataset> {
    Ok(Json(datasets::get(&backend, &actor, &id).await?))
}

/// Rows as they stand in the file.
pub async fn head(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<DatasetId>,
    Query(rows): Query<Rows>,
) -> Answer<Vec<String>> {
    Ok(Json(
        datasets::head(&backend, &actor, &id, rows.rows.min(1000)).await?,
    ))
}
