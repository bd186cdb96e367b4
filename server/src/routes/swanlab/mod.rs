//! `/api/*`: what the unmodified SwanLab client speaks, releases 0.6.13 to 0.10.3.
//!
//! The shapes are those that the client was recorded to send and was read to need; what no client reads is left out. Both generations
//! are answered at once, since their addresses do not collide. Errors follow what the clients make of them: a refused body is thrown
//! away by the new ones and sent again for ever by the old ones, so a live run is never answered 401, 413 or 429, and a body with bad
//! items is taken without them.

pub mod answer;
pub mod links;
mod metrics;
mod projects;
mod runs;
pub mod uploads;

use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post, put};
use backend::{Backend, tracking};
use domain::tracking::{requests, stamp};
use serde_json::json;

use crate::router::AppState;
use answer::{Answer, json};

/// The old client puts everything that has gathered into one body, and it grows while the console cannot be reached.
const BODY_BYTES: usize = 1 << 30;

/// Every address of the host on one screen.
pub fn routes() -> Router<AppState> {
    let run = "/project/{workspace}/{project}/runs/{id}";
    Router::new()
        .route("/", get(alive))
        .route("/login/api_key", post(log_in))
        .route("/project", post(projects::open))
        .route("/project/{workspace}", post(projects::open))
        .route("/projects/{workspace}", post(projects::open))
        .route("/project/{workspace}/{project}", get(projects::get))
        .route(
            "/project/{workspace}/{project}/experiment",
            post(runs::begin),
        )
        .route(run, get(runs::get))
        .route(&format!("{run}/profile"), put(runs::profile))
        .route(&format!("{run}/state"), put(runs::state))
        .route(&format!("{run}/sts"), get(uploads::credentials))
        .route("/projects/{workspace}/{project}/series", post(answered))
        .route("/house/metrics", post(metrics::post))
        .route("/house/metrics/summaries/{project}/{id}", get(runs::extent))
        .route(
            "/house/experiments/{id}/heartbeat",
            post(metrics::heartbeat),
        )
        .route("/experiment/{id}/columns", post(metrics::columns))
        .route("/experiment/{id}/column", get(runs::columns))
        .route("/experiment/{id}/files/prepare", post(uploads::prepare))
        .route("/experiment/{id}/files/complete", post(answered))
        .route(
            "/experiment/{id}/files/prepare-multipart",
            post(uploads::prepare_parts),
        )
        .route(
            "/experiment/{id}/files/complete-multipart",
            post(uploads::complete_parts),
        )
        .route("/resources/presigned/put", post(uploads::presign))
        .route("/uploads/{id}/{*path}", put(uploads::receive))
        .route("/saved/{id}/{*path}", put(uploads::receive_saved))
        .route("/parts/{id}/{upload}/{number}", put(uploads::receive_part))
        .route("/oss/runs/{id}/{*path}", put(uploads::receive))
        .fallback(any(unknown))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
}

/// `swanlab ping`.
pub async fn alive() -> &'static str {
    "OK"
}

/// The key as this client sends it: bare. What S3 clients call by the same name is none.
pub fn key(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim();
    let value = value.strip_prefix("Bearer ").unwrap_or(value);
    (!value.is_empty() && !value.contains(' ')).then_some(value)
}

/// The client's release as runs show it: `swanlab 0.7.20`.
fn origin(headers: &HeaderMap) -> String {
    let release = ["x-swanlab-sdk-version", "swanlab-sdk"]
        .iter()
        .find_map(|name| headers.get(*name)?.to_str().ok())
        .unwrap_or("");
    let release: String = release.chars().take(40).collect();
    format!("swanlab {release}").trim_end().to_owned()
}

/// Releases before 0.8 say so by the name of the header.
fn is_old(headers: &HeaderMap) -> bool {
    headers.contains_key("swanlab-sdk")
}

/// A key for a session. The status must be 200, and the time must carry a fraction and a Z.
async fn log_in(State(backend): State<Backend>, headers: HeaderMap) -> Answer {
    let Some(key) = key(&headers) else {
        return Ok(answer::unknown_key().into_response());
    };
    let Some(opened) = tracking::access::log_in(&backend, key).await? else {
        return Ok(answer::unknown_key().into_response());
    };
    Ok(json(json!({
        "sid": opened.sid,
        "expiredAt": stamp::text(opened.expires_at.0),
        "userInfo": {"username": requests::workspace(&opened.user.name), "name": opened.user.name},
    })))
}

/// What is only to be acknowledged.
async fn answered() -> Response {
    json(json!({}))
}

/// What a later release may ask: acknowledged, so that it goes on, and counted.
async fn unknown(method: Method, uri: Uri) -> Response {
    static UNKNOWN: AtomicU64 = AtomicU64::new(0);
    let count = UNKNOWN.fetch_add(1, Ordering::Relaxed) + 1;
    tracing::warn!(%method, path = uri.path(), count, "A tracker's client asks for what this console does not know");
    json(json!({}))
}
