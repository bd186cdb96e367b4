//! `/console/v1/*`: the documented HTTP API. JSON in and out; docs/api.md lists it. Each handler authorises, parses, calls one verb.

mod checkpoints;
mod datasets;
mod deployments;
mod experiments;
mod imports;
mod jobs;
mod keys;
mod models;
mod nodes;
mod points;
mod push;
mod tour;
mod tracking;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use crate::router::AppState;

/// The largest body of a push; 20 metrics of 100,000 steps.
const PUSH_BYTES: usize = 64 << 20;

/// Every route of the API on one screen.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/keys", get(keys::list).post(keys::create))
        .route("/keys/{id}", axum::routing::delete(keys::revoke))
        .route("/clusters", get(nodes::list))
        .route("/nodes/{id}", get(nodes::get))
        .route("/nodes/{id}/probe", post(nodes::probe))
        .route("/models", get(models::list).post(models::register))
        .route("/models/{id}", get(models::get))
        .route("/models/{id}/convert", post(models::convert))
        .route("/models/{id}/copy", post(models::copy))
        .route("/datasets", get(datasets::list).post(datasets::register))
        .route("/datasets/{id}", get(datasets::get))
        .route("/datasets/{id}/head", get(datasets::head))
        .route(
            "/experiments",
            get(experiments::list).post(experiments::create),
        )
        .route("/experiments/preview", post(experiments::preview))
        .route("/experiments/preflight", post(experiments::preflight))
        .route("/queue", get(experiments::queue).post(experiments::enqueue))
        .route(
            "/queue/{id}",
            axum::routing::delete(experiments::leave_queue),
        )
        .route("/experiments/{id}", get(experiments::get))
        .route("/experiments/{id}/stop", post(experiments::stop))
        .route("/experiments/{id}/relaunch", post(experiments::relaunch))
        .route("/experiments/{id}/series", get(experiments::series))
        .route("/experiments/{id}/draw", post(experiments::draw))
        .route("/experiments/{id}/points", get(points::points))
        .route("/experiments/{id}/media", get(tracking::media))
        .route("/experiments/{id}/media/at", get(tracking::media_at))
        .route("/experiments/{id}/files", get(tracking::file))
        .route("/experiments/{id}/lines", get(tracking::lines))
        .route("/experiments/{id}/profile", get(tracking::profile))
        .route("/imports", get(imports::list).post(imports::create))
        .route(
            "/imports/upload",
            // Streamed to disk; how much it may be is said there.
            post(imports::upload).layer(DefaultBodyLimit::disable()),
        )
        .route("/imports/{id}", get(imports::get))
        .route("/imports/{id}/look", post(imports::look_again))
        .route("/experiments/{id}/checkpoints", get(checkpoints::list))
        .route("/checkpoints/{id}/gather", post(checkpoints::gather))
        .route("/checkpoints/{id}/export", post(checkpoints::export))
        .route(
            "/deployments",
            get(deployments::list).post(deployments::create),
        )
        .route("/deployments/{id}", get(deployments::get))
        .route("/deployments/{id}/stop", post(deployments::stop))
        .route(
            "/push",
            post(push::push).layer(DefaultBodyLimit::max(PUSH_BYTES)),
        )
        .route("/tour", get(tour::get).post(tour::start))
        .route("/jobs", get(jobs::list))
        .route("/jobs/{id}", get(jobs::get))
        .route("/jobs/{id}/log", get(jobs::log))
        .route("/jobs/{id}/logs/{rank}", get(jobs::download))
        .route("/jobs/{id}/stop", post(jobs::stop))
}

/// The answer to a call that starts something.
#[derive(serde::Serialize)]
pub struct Started<Id> {
    pub id: Id,
}

type Answer<T> = Result<axum::Json<T>, crate::http_error::HttpError>;
