//! Jobs: list, read a log, stop.

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use backend::{Actor, Backend, jobs, logs};
use domain::ids::JobId;
use domain::jobs::JobView;
use serde::{Deserialize, Serialize};

use super::Answer;
use crate::http_error::HttpError;

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

/// The whole log of a rank, byte for byte, as a file.
pub async fn download(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path((id, rank)): Path<(JobId, u32)>,
) -> Result<Response, HttpError> {
    let log = logs::download(&backend, &actor, &id, rank).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (header::CONTENT_LENGTH, log.size.to_string()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{}\"", log.name),
        ),
        // Compressing a gigabyte on the way would take longer than sending it.
        (header::CONTENT_ENCODING, "identity".to_owned()),
    ];
    Ok((headers, Body::from_stream(log.pieces)).into_response())
}

pub async fn stop(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<JobId>,
) -> Answer<()> {
    Ok(Json(jobs::stop(&backend, &actor, &id).await?))
}
