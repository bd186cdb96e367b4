//! Experiments for pages.

use crate::wire::Json;
use domain::comparison::{TableRequest, table::ColumnChange};
use domain::experiments::ExperimentView;
use domain::experiments::form::{Form, Preview};
use leptos::prelude::*;

use crate::error::AppError;

/// What trains now.
#[server(prefix = "/fn", endpoint = "experiments/running", input = Json, output = Json)]
pub async fn running_experiments() -> Result<Vec<ExperimentView>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::experiments::running(&backend, &actor).await?)
}

#[server(prefix = "/fn", endpoint = "experiments/count", input = Json, output = Json)]
pub async fn count_experiments() -> Result<u64, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::experiments::count(&backend, &actor).await?)
}

#[server(prefix = "/fn", endpoint = "experiments/get", input = Json, output = Json)]
pub async fn get_experiment(id: String) -> Result<ExperimentView, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::experiments::get(&backend, &actor, &id.parse()?).await?)
}

/// What a launch would do, and what stands against it; and what it comes to, as HTML.
#[server(prefix = "/fn", endpoint = "experiments/preview", input = Json, output = Json)]
pub async fn preview_experiment(form: Form) -> Result<(Preview, String), AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let preview = backend::experiments::preview(&backend, &actor, &form).await?;
    let outlook = super::outlook_html::outlook(&preview);
    Ok((preview, outlook))
}

/// The same key twice is one launch.
#[server(prefix = "/fn", endpoint = "experiments/launch", input = Json, output = Json)]
pub async fn launch_experiment(form: Form, launch_key: String) -> Result<String, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let id = backend::experiments::create_and_launch(&backend, &actor, &form, &launch_key).await?;
    Ok(id.to_string())
}

#[server(prefix = "/fn", endpoint = "experiments/relaunch", input = Json, output = Json)]
pub async fn relaunch_experiment(id: String, launch_key: String) -> Result<String, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let id = backend::experiments::relaunch(&backend, &actor, &id.parse()?, &launch_key).await?;
    Ok(id.to_string())
}

#[server(prefix = "/fn", endpoint = "experiments/stop", input = Json, output = Json)]
pub async fn stop_experiment(id: String) -> Result<(), AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::experiments::stop(&backend, &actor, &id.parse()?).await?)
}

/// The form that leads to an experiment's setup again.
#[server(prefix = "/fn", endpoint = "experiments/form", input = Json, output = Json)]
pub async fn form_of_experiment(id: String) -> Result<Form, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let view = backend::experiments::get(&backend, &actor, &id.parse()?).await?;
    Ok(backend::experiments::form_of(&view.experiment)?)
}

/// A page of the project's table as HTML. What is wrong with the filter is a finding.
#[server(prefix = "/fn", endpoint = "experiments/table", input = Json, output = Json)]
pub async fn table_of_experiments(request: TableRequest) -> Result<String, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let listing = backend::comparison::table(&backend, &actor, &request).await?;
    let columns = backend::comparison::find_columns(&backend, &actor, "").await?;
    Ok(super::table_html::table(&listing, &request, &columns))
}

/// The columns that are shown, and those that a search finds, as HTML.
#[server(prefix = "/fn", endpoint = "experiments/columns", input = Json, output = Json)]
pub async fn columns_of_table(search: String) -> Result<String, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let shown = backend::comparison::columns(&backend, &actor).await?;
    let found = backend::comparison::find_columns(&backend, &actor, &search).await?;
    Ok(super::table_html::columns(&shown, &found))
}

#[server(prefix = "/fn", endpoint = "experiments/columns/change", input = Json, output = Json)]
pub async fn change_columns(change: ColumnChange) -> Result<(), AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::comparison::change_columns(&backend, &actor, &change).await?)
}
