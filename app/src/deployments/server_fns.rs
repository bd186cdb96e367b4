//! Deployments for pages.

use crate::wire::Json;
use domain::deployments::Deployment;
use domain::deployments::stage::Stage;
use domain::jobs::JobView;
use domain::nodes::NodeView;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::AppError;

/// A deployment with what its page shows beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeploymentShown {
    pub deployment: Deployment,
    pub job: JobView,
    pub model_name: String,
    pub node_name: String,
    /// While it starts.
    pub stage: Option<Stage>,
}

/// A deployment as typed: all text, so that nothing is lost.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeploymentForm {
    pub name: String,
    pub model: String,
    pub node: String,
    pub gpus: String,
    pub served_name: String,
    pub max_model_len: String,
    pub reasoning_parser: String,
}

#[cfg(feature = "ssr")]
fn shown(view: backend::deployments::DeploymentView) -> DeploymentShown {
    DeploymentShown {
        deployment: view.deployment,
        job: view.job,
        model_name: view.model_name,
        node_name: view.node_name,
        stage: view.stage,
    }
}

#[server(prefix = "/fn", endpoint = "deployments/list", input = Json, output = Json)]
pub async fn list_deployments() -> Result<Vec<DeploymentShown>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let views = backend::deployments::list(&backend, &actor).await?;
    Ok(views.into_iter().map(shown).collect())
}

#[server(prefix = "/fn", endpoint = "deployments/get", input = Json, output = Json)]
pub async fn get_deployment(id: String) -> Result<DeploymentShown, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(shown(
        backend::deployments::get(&backend, &actor, &id.parse()?).await?,
    ))
}

#[server(prefix = "/fn", endpoint = "deployments/stop", input = Json, output = Json)]
pub async fn stop_deployment(id: String) -> Result<(), AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::deployments::stop(&backend, &actor, &id.parse()?).await?)
}

/// The nodes that hold a model's folder, its own node first.
#[server(prefix = "/fn", endpoint = "deployments/places", input = Json, output = Json)]
pub async fn list_places(model: String) -> Result<Vec<NodeView>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::deployments::places(&backend, &actor, &model.parse()?).await?)
}

/// The same key twice is one deployment.
#[server(prefix = "/fn", endpoint = "deployments/create", input = Json, output = Json)]
pub async fn create_deployment(
    form: DeploymentForm,
    launch_key: String,
) -> Result<String, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let new = backend::deployments::NewDeployment {
        name: form.name,
        model_id: form.model,
        node_id: form.node,
        gpus: form.gpus,
        served_name: form.served_name,
        max_model_len: form.max_model_len,
        reasoning_parser: form.reasoning_parser,
    };
    Ok(
        backend::deployments::create(&backend, &actor, &new, &launch_key)
            .await?
            .to_string(),
    )
}
