//! Compares what is wanted of each job with what its nodes show, and does what `domain::jobs::transition` says.

use std::sync::Arc;

use domain::ids::{JobId, NodeId};
use domain::jobs::observation::{Look, Process, Seen};
use domain::jobs::transition::{Action, transition};
use domain::jobs::{Kind, ProcessSpec, State, Success, cause};
use domain::time::Timestamp;
use futures::future::join_all;

use super::underway::begin;
use crate::executors::{Executor, Handle, Submitted};
use crate::store::{JobRow, ProcessRow};
use crate::{Backend, Result, clock, jobs, nodes, secrets};

/// How long another process waits before it takes over a job whose holder does not renew its lease any more.
const LEASE_MILLIS: i64 = 30_000;
/// How long a stopped program may take to end by itself.
const GRACE_SECS: u32 = 15;

/// Begins one pass over all jobs that are not at rest and that no other process holds, and over GPUs that ended jobs still hold.
pub async fn activate(backend: Backend) -> Result<()> {
    let (store, now) = (backend.store(), clock::now());
    let until = Timestamp(now.0 + LEASE_MILLIS);
    store.claim_jobs(backend.instance(), now, until).await?;
    for job in store.jobs_held(backend.instance()).await? {
        let own = backend.clone();
        begin(&backend, format!("job {}", job.id), async move {
            reconcile(&own, job).await
        });
    }
    for (job, node) in store.reservations_of_ended_jobs().await? {
        let own = backend.clone();
        begin(
            &backend,
            format!("GPUs of job {job} on {node}"),
            async move { free_gpus(&own, &job, &node).await },
        );
    }
    Ok(())
}

/// One job: look, decide, store, act. In that order, so that a crash anywhere repeats actions instead of forgetting them.
pub async fn reconcile(backend: &Backend, mut job: JobRow) -> Result<()> {
    let mut looks = vec![None; job.spec.processes.len()];
    // A pending job needs no look, nothing remote has happened yet; once it is starting, look and go on in the same pass.
    if job.state == State::Pending {
        let (next, _) = transition(&job.state, job.wanted, &job.spec.success, &looks);
        if !move_on(backend, &mut job, next).await? {
            return Ok(());
        }
    }
    looks = look(backend, &job).await?;
    let (mut next, actions) = transition(&job.state, job.wanted, &job.spec.success, &looks);
    explain(backend, &job, &looks, &mut next).await?;
    if next != job.state && !move_on(backend, &mut job, next).await? {
        return Ok(());
    }
    // What came of it is seen at the next activation: waking ourselves would spin against a node that keeps refusing.
    act(backend, &job, &actions).await
}

/// How much of a log's end is searched for the cause of a failure.
const LOG_BYTES: u64 = 256 << 10;

/// An exit code alone helps nobody: adds the line of a log that names the cause. Every rank's log is searched, since the rank that
/// ended first may only have been told so by the one that failed.
async fn explain(backend: &Backend, job: &JobRow, looks: &[Look], next: &mut State) -> Result<()> {
    let because = match next {
        State::Stopping {
            because: Some(because),
        } if job.state.name() != "stopping" => because,
        _ => return Ok(()),
    };
    for (rank, _) in looks.iter().enumerate() {
        let process = &job.spec.processes[rank];
        let node = nodes::stored(backend, &process.node_id).await?;
        // A node that is away cannot explain anything; the exit code stands.
        let log = jobs::log_end(backend, &node, &job.id, process.rank, LOG_BYTES).await;
        let Ok(log) = log else {
            continue;
        };
        let said = match job.spec.kind {
            // Our own scripts say last what stopped them; the senders only wait.
            Kind::Gather | Kind::Prepare => cause::last_line(&log).filter(|_| rank == 0),
            _ => cause::find(&log),
        };
        if let Some(said) = said {
            because.en = format!("{} {said}", because.en);
            because.zh = format!("{}{said}", because.zh);
            return Ok(());
        }
    }
    Ok(())
}

/// Stores the new state. False: somebody was faster; the next activation sees what they did.
async fn move_on(backend: &Backend, job: &mut JobRow, next: State) -> Result<bool> {
    if !backend
        .store()
        .move_job(backend.instance(), job, &next, why(&next), clock::now())
        .await?
    {
        return Ok(false);
    }
    tracing::info!(job.id = %job.id, from = job.state.name(), to = next.name(), "A job moved on");
    backend
        .announce(
            &job.project,
            "job",
            job.id.as_str(),
            serde_json::json!({"state": next.name()}),
        )
        .await?;
    job.state = next;
    Ok(!job.state.is_terminal())
}

fn why(state: &State) -> &str {
    match state {
        State::Failed { cause } => &cause.en,
        State::Lost { why } => &why.en,
        State::Stopping {
            because: Some(because),
        } => &because.en,
        _ => "",
    }
}

fn handle(job: &JobRow, rank: usize, work_folder: String) -> Handle {
    Handle {
        job: job.id.clone(),
        rank: job.spec.processes[rank].rank,
        epoch: job.epoch,
        work_folder,
    }
}

/// Looks at every rank at once. None where the node cannot be reached: that is only the age of the last look.
async fn look(backend: &Backend, job: &JobRow) -> Result<Vec<Look>> {
    let closing = match &job.spec.success {
        Success::ClosingLine { contains } => Some(contains.as_str()),
        Success::ExitCode | Success::Never => None,
    };
    let looks = join_all((0..job.spec.processes.len()).map(|rank| async move {
        let (executor, handle) = executor(backend, job, rank).await?;
        let seen = match executor.poll(&handle, closing).await {
            Ok(process) => Some(process),
            Err(error) => {
                tracing::debug!(job.id = %job.id, rank, %error, "A node gave no answer");
                None
            }
        };
        note(backend, job, rank, seen.as_ref()).await?;
        Ok(seen)
    }))
    .await;
    looks.into_iter().collect()
}

async fn note(backend: &Backend, job: &JobRow, rank: usize, seen: Option<&Process>) -> Result<()> {
    let now = clock::now();
    let (phase, exit_code) = match seen.map(|process| &process.seen) {
        Some(Seen::Alive) => ("running", None),
        Some(Seen::Exited { code, .. }) => ("exited", Some(*code)),
        Some(Seen::Gone { .. }) => ("lost", None),
        Some(Seen::Absent) | None => ("waiting", None),
    };
    let row = ProcessRow {
        rank: job.spec.processes[rank].rank,
        phase,
        exit_code,
        seen_at: seen.map(|_| now),
        now,
    };
    backend.store().note_process(&job.id, &row).await
}

async fn executor(
    backend: &Backend,
    job: &JobRow,
    rank: usize,
) -> Result<(Arc<dyn Executor>, Handle)> {
    let node = nodes::stored(backend, &job.spec.processes[rank].node_id).await?;
    let executor = nodes::executor(backend, &node).await?;
    Ok((executor, handle(job, rank, node.work_folder)))
}

/// A process with its files as they are to be written.
fn opened(backend: &Backend, job: &JobRow, rank: usize) -> Result<ProcessSpec> {
    let mut process = job.spec.processes[rank].clone();
    for (_, content) in &mut process.files {
        *content = secrets::open_text(backend, job.id.as_str(), content)?;
    }
    Ok(process)
}

async fn act(backend: &Backend, job: &JobRow, actions: &[Action]) -> Result<()> {
    // Starts go in the order given (the main rank last); stops go side by side.
    let mut stops = Vec::new();
    for action in actions {
        match action {
            Action::Start { rank } => {
                let (executor, handle) = executor(backend, job, *rank).await?;
                let process = opened(backend, job, *rank)?;
                match executor.submit(&handle, &process).await {
                    Ok(Submitted::Started | Submitted::Already) => {}
                    Ok(Submitted::Fenced) => {
                        tracing::warn!(job.id = %job.id, rank, "A later launch was here before; this console lets go");
                    }
                    // The next look tells whether it started after all. The main rank must not start before the others.
                    Err(error) => {
                        tracing::warn!(job.id = %job.id, rank, %error, "A process could not be started yet");
                        break;
                    }
                }
            }
            Action::Stop { rank } => stops.push(async move {
                let (executor, handle) = executor(backend, job, *rank).await?;
                match executor.reap(&handle, GRACE_SECS).await {
                    Ok(0) => {}
                    Ok(left) => tracing::warn!(job.id = %job.id, rank, left, "Some processes did not end yet"),
                    Err(error) => tracing::warn!(job.id = %job.id, rank, %error, "A process could not be stopped yet"),
                }
                Ok::<(), crate::Error>(())
            }),
            Action::Release => {}
        }
    }
    for stopped in join_all(stops).await {
        stopped?;
    }
    Ok(())
}

/// GPUs of an ended job become free when their node says that no process holds their memory.
async fn free_gpus(backend: &Backend, job: &JobId, node_id: &NodeId) -> Result<()> {
    let node = nodes::stored(backend, node_id).await?;
    let executor = nodes::executor(backend, &node).await?;
    let held = backend.store().reservations_of(node_id).await?;
    let gpus: Vec<u32> = held
        .iter()
        .filter(|(_, holder)| holder == job)
        .map(|(gpu, _)| *gpu)
        .collect();
    if !gpus.is_empty() {
        let holders = executor.gpu_holders(&node.work_folder).await;
        let holders = holders.map_err(|error| nodes::unreachable(&node, &error))?;
        // Who holds them is on the node's page: the prober looks for that, too.
        if let Some((gpu, holder)) = holders.iter().find(|(gpu, _)| gpus.contains(gpu)) {
            tracing::debug!(job.id = %job, node.name = %node.name, gpu, pid = holder.pid, "GPU memory is still held after the job's end");
            return Ok(());
        }
    }
    backend.store().release_gpus(job, node_id).await?;
    let project = &node.project_id;
    backend
        .announce(project, "node", node_id.as_str(), serde_json::json!({}))
        .await
}
