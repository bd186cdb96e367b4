//! Series for charts.

use domain::metrics::{Drawn, Summary};
use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use serde::{Deserialize, Serialize};

use crate::error::AppError;

/// What charts ask for: only what is shown, sized to its pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    pub experiment: String,
    pub names: Vec<String>,
    /// None: the newest.
    pub attempt: Option<u32>,
    pub from_step: Option<i64>,
    pub to_step: Option<i64>,
    /// Device pixels.
    pub width_px: u32,
    /// 0 … 1; 0: none.
    pub smoothing: f64,
}

#[server(prefix = "/fn", endpoint = "metrics/series", input = Json)]
pub async fn list_series(experiment: String) -> Result<Vec<Summary>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::metrics::series(&backend, &actor, &experiment.parse()?).await?)
}

#[server(prefix = "/fn", endpoint = "metrics/draw", input = Json)]
pub async fn draw_series(asked: Asked) -> Result<Vec<Drawn>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let experiment = asked.experiment.parse()?;
    let request = domain::metrics::DrawRequest {
        names: asked.names,
        attempt: asked.attempt,
        from_step: asked.from_step,
        to_step: asked.to_step,
        width_px: asked.width_px,
        smoothing: asked.smoothing,
    };
    Ok(backend::metrics::draw(&backend, &actor, &experiment, request).await?)
}
