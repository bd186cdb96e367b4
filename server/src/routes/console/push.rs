//! Points from any script.

use axum::Extension;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use backend::tracking::push::{Pushed, push as take};
use backend::{Actor, Backend};
use bytes::Bytes;

use super::Answer;

pub async fn push(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<Pushed> {
    let key = headers
        .get("idempotency-key")
        .and_then(|value| value.to_str().ok())
        .map(str::trim)
        .filter(|key| !key.is_empty());
    Ok(Json(take(&backend, &actor, body, key).await?))
}
