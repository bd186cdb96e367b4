//! The pre-flight for pages, as HTML.

use domain::experiments::form::Form;
use leptos::prelude::*;

use crate::error::AppError;
use crate::wire::Json;

/// Asks every node; the report. Its progress is read under `key` meanwhile.
#[server(prefix = "/fn", endpoint = "experiments/preflight", input = Json, output = Json)]
pub async fn check_nodes(form: Form, key: String) -> Result<String, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let report = backend::experiments::preflight(&backend, &actor, &form, &key).await?;
    Ok(super::preflight_html::report(&report))
}

/// How far a pre-flight is, or its report.
#[server(prefix = "/fn", endpoint = "experiments/preflight/shown", input = Json, output = Json)]
pub async fn shown_preflight(key: String) -> Result<Option<String>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let progress = backend::experiments::preflight_progress(&backend, &actor, &key);
    Ok(progress.map(|progress| super::preflight_html::progress(&progress)))
}

/// Does on the nodes what a button of the report says; the jobs that it began.
#[server(prefix = "/fn", endpoint = "experiments/preflight/mend", input = Json, output = Json)]
pub async fn mend_nodes(fix: String) -> Result<Vec<String>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let fix = serde_json::from_str(&fix).map_err(|_| backend::Error::NotFound("fix"))?;
    let jobs = backend::experiments::mend(&backend, &actor, &fix).await?;
    Ok(jobs.iter().map(ToString::to_string).collect())
}
