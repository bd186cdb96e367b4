//! Deployments for pages.

use domain::deployments::Deployment;
use domain::jobs::JobView;
use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use serde::{Deserialize, Serialize};

use crate::error::AppError;

/// A deployment with what its page shows beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeploymentShown {
    pub deployment: Deployment,
    pub job: JobView,
    pub model_name: String,
    pub node_name: String,
}

/// A deployment as typed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeploymentForm {
    pub name: String,
    pub model: String,
    pub node: String,
    pub gpus: Vec<u32>,
    pub served_name: String,
    pub max_model_len: String,
    /// Made when the page was opened: the same twice is one deployment.
    pub launch_key: String,
}

#[cfg(feature = "ssr")]
fn shown(view: backend::deployments::DeploymentView) -> DeploymentShown {
    DeploymentShown { deployment: view.deployment, job: view.job, model_name: view.model_name, node_name: view.node_name }
}

#[server(prefix = "/fn", endpoint = "deployments/list", input = Json)]
pub async fn list_deployments() -> Result<Vec<DeploymentShown>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::deployments::list(&backend, &actor).await?.into_iter().map(shown).collect())
}

#[server(prefix = "/fn", endpoint = "deployments/get", input = Json)]
pub async fn get_deployment(id: String) -> Result<DeploymentShown, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(shown(backend::deployments::get(&backend, &actor, &id.parse()?).await?))
}

#[server(prefix = "/fn", endpoint = "deployments/stop", input = Json)]
pub async fn stop_deployment(id: String) -> Result<(), AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::deployments::stop(&backend, &actor, &id.parse()?).await?)
}

#[server(prefix = "/fn", endpoint = "deployments/create", input = Json)]
pub async fn create_deployment(form: DeploymentForm) -> Result<String, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let Ok(max_model_len) = crate::shared::numbers::optional(&form.max_model_len) else {
        let finding = domain::finding::Finding::stops("max_model_len", "Write a number of tokens, or nothing.", "请填写词元数，或留空。");
        return Err(AppError::Invalid(vec![finding]));
    };
    let served_name = if form.served_name.trim().is_empty() { form.name.trim().to_owned() } else { form.served_name };
    let new = backend::deployments::NewDeployment {
        name: form.name,
        model_id: form.model.parse()?,
        node_id: form.node.parse()?,
        gpus: form.gpus,
        served_name,
        max_model_len,
    };
    Ok(backend::deployments::create(&backend, &actor, new, &form.launch_key).await?.to_string())
}
