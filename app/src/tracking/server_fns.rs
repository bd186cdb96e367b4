//! Runs that were not launched here, for pages.

use crate::wire::Json;
use domain::logs::Find;
use domain::people::Project;
use domain::tracking::media::{MediaList, MediaView};
use domain::tracking::{ClientLine, FoundLines};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::AppError;

#[server(prefix = "/fn", endpoint = "tracking/media", input = Json, output = Json)]
pub async fn list_media(id: String) -> Result<MediaList, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::tracking::files::list(&backend, &actor, &id.parse()?).await?)
}

#[server(prefix = "/fn", endpoint = "tracking/media_at", input = Json, output = Json)]
pub async fn media_at(id: String, name: String, step: i64) -> Result<Vec<MediaView>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let id = id.parse()?;
    Ok(backend::tracking::files::at_step(&backend, &actor, &id, &name, step).await?)
}

/// Lines after a number, else the last ones before one (none: the newest).
#[server(prefix = "/fn", endpoint = "tracking/lines", input = Json, output = Json)]
pub async fn read_lines(
    id: String,
    after: Option<i64>,
    before: Option<i64>,
) -> Result<Vec<ClientLine>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let id = id.parse()?;
    Ok(backend::tracking::log_lines(&backend, &actor, &id, after, before, 1000).await?)
}

#[server(prefix = "/fn", endpoint = "tracking/find_lines", input = Json, output = Json)]
pub async fn find_lines(id: String, find: Find) -> Result<FoundLines, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::tracking::find_lines(&backend, &actor, &id.parse()?, &find).await?)
}

/// The person's projects, and which of them they work in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Projects {
    pub current: String,
    pub all: Vec<Project>,
}

#[server(prefix = "/fn", endpoint = "tracking/projects", input = Json, output = Json)]
pub async fn list_projects() -> Result<Projects, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let all = backend::people::projects(&backend, &actor).await?;
    Ok(Projects {
        current: actor.project.to_string(),
        all,
    })
}

/// What a page needs to say how runs are sent here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sending {
    /// `http://host:port`, as this browser reached the console.
    pub origin: String,
    /// Our own client, one file of Python with places for host and key.
    pub client: String,
}

#[server(prefix = "/fn", endpoint = "tracking/ways", input = Json, output = Json)]
pub async fn ways_to_send() -> Result<Sending, AppError> {
    crate::context::backend_and_actor()?;
    let parts = use_context::<http::request::Parts>();
    let header = |name: &str| {
        let value = parts.as_ref()?.headers.get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    let scheme = header("x-forwarded-proto").filter(|scheme| scheme == "https");
    let host = header("host").unwrap_or_default();
    Ok(Sending {
        origin: format!("{}://{host}", scheme.as_deref().unwrap_or("http")),
        client: include_str!("../../../docs/clients/trainyard.py").to_owned(),
    })
}
