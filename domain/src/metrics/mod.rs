//! Metrics: points, series, and what a chart gets of them.

pub mod buckets;
pub mod jsonl;
pub mod smoothing;

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
}

/// One point. `step` is the iteration; `time_millis` is UTC, the node's clock.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    pub step: i64,
    pub time_millis: i64,
    pub value: f64,
}

/// What a chart gets of one series: for each pixel column at most first, min, max and last, in step order,
/// as columns. Exact points when they are fewer than that. Non-finite points are listed apart.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Drawn {
    pub attempt: u32,
    pub source: Option<Source>,
    pub name: String,
    pub steps: Vec<i64>,
    pub times_millis: Vec<i64>,
    pub values: Vec<f64>,
    /// Smoothed over all points before reduction; same length as `values`, empty when smoothing is off.
    pub smoothed: Vec<f64>,
    /// (step, kind) of NaN and infinities.
    pub non_finite: Vec<(i64, NonFinite)>,
    /// Points in the series (all of them, not only those drawn).
    pub count: u64,
    /// True when every raw point of the range is here.
    pub is_exact: bool,
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
    pub name: String,
    pub count: u64,
    pub non_finite: u64,
    pub first_step: i64,
    pub last_step: i64,
    pub last: Option<f64>,
    pub min: Option<f64>,
    pub max: Option<f64>,
}
