//! The native push: one body is a batch of a run, taken once however often it is sent.

use bytes::Bytes;
use domain::ids::ExperimentId;
use domain::metrics::Source;
use domain::people::Role;
use domain::time::Timestamp;
use domain::tracking::{RunState, config, push};
use serde::Serialize;

use super::{NewRun, find_or_create, ingest, set_state};
use crate::store::{FoundRun, Origin};
use crate::{Actor, Backend, Error, Result, clock};

/// What became of a push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pushed {
    pub experiment: ExperimentId,
    /// Points of the body.
    pub points: usize,
    /// False: this key was taken before, with these points.
    pub is_new: bool,
}

/// Takes a body of `POST /console/v1/push`. With a key, the same key of the same run is taken once.
pub async fn push(
    backend: &Backend,
    actor: &Actor,
    body: Bytes,
    key: Option<&str>,
) -> Result<Pushed> {
    actor.needs(Role::Member)?;
    let now = clock::now();
    let read = ingest::read_aside(body, move |body| push::read(body, now.0)).await?;
    let push = read.map_err(Error::Invalid)?;
    let run = find(backend, actor, &push, now).await?;
    describe(backend, &run, &push, now).await?;
    if !push.lines.is_empty() {
        backend
            .store()
            .insert_lines(&run.experiment, &push.lines)
            .await?;
    }
    let points = push.batch.len();
    let origin = Origin {
        experiment: &run.experiment,
        attempt: push.attempt,
        source: Source::Client,
    };
    let is_new = backend
        .store()
        .append_pushed(&origin, &push.batch, key, now)
        .await?;
    if is_new {
        ingest::seen(backend, actor, &run, push.earliest_millis, 0).await?;
        let last = |points: &Vec<domain::metrics::Point>| points.last().map(|point| point.step);
        let step = push.batch.0.values().filter_map(last).max();
        let detail = serde_json::json!({"attempt": push.attempt, "step": step});
        backend
            .announce(&run.project, "series", run.experiment.as_str(), detail)
            .await?;
    }
    if let Some(state) = push.state
        && (state != RunState::Running || run.run.state != RunState::Running)
    {
        set_state(backend, actor, &run.experiment, state, None).await?;
    }
    Ok(Pushed {
        experiment: run.experiment,
        points,
        is_new,
    })
}

/// The run with the sender's id, made when there is none yet.
async fn find(
    backend: &Backend,
    actor: &Actor,
    push: &push::Push,
    now: Timestamp,
) -> Result<FoundRun> {
    let store = backend.store();
    if let Some(run) = store.run_by_slug(&actor.project, &push.run).await? {
        return Ok(run);
    }
    let new = NewRun {
        name: &push.name,
        slug: Some(&push.run),
        origin: "push",
        state: RunState::Running,
        started_at: now,
        finished_at: None,
    };
    find_or_create(backend, actor, new).await?;
    store
        .run_by_slug(&actor.project, &push.run)
        .await?
        .ok_or(Error::NotFound("run"))
}

async fn describe(
    backend: &Backend,
    run: &FoundRun,
    push: &push::Push,
    now: Timestamp,
) -> Result<()> {
    if push.config.is_empty() && push.metadata.is_none() {
        return Ok(());
    }
    let (said, metadata) = (push.config.clone(), push.metadata.clone());
    backend
        .store()
        .update_profile(&run.experiment, now, move |profile| {
            config::merge(&mut profile.config, &said);
            if let Some(metadata) = &metadata {
                config::merge_metadata(&mut profile.metadata, metadata);
            }
        })
        .await
}
