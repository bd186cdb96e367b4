//! Metrics: what series an experiment has, and what a chart gets of them.

use domain::experiments::{Attempt, Progress};
use domain::ids::ExperimentId;
use domain::metrics::{
    self, Attempts, DrawRequest, Drawn, Point, SeriesKey, Smoothing, Summary, XAxis, buckets,
};

use crate::store::Origin;
use crate::{Actor, Backend, Result, experiments};

/// Charts are no wider than this; a bound on what one request may cost.
const WIDEST_PX: u32 = 4096;

/// The summaries of all series of an experiment, of every attempt and source.
pub async fn series(backend: &Backend, actor: &Actor, id: &ExperimentId) -> Result<Vec<Summary>> {
    experiments::find(backend, actor, id).await?;
    backend.store().summaries(id).await
}

/// One curve per name that the experiment has, reduced to the chart's pixels; the best source of each.
pub async fn draw(
    backend: &Backend,
    actor: &Actor,
    id: &ExperimentId,
    request: &DrawRequest,
) -> Result<Vec<Drawn>> {
    let summaries = series(backend, actor, id).await?;
    let newest = summaries.iter().map(|summary| summary.attempt).max();
    let attempt = match request.attempts {
        Attempts::One(number) => Some(number),
        _ => newest,
    };
    let Some(attempt) = attempt else {
        return Ok(Vec::new());
    };
    let request = DrawRequest {
        width_px: request.width_px.clamp(1, WIDEST_PX),
        ..request.clone()
    };
    let mut all = Vec::with_capacity(request.series.len());
    for key in &request.series {
        let own = summaries
            .iter()
            .filter(|summary| summary.attempt == attempt && summary.key == *key);
        let Some(summary) = metrics::best(own) else {
            continue;
        };
        // Smoothing runs over all points, so that it does not change with zoom.
        let (from, to) = if request.smoothing != Smoothing::None || request.x != XAxis::Step {
            (i64::MIN, i64::MAX)
        } else {
            let step = |x: Option<f64>, end| x.map_or(end, |x| x as i64);
            (step(request.from, i64::MIN), step(request.to, i64::MAX))
        };
        let points = read(backend, id, summary, from, to).await?;
        all.push(metrics::drawn(summary, &points, &request));
    }
    Ok(all)
}

async fn read(
    backend: &Backend,
    id: &ExperimentId,
    summary: &Summary,
    from: i64,
    to: i64,
) -> Result<Vec<Point>> {
    let origin = Origin {
        experiment: id,
        attempt: summary.attempt,
        source: summary.source,
    };
    backend
        .store()
        .points(&origin, &summary.key, from, to)
        .await
}

/// The newest numbers of an attempt, and its loss as a small line of at most 60 points.
pub(crate) async fn progress(
    backend: &Backend,
    id: &ExperimentId,
    attempt: &Attempt,
) -> Result<(Progress, Vec<f64>)> {
    let summaries = backend.store().summaries(id).await?;
    let mut spark = Vec::new();
    if let Some(summary) = newest(&summaries, attempt, "loss") {
        let points = read(backend, id, summary, i64::MIN, i64::MAX).await?;
        let finite: Vec<Point> = points
            .into_iter()
            .filter(|point| point.value.is_finite())
            .collect();
        let kept = buckets::reduce(&finite, 15);
        spark = kept.iter().map(|point| point.value).collect();
    }
    Ok((progress_in(&summaries, attempt), spark))
}

/// Only the numbers, which are in the summaries.
pub(crate) async fn progress_of(
    backend: &Backend,
    id: &ExperimentId,
    attempt: &Attempt,
) -> Result<Progress> {
    Ok(progress_in(&backend.store().summaries(id).await?, attempt))
}

fn newest<'a>(summaries: &'a [Summary], attempt: &Attempt, name: &str) -> Option<&'a Summary> {
    let key = SeriesKey::plain(name);
    let is_of = |summary: &&Summary| summary.attempt == attempt.number && summary.key == key;
    metrics::best(summaries.iter().filter(is_of))
}

fn progress_in(summaries: &[Summary], attempt: &Attempt) -> Progress {
    let of = |name: &str| newest(summaries, attempt, name);
    let loss = of("loss");
    let iteration = loss.and_then(|summary| u64::try_from(summary.last_step).ok());
    let pace = of("seconds_per_iteration").and_then(|summary| summary.last);
    let left = match (attempt.iterations, iteration) {
        (Some(all), Some(done)) => pace.map(|pace| pace * all.saturating_sub(done) as f64),
        _ => None,
    };
    Progress {
        iteration,
        iterations: attempt.iterations,
        loss: loss.and_then(|summary| summary.last),
        seconds_left: left,
    }
}
