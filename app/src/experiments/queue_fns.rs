//! The queue for pages.

use domain::experiments::form::Form;
use domain::experiments::queue::{Waiting, Wish};
use leptos::prelude::*;

use crate::error::AppError;
use crate::wire::Json;

/// Puts a form, or its sweep, into the queue. The same key twice is one.
#[server(prefix = "/fn", endpoint = "experiments/queue/add", input = Json, output = Json)]
pub async fn queue_experiment(form: Form, wish: Wish, key: String) -> Result<(), AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    backend::experiments::queue::enqueue(&backend, &actor, &form, &wish, &key).await?;
    Ok(())
}

#[server(prefix = "/fn", endpoint = "experiments/queue", input = Json, output = Json)]
pub async fn list_queue() -> Result<Vec<Waiting>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::experiments::queue::queue(&backend, &actor).await?)
}

/// Ids and names of the experiments that another one can run after.
#[server(prefix = "/fn", endpoint = "experiments/queue/predecessors", input = Json, output = Json)]
pub async fn list_predecessors() -> Result<Vec<(String, String)>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let all = backend::experiments::queue::predecessors(&backend, &actor).await?;
    Ok(all
        .into_iter()
        .map(|(id, name)| (id.to_string(), name))
        .collect())
}

/// Puts one before another; `before` empty: at the end.
#[server(prefix = "/fn", endpoint = "experiments/queue/order", input = Json, output = Json)]
pub async fn reorder_queue(id: String, before: String) -> Result<(), AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let before = if before.is_empty() {
        None
    } else {
        Some(before.parse()?)
    };
    Ok(
        backend::experiments::queue::reorder(&backend, &actor, &id.parse()?, before.as_ref())
            .await?,
    )
}

#[server(prefix = "/fn", endpoint = "experiments/queue/leave", input = Json, output = Json)]
pub async fn leave_queue(id: String) -> Result<(), AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::experiments::queue::leave(&backend, &actor, &id.parse()?).await?)
}

#[server(prefix = "/fn", endpoint = "experiments/queue/again", input = Json, output = Json)]
pub async fn try_queued_again(id: String) -> Result<(), AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::experiments::queue::try_again(&backend, &actor, &id.parse()?).await?)
}
