//! The curves of several experiments, or of groups of them, on one chart.

use std::collections::{BTreeMap, BTreeSet};

use domain::comparison::reach::{Reached, reach};
use domain::comparison::request::CompareRequest;
use domain::comparison::table::{Cell, Column};
use domain::comparison::{Curve, MOST, colours, groups};
use domain::finding::Finding;
use domain::ids::ExperimentId;
use domain::metrics::curve::{self, Axis};
use domain::metrics::reduce::Window;
use domain::metrics::smoothing::smoothed;
use domain::metrics::{self, Attempts, Columns, DrawRequest, Point, SeriesKey, Smoothing, XAxis};

use crate::{Actor, Backend, Error, Result};

/// Names of metrics (series without labels) that the chosen experiments have, with how many of them have it: what is looked at first
/// comes first, then what most of them have.
pub async fn metrics_of(
    backend: &Backend,
    actor: &Actor,
    experiments: &[ExperimentId],
) -> Result<Vec<(String, usize)>> {
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for id in experiments {
        crate::experiments::find(backend, actor, id).await?;
        let summaries = backend.store().summaries(id).await?;
        let names: BTreeSet<String> = summaries
            .into_iter()
            .filter(|summary| summary.key.labels.is_empty())
            .map(|summary| summary.key.name)
            .collect();
        for name in names {
            *found.entry(name).or_default() += 1;
        }
    }
    let mut found: Vec<(String, usize)> = found.into_iter().collect();
    let rank = |name: &str| {
        let last = name.rsplit('/').next().unwrap_or(name);
        [
            "loss",
            "eval_loss",
            "accuracy",
            "acc",
            "learning_rate",
            "lr",
            "grad_norm",
        ]
        .iter()
        .position(|known| *known == last)
        .unwrap_or(usize::MAX)
    };
    found.sort_by(|one, other| {
        let by = |of: &(String, usize)| (rank(&of.0), std::cmp::Reverse(of.1));
        by(one).cmp(&by(other)).then_with(|| one.0.cmp(&other.0))
    });
    Ok(found)
}

/// The curves of one metric: one for each experiment that has it, or with `group` one for each value, the mean of its members over aligned
/// steps with a band. `width_px`: pixel columns of the chart.
pub async fn draw(
    backend: &Backend,
    actor: &Actor,
    request: &CompareRequest,
    metric: &str,
    width_px: u32,
) -> Result<Vec<Curve>> {
    if request.experiments.len() > MOST {
        return Err(Error::Invalid(vec![Finding::stops(
            "of",
            format!(
                "{} experiments are too many to compare at once; choose at most {MOST}.",
                request.experiments.len()
            ),
            format!(
                "一次最多对比 {MOST} 个实验，当前选择了 {} 个。",
                request.experiments.len()
            ),
        )]));
    }
    match &request.group {
        Some(group) => of_groups(backend, actor, request, group, metric, width_px).await,
        None => of_each(backend, actor, request, metric, width_px).await,
    }
}

fn smoothing(request: &CompareRequest) -> Smoothing {
    if request.smoothing > 0.0 {
        Smoothing::Ema {
            weight: request.smoothing,
        }
    } else {
        Smoothing::None
    }
}

async fn of_each(
    backend: &Backend,
    actor: &Actor,
    request: &CompareRequest,
    metric: &str,
    width_px: u32,
) -> Result<Vec<Curve>> {
    let keys: Vec<&str> = request
        .experiments
        .iter()
        .map(ExperimentId::as_str)
        .collect();
    let colours = colours::assign(&keys);
    let asked = DrawRequest {
        series: vec![SeriesKey::plain(metric)],
        // After a restart one wants the run, not its last piece.
        attempts: Attempts::Merged,
        x: if request.is_by_time {
            XAxis::Relative
        } else {
            XAxis::Step
        },
        from: request.range.map(|range| range.0),
        to: request.range.map(|range| range.1),
        width_px,
        smoothing: smoothing(request),
    };
    let mut curves = Vec::with_capacity(request.experiments.len());
    for (id, colour) in request.experiments.iter().zip(colours) {
        let label = crate::experiments::find(backend, actor, id).await?.name;
        for drawn in metrics_draw(backend, actor, id, &asked).await? {
            curves.push(Curve {
                label: label.clone(),
                key: id.to_string(),
                colour,
                members: 1,
                drawn,
                ..Curve::default()
            });
        }
    }
    Ok(curves)
}

async fn metrics_draw(
    backend: &Backend,
    actor: &Actor,
    id: &ExperimentId,
    asked: &DrawRequest,
) -> Result<Vec<metrics::Drawn>> {
    crate::metrics::draw(backend, actor, id, asked).await
}

async fn of_groups(
    backend: &Backend,
    actor: &Actor,
    request: &CompareRequest,
    group: &Column,
    metric: &str,
    width_px: u32,
) -> Result<Vec<Curve>> {
    let rows = super::rows(
        backend,
        actor,
        &request.experiments,
        std::slice::from_ref(group),
    )
    .await?;
    let mut members: BTreeMap<String, Vec<Vec<Point>>> = BTreeMap::new();
    for row in &rows {
        let points = points(backend, &row.id, metric).await?;
        if !points.is_empty() {
            members
                .entry(value_of(row, group))
                .or_default()
                .push(points);
        }
    }
    // A group keeps its colour whatever else is compared, as an experiment does.
    let keys: Vec<String> = members
        .keys()
        .map(|value| format!("{group}={value}"))
        .collect();
    let colours = colours::assign(&keys.iter().map(String::as_str).collect::<Vec<_>>());
    let mut curves = Vec::new();
    for (((label, series), key), colour) in members.into_iter().zip(keys).zip(colours) {
        let drawn = mean(&series, request, metric, width_px);
        curves.push(Curve {
            label,
            key,
            colour,
            members: series.len(),
            ..drawn
        });
    }
    Ok(curves)
}

/// What a row has in the column by which it is grouped; empty: nothing.
pub(super) fn value_of(row: &domain::comparison::Row, group: &Column) -> String {
    use domain::comparison::Fact;
    match (group, row.cells.first()) {
        (Column::Fact(Fact::State), _) => row.state.clone(),
        (Column::Fact(Fact::Tags), _) => row.tags.join(", "),
        (Column::Fact(Fact::Name), _) => row.name.clone(),
        (_, Some(Cell::Number(number))) => number.to_string(),
        (_, Some(Cell::Text(text))) => text.clone(),
        _ => String::new(),
    }
}

/// All points of a metric, of every step the newest attempt that has it.
async fn points(backend: &Backend, id: &ExperimentId, metric: &str) -> Result<Vec<Point>> {
    let key = SeriesKey::plain(metric);
    let mut all = Columns::default();
    for attempt in backend.store().attempts_with_series(id).await? {
        let rows = backend.store().series_of(id, attempt, &key).await?;
        if let Some(row) = metrics::best(rows, |row| &row.summary) {
            let columns = backend.store().columns(&row, 0).await?;
            all = all.overlaid(columns.read_as(row.summary.source));
        }
    }
    Ok(all.points().collect())
}

/// The mean of some series as a curve. Mean and band are smoothed alike, over all steps.
fn mean(series: &[Vec<Point>], request: &CompareRequest, metric: &str, width_px: u32) -> Curve {
    let mean = groups::mean(series, request.band);
    let mut columns = Columns::default();
    for point in &mean.points {
        columns.push(*point);
    }
    let steps = columns.steps.clone();
    let kind = smoothing(request);
    let curve = curve::Curve::new(columns, &Axis::Steps { scale: 1.0 });
    let Some((first, last)) = curve.ends() else {
        return Curve::default();
    };
    let window = Window {
        from: request.range.map_or(first, |range| range.0),
        to: request.range.map_or(last, |range| range.1),
        columns: width_px,
    };
    let cut = curve.cut(window, curve.smooth(kind).as_ref());
    let ends = |values: &[f64]| -> Vec<f64> {
        let smooth = smoothed(|at| steps[at] as f64, values, kind);
        let values = if smooth.is_empty() { values } else { &smooth };
        let at = |step: &i64| {
            steps
                .binary_search(step)
                .ok()
                .and_then(|at| values.get(at))
                .copied()
        };
        cut.steps
            .iter()
            .map(|step| at(step).unwrap_or(f64::NAN))
            .collect()
    };
    Curve {
        low: ends(&mean.low),
        high: ends(&mean.high),
        drawn: metrics::Drawn {
            key: SeriesKey::plain(metric),
            count: curve.len() as u64,
            typical: curve.typical(),
            x: cut.x.clone(),
            steps: cut.steps.clone(),
            times_millis: cut.times_millis.clone(),
            values: cut.values.clone(),
            smoothed: cut.smoothed.clone(),
            is_exact: cut.is_exact,
            ..metrics::Drawn::default()
        },
        ..Curve::default()
    }
}

/// Where each chosen experiment reaches the value of the request, in their order; None: it does not, or has no such metric.
pub async fn reached(
    backend: &Backend,
    actor: &Actor,
    request: &CompareRequest,
) -> Result<Vec<Option<Reached>>> {
    let Some((metric, value)) = &request.reach else {
        return Ok(vec![None; request.experiments.len()]);
    };
    let mut all = Vec::with_capacity(request.experiments.len());
    for id in &request.experiments {
        crate::experiments::find(backend, actor, id).await?;
        let points = points(backend, id, metric).await?;
        let values: Vec<f64> = points.iter().map(|point| point.value).collect();
        let smooth = smoothed(|at| points[at].step as f64, &values, smoothing(request));
        let values = if smooth.is_empty() { values } else { smooth };
        all.push(reach(&points, &values, *value, request.towards));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use domain::comparison::Band;
    use domain::comparison::reach::Towards;
    use domain::metrics::{Batch, Source};

    use super::*;
    use crate::store::{self, Origin};
    use crate::{clock, comparison};

    struct Bench {
        backend: Backend,
        actor: Actor,
        ids: Vec<ExperimentId>,
        _folder: tempfile::TempDir,
    }

    /// Three runs: two with lr 1e-4 and one with 2e-4; losses 4, 2, 1 · 2, 2, 3 · 8, 4 at steps 1, 2, 3.
    async fn bench() -> Bench {
        let (store, folder) = store::tests::fresh().await;
        let (actor, first) = store::tests::experiment(&store, None).await;
        let settings = crate::Settings::new(folder.path().to_owned());
        let backend = Backend::new(store, settings).expect("a key file");
        let mut ids = vec![first];
        for name in ["second", "third"] {
            let id: ExperimentId = clock::new_id();
            backend.store().insert_for_tests(&actor, &id, name).await;
            ids.push(id);
        }
        let bench = Bench {
            backend,
            actor,
            ids,
            _folder: folder,
        };
        for (at, (lr, losses)) in [
            (1e-4, &[4.0, 2.0, 1.0][..]),
            (1e-4, &[2.0, 2.0, 3.0]),
            (2e-4, &[8.0, 4.0]),
        ]
        .into_iter()
        .enumerate()
        {
            let config = [("lr".to_owned(), lr.into())].into();
            let store = bench.backend.store();
            store
                .insert_profile(&bench.ids[at], &config, clock::now())
                .await
                .expect("stored");
            let batch: Batch = (1..)
                .zip(losses)
                .map(|(step, value)| {
                    (
                        SeriesKey::plain("loss"),
                        Point {
                            step,
                            time_millis: step * 1000,
                            value: *value,
                        },
                    )
                })
                .collect();
            let origin = Origin {
                experiment: &bench.ids[at],
                attempt: 1,
                source: Source::Client,
            };
            assert!(
                store
                    .append_points(&origin, &batch, None)
                    .await
                    .expect("stored")
            );
        }
        bench
    }

    impl Bench {
        fn request(&self) -> CompareRequest {
            CompareRequest {
                experiments: self.ids.clone(),
                ..CompareRequest::default()
            }
        }

        async fn draw(&self, request: &CompareRequest) -> Vec<Curve> {
            draw(&self.backend, &self.actor, request, "loss", 100)
                .await
                .expect("drawn")
        }
    }

    #[tokio::test]
    async fn each_has_its_curve_and_groups_have_means_with_bands() {
        let bench = bench().await;
        let each = bench.draw(&bench.request()).await;
        assert_eq!(each.len(), 3);
        assert_eq!(each[2].drawn.values, [8.0, 4.0]);
        assert_eq!(each[1].label, "second");
        let colours: BTreeSet<usize> = each.iter().map(|curve| curve.colour).collect();
        assert_eq!(colours.len(), 3);
        let by_lr = CompareRequest {
            group: "config:lr".parse().ok(),
            ..bench.request()
        };
        let groups = bench.draw(&by_lr).await;
        assert_eq!(groups.len(), 2);
        assert_eq!((groups[0].label.as_str(), groups[0].members), ("0.0001", 2));
        assert_eq!(groups[0].drawn.values, [3.0, 2.0, 2.0]);
        assert_eq!(
            (&groups[0].low[..], &groups[0].high[..]),
            (&[2.0, 2.0, 1.0][..], &[4.0, 2.0, 3.0][..])
        );
        let deviation = bench
            .draw(&CompareRequest {
                band: Band::Deviation,
                ..by_lr.clone()
            })
            .await;
        assert!((deviation[0].high[0] - (3.0 + 2.0_f64.sqrt())).abs() < 1e-12);
        let smooth = bench
            .draw(&CompareRequest {
                smoothing: 0.5,
                ..by_lr.clone()
            })
            .await;
        assert_eq!(smooth[0].drawn.smoothed.len(), 3);
        assert!(
            smooth[0].low[2] > 1.0,
            "the band is smoothed as its mean is"
        );
        let part = bench
            .draw(&CompareRequest {
                range: Some((3.0, 3.0)),
                ..by_lr
            })
            .await;
        assert!(part[0].drawn.x.contains(&3.0));
    }

    #[tokio::test]
    async fn steps_to_a_value_are_told_and_a_filter_finds_the_runs() {
        let bench = bench().await;
        let request = CompareRequest {
            reach: Some(("loss".to_owned(), 2.0)),
            ..bench.request()
        };
        let steps = async |request: &CompareRequest| -> Vec<Option<i64>> {
            let reached = reached(&bench.backend, &bench.actor, request)
                .await
                .expect("read");
            reached
                .iter()
                .map(|one| one.map(|reached| reached.step))
                .collect()
        };
        assert_eq!(steps(&request).await, [Some(2), Some(1), None]);
        assert_eq!(
            steps(&CompareRequest {
                towards: Towards::Up,
                ..request
            })
            .await,
            [Some(1), Some(1), Some(1)]
        );
        assert_eq!(steps(&bench.request()).await, [None; 3]);
        let metrics = metrics_of(&bench.backend, &bench.actor, &bench.ids)
            .await
            .expect("read");
        assert_eq!(metrics, [("loss".to_owned(), 3)]);
        let table = async |filter: &str| {
            let request = domain::comparison::TableRequest {
                filter: filter.to_owned(),
                ..Default::default()
            };
            comparison::table(&bench.backend, &bench.actor, &request).await
        };
        assert_eq!(table("lr > 1e-4").await.expect("read").count, 1);
        assert_eq!(
            table("lr <= 1e-4 last:loss < 2").await.expect("read").count,
            1
        );
        assert_eq!(table("second or lr > 1e-4").await.expect("read").count, 2);
        let grouped = async |open: Option<String>| {
            let request = domain::comparison::TableRequest {
                group: "config:lr".parse().ok(),
                open,
                ..Default::default()
            };
            let listing = comparison::table(&bench.backend, &bench.actor, &request).await;
            listing.expect("read")
        };
        let folded = grouped(None).await;
        assert!(folded.groups.len() > 1 && folded.rows.is_empty());
        for group in folded.groups {
            let opened = grouped(Some(group.filter)).await;
            assert_eq!(opened.rows.len() as u64, group.count);
        }
        let Err(Error::Invalid(findings)) = table("nothing > 1").await else {
            panic!("an unknown name is a finding");
        };
        assert!(findings[0].field == "filter" && findings[0].text.en.contains("nothing"));
        // Another project's experiments cannot be compared by their ids.
        let stranger = Actor {
            project: clock::new_id(),
            ..bench.actor.clone()
        };
        assert!(matches!(
            draw(&bench.backend, &stranger, &bench.request(), "loss", 100).await,
            Err(Error::NotFound(_))
        ));
        assert!(
            comparison::rows(&bench.backend, &stranger, &bench.ids, &[])
                .await
                .expect("read")
                .is_empty()
        );
    }
}
