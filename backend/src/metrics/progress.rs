//! How far a training is, and its loss as a small line.

use domain::experiments::{Attempt, Progress};
use domain::ids::ExperimentId;
use domain::metrics::curve::{Axis, Curve};
use domain::metrics::reduce::Window;
use domain::metrics::{self, Columns, Point, SeriesKey, Source};

use crate::store::SeriesRow;
use crate::{Backend, Result};

/// Columns of the small line; at most four points each.
const SPARK_COLUMNS: u32 = 15;
/// So many blocks are opened for it.
const FEW_BLOCKS: usize = 4;

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

/// A series as a small line. Of a long one, its blocks are not opened: their extremes stand at their beginning and middle.
pub(crate) async fn spark(backend: &Backend, series: &SeriesRow) -> Result<Vec<f64>> {
    let (blocks, tail) = backend.store().overview(series).await?;
    let columns = if blocks.len() < FEW_BLOCKS {
        let columns = backend.store().columns(series, 0).await?;
        columns.read_as(series.summary.source)
    } else {
        let mut columns = Columns::default();
        for block in blocks {
            let Some(values) = block.values else {
                continue;
            };
            let (least, greatest) = (block.least_step, block.greatest_step);
            let middle = least.midpoint(greatest);
            for (step, value) in [least, middle, middle, greatest].into_iter().zip(values) {
                columns.push(Point {
                    step,
                    time_millis: 0,
                    value,
                });
            }
        }
        columns.append(tail);
        // In the order of steps; none of them was sent twice.
        columns.read_as(Source::Stdout)
    };
    let curve = Curve::new(columns, &Axis::Steps { scale: 1.0 });
    let Some((from, to)) = curve.ends() else {
        return Ok(Vec::new());
    };
    let window = Window {
        from,
        to,
        columns: SPARK_COLUMNS,
    };
    Ok(curve.cut(window, None).values)
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
    let loss = best_of(backend, id, attempt.number, &SeriesKey::plain("loss")).await?;
    let iteration = loss
        .as_ref()
        .and_then(|loss| u64::try_from(loss.summary.last_step).ok());
    let pace = SeriesKey::plain("seconds_per_iteration");
    let seconds_left = match (attempt.iterations, iteration) {
        (Some(all), Some(done)) => best_of(backend, id, attempt.number, &pace)
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

/// The best source of a series in an attempt.
pub(crate) async fn best_of(
    backend: &Backend,
    id: &ExperimentId,
    attempt: u32,
    key: &SeriesKey,
) -> Result<Option<SeriesRow>> {
    let rows = backend.store().series_of(id, attempt, key).await?;
    Ok(metrics::best(rows, |row| &row.summary))
}
