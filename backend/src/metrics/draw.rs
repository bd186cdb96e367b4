//! What a chart gets: for each series one curve or one per attempt, along the axis that is asked for, reduced to its pixels.

use std::sync::Arc;

use domain::experiments::Experiment;
use domain::finding::Finding;
use domain::ids::ExperimentId;
use domain::metrics::curve::{Curve, Smoothed};
use domain::metrics::reduce::Window;
use domain::metrics::{Attempts, DrawRequest, Drawn, SeriesKey, XAxis};
use tokio::sync::OwnedRwLockReadGuard;

use super::curves::{Along, State};
use crate::store::SeriesRow;
use crate::{Actor, Backend, Error, Result, experiments};

/// Charts are no wider than this; a bound on what one request may cost.
const WIDEST_PX: u32 = 4096;
/// So is this: a page asks for the charts in sight.
const MOST_SERIES: usize = 1000;

/// A curve that is to be drawn: of one attempt, or of several merged into one; oldest first, the last one names it.
type Parts = Vec<Arc<SeriesRow>>;

/// The curves of the series that the experiment has, in the order of the request; of each attempt the best source.
pub async fn draw(
    backend: &Backend,
    actor: &Actor,
    id: &ExperimentId,
    request: &DrawRequest,
) -> Result<Vec<Drawn>> {
    let experiment = experiments::find(backend, actor, id).await?;
    check(request, &experiment)?;
    let attempts = attempts(backend, id, request.attempts).await?;
    let mut all = Vec::with_capacity(request.series.len());
    for key in &request.series {
        let mut curves = Vec::new();
        for parts in wanted(backend, id, key, &attempts, request.attempts).await? {
            let curve = ready(backend, id, &experiment, &parts, request).await?;
            curves.extend(parts.last().cloned().zip(Some(curve)));
        }
        let curves = || {
            curves.iter().filter_map(|(named, state)| {
                let (curve, smoothed) = state.curve(request.smoothing)?;
                Some((named, curve, smoothed))
            })
        };
        // One chart, one axis: the columns of all curves of a series are the same.
        let ends = curves().filter_map(|(_, curve, _)| curve.ends());
        let Some((first, last)) = ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))) else {
            continue;
        };
        let window = Window {
            from: request.from.unwrap_or(first),
            to: request.to.unwrap_or(last),
            columns: request.width_px.clamp(1, WIDEST_PX),
        };
        all.extend(curves().map(|(named, curve, smoothed)| drawn(named, curve, smoothed, window)));
    }
    Ok(all)
}

fn check(request: &DrawRequest, experiment: &Experiment) -> Result<()> {
    let mut findings = Vec::new();
    if request.series.len() > MOST_SERIES {
        findings.push(Finding::stops(
            "series",
            format!(
                "{} series are too many for one request; ask for at most {MOST_SERIES} at a time.",
                request.series.len()
            ),
            format!(
                "一次请求了 {} 个序列，最多 {MOST_SERIES} 个，请分批请求。",
                request.series.len()
            ),
        ));
    }
    if let (Some(from), Some(to)) = (request.from, request.to)
        && from > to
    {
        findings.push(Finding::stops(
            "from",
            format!(
                "The range begins at {from}, after its end {to}; write the smaller number first."
            ),
            format!("范围的起点 {from} 大于终点 {to}，请先写较小的数。"),
        ));
    }
    if request.x == XAxis::Samples && batch_size(experiment).is_none() {
        findings.push(Finding::stops(
            "x",
            "The global batch size of this run is not known, so its steps cannot be counted in samples. Choose the step, or a series \
             such as consumed_samples, as the axis.",
            "此运行的全局批大小未知，无法按样本数显示。请以步数或 consumed_samples 之类的序列作为横轴。",
        ));
    }
    if findings.is_empty() {
        Ok(())
    } else {
        Err(Error::Invalid(findings))
    }
}

fn batch_size(experiment: &Experiment) -> Option<u32> {
    let setup = experiment.setup.as_ref()?;
    Some(setup.recipe.global_batch_size).filter(|size| *size > 0)
}

/// The attempts that are drawn, oldest first.
async fn attempts(backend: &Backend, id: &ExperimentId, wanted: Attempts) -> Result<Vec<u32>> {
    let all = backend.curves().attempts(backend.store(), id).await?;
    Ok(match wanted {
        Attempts::Newest => all.last().copied().into_iter().collect(),
        Attempts::One(number) => all
            .into_iter()
            .filter(|attempt| *attempt == number)
            .collect(),
        Attempts::Each | Attempts::Merged => all,
    })
}

async fn wanted(
    backend: &Backend,
    id: &ExperimentId,
    key: &SeriesKey,
    attempts: &[u32],
    how: Attempts,
) -> Result<Vec<Parts>> {
    let mut parts = Vec::new();
    for attempt in attempts {
        parts.extend(
            backend
                .curves()
                .best(backend.store(), id, *attempt, key)
                .await?,
        );
    }
    Ok(match how {
        Attempts::Merged if !parts.is_empty() => vec![parts],
        _ => parts.into_iter().map(|part| vec![part]).collect(),
    })
}

async fn ready(
    backend: &Backend,
    id: &ExperimentId,
    experiment: &Experiment,
    parts: &[Arc<SeriesRow>],
    request: &DrawRequest,
) -> Result<OwnedRwLockReadGuard<State>> {
    let (curves, store) = (backend.curves(), backend.store());
    let mut others = Vec::new();
    let along = match &request.x {
        XAxis::Step => Along::Steps { scale: 1 },
        XAxis::Samples => Along::Steps {
            scale: batch_size(experiment).unwrap_or(1),
        },
        XAxis::Wall => Along::Times { since: 0 },
        XAxis::Relative => {
            let first = parts.first().map_or(0, |part| part.summary.attempt);
            let began = curves.began(store, id, first).await?;
            Along::Times {
                since: match (began, parts.first()) {
                    (Some(began), _) => began,
                    (None, Some(part)) => store.first_time(part).await?,
                    (None, None) => 0,
                },
            }
        }
        XAxis::Series(name) => {
            for part in parts {
                let own = SeriesKey {
                    name: name.clone(),
                    labels: part.summary.key.labels.clone(),
                };
                let attempt = part.summary.attempt;
                // GPU 3 of a node has no epoch of its own; that of the run is meant.
                let other = match curves.best(store, id, attempt, &own).await? {
                    None => {
                        let of_run = SeriesKey::plain(name);
                        curves.best(store, id, attempt, &of_run).await?
                    }
                    other => other,
                };
                others.extend(other);
            }
            Along::Others(others.iter().map(|other| other.id).collect())
        }
    };
    curves
        .ready(store, parts, &others, along, request.smoothing)
        .await
}

fn drawn(named: &SeriesRow, curve: &Curve, smoothed: Option<&Smoothed>, window: Window) -> Drawn {
    let named = &named.summary;
    let cut = curve.cut(window, smoothed);
    Drawn {
        attempt: named.attempt,
        source: Some(named.source),
        key: named.key.clone(),
        x: cut.x,
        steps: cut.steps,
        times_millis: cut.times_millis,
        values: cut.values,
        smoothed: cut.smoothed,
        non_finite: cut.non_finite,
        count: curve.len() as u64,
        is_exact: cut.is_exact,
        typical: curve.typical(),
    }
}

#[cfg(test)]
mod tests {
    use domain::experiments::Setup;
    use domain::metrics::{Batch, NonFinite, Point, Smoothing, Source};
    use domain::recipes::presets;

    use super::*;
    use crate::store::Origin;
    use crate::{clock, store};

    struct Bench {
        backend: Backend,
        actor: Actor,
        id: ExperimentId,
        _folder: tempfile::TempDir,
    }

    async fn bench(setup: Option<Setup>) -> Bench {
        let (store, folder) = store::tests::fresh().await;
        let (actor, id) = store::tests::experiment(&store, setup.as_ref()).await;
        let settings = crate::Settings::new(folder.path().to_owned());
        Bench {
            backend: Backend::new(store, settings).expect("a key file"),
            actor,
            id,
            _folder: folder,
        }
    }

    impl Bench {
        async fn push(&self, attempt: u32, source: Source, name: &str, points: &[(i64, i64, f64)]) {
            let origin = Origin {
                experiment: &self.id,
                attempt,
                source,
            };
            let batch: Batch = points
                .iter()
                .map(|(step, time_millis, value)| {
                    let point = Point {
                        step: *step,
                        time_millis: *time_millis,
                        value: *value,
                    };
                    (SeriesKey::plain(name), point)
                })
                .collect();
            let store = self.backend.store();
            assert!(
                store
                    .append_points(&origin, &batch, None)
                    .await
                    .expect("stored")
            );
        }

        async fn draw(&self, request: &DrawRequest) -> Vec<Drawn> {
            draw(&self.backend, &self.actor, &self.id, request)
                .await
                .expect("drawn")
        }

        async fn refused(&self, request: &DrawRequest) -> String {
            match draw(&self.backend, &self.actor, &self.id, request).await {
                Err(Error::Invalid(findings)) => findings[0].text.en.to_string(),
                other => panic!("{other:?}"),
            }
        }
    }

    fn of(name: &str) -> DrawRequest {
        DrawRequest {
            series: vec![SeriesKey::plain(name)],
            width_px: 100,
            ..DrawRequest::default()
        }
    }

    fn pairs(drawn: &Drawn) -> Vec<(f64, f64)> {
        drawn
            .x
            .iter()
            .copied()
            .zip(drawn.values.iter().copied())
            .collect()
    }

    #[tokio::test]
    async fn attempts_are_drawn_one_by_one_together_and_merged() {
        let bench = bench(None).await;
        bench
            .push(
                1,
                Source::Jsonl,
                "loss",
                &[(1, 0, 9.0), (2, 0, 8.0), (3, 0, 7.0), (5, 0, 5.0)],
            )
            .await;
        bench
            .push(2, Source::Jsonl, "loss", &[(3, 9, 6.0), (4, 9, 5.5)])
            .await;
        // A lesser source of the same series is not mixed in.
        bench.push(2, Source::Stdout, "loss", &[(1, 9, 0.0)]).await;
        let with = async |attempts| {
            bench
                .draw(&DrawRequest {
                    attempts,
                    ..of("loss")
                })
                .await
        };
        let newest = with(Attempts::Newest).await;
        assert_eq!(
            (newest.len(), newest[0].attempt, newest[0].count),
            (1, 2, 2)
        );
        assert_eq!(with(Attempts::One(1)).await[0].values, [9.0, 8.0, 7.0, 5.0]);
        assert!(with(Attempts::One(7)).await.is_empty());
        let each = with(Attempts::Each).await;
        assert_eq!(
            each.iter().map(|drawn| drawn.attempt).collect::<Vec<_>>(),
            [1, 2]
        );
        let merged = with(Attempts::Merged).await;
        assert_eq!(
            pairs(&merged[0]),
            [(1.0, 9.0), (2.0, 8.0), (3.0, 6.0), (4.0, 5.5), (5.0, 5.0)]
        );
        assert_eq!((merged.len(), merged[0].attempt), (1, 2));
    }

    #[tokio::test]
    async fn every_axis_is_drawn() {
        let recipe = presets::lora();
        let setup = Setup {
            cluster_id: clock::new_id(),
            model_id: clock::new_id(),
            mcore_model_id: clock::new_id(),
            dataset_id: clock::new_id(),
            recipe,
            gpus_per_node: 1,
            preset: "runbook-lora".to_owned(),
            script: String::new(),
            reports: std::collections::BTreeMap::new(),
            start_from: None,
            variables: Default::default(),
        };
        let bench = bench(Some(setup)).await;
        bench
            .push(
                1,
                Source::Jsonl,
                "loss",
                &[(1, 5000, 3.0), (2, 6000, f64::NAN), (3, 8000, 1.0)],
            )
            .await;
        bench
            .push(1, Source::Jsonl, "epoch", &[(1, 5000, 0.5), (3, 8000, 1.5)])
            .await;
        let along = async |x| bench.draw(&DrawRequest { x, ..of("loss") }).await.remove(0);
        assert_eq!(along(XAxis::Step).await.x, [1.0, 3.0]);
        assert_eq!(along(XAxis::Wall).await.x, [5000.0, 8000.0]);
        assert_eq!(along(XAxis::Relative).await.x, [0.0, 3000.0]);
        assert_eq!(along(XAxis::Samples).await.x, [16.0, 48.0]);
        let by_epoch = along(XAxis::Series("epoch".to_owned())).await;
        assert_eq!(
            (pairs(&by_epoch), by_epoch.steps),
            (vec![(0.5, 3.0), (1.5, 1.0)], vec![1, 3])
        );
        assert_eq!(by_epoch.non_finite, [(1.0, NonFinite::NaN)]);
        assert_eq!((by_epoch.count, by_epoch.typical), (3, Some((1.0, 1.0))));
        let none = DrawRequest {
            x: XAxis::Series("tokens".to_owned()),
            ..of("loss")
        };
        assert!(bench.draw(&none).await.is_empty());
    }

    #[tokio::test]
    async fn what_cannot_be_drawn_is_refused_with_what_to_do() {
        let bench = bench(None).await;
        bench.push(1, Source::Client, "loss", &[(1, 0, 1.0)]).await;
        let samples = bench
            .refused(&DrawRequest {
                x: XAxis::Samples,
                ..of("loss")
            })
            .await;
        assert!(samples.contains("Choose the step"), "{samples}");
        let range = DrawRequest {
            from: Some(2.0),
            to: Some(1.0),
            ..of("loss")
        };
        assert!(bench.refused(&range).await.contains("smaller number first"));
        let many = DrawRequest {
            series: vec![SeriesKey::plain("a"); 1001],
            ..of("loss")
        };
        assert!(bench.refused(&many).await.contains("1001"));
    }

    #[tokio::test]
    async fn smoothing_is_over_all_points_at_any_zoom() {
        let bench = bench(None).await;
        let points: Vec<(i64, i64, f64)> = (0..3000)
            .map(|step| (step, step, (step % 17) as f64))
            .collect();
        bench.push(1, Source::Client, "loss", &points).await;
        for smoothing in [
            Smoothing::Ema { weight: 0.9 },
            Smoothing::TimeWeighted { weight: 0.9 },
            Smoothing::Gaussian { deviation: 4.0 },
            Smoothing::Running { window: 9 },
        ] {
            let whole = bench
                .draw(&DrawRequest {
                    smoothing,
                    ..of("loss")
                })
                .await
                .remove(0);
            let near = DrawRequest {
                smoothing,
                from: Some(2000.0),
                to: Some(2100.0),
                ..of("loss")
            };
            let near = bench.draw(&near).await.remove(0);
            assert!(near.is_exact && near.steps.len() == 103 && !whole.is_exact);
            let mut compared = 0;
            for (at, step) in whole.steps.iter().enumerate() {
                if let Ok(place) = near.steps.binary_search(step) {
                    assert_eq!(whole.smoothed[at], near.smoothed[place], "{smoothing:?}");
                    compared += 1;
                }
            }
            assert!(compared > 4);
        }
    }

    #[tokio::test]
    async fn a_long_name_and_many_series_are_found() {
        let bench = bench(None).await;
        let long = "<b>".repeat(1366);
        bench.push(1, Source::Client, &long, &[(1, 0, 1.0)]).await;
        let origin = Origin {
            experiment: &bench.id,
            attempt: 1,
            source: Source::Client,
        };
        let point = Point {
            step: 1,
            time_millis: 0,
            value: 2.0,
        };
        let batch: Batch = (0..20_000)
            .map(|n| (SeriesKey::plain(format!("layer.{n}")), point))
            .collect();
        bench
            .backend
            .store()
            .append_points(&origin, &batch, None)
            .await
            .expect("stored");
        assert_eq!(bench.draw(&of(&long)).await[0].values, [1.0]);
        assert_eq!(bench.draw(&of("layer.19999")).await[0].values, [2.0]);
    }
}
