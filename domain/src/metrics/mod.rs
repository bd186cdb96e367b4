//! Metrics: points, series, and what a chart gets of them.

pub mod codec;
mod columns;
pub mod csv;
pub mod curve;
pub mod draw;
mod extremes;
mod ints;
pub mod jsonl;
mod labels;
pub mod layout;
pub mod packed;
pub mod reduce;
pub mod singles;
pub mod smoothing;
pub mod stdout;
pub mod tfevents;
pub mod ticks;
pub mod view;
pub mod wire;

use std::collections::BTreeMap;

pub use columns::Columns;
pub use draw::{Attempts, DrawRequest, Drawn, XAxis};
pub use labels::Labels;
pub use smoothing::Smoothing;

use serde::{Deserialize, Serialize};

/// Where a series came from. For display one source per canonical name wins, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The trainer's logging.jsonl.
    Jsonl,
    /// A tracker client (SwanLab protocol, native push).
    Client,
    Tfevents,
    Stdout,
    /// The console, that looks at the machines.
    Sampled,
}

impl Source {
    /// As files and the database write it.
    pub fn name(self) -> &'static str {
        match self {
            Source::Jsonl => "jsonl",
            Source::Client => "client",
            Source::Tfevents => "tfevents",
            Source::Stdout => "stdout",
            Source::Sampled => "sampled",
        }
    }
}

/// One point. `step` is the iteration; `time_millis` is UTC, the node's clock.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    pub step: i64,
    pub time_millis: i64,
    pub value: f64,
}

/// What tells the series of an attempt and source apart: the name as it was logged, and the labels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct SeriesKey {
    pub name: String,
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

impl SeriesKey {
    /// A series without labels.
    pub fn plain(name: impl Into<String>) -> SeriesKey {
        SeriesKey {
            name: name.into(),
            labels: Labels::default(),
        }
    }
}

/// Points on their way into the store, by series; within a series in the order of arrival.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch(pub BTreeMap<SeriesKey, Vec<Point>>);

impl Batch {
    pub fn push(&mut self, key: SeriesKey, point: Point) {
        self.0.entry(key).or_default().push(point);
    }

    /// Points of all series.
    pub fn len(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.0.values().all(Vec::is_empty)
    }
}

impl FromIterator<(SeriesKey, Point)> for Batch {
    fn from_iter<I: IntoIterator<Item = (SeriesKey, Point)>>(points: I) -> Batch {
        let mut batch = Batch::default();
        for (key, point) in points {
            batch.push(key, point);
        }
        batch
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NonFinite {
    NaN,
    PlusInfinity,
    MinusInfinity,
}

/// The row that is kept beside each series, in the same transaction as its points.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub attempt: u32,
    pub source: Source,
    #[serde(flatten)]
    pub key: SeriesKey,
    pub count: u64,
    pub non_finite: u64,
    pub first_step: i64,
    pub last_step: i64,
    pub last: Option<f64>,
    pub min: Option<f64>,
    pub max: Option<f64>,
}

/// One source per series, the best there is.
pub fn best<T>(rows: Vec<T>, summary: impl Fn(&T) -> &Summary) -> Option<T> {
    rows.into_iter().min_by_key(|row| summary(row).source)
}

impl NonFinite {
    /// None for a finite value.
    pub fn of(value: f64) -> Option<NonFinite> {
        match value {
            value if value.is_nan() => Some(NonFinite::NaN),
            f64::INFINITY => Some(NonFinite::PlusInfinity),
            f64::NEG_INFINITY => Some(NonFinite::MinusInfinity),
            _ => None,
        }
    }
}
