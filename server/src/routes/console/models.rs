//! Models: list, register, convert, copy.

use axum::extract::{Path, State};
use axum::{Extension, Json};
use backend::models::{self, ConvertOptions};
use backend::{Actor, Backend};
use domain::ids::{JobId, ModelId, NodeId};
use domain::jobs::JobView;
use domain::models::Model;
use serde::{Deserialize, Serialize};

use super::{Answer, Started};

#[derive(Deserialize)]
pub struct NewModel {
    node_id: NodeId,
    /// Absolute path on the node.
    path: String,
    /// Empty: the folder's name.
    #[serde(default)]
    name: String,
}

#[derive(Serialize)]
pub struct ModelWithJob {
    model: Model,
    node_name: String,
    /// The newest job that made it or works on it.
    job: Option<JobView>,
}

#[derive(Deserialize)]
pub struct Conversion {
    /// Empty: beside the model, with `-mcore`.
    #[serde(default)]
    output: String,
    #[serde(default = "yes")]
    test_precision: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
pub struct Copy {
    to: NodeId,
}

pub async fn list(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
) -> Answer<Vec<Model>> {
    Ok(Json(models::list(&backend, &actor).await?))
}

pub async fn register(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Json(new): Json<NewModel>,
) -> Answer<Started<ModelId>> {
    let id = models::register(&backend, &actor, &new.node_id, &new.path, &new.name).await?;
    Ok(Json(Started { id }))
}

pub async fn get(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<ModelId>,
) -> Answer<ModelWithJob> {
    let detail = models::get(&backend, &actor, &id).await?;
    Ok(Json(ModelWithJob {
        model: detail.model,
        node_name: detail.node_name,
        job: detail.job,
    }))
}

pub async fn convert(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<ModelId>,
    Json(options): Json<Conversion>,
) -> Answer<Started<JobId>> {
    let options = ConvertOptions {
        output: options.output,
        test_precision: options.test_precision,
    };
    let id = models::convert(&backend, &actor, &id, options).await?;
    Ok(Json(Started { id }))
}

pub async fn copy(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<ModelId>,
    Json(copy): Json<Copy>,
) -> Answer<Started<JobId>> {
    let id = models::copy(&backend, &actor, &id, &copy.to).await?;
    Ok(Json(Started { id }))
}
