//! Runs that were not launched here: made by a client, a script or an import; their state, and what lists show of them.

pub mod access;
pub mod files;
pub mod ingest;
pub mod push;
pub mod runs;

use std::time::{Duration, Instant};

use domain::experiments::{Experiment, Progress};
use domain::ids::ExperimentId;
use domain::logs::Find;
use domain::metrics::SeriesKey;
use domain::people::Role;
use domain::time::Timestamp;
use domain::tracking::{ClientLine, FoundLines, RunState, SaidOfItself, TrackedRun};

use crate::logs::pattern::Pattern;
use crate::people::random_of;
use crate::store::{NewTrackedRun, SeriesRow, StoredLine};
use crate::{Actor, Backend, Result, clock, experiments, metrics};

/// What a loss is called by those who write runs.
const LOSSES: [&str; 3] = ["loss", "train/loss", "train_loss"];

/// A run as its writer asks for it.
pub struct NewRun<'a> {
    /// Of the experiment; one that is taken gets a number.
    pub name: &'a str,
    /// The writer's own id of it, unique in the project; None: it has none.
    pub slug: Option<&'a str>,
    /// Who writes it: `swanlab 0.7.20`, `push`, `tfevents`.
    pub origin: &'a str,
    pub state: RunState,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
}

/// Finds the run with this slug in the actor's project, or makes it. True: it is new.
pub async fn find_or_create(
    backend: &Backend,
    actor: &Actor,
    new: NewRun<'_>,
) -> Result<(ExperimentId, bool)> {
    actor.needs(Role::Member)?;
    let public_id = random_of(b"abcdefghijklmnopqrstuvwxyz0123456789", 21)?;
    let experiment = Experiment {
        id: clock::new_id(),
        project_id: actor.project.clone(),
        name: new.name.trim().to_owned(),
        setup: None,
        created_at: new.started_at,
    };
    let run = TrackedRun {
        slug: new.slug.unwrap_or(&public_id).to_owned(),
        public_id,
        origin: new.origin.to_owned(),
        state: new.state,
        started_at: new.started_at,
        finished_at: new.finished_at,
        last_seen_at: clock::now(),
        rejected: 0,
    };
    let row = NewTrackedRun {
        experiment: &experiment,
        creator: &actor.user,
        run: &run,
    };
    if let Some(known) = backend.store().insert_tracked_run(row).await? {
        return Ok((known, false));
    }
    announce(backend, actor, &experiment.id, new.state).await?;
    Ok((experiment.id, true))
}

/// The run goes on, or has ended as its writer says.
pub async fn set_state(
    backend: &Backend,
    actor: &Actor,
    id: &ExperimentId,
    state: RunState,
    finished_at: Option<Timestamp>,
) -> Result<()> {
    actor.needs(Role::Member)?;
    experiments::find(backend, actor, id).await?;
    let now = clock::now();
    let ended = (state != RunState::Running).then(|| finished_at.unwrap_or(now));
    backend
        .store()
        .note_run_state(id, state, ended, now)
        .await?;
    announce(backend, actor, id, state).await
}

async fn announce(
    backend: &Backend,
    actor: &Actor,
    id: &ExperimentId,
    state: RunState,
) -> Result<()> {
    let detail = serde_json::json!({"state": state.name()});
    backend
        .announce(&actor.project, "experiment", id.as_str(), detail)
        .await
}

/// The newest step and loss of a run without attempts, and its loss as a small line of at most 60 points.
pub(crate) async fn progress(backend: &Backend, id: &ExperimentId) -> Result<(Progress, Vec<f64>)> {
    let Some(loss) = newest_loss(backend, id).await? else {
        return Ok(Default::default());
    };
    let progress = Progress {
        iteration: u64::try_from(loss.summary.last_step).ok(),
        loss: loss.summary.last,
        ..Progress::default()
    };
    Ok((progress, metrics::spark(backend, &loss).await?))
}

async fn newest_loss(backend: &Backend, id: &ExperimentId) -> Result<Option<SeriesRow>> {
    let attempts = backend.store().attempts_with_series(id).await?;
    let Some(newest) = attempts.last() else {
        return Ok(None);
    };
    for name in LOSSES {
        let loss = metrics::best_of(backend, id, *newest, &SeriesKey::plain(name)).await?;
        if loss.is_some() {
            return Ok(loss);
        }
    }
    Ok(None)
}

/// Lines are read in pieces of at most this many.
const LINES: u32 = 5000;

/// Lines that a run printed: those after a number, else the last before one (none: the newest), in order.
pub async fn log_lines(
    backend: &Backend,
    actor: &Actor,
    id: &ExperimentId,
    after: Option<i64>,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<ClientLine>> {
    experiments::find(backend, actor, id).await?;
    let before = before.unwrap_or(i64::MAX);
    let lines = backend
        .store()
        .lines(id, after, before, limit.min(LINES))
        .await?;
    Ok(lines.into_iter().map(shown).collect())
}

fn shown(stored: StoredLine) -> ClientLine {
    ClientLine {
        number: stored.number,
        at: Timestamp(stored.line.micros.div_euclid(1000)),
        level: stored.line.level,
        text: stored.line.message,
    }
}

/// Hits that a search lists, and how long it may take.
const HITS: usize = 500;
const SEARCH: Duration = Duration::from_secs(10);

/// Lines of a run that hold what is looked for. An error belongs to the field `find`.
pub async fn find_lines(
    backend: &Backend,
    actor: &Actor,
    id: &ExperimentId,
    find: &Find,
) -> Result<FoundLines> {
    experiments::find(backend, actor, id).await?;
    let Some(pattern) = Pattern::read(find)? else {
        return Ok(FoundLines::default());
    };
    let begun = Instant::now();
    let mut found = FoundLines {
        is_whole: true,
        ..FoundLines::default()
    };
    let look = |line: &StoredLine| {
        if !pattern.in_line(&line.line.message).is_empty() {
            found.count += 1;
            if found.hits.len() < HITS {
                found.hits.push(shown(line.clone()));
            }
        }
        found.is_whole = begun.elapsed() < SEARCH;
        found.is_whole
    };
    backend.store().each_line(id, look).await?;
    Ok(found)
}

/// What a run said of itself so far.
pub async fn profile(backend: &Backend, actor: &Actor, id: &ExperimentId) -> Result<SaidOfItself> {
    experiments::find(backend, actor, id).await?;
    backend.store().said_of_itself(id).await
}

#[cfg(test)]
mod tests {
    use domain::tracking::posts::LogLine;

    use super::*;
    use crate::{Error, store};

    #[tokio::test]
    async fn a_search_finds_lines_by_words_and_by_pattern() {
        let (store, folder) = store::tests::fresh().await;
        let (actor, id) = store::tests::experiment(&store, None).await;
        let lines: Vec<LogLine> = (1..=1200)
            .map(|line| LogLine {
                line,
                micros: line * 1000,
                level: "INFO".to_owned(),
                message: format!("step {line}: Loss {}", line % 7),
            })
            .collect();
        store.insert_lines(&id, &lines).await.expect("stored");
        let settings = crate::Settings::new(folder.path().to_owned());
        let backend = Backend::new(store, settings).expect("a key file");
        let found = async |text: &str, is_regex| {
            let find = Find {
                text: text.to_owned(),
                is_regex,
                is_case_sensitive: false,
            };
            find_lines(&backend, &actor, &id, &find).await
        };
        let words = found("loss 3", false).await.expect("searched");
        assert!(words.is_whole && words.count == 172 && words.hits.len() == 172);
        assert_eq!(words.hits[0].text, "step 3: Loss 3");
        let pattern = found("^step 12.*[0-2]$", true).await.expect("searched");
        assert!(
            pattern
                .hits
                .iter()
                .all(|hit| hit.text.starts_with("step 12"))
        );
        let all = found("step", false).await.expect("searched");
        assert_eq!((all.count, all.hits.len()), (1200, HITS));
        assert_eq!(
            found("", false).await.expect("asked"),
            FoundLines::default()
        );
        let Err(Error::Invalid(findings)) = found("(", true).await else {
            panic!("no pattern");
        };
        assert_eq!(findings[0].field, "find");
    }
}
