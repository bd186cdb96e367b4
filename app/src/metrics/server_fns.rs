//! Series for charts.

use crate::wire::{Curves, Json};
use domain::metrics::{DrawRequest, Drawn, Summary};
use leptos::prelude::*;

use crate::error::AppError;

#[server(prefix = "/fn", endpoint = "metrics/series", input = Json, output = Json)]
pub async fn list_series(experiment: String) -> Result<Vec<Summary>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::metrics::series(&backend, &actor, &experiment.parse()?).await?)
}

#[server(prefix = "/fn", endpoint = "metrics/draw", input = Json, output = Curves)]
pub async fn draw_series(experiment: String, request: DrawRequest) -> Result<Vec<Drawn>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::metrics::draw(&backend, &actor, &experiment.parse()?, &request).await?)
}
