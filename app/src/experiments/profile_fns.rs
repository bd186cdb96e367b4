//! What a run says of itself and what people say of it, for pages.

use domain::experiments::Extent;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::AppError;
use crate::wire::Json;

/// Tags, notes and archive of one experiment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Said {
    pub tags: Vec<String>,
    /// As typed.
    pub notes: String,
    pub notes_html: String,
    pub is_archived: bool,
    pub extent: Extent,
}

#[server(prefix = "/fn", endpoint = "experiments/said", input = Json, output = Json)]
pub async fn said_of_experiment(id: String) -> Result<Said, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let id = id.parse()?;
    let notes = backend::experiments::notes(&backend, &actor, &id).await?;
    Ok(Said {
        tags: backend::experiments::tags(&backend, &actor, &id).await?,
        notes_html: backend::experiments::notes_html(&notes),
        notes,
        is_archived: backend::experiments::standing(&backend, &actor, &id)
            .await?
            .1,
        extent: backend::experiments::extent(&backend, &actor, &id).await?,
    })
}

/// Facts, configuration and requirements as HTML; of the configuration only what holds the search.
#[server(prefix = "/fn", endpoint = "experiments/about", input = Json, output = Json)]
pub async fn about_experiment(id: String, search: String) -> Result<String, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let id = id.parse()?;
    let view = backend::experiments::get(&backend, &actor, &id).await?;
    let profile = backend::experiments::profile(&backend, &actor, &id).await?;
    let (person, _) = backend::experiments::standing(&backend, &actor, &id).await?;
    Ok(super::about_html::about(&view, &profile, &person, &search))
}

#[server(prefix = "/fn", endpoint = "experiments/tag", input = Json, output = Json)]
pub async fn tag_experiment(id: String, tag: String, is_on: bool) -> Result<(), AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::experiments::set_tag(&backend, &actor, &id.parse()?, &tag, is_on).await?)
}

/// Markdown as it will be shown.
#[server(prefix = "/fn", endpoint = "experiments/notes/preview", input = Json, output = Json)]
pub async fn preview_notes(markdown: String) -> Result<String, AppError> {
    crate::context::backend_and_actor()?;
    Ok(backend::experiments::notes_html(&markdown))
}

#[server(prefix = "/fn", endpoint = "experiments/notes", input = Json, output = Json)]
pub async fn keep_notes(id: String, markdown: String) -> Result<(), AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::experiments::set_notes(&backend, &actor, &id.parse()?, &markdown).await?)
}

#[server(prefix = "/fn", endpoint = "experiments/rename", input = Json, output = Json)]
pub async fn rename_experiment(id: String, name: String) -> Result<(), AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::experiments::rename(&backend, &actor, &id.parse()?, &name).await?)
}

#[server(prefix = "/fn", endpoint = "experiments/archive", input = Json, output = Json)]
pub async fn archive_experiment(id: String, is_archived: bool) -> Result<(), AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::experiments::set_archived(&backend, &actor, &id.parse()?, is_archived).await?)
}

/// `name` is typed by the person who means it.
#[server(prefix = "/fn", endpoint = "experiments/delete", input = Json, output = Json)]
pub async fn delete_experiment(id: String, name: String) -> Result<(), AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::experiments::delete(&backend, &actor, &id.parse()?, &name).await?)
}
