//! What clients post, taken so that nothing is there twice: a client that hears no answer sends a body again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use domain::ids::ExperimentId;
use domain::metrics::{Batch, Point, SeriesKey, Source};
use domain::people::Role;
use domain::tracking::posts::{self, Items, Post};
use domain::tracking::requests::Column;
use domain::tracking::{config, system};

use super::access::of_run;
use crate::store::{FoundRun, Origin};
use crate::{Actor, Backend, Error, Result, clock};

/// Bodies beyond this are read on a thread of their own, so that others are not held up.
const LARGE_BYTES: usize = 64 << 10;
/// Runs whose newest steps are kept in mind.
const KNOWN_RUNS: usize = 256;

/// What is known of a run that is being written; one writer at a time.
#[derive(Default)]
pub(super) struct Standing {
    /// The greatest step of each series. A series that is not here was not looked up yet.
    newest: HashMap<SeriesKey, i64>,
    /// The machine that the run is on; None: not looked up yet.
    host: Option<String>,
}

/// Runs that are being written, by (experiment, attempt). Forgetting one costs a few reads.
#[derive(Default)]
pub(crate) struct Writers(Mutex<HashMap<(ExperimentId, u32), Writer>>);

type Writer = Arc<tokio::sync::Mutex<Standing>>;

impl Writers {
    pub(super) fn of(&self, experiment: &ExperimentId, attempt: u32) -> Writer {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KNOWN_RUNS {
            // One that is in use right now is held by somebody else too.
            all.retain(|_, standing| Arc::strong_count(standing) > 1);
        }
        let standing = all.entry((experiment.clone(), attempt)).or_default();
        Arc::clone(standing)
    }

    /// The run's machine may be another now.
    pub(super) fn forget(&self, experiment: &ExperimentId) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(id, _), _| id != experiment);
    }
}

/// What became of a body.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// Stored; some items may have been left out and counted.
    Stored,
    /// There is no such run for this person.
    NoRun,
    /// It is no body of metrics; says why.
    Unreadable(String),
}

/// Reads a body, a large one on a thread of its own.
pub(super) async fn read_aside<T: Send + 'static>(
    body: Bytes,
    read: impl FnOnce(&[u8]) -> T + Send + 'static,
) -> Result<T> {
    if body.len() > LARGE_BYTES {
        tokio::task::spawn_blocking(move || read(&body))
            .await
            .map_err(Error::internal("read a body of metrics"))
    } else {
        Ok(read(&body))
    }
}

/// Takes a body of `POST /api/house/metrics`.
pub async fn post(backend: &Backend, actor: &Actor, body: Bytes) -> Result<Taken> {
    let now = clock::now().0;
    let read = read_aside(body, move |body| posts::read(body, now)).await?;
    let Post {
        run,
        items,
        rejected,
    } = match read {
        Ok(post) => post,
        Err(error) => return Ok(Taken::Unreadable(error.to_string())),
    };
    let Some((actor, run)) = of_run(backend, actor, &run).await? else {
        return Ok(Taken::NoRun);
    };
    actor.needs(Role::Member)?;
    let (earliest, step) = match items {
        Items::Scalars(batch) => scalars(backend, &run, batch).await?,
        Items::Media(items) => {
            backend
                .store()
                .insert_media(&run.experiment, &items)
                .await?;
            let times = items.iter().map(|item| item.time_millis);
            (times.min(), items.iter().map(|item| item.step).max())
        }
        Items::Logs(lines) => {
            backend
                .store()
                .insert_lines(&run.experiment, &lines)
                .await?;
            let micros = lines.iter().map(|line| line.micros).min();
            (micros.map(|micros| micros / 1000), None)
        }
        Items::Unknown => (None, None),
    };
    seen(backend, &actor, &run, earliest, rejected).await?;
    let detail = serde_json::json!({"attempt": 1, "step": step});
    backend
        .announce(&run.project, "series", run.experiment.as_str(), detail)
        .await?;
    Ok(Taken::Stored)
}

/// Clients' clocks that are further off than this are not believed: 2001-09-09.
const OLDEST_MILLIS: i64 = 1_000_000_000_000;

/// Data of the run came.
pub(super) async fn seen(
    backend: &Backend,
    actor: &Actor,
    run: &FoundRun,
    earliest: Option<i64>,
    rejected: u64,
) -> Result<()> {
    let earliest = earliest.filter(|millis| *millis > OLDEST_MILLIS);
    let is_other = backend
        .store()
        .note_run_seen(&run.experiment, true, earliest, rejected, clock::now())
        .await?;
    if is_other {
        super::announce(
            backend,
            actor,
            &run.experiment,
            domain::tracking::RunState::Running,
        )
        .await?;
    }
    Ok(())
}

async fn scalars(
    backend: &Backend,
    run: &FoundRun,
    batch: Batch,
) -> Result<(Option<i64>, Option<i64>)> {
    let writer = backend.writers().of(&run.experiment, 1);
    let mut standing = writer.lock().await;
    let host = match &standing.host {
        Some(host) => host.clone(),
        None => {
            let said = backend.store().said_of_itself(&run.experiment).await?;
            let host = config::host(&said.metadata).to_owned();
            standing.host = Some(host.clone());
            host
        }
    };
    let mut batch = system::named(batch, &host);
    let origin = Origin {
        experiment: &run.experiment,
        attempt: 1,
        source: Source::Client,
    };
    let newest = only_new(backend, &origin, &mut standing, &mut batch).await?;
    let points = || batch.0.values().flatten();
    let earliest = points().map(|point| point.time_millis).min();
    let step = points().map(|point| point.step).max();
    if !batch.is_empty() {
        backend.store().append_points(&origin, &batch, None).await?;
    }
    // Only what is stored is known.
    standing.newest.extend(newest);
    Ok((earliest, step))
}

/// Leaves in the batch what is not stored yet. Another value of a step that is stored stays in it: the store reads the last one. Gives the greatest step of each series as it will be.
pub(super) async fn only_new(
    backend: &Backend,
    origin: &Origin<'_>,
    standing: &mut Standing,
    batch: &mut Batch,
) -> Result<Vec<(SeriesKey, i64)>> {
    let mut newest = Vec::with_capacity(batch.0.len());
    for (key, points) in &mut batch.0 {
        let steps = || points.iter().map(|point: &Point| point.step);
        let (Some(first), Some(last)) = (steps().min(), steps().max()) else {
            continue;
        };
        let known = match standing.newest.get(key) {
            Some(known) => *known,
            None => stored_newest(backend, origin, key).await?,
        };
        let mut seen: HashMap<i64, u64> = HashMap::new();
        if first <= known {
            let stored = backend.store().points(origin, key, first, last).await?;
            seen.extend(
                stored
                    .iter()
                    .map(|point| (point.step, point.value.to_bits())),
            );
        }
        let is_rising = points.is_sorted_by(|one, next| one.step < next.step);
        if !seen.is_empty() || !is_rising {
            points.retain(|point| {
                let bits = point.value.to_bits();
                seen.insert(point.step, bits) != Some(bits)
            });
        }
        newest.push((key.clone(), last.max(known)));
    }
    batch.0.retain(|_, points| !points.is_empty());
    Ok(newest)
}

/// The greatest step of a series; the least there is: it has none yet.
async fn stored_newest(backend: &Backend, origin: &Origin<'_>, key: &SeriesKey) -> Result<i64> {
    let rows = backend
        .store()
        .series_of(origin.experiment, origin.attempt, key)
        .await?;
    let own = rows.iter().find(|row| row.summary.source == origin.source);
    Ok(own.map_or(i64::MIN, |row| row.summary.last_step))
}

/// What a client says of its series. False: there is no such run for this person.
pub async fn columns(
    backend: &Backend,
    actor: &Actor,
    run: &str,
    columns: &[Column],
) -> Result<bool> {
    let Some((actor, run)) = of_run(backend, actor, run).await? else {
        return Ok(false);
    };
    actor.needs(Role::Member)?;
    let own: Vec<Column> = columns
        .iter()
        .filter(|column| !system::is_system(&column.name))
        .cloned()
        .collect();
    backend.store().note_columns(&run.experiment, &own).await?;
    note_contact(backend, &run).await?;
    Ok(true)
}

/// The run is alive. False: there is no such run for this person.
pub async fn heartbeat(backend: &Backend, actor: &Actor, run: &str) -> Result<bool> {
    match of_run(backend, actor, run).await? {
        Some((_, run)) => {
            note_contact(backend, &run).await?;
            Ok(true)
        }
        None => Ok(false),
    }
}

/// Something came that is no data: it does not let an ended run go on.
pub(super) async fn note_contact(backend: &Backend, run: &FoundRun) -> Result<()> {
    backend
        .store()
        .note_run_seen(&run.experiment, false, None, 0, clock::now())
        .await?;
    Ok(())
}
