//! Deployments: start an engine, watch it, stop it.

use axum::extract::{Path, State};
use axum::{Extension, Json};
use backend::deployments::{self, DeploymentView, NewDeployment};
use backend::{Actor, Backend};
use domain::ids::DeploymentId;
use serde::Deserialize;

use super::{Answer, Started};

#[derive(Deserialize)]
pub struct Deploy {
    /// A text of the caller's own: the same twice is one deployment.
    launch_key: String,
    #[serde(flatten)]
    deployment: NewDeployment,
}

pub async fn list(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
) -> Answer<Vec<DeploymentView>> {
    Ok(Json(deployments::list(&backend, &actor).await?))
}

pub async fn create(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Json(new): Json<Deploy>,
) -> Answer<Started<DeploymentId>> {
    let id = deployments::create(&backend, &actor, &new.deployment, &new.launch_key).await?;
    Ok(Json(Started { id }))
}

pub async fn get(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<DeploymentId>,
) -> Answer<DeploymentView> {
    Ok(Json(deployments::get(&backend, &actor, &id).await?))
}

pub async fn stop(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<DeploymentId>,
) -> Answer<()> {
    Ok(Json(deployments::stop(&backend, &actor, &id).await?))
}
