//! Carries the trainers' records into the metric store: one session per node for all runs whose last rank is there.
//!
//! An activation finds the runs that are to be read, learns their folders, and sees that a session per node follows just those
//! files. A session that ended is begun again where the store stands: offsets move in the transaction that stores their points, so
//! nothing is lost or doubled, whichever of the two was killed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use bytes::Bytes;
use domain::experiments::{Attempt, log};
use domain::ids::{ExperimentId, NodeId, ProjectId};
use domain::jobs::ProcessSpec;
use domain::metrics::jsonl::{self, Reader, Record};
use domain::metrics::{Batch, Point, SeriesKey, Source};
use domain::nodes::Node;
use domain::shell::quote;
use tokio::task::JoinHandle;

use super::underway::begin;
use crate::hosts::{Followed, Follower, Frame, Limits, read_file};
use crate::store::{JobRow, Offset, OpenAttempt, Origin, Standing};
use crate::{Backend, Error, Result, clock, jobs, nodes};

/// Name of the followed file in the store.
const FILE: &str = "logging.jsonl";
/// Read at once when an ended run is read to its end.
const PIECE: u64 = 4 << 20;

/// The running sessions.
#[derive(Default)]
pub struct Sessions(Mutex<HashMap<NodeId, Session>>);

struct Session {
    /// What it follows.
    runs: Vec<Run>,
    task: JoinHandle<()>,
}

/// A run's records, as one session follows them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Run {
    project: ProjectId,
    experiment: ExperimentId,
    attempt: Attempt,
    /// The last rank's.
    node: Node,
    path: String,
    /// Between evaluations; 3.x does not say at which step they were.
    eval_interval: i64,
}

impl Run {
    fn origin(&self) -> Origin<'_> {
        Origin {
            experiment: &self.experiment,
            attempt: self.attempt.number,
            source: Source::Jsonl,
        }
    }
}

pub async fn activate(backend: Backend) -> Result<()> {
    let mut wanted: BTreeMap<NodeId, Vec<Run>> = BTreeMap::new();
    for open in backend.store().open_attempts().await? {
        match run_of(&backend, &open).await {
            Ok(Some(run)) if open.state.is_terminal() => {
                let own = backend.clone();
                let name = format!("end of attempt {}", open.attempt.id);
                begin(&backend, name, async move { close(&own, &run).await });
            }
            Ok(Some(run)) => wanted.entry(run.node.id.clone()).or_default().push(run),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(attempt.id = %open.attempt.id, error = &error as &dyn std::error::Error, "A run could not be read");
            }
        }
    }
    // Held only for looking and swapping: nothing waits inside.
    let mut sessions = backend
        .followers()
        .0
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    sessions.retain(|node, session| {
        let is_kept = wanted.contains_key(node) && !session.task.is_finished();
        if !is_kept {
            session.task.abort();
        }
        is_kept
    });
    for (node, runs) in wanted {
        if sessions
            .get(&node)
            .is_some_and(|session| session.runs == runs)
        {
            continue;
        }
        if let Some(old) = sessions.remove(&node) {
            old.task.abort();
        }
        let (own, of_task) = (backend.clone(), runs.clone());
        let id = node.clone();
        let task = tokio::spawn(async move {
            let stopping = own.stopping();
            tokio::select! {
                ended = follow(&own, &id, &of_task) => if let Err(error) = ended {
                    tracing::debug!(node.id = %id, %error, "A follower ended");
                },
                () = stopping.cancelled() => {}
            }
        });
        sessions.insert(node, Session { runs, task });
    }
    Ok(())
}

/// The run of an attempt, once it is known where its records lie. Nothing here waits for a node.
async fn run_of(backend: &Backend, open: &OpenAttempt) -> Result<Option<Run>> {
    let job = backend
        .store()
        .job(&open.attempt.job_id)
        .await?
        .ok_or(Error::NotFound("job"))?;
    let mut attempt = open.attempt.clone();
    let Some(folder) = attempt.last_run_folder.clone() else {
        let (own, has_ended) = (backend.clone(), open.state.is_terminal());
        let name = format!("folder of attempt {}", attempt.id);
        begin(backend, name, async move {
            learn_folders(&own, &attempt, &job, has_ended).await
        });
        return Ok(None);
    };
    let Some(last) = job.spec.processes.last() else {
        return Ok(None);
    };
    let node = nodes::stored(backend, &last.node_id).await?;
    let setup = backend
        .store()
        .experiment(&open.project, &attempt.experiment_id)
        .await?
        .and_then(|experiment| experiment.setup);
    // What the store notes while a run goes on must not look like another run.
    attempt.iterations = None;
    Ok(Some(Run {
        project: open.project.clone(),
        experiment: attempt.experiment_id.clone(),
        path: nodes::reachable_path(&node, &format!("{folder}/{FILE}"))?,
        eval_interval: setup.map_or(1, |setup| {
            i64::try_from(setup.recipe.eval_interval).unwrap_or(1)
        }),
        attempt,
        node,
    }))
}

/// Notes where a run writes, as the logs of its first and last rank name it.
async fn learn_folders(
    backend: &Backend,
    attempt: &Attempt,
    job: &JobRow,
    has_ended: bool,
) -> Result<()> {
    let (Some(first), Some(last)) = (job.spec.processes.first(), job.spec.processes.last()) else {
        return Ok(());
    };
    let on = async |process: &ProcessSpec| {
        let node = nodes::stored(backend, &process.node_id).await?;
        logged_folder(backend, &node, job, process.rank).await
    };
    match (on(first).await?, on(last).await?) {
        (Some(on_first), Some(on_last)) => {
            backend
                .store()
                .note_run_folders(&attempt.id, &on_first, &on_last)
                .await?;
            backend.wake();
        }
        // It ended before it made a folder: there is nothing to read.
        _ if has_ended => backend.store().note_read(&attempt.id).await?,
        _ => {}
    }
    Ok(())
}

/// Reads an ended run to its end.
async fn close(backend: &Backend, run: &Run) -> Result<()> {
    read_to_end(backend, &run.node, run).await?;
    let job = backend
        .store()
        .job(&run.attempt.job_id)
        .await?
        .ok_or(Error::NotFound("job"))?;
    super::checkpoint_scanner::scan(backend, &run.attempt, &job).await?;
    backend.store().note_read(&run.attempt.id).await
}

/// The run folder as a rank's log names it; None: not logged yet.
async fn logged_folder(
    backend: &Backend,
    node: &Node,
    job: &JobRow,
    rank: u32,
) -> Result<Option<String>> {
    let path = jobs::log_path(node, &job.id, rank)?;
    let command = format!(
        "grep -aE -m 1 '^\\[INFO:swift\\] args\\.(output_dir|save): ' {} 2>/dev/null | head -c 8192",
        quote(&path)
    );
    let host = nodes::host(backend, node).await?;
    let output = host
        .run(&command, Bytes::new(), Limits::LOOK)
        .await
        .map_err(|error| nodes::unreachable(node, &error))?;
    Ok(log::run_folder(&output.text()).map(str::to_owned))
}

async fn follow(backend: &Backend, node: &NodeId, runs: &[Run]) -> Result<()> {
    let node = nodes::stored(backend, node).await?;
    let host = nodes::host(backend, &node).await?;
    let mut readers = Vec::with_capacity(runs.len());
    for run in runs {
        readers.push(RunReader::open(backend, run).await?);
    }
    let files: Vec<Followed> = runs
        .iter()
        .zip(&readers)
        .map(|(run, reader)| Followed {
            path: run.path.clone(),
            offset: reader.stands.offset,
            inode: reader.stands.inode,
        })
        .collect();
    let away = |error| nodes::unreachable(&node, &error);
    let mut follower = Follower::start(&*host, &files).await.map_err(away)?;
    loop {
        match follower.next().await.map_err(away)? {
            Frame::Added {
                index,
                offset,
                inode,
                bytes,
            } => {
                let reader = readers.get_mut(index).ok_or(Error::NotFound("file"))?;
                let run = &runs[index];
                if !reader.take(backend, run, offset, inode, &bytes).await? {
                    // The next session begins where the store stands.
                    return Ok(());
                }
            }
            Frame::Replaced { index } => {
                let reader = readers.get_mut(index).ok_or(Error::NotFound("file"))?;
                reader.begin_anew(backend, &runs[index]).await?;
            }
        }
    }
}

/// Reads what is left of an ended run.
async fn read_to_end(backend: &Backend, node: &Node, run: &Run) -> Result<()> {
    let host = nodes::host(backend, node).await?;
    let mut reader = RunReader::open(backend, run).await?;
    let mut at = reader.stands.offset;
    loop {
        let slice = read_file(&*host, &run.path, Some(at), PIECE)
            .await
            .map_err(|error| nodes::unreachable(node, &error))?;
        // A run that failed early has no such file.
        let Some(slice) = slice else {
            return Ok(());
        };
        let known = reader.stands.inode;
        if slice.size < at || (known != 0 && known != slice.inode) {
            reader.begin_anew(backend, run).await?;
            at = reader.stands.offset;
            continue;
        }
        if slice.bytes.is_empty() {
            return Ok(());
        }
        at = slice.offset + slice.bytes.len() as u64;
        if !reader
            .take(backend, run, slice.offset, slice.inode, &slice.bytes)
            .await?
        {
            // Somebody else stored these points: go on from where they stand.
            reader = RunReader::open(backend, run).await?;
            at = reader.stands.offset;
        }
    }
}

/// One file being read: what was stored of it and what hangs over.
struct RunReader {
    reader: Reader,
    /// Up to which it is stored.
    stands: Standing,
    /// Newest training step, by which 3.x's evaluation records get theirs.
    newest_step: i64,
}

impl RunReader {
    async fn open(backend: &Backend, run: &Run) -> Result<RunReader> {
        let stands = backend
            .store()
            .metric_offset(&run.experiment, run.attempt.number, FILE)
            .await?
            .unwrap_or_default();
        Ok(RunReader {
            reader: Reader::default(),
            stands,
            newest_step: 0,
        })
    }

    /// Another file lies in its place, or less of it.
    async fn begin_anew(&mut self, backend: &Backend, run: &Run) -> Result<()> {
        tracing::info!(attempt.id = %run.attempt.id, "A followed file was replaced; it is read from its beginning");
        let store = backend.store();
        store
            .begin_file_anew(&run.origin(), FILE, &self.stands)
            .await?;
        *self = RunReader::open(backend, run).await?;
        Ok(())
    }

    /// Takes bytes that follow what was taken before and stores what is whole in them. False: others stored them already.
    async fn take(
        &mut self,
        backend: &Backend,
        run: &Run,
        offset: u64,
        inode: u64,
        bytes: &[u8],
    ) -> Result<bool> {
        if offset != self.stands.offset + self.reader.pending_bytes() as u64 {
            return Ok(false);
        }
        let records = self.reader.push(bytes);
        let end = offset + bytes.len() as u64 - self.reader.pending_bytes() as u64;
        if end == self.stands.offset {
            return Ok(true);
        }
        let mut points = self.points(run, &records);
        let floors = &self.stands.floors;
        for (key, points) in &mut points.0 {
            if let Some(floor) = floors.get(&key.name) {
                points.retain(|point| point.step > *floor);
            }
        }
        let moved = Offset {
            file: FILE.to_owned(),
            from: self.stands.offset,
            to: end,
            inode,
        };
        if !backend
            .store()
            .append_points(&run.origin(), &points, Some(&moved))
            .await?
        {
            return Ok(false);
        }
        (self.stands.offset, self.stands.inode) = (end, inode);
        if let Some(iterations) = records.iter().rev().find_map(|record| record.steps) {
            backend
                .store()
                .note_iterations(&run.attempt.id, iterations)
                .await?;
        }
        if !points.is_empty() {
            let detail =
                serde_json::json!({"attempt": run.attempt.number, "step": self.newest_step});
            backend
                .announce(&run.project, "series", run.experiment.as_str(), detail)
                .await?;
        }
        Ok(true)
    }

    /// The points of some records. No record carries a clock: the newest is of this moment, the others are as much older as their
    /// elapsed times say.
    fn points(&mut self, run: &Run, records: &[Record]) -> Batch {
        let now = clock::now().0;
        let newest = records.iter().rev().find_map(|record| record.elapsed_secs);
        let mut points = Batch::default();
        for record in records {
            let step = match (record.step, record.steps) {
                (Some(step), _) => step,
                (None, steps) => jsonl::evaluation_step(
                    self.newest_step,
                    run.eval_interval,
                    steps.unwrap_or(i64::MAX),
                ),
            };
            self.newest_step = self.newest_step.max(step);
            let age = match (newest, record.elapsed_secs) {
                (Some(newest), Some(own)) => ((newest - own) * 1000.0) as i64,
                _ => 0,
            };
            for (name, value) in &record.values {
                let point = Point {
                    step,
                    time_millis: now - age,
                    value: *value,
                };
                points.push(SeriesKey::plain(name), point);
            }
        }
        points
    }
}
