//! How far a training is, and its loss as a small line.

use domain::experiments::{Attempt, Progress};
use domain::ids::ExperimentId;
use domain::metrics::curve::{Axis, Curve};
use domain::metrics::reduce::Window;
use domain::metrics::{self, SeriesKey};

use crate::store::SeriesRow;
use crate::{Backend, Result};

/// Columns of the small line; at most four points each.
const SPARK_COLUMNS: u32 = 15;

/// The newest numbers of an attempt, and its loss as a small line.
pub(crate) async fn progress(
    backend: &Backend,
    id: &ExperimentId,
    attempt: &Attempt,
) -> Result<(Progress, Vec<f64>)> {
    let (progress, loss) = numbers(backend, id, attempt).await?;
    let spark = match loss {
        Some(loss) => spark(backend, &loss).await?,
        None => Vec::new(),
    };
    Ok((progress, spark))
}

/// A series as a small line of at most 60 values.
pub(crate) async fn spark(backend: &Backend, series: &SeriesRow) -> Result<Vec<f64>> {
    let columns = backend.store().columns(series).await?;
    let curve = Curve::new(
        columns.read_as(series.summary.source),
        &Axis::Steps { scale: 1.0 },
    );
    Ok(match curve.ends() {
        Some((from, to)) => {
            let window = Window {
                from,
                to,
                columns: SPARK_COLUMNS,
            };
            curve.cut(window, None).values
        }
        None => Vec::new(),
    })
}

/// Only the numbers, which are in the summaries.
pub(crate) async fn progress_of(
    backend: &Backend,
    id: &ExperimentId,
    attempt: &Attempt,
) -> Result<Progress> {
    Ok(numbers(backend, id, attempt).await?.0)
}

async fn numbers(
    backend: &Backend,
    id: &ExperimentId,
    attempt: &Attempt,
) -> Result<(Progress, Option<SeriesRow>)> {
    let loss = newest(backend, id, attempt, "loss").await?;
    let iteration = loss
        .as_ref()
        .and_then(|loss| u64::try_from(loss.summary.last_step).ok());
    let seconds_left = match (attempt.iterations, iteration) {
        (Some(all), Some(done)) => newest(backend, id, attempt, "seconds_per_iteration")
            .await?
            .and_then(|pace| pace.summary.last)
            .map(|pace| pace * all.saturating_sub(done) as f64),
        _ => None,
    };
    let progress = Progress {
        iteration,
        iterations: attempt.iterations,
        loss: loss.as_ref().and_then(|loss| loss.summary.last),
        seconds_left,
    };
    Ok((progress, loss))
}

async fn newest(
    backend: &Backend,
    id: &ExperimentId,
    attempt: &Attempt,
    name: &str,
) -> Result<Option<SeriesRow>> {
    let rows = backend
        .store()
        .series_of(id, attempt.number, &SeriesKey::plain(name))
        .await?;
    Ok(metrics::best(rows, |row| &row.summary))
}
