//! Logs for pages.

use domain::logs::{Ask, Find, Found, Moment, Piece};
use leptos::prelude::*;

use crate::error::AppError;
use crate::wire::Json;

#[server(prefix = "/fn", endpoint = "logs/read", input = Json, output = Json)]
pub async fn read_log(ask: Ask) -> Result<Piece, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::logs::read(&backend, &actor, &ask).await?)
}

#[server(prefix = "/fn", endpoint = "logs/search", input = Json, output = Json)]
pub async fn search_log(log: String, find: Find, near: u64) -> Result<Found, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::logs::search(&backend, &actor, &log, &find, near).await?)
}

#[server(prefix = "/fn", endpoint = "logs/moment", input = Json, output = Json)]
pub async fn find_moment(log: String, time: String) -> Result<Moment, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::logs::moment(&backend, &actor, &log, &time).await?)
}
