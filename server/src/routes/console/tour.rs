//! The whole path, walked by the console itself.

use axum::extract::State;
use axum::{Extension, Json};
use backend::tour::{self, Tour};
use backend::{Actor, Backend};

use super::Answer;

pub async fn get(State(backend): State<Backend>) -> Answer<Tour> {
    Ok(Json(tour::get(&backend)))
}

pub async fn start(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
) -> Answer<()> {
    Ok(Json(tour::start(&backend, &actor)?))
}
