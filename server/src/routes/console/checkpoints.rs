//! Checkpoints: list, gather, export.

use axum::extract::{Path, State};
use axum::{Extension, Json};
use backend::checkpoints::{self, ExportOptions};
use backend::{Actor, Backend};
use domain::checkpoints::Checkpoint;
use domain::ids::{CheckpointId, ExperimentId, JobId};
use serde::Deserialize;

use super::{Answer, Started};

#[derive(Deserialize)]
pub struct Export {
    /// Of the model that is to come; empty: experiment and iteration.
    #[serde(default)]
    name: String,
    /// Folder on the main node; empty: in its work folder.
    #[serde(default)]
    output: String,
    #[serde(default = "yes")]
    test_precision: bool,
}

fn yes() -> bool {
    true
}

pub async fn list(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<ExperimentId>,
) -> Answer<Vec<Checkpoint>> {
    Ok(Json(checkpoints::list(&backend, &actor, &id).await?))
}

pub async fn gather(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<CheckpointId>,
) -> Answer<Started<JobId>> {
    let id = checkpoints::gather(&backend, &actor, &id).await?;
    Ok(Json(Started { id }))
}

pub async fn export(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<CheckpointId>,
    Json(export): Json<Export>,
) -> Answer<Started<JobId>> {
    let options = ExportOptions {
        name: export.name,
        output: export.output,
        test_precision: export.test_precision,
    };
    let id = checkpoints::export(&backend, &actor, &id, options).await?;
    Ok(Json(Started { id }))
}
