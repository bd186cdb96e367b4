//! Models for pages.

use crate::wire::Json;
use domain::jobs::JobView;
use domain::models::Model;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::AppError;

/// What is written, and where it leads; empty: nowhere.
pub type Link = (String, String);

/// A model in the list: where it came from, one step back, and where it serves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelListed {
    pub model: Model,
    pub by: String,
    pub from: Vec<Link>,
    pub deployed: Vec<Link>,
}

#[cfg(feature = "ssr")]
fn links(steps: Vec<backend::models::Step>) -> Vec<Link> {
    let link = |step: backend::models::Step| (step.text, step.address);
    steps.into_iter().map(link).collect()
}

/// A model with what its page shows beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelShown {
    pub model: Model,
    pub node_name: String,
    /// From the first ancestor to this model.
    pub lineage: Vec<Link>,
    /// Where it serves now.
    pub deployed: Vec<Link>,
    /// The job that makes or made it, or the conversion that runs from it.
    pub job: Option<JobView>,
}

#[server(prefix = "/fn", endpoint = "models/list", input = Json, output = Json)]
pub async fn list_models() -> Result<Vec<Model>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::models::list(&backend, &actor).await?)
}

#[server(prefix = "/fn", endpoint = "models/provenances", input = Json, output = Json)]
pub async fn list_provenances() -> Result<Vec<ModelListed>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let all = backend::models::provenances(&backend, &actor).await?;
    let listed = all.into_iter().map(|one| ModelListed {
        model: one.model,
        by: one.by,
        from: links(one.from),
        deployed: links(one.deployed),
    });
    Ok(listed.collect())
}

#[server(prefix = "/fn", endpoint = "models/register", input = Json, output = Json)]
pub async fn register_model(node: String, path: String, name: String) -> Result<String, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(
        backend::models::register(&backend, &actor, &node.parse()?, &path, &name)
            .await?
            .to_string(),
    )
}

#[server(prefix = "/fn", endpoint = "models/get", input = Json, output = Json)]
pub async fn get_model(id: String) -> Result<ModelShown, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let detail = backend::models::get(&backend, &actor, &id.parse()?).await?;
    Ok(ModelShown {
        model: detail.model,
        node_name: detail.node_name,
        lineage: links(detail.lineage),
        deployed: links(detail.deployed),
        job: detail.job,
    })
}

/// The job that converts; its log streams on the model's page.
#[server(prefix = "/fn", endpoint = "models/convert", input = Json, output = Json)]
pub async fn convert_model(
    id: String,
    output: String,
    test_precision: bool,
) -> Result<String, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let options = backend::models::ConvertOptions {
        output,
        test_precision,
    };
    Ok(
        backend::models::convert(&backend, &actor, &id.parse()?, options)
            .await?
            .to_string(),
    )
}

/// The job that copies a model to another node of its cluster.
#[server(prefix = "/fn", endpoint = "models/copy", input = Json, output = Json)]
pub async fn copy_model(id: String, to: String) -> Result<String, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(
        backend::models::copy(&backend, &actor, &id.parse()?, &to.parse()?)
            .await?
            .to_string(),
    )
}
