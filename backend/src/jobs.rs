//! Jobs: submit, stop, list, read the log.

use domain::experiments::Progress;
use domain::ids::{ExperimentId, JobId, NodeId, ProjectId, UserId};
use domain::jobs::{JobSpec, JobView, wrapper};
use domain::language::Text;
use domain::nodes::Node;
use domain::people::Role;

use crate::hosts::{Slice, read_file};
use crate::store::{Inserted, NewJobRow};
use crate::{Actor, Backend, Error, Result, clock, metrics, nodes, secrets};

/// A job to be run.
pub struct NewJob {
    pub project: ProjectId,
    pub creator: UserId,
    /// What it works on, for people.
    pub title: String,
    /// Id of the noun it works for.
    pub subject: String,
    /// The same key twice is one job: a double click launches once.
    pub launch_key: String,
    pub spec: JobSpec,
}

/// Stores the job and its GPU reservations, then wakes the reconciler. Nothing remote has happened when this returns.
///
/// The files of its processes are sealed: they hold keys and tokens.
pub async fn submit(backend: &Backend, mut new: NewJob) -> Result<JobId> {
    let id: JobId = clock::new_id();
    for process in &mut new.spec.processes {
        for (_, content) in &mut process.files {
            *content = secrets::seal_text(backend, id.as_str(), content)?;
        }
    }
    let row = NewJobRow {
        id: &id,
        project: &new.project,
        creator: &new.creator,
        title: &new.title,
        subject: &new.subject,
        launch_key: &new.launch_key,
        spec: &new.spec,
        now: clock::now(),
    };
    match backend.store().insert_job(row).await? {
        Inserted::New => {
            backend
                .announce(
                    &new.project,
                    "job",
                    id.as_str(),
                    serde_json::json!({"state": "pending"}),
                )
                .await?;
            backend.wake();
            Ok(id)
        }
        Inserted::Known(earlier) => Ok(earlier),
        Inserted::GpuTaken {
            node,
            gpu,
            holder_title,
            ..
        } => Err(gpu_taken(backend, &node, gpu, &holder_title).await?),
    }
}

/// How a held GPU reads to a person.
pub(crate) async fn gpu_taken(
    backend: &Backend,
    node: &NodeId,
    gpu: u32,
    holder: &str,
) -> Result<Error> {
    let node = nodes::stored(backend, node).await?;
    let views = backend.store().node_views(&node.project_id).await?;
    let view = views.iter().find(|view| view.node.id == node.id);
    let name = node.name;
    Ok(Error::Conflict(
        match view.and_then(|view| view.foreign_holder(gpu)) {
            // The job may have ended long ago.
            Some(other) => {
                let other = other.text();
                Text::new(
                    format!(
                        "GPU {gpu} of {name} is kept for \"{holder}\" and {}. Choose another GPU, or end that process on the node.",
                        other.en
                    ),
                    format!(
                        "{name} 的 GPU {gpu} 为“{holder}”保留，且{}。请选择其他 GPU，或在节点上结束该进程。",
                        other.zh
                    ),
                )
            }
            None => Text::new(
                format!(
                    "GPU {gpu} of {name} is held by \"{holder}\". Choose another GPU, or stop that job first."
                ),
                format!("{name} 的 GPU {gpu} 正被“{holder}”占用。请选择其他 GPU，或先停止该任务。"),
            ),
        },
    ))
}

/// Asks for a stop. The reconciler ends it; asking twice, or after the end, changes nothing.
pub async fn stop(backend: &Backend, actor: &Actor, id: &JobId) -> Result<()> {
    actor.needs(Role::Member)?;
    get(backend, actor, id).await?;
    backend.store().want_stopped(id).await?;
    backend.wake();
    Ok(())
}

/// The newest 200 jobs of the project.
pub async fn list(backend: &Backend, actor: &Actor) -> Result<Vec<JobView>> {
    backend.store().job_views(&actor.project, 200).await
}

/// The jobs of the project that have not ended; a training with its experiment and how far it is.
pub async fn running(
    backend: &Backend,
    actor: &Actor,
) -> Result<Vec<(JobView, Option<(ExperimentId, Progress)>)>> {
    let mut running = Vec::new();
    for job in list(backend, actor).await? {
        if job.state.is_terminal() {
            continue;
        }
        let training = match backend.store().attempt_of_job(&job.id).await? {
            Some(attempt) => {
                let id = attempt.experiment_id.clone();
                let progress = metrics::progress_of(backend, &id, &attempt).await?;
                Some((id, progress))
            }
            None => None,
        };
        running.push((job, training));
    }
    Ok(running)
}

pub async fn get(backend: &Backend, actor: &Actor, id: &JobId) -> Result<JobView> {
    backend
        .store()
        .job_view(&actor.project, id)
        .await?
        .ok_or(Error::NotFound("job"))
}

/// A part of the log of one rank: from `offset`, or its last `limit` bytes. None: nothing was written yet.
pub async fn log(
    backend: &Backend,
    actor: &Actor,
    id: &JobId,
    rank: u32,
    offset: Option<u64>,
    limit: u64,
) -> Result<Option<Slice>> {
    let job = get(backend, actor, id).await?;
    let process = job
        .processes
        .iter()
        .find(|process| process.rank == rank)
        .ok_or(Error::NotFound("rank"))?;
    let node = nodes::stored(backend, &process.node_id).await?;
    let host = nodes::host(backend, &node).await?;
    read_file(&*host, &log_path(&node, id, rank)?, offset, limit)
        .await
        .map_err(|error| nodes::unreachable(&node, &error))
}

/// Where the log of a rank is read on its node.
pub(crate) fn log_path(node: &Node, job: &JobId, rank: u32) -> Result<String> {
    let folder = wrapper::folder(&node.work_folder, job.as_str(), rank);
    nodes::reachable_path(node, &format!("{folder}/log"))
}

/// The last `limit` bytes of a rank's log as text, for the loops; empty while nothing was written.
pub(crate) async fn log_end(
    backend: &Backend,
    node: &Node,
    job: &JobId,
    rank: u32,
    limit: u64,
) -> Result<String> {
    let host = nodes::host(backend, node).await?;
    let slice = read_file(&*host, &log_path(node, job, rank)?, None, limit)
        .await
        .map_err(|error| nodes::unreachable(node, &error))?;
    Ok(slice
        .map(|slice| String::from_utf8_lossy(&slice.bytes).into_owned())
        .unwrap_or_default())
}

/// Submits a job for a noun that one job at a time works on: a second click while such a job runs finds it, a click after its end starts
/// another. A running job of another kind is a conflict.
pub(crate) async fn submit_once(
    backend: &Backend,
    actor: &Actor,
    subject: String,
    title: String,
    spec: JobSpec,
) -> Result<JobId> {
    let before = backend.store().newest_job_of(&subject).await?;
    if let Some(running) = &before {
        let job = get(backend, actor, running).await?;
        if !job.state.is_terminal() {
            if job.kind == spec.kind {
                return Ok(job.id);
            }
            return Err(Error::Conflict(Text::new(
                format!(
                    "\"{}\" works on this checkpoint. Wait for its end, or stop it.",
                    job.title
                ),
                format!("“{}”正在处理该检查点，请等待其结束或先停止。", job.title),
            )));
        }
    }
    // The newest job is part of the key, so that two clicks at once are one job, too.
    let before = before.map(|job| job.to_string()).unwrap_or_default();
    let new = NewJob {
        project: actor.project.clone(),
        creator: actor.user.clone(),
        launch_key: format!("{:?} {subject} after {before}", spec.kind),
        title,
        subject,
        spec,
    };
    submit(backend, new).await
}
