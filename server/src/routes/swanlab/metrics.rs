//! What comes while a run goes on: numbers, media, lines, columns, heartbeats.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::{Extension, Json};
use backend::tracking::ingest::{self, Taken};
use backend::{Actor, Backend};
use bytes::Bytes;
use domain::tracking::requests;
use serde_json::{Value, json};

use super::answer::{Answer, Refusal, json};

pub async fn post(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    body: Bytes,
) -> Answer {
    match ingest::post(&backend, &actor, body).await? {
        Taken::Stored => Ok(json(json!({}))),
        // To the old client 202 says that this run is over for good; the new one takes any 2xx.
        Taken::NoRun => Ok((StatusCode::ACCEPTED, Json(json!({}))).into_response()),
        Taken::Unreadable(why) => Err(Refusal::new(StatusCode::BAD_REQUEST, "Bad_Request", why)),
    }
}

pub async fn columns(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Answer {
    let columns = requests::columns(&body);
    ingest::columns(&backend, &actor, &id, &columns).await?;
    Ok(json(json!({})))
}

pub async fn heartbeat(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Answer {
    ingest::heartbeat(&backend, &actor, &id).await?;
    Ok(json(json!({})))
}
