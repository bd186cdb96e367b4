//! Jobs for pages.

use crate::wire::Json;
use domain::experiments::Progress;
use domain::jobs::JobView;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::AppError;

#[server(prefix = "/fn", endpoint = "jobs/list", input = Json, output = Json)]
pub async fn list_jobs() -> Result<Vec<JobView>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::jobs::list(&backend, &actor).await?)
}

/// A job that has not ended; a training with its experiment and how far it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Running {
    pub job: JobView,
    pub training: Option<(String, Progress)>,
}

#[server(prefix = "/fn", endpoint = "jobs/running", input = Json, output = Json)]
pub async fn running_jobs() -> Result<Vec<Running>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let running = backend::jobs::running(&backend, &actor).await?;
    let shown = running.into_iter().map(|(job, training)| Running {
        job,
        training: training.map(|(experiment, progress)| (experiment.to_string(), progress)),
    });
    Ok(shown.collect())
}

#[server(prefix = "/fn", endpoint = "jobs/get", input = Json, output = Json)]
pub async fn get_job(id: String) -> Result<JobView, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::jobs::get(&backend, &actor, &id.parse()?).await?)
}

#[server(prefix = "/fn", endpoint = "jobs/stop", input = Json, output = Json)]
pub async fn stop_job(id: String) -> Result<(), AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::jobs::stop(&backend, &actor, &id.parse()?).await?)
}
