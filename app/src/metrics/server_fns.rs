//! Series for charts, and how their page is arranged.

use crate::wire::{Curves, Json};
use domain::finding::Finding;
use domain::metrics::layout::{Catalog, Layout};
use domain::metrics::{DrawRequest, Drawn};
use leptos::prelude::*;

use crate::error::AppError;

#[server(prefix = "/fn", endpoint = "metrics/charts", input = Json, output = Json)]
pub async fn list_charts(experiment: String) -> Result<Catalog, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::charts::catalog(&backend, &actor, &experiment.parse()?).await?)
}

#[server(prefix = "/fn", endpoint = "metrics/draw", input = Json, output = Curves)]
pub async fn draw_series(experiment: String, request: DrawRequest) -> Result<Vec<Drawn>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::metrics::draw(&backend, &actor, &experiment.parse()?, &request).await?)
}

/// Names of the charts that a regular expression finds; a pattern that is none is no failure but a finding beside the field.
#[server(prefix = "/fn", endpoint = "metrics/find", input = Json, output = Json)]
pub async fn find_charts(
    experiment: String,
    pattern: String,
) -> Result<Result<Vec<String>, Vec<Finding>>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    match backend::charts::matching(&backend, &actor, &experiment.parse()?, &pattern).await {
        Err(backend::Error::Invalid(findings)) => Ok(Err(findings)),
        found => Ok(Ok(found?)),
    }
}

#[server(prefix = "/fn", endpoint = "metrics/arrange", input = Json, output = Json)]
pub async fn keep_layout(layout: Layout) -> Result<(), AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::charts::keep_layout(&backend, &actor, &layout).await?)
}

/// A chart as a picture file: drawn on the server from the same points and, by the words of the address, in the same way.
#[server(prefix = "/fn", endpoint = "metrics/svg", input = Json, output = Json)]
pub async fn draw_svg(
    experiment: String,
    request: DrawRequest,
    words: Vec<Option<String>>,
    width: u32,
    height: u32,
) -> Result<String, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let lines = backend::metrics::draw(&backend, &actor, &experiment.parse()?, &request).await?;
    Ok(super::state::picture_file(
        &experiment,
        lines,
        &words,
        (width, height),
    ))
}

/// Every point of a chart's series, as a table of comma-separated values.
#[server(prefix = "/fn", endpoint = "metrics/csv", input = Json, output = Json)]
pub async fn write_csv(experiment: String, request: DrawRequest) -> Result<String, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::charts::csv(&backend, &actor, &experiment.parse()?, &request).await?)
}
