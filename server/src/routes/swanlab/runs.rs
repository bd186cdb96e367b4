//! A run: begun or taken up again, described, ended.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use backend::store::FoundRun;
use backend::tracking::{self, runs};
use backend::{Actor, Backend};
use domain::tracking::config::Profile;
use domain::tracking::requests::{NewExperiment, NewState};
use domain::tracking::stamp;
use serde_json::{Value, json};

use super::answer::{Answer, Refusal, json};

type Place = Path<(String, String, String)>;

/// 201: new; 200: there was one with this id. The client's own id goes back as `slug`, ours as `cuid`, by which it names the run from
/// then on.
pub async fn begin(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path((_, project)): Path<(String, String)>,
    headers: HeaderMap,
    Json(new): Json<NewExperiment>,
) -> Answer {
    let (actor, _, _) = tracking::access::open_project(&backend, &actor, &project).await?;
    let origin = super::origin(&headers);
    let (run, is_new) = runs::begin(&backend, &actor, &origin, &new).await?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let mut body = described(&run);
    body["profile"] = json!({"config": runs::wrapped_config(&backend, &run).await?});
    Ok((status, Json(body)).into_response())
}

fn described(run: &FoundRun) -> Value {
    json!({
        "cuid": run.run.public_id,
        "slug": run.run.slug,
        "name": run.name,
        "flagId": run.run.public_id,
        "createdAt": stamp::text(run.run.started_at.0),
        "state": run.run.state.name().to_ascii_uppercase(),
    })
}

/// 404 must be honest: `resume="must"` goes by it.
pub async fn get(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path((_, project, id)): Place,
) -> Answer {
    let (_, run) = find(&backend, &actor, &project, &id).await?;
    Ok(json(described(&run)))
}

pub async fn find(
    backend: &Backend,
    actor: &Actor,
    project: &str,
    id: &str,
) -> Result<(Actor, FoundRun), Refusal> {
    let Some((actor, _)) = tracking::access::in_project(backend, actor, project).await? else {
        return Err(Refusal::not_found("project"));
    };
    match runs::find(backend, &actor, id).await? {
        Some(run) => Ok((actor, run)),
        None => Err(Refusal::not_found("run")),
    }
}

pub async fn profile(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path((_, project, id)): Place,
    Json(part): Json<Profile>,
) -> Answer {
    let (actor, run) = find(&backend, &actor, &project, &id).await?;
    runs::describe(&backend, &actor, &run, part).await?;
    Ok(json(json!({})))
}

pub async fn state(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path((_, project, id)): Place,
    Json(new): Json<NewState>,
) -> Answer {
    let (actor, run) = find(&backend, &actor, &project, &id).await?;
    runs::end(&backend, &actor, &run, &new).await?;
    Ok(json(json!({})))
}

/// How far the run has come. `log` must not be empty: the old client looks at its first.
pub async fn extent(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path((_, id)): Path<(String, String)>,
) -> Answer {
    let Some((_, run)) = tracking::access::of_run(&backend, &actor, &id).await? else {
        return Err(Refusal::not_found("run"));
    };
    let extent = runs::extent(&backend, &run).await?;
    let last = |(key, step): (String, i64)| json!({"key": key, "step": step});
    let media = extent.media.into_iter().map(|(key, _, step)| (key, step));
    Ok(json(json!({
        "log": [{"key": "LOG", "step": extent.line}],
        "media": media.map(last).collect::<Vec<_>>(),
        "scalar": extent.scalars.into_iter().map(last).collect::<Vec<_>>(),
    })))
}

/// Kinds that the old client knows; it fails on any other.
const OLD_KINDS: [&str; 7] = [
    "FLOAT", "IMAGE", "AUDIO", "TEXT", "OBJECT3D", "MOLECULE", "ECHARTS",
];

pub async fn columns(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let Some((_, run)) = tracking::access::of_run(&backend, &actor, &id).await? else {
        return Err(Refusal::not_found("run"));
    };
    let is_old = super::is_old(&headers);
    let list: Vec<Value> = runs::columns(&backend, &run)
        .await?
        .into_iter()
        .filter(|(_, kind)| !is_old || OLD_KINDS.contains(&kind.as_str()))
        .map(|(key, kind)| json!({"key": key, "type": kind, "class": "CUSTOM", "error": null}))
        .collect();
    Ok(json(json!({ "list": list })))
}
