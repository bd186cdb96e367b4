//! Projects: opened by the client when it begins its first run in one.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::{Extension, Json};
use backend::{Actor, Backend, tracking};
use domain::people::Project;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Refusal, json};

#[derive(Deserialize)]
pub struct NewProject {
    name: String,
}

/// Finds or makes it: 200 or 201, both of which are fine for either generation. Projects are the person's own, whatever workspace is
/// named.
pub async fn open(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Json(new): Json<NewProject>,
) -> Answer {
    let (actor, project, is_new) =
        tracking::access::open_project(&backend, &actor, &new.name).await?;
    let body = described(&backend, &actor, &project, &new.name).await?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(body)).into_response())
}

/// 404 must be honest: it makes the new client open the project.
pub async fn get(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path((_, name)): Path<(String, String)>,
) -> Answer {
    match tracking::access::in_project(&backend, &actor, &name).await? {
        Some((actor, project)) => Ok(json(described(&backend, &actor, &project, &name).await?)),
        None => Err(Refusal::not_found("project")),
    }
}

/// Without `version`, so that clients send what they know of a series (type, section) per run instead of per project.
async fn described(
    backend: &Backend,
    actor: &Actor,
    project: &Project,
    name: &str,
) -> Result<Value, Refusal> {
    let username = tracking::access::workspace_of(backend, actor).await?;
    let runs = tracking::access::count_runs(backend, project).await?;
    Ok(json!({
        "cuid": project.id,
        "name": name,
        "path": format!("/{username}/{name}"),
        "username": username,
        "visibility": "PRIVATE",
        "group": {"username": username},
        "_count": {"experiments": runs},
    }))
}
