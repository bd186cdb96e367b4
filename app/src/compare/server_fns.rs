//! Comparing, for pages.

use domain::comparison::{Column, CompareRequest};
use leptos::prelude::*;

use crate::error::AppError;
use crate::wire::Json;

/// Charts of one page; of more experiments fewer, since each costs a read.
#[cfg(feature = "ssr")]
const MOST_CHARTS: usize = 12;
/// Points of all charts together that a browser is given.
#[cfg(feature = "ssr")]
const MOST_POINTS: usize = 80_000;

/// The charts of the metrics that are asked for, as HTML.
#[server(prefix = "/fn", endpoint = "compare/charts", input = Json, output = Json)]
pub async fn charts_of(request: CompareRequest) -> Result<String, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let search = request.search.to_lowercase();
    let mut metrics =
        backend::comparison::metrics_of(&backend, &actor, &request.experiments).await?;
    metrics.retain(|(name, _)| name.to_lowercase().contains(&search));
    metrics.truncate(if request.experiments.len() > 20 {
        MOST_CHARTS / 2
    } else {
        MOST_CHARTS
    });
    // A pixel column holds at most four points.
    let curves = (metrics.len() * request.experiments.len()).max(1);
    let columns = u32::try_from(MOST_POINTS / curves / 4)
        .unwrap_or(600)
        .clamp(20, 600);
    let mut all = Vec::with_capacity(metrics.len());
    for (name, _) in metrics {
        let curves = backend::comparison::draw(&backend, &actor, &request, &name, columns).await?;
        all.push((name, curves));
    }
    Ok(super::overlay_html::charts(&all, &request))
}

/// The chosen experiments, parallel coordinates, steps to a value and the differences of configurations, as HTML.
#[server(prefix = "/fn", endpoint = "compare/tables", input = Json, output = Json)]
pub async fn tables_of(request: CompareRequest) -> Result<String, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let metrics = backend::comparison::metrics_of(&backend, &actor, &request.experiments).await?;
    let configs = backend::comparison::configs(&backend, &actor, &request.experiments).await?;
    let columns = if request.axes.is_empty() {
        super::tables_html::usual_axes(&configs, &metrics)
    } else {
        request.axes.clone()
    };
    let rows = backend::comparison::rows(&backend, &actor, &request.experiments, &columns).await?;
    let reached = backend::comparison::reached(&backend, &actor, &request).await?;
    let told = super::tables_html::Told {
        request: &request,
        rows: &rows,
        columns: &columns,
        configs: &configs,
        metrics: &metrics,
        reached: &reached,
    };
    Ok(super::tables_html::tables(&told))
}

/// What experiments can be grouped by: facts, and configuration values that differ.
#[server(prefix = "/fn", endpoint = "compare/groups", input = Json, output = Json)]
pub async fn groups_of(request: CompareRequest) -> Result<Vec<Column>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let configs = backend::comparison::configs(&backend, &actor, &request.experiments).await?;
    Ok(domain::comparison::config::differences(&configs)
        .into_iter()
        .take(200)
        .map(|one| Column::Config(one.name))
        .collect())
}
