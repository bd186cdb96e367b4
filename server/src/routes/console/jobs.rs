//! Jobs: list, read a log, stop.

use axum::extract::{Path, Query, State};
use axum::{Extension, Json};
use backend::{Actor, Backend, jobs};
use domain::ids::JobId;
use domain::jobs::JobView;
use serde::{Deserialize, Serialize};

use super::Answer;

#[derive(Deserialize)]
pub struct Part {
    #[serde(default)]
    rank: u32,
    /// Missing: the last `limit` bytes.
    offset: Option<u64>,
    #[serde(default = "piece")]
    limit: u64,
}

fn piece() -> u64 {
    64 << 10
}

/// A part of a log. Bytes that are no UTF-8 become U+FFFD; offsets count the file's own bytes.
#[derive(Serialize, Default)]
pub struct LogPart {
    offset: u64,
    end: u64,
    size: u64,
    text: String,
}

pub async fn list(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
) -> Answer<Vec<JobView>> {
    Ok(Json(jobs::list(&backend, &actor).await?))
}

pub async fn get(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<JobId>,
) -> Answer<JobView> {
    Ok(Json(jobs::get(&backend, &actor, &id).await?))
}

pub async fn log(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<JobId>,
    Query(part): Query<Part>,
) -> Answer<LogPart> {
    let limit = part.limit.min(4 << 20);
    let slice = jobs::log(&backend, &actor, &id, part.rank, part.offset, limit).await?;
    Ok(Json(slice.map_or_else(LogPart::default, |slice| LogPart {
        offset: slice.offset,
        end: slice.offset + slice.bytes.len() as u64,
        size: slice.size,
        text: String::from_utf8_lossy(&slice.bytes).into_owned(),
    })))
}

pub async fn stop(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<JobId>,
) -> Answer<()> {
    Ok(Json(jobs::stop(&backend, &actor, &id).await?))
}
