//! The life of a client's run: begun, resumed, described, ended.

use domain::people::Role;
use domain::time::Timestamp;
use domain::tracking::config::{self, Profile};
use domain::tracking::posts::bounded;
use domain::tracking::requests::{NewExperiment, NewState, is_run_id};
use domain::tracking::{RunState, system};
use serde_json::{Map, Value, json};

use super::{NewRun, find_or_create, ingest, set_state};
use crate::store::FoundRun;
use crate::{Actor, Backend, Error, Result, clock};

/// Names that clients give their runs are at most this many bytes.
const TAGS: usize = 30;

/// A client begins a run or takes up an earlier one. True: it is new. The actor is in the run's project.
pub async fn begin(
    backend: &Backend,
    actor: &Actor,
    origin: &str,
    new: &NewExperiment,
) -> Result<(FoundRun, bool)> {
    actor.needs(Role::Member)?;
    let slug = new.cuid.as_deref().filter(|slug| !slug.is_empty());
    if slug.is_some_and(|slug| !is_run_id(slug)) {
        return Err(Error::Invalid(vec![domain::finding::Finding::stops(
            "cuid",
            "A run's id is 1 to 512 characters, none of < > : \" / \\ | ? * # %.",
            "实验 ID 为 1 到 512 个字符，不含 < > : \" / \\ | ? * # %。",
        )]));
    }
    if let Some(slug) = slug
        && let Some(found) = backend.store().run_by_slug(&actor.project, slug).await?
    {
        return Ok((resume(backend, actor, found).await?, false));
    }
    let now = clock::now();
    let began = new.created_millis().map_or(now, Timestamp);
    let name = bounded(new.name.trim());
    let (experiment, is_new) = find_or_create(
        backend,
        actor,
        NewRun {
            name: if name.is_empty() { "run" } else { name },
            slug,
            origin,
            state: RunState::Running,
            started_at: began.min(now),
            finished_at: None,
        },
    )
    .await?;
    let run = backend.store().tracked_run(&experiment).await?;
    let run = run.ok_or(Error::NotFound("run"))?;
    let found = backend.store().run_by_public_id(&run.public_id).await?;
    let found = found.ok_or(Error::NotFound("run"))?;
    if !is_new {
        return Ok((resume(backend, actor, found).await?, false));
    }
    let tags: Vec<String> = new
        .labels
        .iter()
        .take(TAGS)
        .map(|label| bounded(label.name.trim()).to_owned())
        .filter(|tag| !tag.is_empty())
        .collect();
    backend
        .store()
        .note_words(&experiment, new.description.trim(), &tags)
        .await?;
    let mut groups = Map::new();
    for (key, value) in [("group", &new.cluster), ("job_type", &new.job)] {
        if let Some(value) = value {
            groups.insert(key.to_owned(), Value::String(value.clone()));
        }
    }
    if !groups.is_empty() {
        backend
            .store()
            .update_profile(&experiment, now, |profile| {
                config::merge_metadata(&mut profile.metadata, &Value::Object(groups));
            })
            .await?;
    }
    Ok((found, true))
}

/// It goes on from where it stood; name, colours and time that the client sends again are not looked at.
async fn resume(backend: &Backend, actor: &Actor, found: FoundRun) -> Result<FoundRun> {
    set_state(backend, actor, &found.experiment, RunState::Running, None).await?;
    Ok(found)
}

/// A run of the actor's project by the id of its client or the public one.
pub async fn find(backend: &Backend, actor: &Actor, id: &str) -> Result<Option<FoundRun>> {
    backend.store().run_by_slug(&actor.project, id).await
}

/// Lays a part of a profile over what was said before.
pub async fn describe(
    backend: &Backend,
    actor: &Actor,
    run: &FoundRun,
    part: Profile,
) -> Result<()> {
    actor.needs(Role::Member)?;
    let has_machine = part.metadata.is_some();
    backend
        .store()
        .update_profile(&run.experiment, clock::now(), move |profile| {
            if let Some(said) = &part.config {
                config::merge(&mut profile.config, &config::unwrapped(said));
            }
            if let Some(metadata) = &part.metadata {
                config::merge_metadata(&mut profile.metadata, metadata);
            }
            for (said, kept) in [
                (part.requirements, &mut profile.requirements),
                (part.conda, &mut profile.conda),
            ] {
                if let Some(said) = said.filter(|text| !text.is_empty()) {
                    *kept = said;
                }
            }
        })
        .await?;
    if has_machine {
        backend.writers().forget(&run.experiment);
    }
    ingest::note_contact(backend, run).await?;
    let detail = json!({"profile": true});
    backend
        .announce(&run.project, "experiment", run.experiment.as_str(), detail)
        .await
}

/// The run has ended, or goes on, as its client says.
pub async fn end(backend: &Backend, actor: &Actor, run: &FoundRun, new: &NewState) -> Result<()> {
    let finished = new.finished_millis().map(Timestamp);
    set_state(backend, actor, &run.experiment, new.state(), finished).await
}

/// How far a run has come, for a client that resumes it: it sends nothing up to there again.
pub struct Extent {
    /// (name, last step) of series of numbers.
    pub scalars: Vec<(String, i64)>,
    /// (name, kind, last step) of media.
    pub media: Vec<(String, String, i64)>,
    /// The number of the last line.
    pub line: i64,
}

pub async fn extent(backend: &Backend, run: &FoundRun) -> Result<Extent> {
    let summaries = backend.store().summaries(&run.experiment).await?;
    let scalars = summaries
        .into_iter()
        // What carries labels is the machine's; no client sends it under our name.
        .filter(|summary| summary.key.labels.is_empty())
        .map(|summary| (summary.key.name, summary.last_step))
        .collect();
    let mut media: Vec<(String, String, i64)> = Vec::new();
    for (name, kind, step) in backend.store().media_steps(&run.experiment).await? {
        match media.last_mut() {
            Some(last) if last.0 == name => last.2 = step,
            _ => media.push((name, kind, step)),
        }
    }
    Ok(Extent {
        scalars,
        media,
        line: backend.store().last_line(&run.experiment).await?,
    })
}

/// The series of a run as the old client wants to know them when it resumes: (name, kind).
pub async fn columns(backend: &Backend, run: &FoundRun) -> Result<Vec<(String, String)>> {
    let mut all = backend.store().tracked_columns(&run.experiment).await?;
    all.retain(|(name, _)| !system::is_system(name));
    Ok(all)
}

/// The configuration in the client's own form.
pub async fn wrapped_config(backend: &Backend, run: &FoundRun) -> Result<Value> {
    let said = backend.store().said_of_itself(&run.experiment).await?;
    let wrap = |(at, (key, value)): (usize, (String, Value))| {
        (key, json!({"value": value, "desc": "", "sort": at}))
    };
    Ok(Value::Object(
        said.config.into_iter().enumerate().map(wrap).collect(),
    ))
}
