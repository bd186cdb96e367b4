//! Curves that are being looked at, ready to be cut: another zoom, another viewer or one more point costs little. What nobody looks at
//! is forgotten after a while, so that an idle console holds nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::ids::ExperimentId;
use domain::metrics::curve::{Axis, Curve, Lookup, Smoothed};
use domain::metrics::{self, Columns, SeriesKey, Smoothing};
use tokio::sync::{OwnedRwLockReadGuard, RwLock};
use tokio::time::Instant;

use crate::store::{SeriesRow, Store};
use crate::{Error, Result};

/// Memory that all curves together may take; one of 1 M points takes 8 to 16 MB, and as much as that again while it is smoothed.
const MOST_BYTES: usize = 384 << 20;
/// A curve that nobody asked for in this time is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(20);
/// Smoothed forms that are kept of a curve: that of the page, and the one before while somebody moves the slider.
const SMOOTHED: usize = 2;
/// Reading more points than this is done beside the other work of the process.
const MANY: u64 = 100_000;

/// What makes a curve: the series that it is of, oldest first, and how points lie along the axis.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub parts: Vec<i64>,
    pub along: Along,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Along {
    Steps {
        scale: u32,
    },
    Times {
        since: i64,
    },
    /// Series of the same attempts.
    Others(Vec<i64>),
}

#[derive(Default)]
pub(super) struct State {
    /// Points known of each part, then of each series along which they lie.
    counts: Vec<u64>,
    curve: Option<Curve>,
    smoothed: Vec<Smoothed>,
}

impl State {
    fn is_ready(&self, counts: &[u64], smoothing: Smoothing) -> bool {
        let is_known = self.counts.len() == counts.len()
            && self
                .counts
                .iter()
                .zip(counts)
                .all(|(known, wanted)| known >= wanted);
        let is_smoothed = || smoothing.is_off() || self.smoothed_as(smoothing).is_some();
        self.curve.is_some() && is_known && is_smoothed()
    }

    fn smoothed_as(&self, smoothing: Smoothing) -> Option<&Smoothed> {
        self.smoothed
            .iter()
            .find(|smoothed| smoothed.kind() == smoothing)
    }

    /// The curve, and as it is to be smoothed.
    pub fn curve(&self, smoothing: Smoothing) -> Option<(&Curve, Option<&Smoothed>)> {
        Some((self.curve.as_ref()?, self.smoothed_as(smoothing)))
    }

    fn smooth(&mut self, smoothing: Smoothing) {
        let Some(curve) = &self.curve else {
            return;
        };
        self.smoothed.retain_mut(|smoothed| curve.go_on(smoothed));
        if self.smoothed_as(smoothing).is_none() {
            self.smoothed.truncate(SMOOTHED - 1);
            self.smoothed.splice(0..0, curve.smooth(smoothing));
        }
    }

    fn weight(&self) -> usize {
        let smoothed: usize = self.smoothed.iter().map(Smoothed::weight).sum();
        self.curve.as_ref().map_or(0, Curve::weight) + smoothed
    }
}

struct Held {
    state: Arc<RwLock<State>>,
    used: Instant,
    weight: usize,
}

/// What an experiment was found to have, as long as no points come.
#[derive(Default)]
struct Found {
    generation: u64,
    attempts: Option<Vec<u32>>,
    began: HashMap<u32, Option<i64>>,
    best: HashMap<(u32, SeriesKey), Option<Arc<SeriesRow>>>,
}

#[derive(Default)]
struct All {
    held: HashMap<Key, Held>,
    found: HashMap<ExperimentId, Found>,
    is_swept: bool,
}

/// All curves that are being looked at.
#[derive(Clone, Default)]
pub(crate) struct Curves(Arc<Mutex<All>>);

impl Curves {
    fn all(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of an experiment at this generation.
    fn known<T>(
        &self,
        id: &ExperimentId,
        generation: u64,
        read: impl FnOnce(&Found) -> Option<T>,
    ) -> Option<T> {
        self.sweep_later();
        let all = self.all();
        all.found
            .get(id)
            .filter(|found| found.generation >= generation)
            .and_then(read)
    }

    /// Keeps what was found, unless points came meanwhile.
    fn note(&self, id: &ExperimentId, generation: u64, note: impl FnOnce(&mut Found)) {
        let mut all = self.all();
        let found = all.found.entry(id.clone()).or_default();
        if found.generation < generation {
            *found = Found {
                generation,
                ..Found::default()
            };
        }
        if found.generation == generation {
            note(found);
        }
    }

    /// The attempts of an experiment that have series, oldest first.
    pub(super) async fn attempts(&self, store: &Store, id: &ExperimentId) -> Result<Vec<u32>> {
        let generation = store.generation(id);
        if let Some(attempts) = self.known(id, generation, |found| found.attempts.clone()) {
            return Ok(attempts);
        }
        let attempts = store.attempts_with_series(id).await?;
        self.note(id, generation, |found| {
            found.attempts = Some(attempts.clone())
        });
        Ok(attempts)
    }

    /// When an attempt began.
    pub(super) async fn began(
        &self,
        store: &Store,
        id: &ExperimentId,
        attempt: u32,
    ) -> Result<Option<i64>> {
        let generation = store.generation(id);
        if let Some(began) = self.known(id, generation, |found| found.began.get(&attempt).copied())
        {
            return Ok(began);
        }
        let began = store.attempt_began(id, attempt).await?;
        self.note(id, generation, |found| {
            found.began.insert(attempt, began);
        });
        Ok(began)
    }

    /// The best source of a series in an attempt.
    pub(super) async fn best(
        &self,
        store: &Store,
        id: &ExperimentId,
        attempt: u32,
        key: &SeriesKey,
    ) -> Result<Option<Arc<SeriesRow>>> {
        let generation = store.generation(id);
        let of = (attempt, key.clone());
        if let Some(best) = self.known(id, generation, |found| found.best.get(&of).cloned()) {
            return Ok(best);
        }
        let rows = store.series_of(id, attempt, key).await?;
        let best = metrics::best(rows, |row| &row.summary).map(Arc::new);
        self.note(id, generation, |found| {
            found.best.insert(of, best.clone());
        });
        Ok(best)
    }

    /// The curve of these parts along `others` or an axis of its own, smoothed, with at least the points that the rows tell of. Whoever
    /// holds several asks for them from the oldest to the newest, so that nobody waits for one another.
    pub(super) async fn ready(
        &self,
        store: &Store,
        parts: &[Arc<SeriesRow>],
        others: &[Arc<SeriesRow>],
        along: Along,
        smoothing: Smoothing,
    ) -> Result<OwnedRwLockReadGuard<State>> {
        let key = Key {
            parts: parts.iter().map(|part| part.id).collect(),
            along: along.clone(),
        };
        let counts: Vec<u64> = parts
            .iter()
            .chain(others)
            .map(|row| row.summary.count)
            .collect();
        let state = {
            let mut all = self.all();
            let held = all.held.entry(key.clone()).or_insert_with(|| Held {
                state: Arc::default(),
                used: Instant::now(),
                weight: 0,
            });
            held.used = Instant::now();
            held.state.clone()
        };
        self.sweep_later();
        let reading = state.clone().read_owned().await;
        if reading.is_ready(&counts, smoothing) {
            return Ok(reading);
        }
        drop(reading);
        let mut writing = state.write_owned().await;
        let many: u64 = counts.iter().sum();
        let (store, parts, others) = (store.clone(), parts.to_vec(), others.to_vec());
        let work = async move {
            refresh(&mut writing, &store, &parts, &others, along, &counts).await?;
            writing.smooth(smoothing);
            Ok(writing.downgrade())
        };
        let reading = if many > MANY {
            let runtime = tokio::runtime::Handle::current();
            let work = tokio::task::spawn_blocking(move || runtime.block_on(work));
            work.await.map_err(Error::internal("read a long series"))?
        } else {
            work.await
        }?;
        self.weigh(&key, reading.weight());
        Ok(reading)
    }

    /// Notes what a curve weighs, and forgets those that were not asked for longest when they are too much together.
    fn weigh(&self, key: &Key, weight: usize) {
        let mut all = self.all();
        if let Some(held) = all.held.get_mut(key) {
            held.weight = weight;
        }
        let mut sum: usize = all.held.values().map(|held| held.weight).sum();
        while sum > MOST_BYTES && all.held.len() > 1 {
            let oldest = all
                .held
                .iter()
                .filter(|(other, _)| *other != key)
                .min_by_key(|(_, held)| held.used);
            let Some(oldest) = oldest.map(|(oldest, _)| oldest.clone()) else {
                break;
            };
            sum -= all.held.remove(&oldest).map_or(0, |held| held.weight);
        }
    }

    /// Starts the sweeping, unless it goes on already. It ends when there is nothing left.
    fn sweep_later(&self) {
        if std::mem::replace(&mut self.all().is_swept, true) {
            return;
        }
        let curves = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(FORGOTTEN_AFTER / 2).await;
                if curves.forget(Instant::now()) {
                    return;
                }
            }
        });
    }

    /// Forgets what was not asked for lately. True: nothing is left.
    fn forget(&self, now: Instant) -> bool {
        let mut all = self.all();
        all.held
            .retain(|_, held| now.duration_since(held.used) < FORGOTTEN_AFTER);
        let is_empty = all.held.is_empty();
        if is_empty {
            // Also the room that they took in the tables.
            *all = All::default();
        }
        is_empty
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.all().held.len()
    }
}

/// Brings a curve up to date: by what came since, or by reading everything.
async fn refresh(
    state: &mut State,
    store: &Store,
    parts: &[Arc<SeriesRow>],
    others: &[Arc<SeriesRow>],
    along: Along,
    wanted: &[u64],
) -> Result<()> {
    if state.counts.len() == wanted.len()
        && state
            .counts
            .iter()
            .zip(wanted)
            .all(|(known, wanted)| known >= wanted)
        && state.curve.is_some()
    {
        return Ok(());
    }
    if let ([part], [known], Some(curve)) = (parts, &mut state.counts[..], &mut state.curve)
        && others.is_empty()
    {
        let new = store.columns(part, *known).await?;
        let count = new.len() as u64;
        if curve.extend(new).is_ok() {
            *known += count;
            return Ok(());
        }
    }
    *state = State::default();
    let mut counts = Vec::new();
    let columns = merged(store, parts, &mut counts).await?;
    let axis = match along {
        Along::Steps { scale } => Axis::Steps {
            scale: f64::from(scale),
        },
        Along::Times { since } => Axis::Times { since },
        Along::Others(_) => Axis::Other(Lookup::new(&merged(store, others, &mut counts).await?)),
    };
    state.curve = Some(Curve::new(columns, &axis));
    state.counts = counts;
    Ok(())
}

/// Of every step the newest part that has it; how many points each part has is added to `counts`.
async fn merged(store: &Store, parts: &[Arc<SeriesRow>], counts: &mut Vec<u64>) -> Result<Columns> {
    let mut all = Columns::default();
    for part in parts {
        let columns = store.columns(part, 0).await?;
        counts.push(columns.len() as u64);
        all = all.overlaid(columns.read_as(part.summary.source));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use domain::metrics::reduce::Window;
    use domain::metrics::{Batch, Point, Source};

    use super::*;
    use crate::store::{self, Origin};

    const STEPS: Along = Along::Steps { scale: 1 };
    const EMA: Smoothing = Smoothing::Ema { weight: 0.5 };

    fn key() -> SeriesKey {
        SeriesKey::plain("loss")
    }

    async fn push(store: &Store, id: &ExperimentId, points: &[(i64, f64)]) {
        let origin = Origin {
            experiment: id,
            attempt: 1,
            source: Source::Client,
        };
        let point = |(step, value): &(i64, f64)| {
            (
                key(),
                Point {
                    step: *step,
                    time_millis: *step,
                    value: *value,
                },
            )
        };
        let batch: Batch = points.iter().map(point).collect();
        store
            .append_points(&origin, &batch, None)
            .await
            .expect("stored");
    }

    async fn drawn(curves: &Curves, store: &Store, id: &ExperimentId) -> (Vec<f64>, Vec<f64>) {
        let row = curves
            .best(store, id, 1, &key())
            .await
            .expect("found")
            .expect("a series");
        let state = curves
            .ready(store, &[row], &[], STEPS, EMA)
            .await
            .expect("ready");
        let (curve, smoothed) = state.curve(EMA).expect("a curve");
        let (from, to) = curve.ends().expect("points");
        let cut = curve.cut(
            Window {
                from,
                to,
                columns: 100,
            },
            smoothed,
        );
        (cut.values, cut.smoothed)
    }

    #[tokio::test]
    async fn a_kept_curve_grows_and_takes_in_steps_that_are_written_again() {
        let (store, _folder) = store::tests::fresh().await;
        let (_, id) = store::tests::experiment(&store, None).await;
        let curves = Curves::default();
        let mut points = Vec::new();
        for more in [
            &[(1, 1.0), (2, 3.0)][..],
            &[(3, 2.0)],
            &[(2, 9.0)],
            &[(4, f64::NAN), (5, 1.0)],
            &[(4, 4.0)],
            &[(6, 1.0)],
        ] {
            push(&store, &id, more).await;
            points.extend_from_slice(more);
            let mut last = std::collections::BTreeMap::new();
            last.extend(points.iter().copied());
            let finite: Vec<f64> = last
                .into_values()
                .filter(|value| value.is_finite())
                .collect();
            let smoothed = domain::metrics::smoothing::smoothed(|at| at as f64, &finite, EMA);
            assert_eq!(
                drawn(&curves, &store, &id).await,
                (finite, smoothed),
                "after {more:?}"
            );
        }
        assert_eq!(curves.len(), 1);
    }

    #[tokio::test]
    async fn what_nobody_looks_at_is_forgotten() {
        let (store, _folder) = store::tests::fresh().await;
        let (_, id) = store::tests::experiment(&store, None).await;
        push(&store, &id, &[(1, 1.0)]).await;
        let curves = Curves::default();
        drawn(&curves, &store, &id).await;
        assert_eq!(curves.len(), 1);
        let later = Instant::now() + FORGOTTEN_AFTER / 2;
        assert!(!curves.forget(later), "somebody may zoom");
        assert_eq!(curves.len(), 1);
        assert!(curves.forget(later + FORGOTTEN_AFTER));
        assert_eq!(curves.len(), 0);
        assert_eq!(drawn(&curves, &store, &id).await.0, [1.0]);
    }

    #[tokio::test]
    async fn memory_is_bounded() {
        let curves = Curves::default();
        let of = |id| Key {
            parts: vec![id],
            along: STEPS,
        };
        for id in 0..5 {
            curves.all().held.insert(
                of(id),
                Held {
                    state: Arc::default(),
                    used: Instant::now(),
                    weight: 0,
                },
            );
            curves.weigh(&of(id), MOST_BYTES / 2);
        }
        let all = curves.all();
        assert_eq!(all.held.len(), 2);
        assert!(all.held.contains_key(&of(4)) && all.held.contains_key(&of(3)));
    }
}
