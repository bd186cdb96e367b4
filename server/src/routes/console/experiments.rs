//! Experiments: preview, launch, stop, charts.

use axum::extract::{Path, State};
use axum::{Extension, Json};
use backend::{Actor, Backend, experiments, metrics};
use domain::experiments::ExperimentView;
use domain::experiments::form::{Form, Preview};
use domain::experiments::outlook::Outlook;
use domain::experiments::preflight::Report;
use domain::experiments::queue::{Waiting, Wish};
use domain::ids::ExperimentId;
use domain::metrics::{DrawRequest, Drawn, Summary};
use serde::{Deserialize, Serialize};

use super::{Answer, Started};

#[derive(Deserialize)]
pub struct Launch {
    /// A text of the caller's own: the same twice is one launch.
    launch_key: String,
    form: Form,
}

#[derive(Deserialize)]
pub struct Again {
    launch_key: String,
}

pub async fn list(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
) -> Answer<Vec<ExperimentView>> {
    Ok(Json(experiments::list(&backend, &actor).await?))
}

/// A preview with its numbers.
#[derive(Serialize)]
pub struct Previewed {
    #[serde(flatten)]
    preview: Preview,
    outlook: Option<Outlook>,
}

pub async fn preview(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Json(form): Json<Form>,
) -> Answer<Previewed> {
    let mut preview = experiments::preview(&backend, &actor, &form).await?;
    let outlook = preview.outlook.take();
    Ok(Json(Previewed { preview, outlook }))
}

pub async fn preflight(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Json(form): Json<Form>,
) -> Answer<Report> {
    let key = backend::clock::new_id::<ExperimentId>().to_string();
    Ok(Json(
        experiments::preflight(&backend, &actor, &form, &key).await?,
    ))
}

#[derive(Deserialize)]
pub struct Enqueue {
    /// A text of the caller's own: the same twice is one entry.
    launch_key: String,
    form: Form,
    #[serde(default)]
    wish: Wish,
}

pub async fn queue(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
) -> Answer<Vec<Waiting>> {
    Ok(Json(experiments::queue::queue(&backend, &actor).await?))
}

pub async fn enqueue(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Json(new): Json<Enqueue>,
) -> Answer<Vec<ExperimentId>> {
    let made = experiments::queue::enqueue(&backend, &actor, &new.form, &new.wish, &new.launch_key);
    Ok(Json(made.await?))
}

pub async fn leave_queue(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<ExperimentId>,
) -> Answer<()> {
    Ok(Json(
        experiments::queue::leave(&backend, &actor, &id).await?,
    ))
}

pub async fn create(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Json(launch): Json<Launch>,
) -> Answer<Started<ExperimentId>> {
    let id =
        experiments::create_and_launch(&backend, &actor, &launch.form, &launch.launch_key).await?;
    Ok(Json(Started { id }))
}

pub async fn get(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<ExperimentId>,
) -> Answer<ExperimentView> {
    Ok(Json(experiments::get(&backend, &actor, &id).await?))
}

pub async fn stop(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<ExperimentId>,
) -> Answer<()> {
    Ok(Json(experiments::stop(&backend, &actor, &id).await?))
}

pub async fn relaunch(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<ExperimentId>,
    Json(again): Json<Again>,
) -> Answer<Started<ExperimentId>> {
    let id = experiments::relaunch(&backend, &actor, &id, &again.launch_key).await?;
    Ok(Json(Started { id }))
}

pub async fn series(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<ExperimentId>,
) -> Answer<Vec<Summary>> {
    Ok(Json(metrics::series(&backend, &actor, &id).await?))
}

pub async fn draw(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<ExperimentId>,
    Json(request): Json<DrawRequest>,
) -> Answer<Vec<Drawn>> {
    Ok(Json(metrics::draw(&backend, &actor, &id, &request).await?))
}
