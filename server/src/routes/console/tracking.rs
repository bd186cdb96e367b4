//! What runs logged besides numbers: media, files, lines, and what they say of themselves.

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use backend::tracking::{self, files};
use backend::{Actor, Backend};
use domain::ids::ExperimentId;
use domain::tracking::media::{MediaList, MediaView, shown_type};
use domain::tracking::{ClientLine, SaidOfItself};
use serde::Deserialize;
use tokio_util::io::ReaderStream;

use super::Answer;
use crate::http_error::HttpError;

pub async fn media(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<ExperimentId>,
) -> Answer<MediaList> {
    Ok(Json(files::list(&backend, &actor, &id).await?))
}

#[derive(Deserialize)]
pub struct AtStep {
    name: String,
    step: i64,
}

pub async fn media_at(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<ExperimentId>,
    Query(at): Query<AtStep>,
) -> Answer<Vec<MediaView>> {
    Ok(Json(
        files::at_step(&backend, &actor, &id, &at.name, at.step).await?,
    ))
}

#[derive(Deserialize)]
pub struct File {
    path: String,
}

/// The file's bytes. What could run scripts in a page is only handed out as a download.
pub async fn file(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<ExperimentId>,
    Query(asked): Query<File>,
) -> Result<Response, HttpError> {
    let (row, file) = files::open(&backend, &actor, &id, &asked.path).await?;
    let body = Body::from_stream(ReaderStream::new(file));
    let headers = match shown_type(&row.path) {
        Some(kind) => [
            (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
            (
                header::CONTENT_DISPOSITION,
                HeaderValue::from_static("inline"),
            ),
        ],
        None => [
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/octet-stream"),
            ),
            (
                header::CONTENT_DISPOSITION,
                HeaderValue::from_static("attachment"),
            ),
        ],
    };
    let fixed = [
        (header::CONTENT_LENGTH, HeaderValue::from(row.size_bytes)),
        // The address names a path whose content may change, but only for the person who asked.
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, max-age=60"),
        ),
    ];
    Ok((headers, fixed, body).into_response())
}

#[derive(Deserialize)]
pub struct Lines {
    /// Lines after this number; none: the newest.
    after: Option<i64>,
    /// With no `after`: lines before this number.
    before: Option<i64>,
    #[serde(default = "thousand")]
    limit: u32,
}

fn thousand() -> u32 {
    1000
}

pub async fn lines(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<ExperimentId>,
    Query(lines): Query<Lines>,
) -> Answer<Vec<ClientLine>> {
    let Lines {
        after,
        before,
        limit,
    } = lines;
    Ok(Json(
        tracking::log_lines(&backend, &actor, &id, after, before, limit).await?,
    ))
}

pub async fn profile(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<ExperimentId>,
) -> Answer<SaidOfItself> {
    Ok(Json(tracking::profile(&backend, &actor, &id).await?))
}
