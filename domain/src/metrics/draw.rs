//! What a chart asks for and gets: every kind of axis and smoothing, over all points, reduced to its pixels.

use serde::{Deserialize, Serialize};

use super::{NonFinite, SeriesKey, Smoothing, Source};

/// What lies along the lower edge of a chart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum XAxis {
    #[default]
    Step,
    /// Milliseconds since the first point of the attempt.
    Relative,
    /// Milliseconds UTC.
    Wall,
    /// Samples consumed: steps times the global batch size of the experiment.
    Samples,
    /// The value that another series of the attempt had at that step (epoch, consumed tokens …), between two of its steps on the
    /// straight line. Points outside of its steps are left out.
    Series(String),
}

/// Which launches of an experiment are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attempts {
    #[default]
    Newest,
    One(u32),
    /// Each as a curve of its own, the newest last.
    Each,
    /// One curve: of every step the newest attempt that has it.
    Merged,
}

/// What a chart asks for.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DrawRequest {
    pub series: Vec<SeriesKey>,
    pub attempts: Attempts,
    pub x: XAxis,
    /// In the unit of the axis; None: from the beginning.
    pub from: Option<f64>,
    /// None: to the end.
    pub to: Option<f64>,
    /// Pixel columns of `from..=to`, 1 to 4096; at most four points per column come back, and one neighbour on either side.
    pub width_px: u32,
    pub smoothing: Smoothing,
}

/// What a chart gets of one series: for each pixel column at most first, min, max and last, in the order of the axis, as columns. Exact
/// points when they are fewer than that. One point on either side outside of the range comes with it, so that lines run to its edges.
/// Non-finite points are listed apart.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Drawn {
    pub attempt: u32,
    pub source: Option<Source>,
    pub key: SeriesKey,
    /// Places along the axis, in its unit.
    pub x: Vec<f64>,
    pub steps: Vec<i64>,
    pub times_millis: Vec<i64>,
    pub values: Vec<f64>,
    /// Smoothed over all points before reduction; same length as `values`, empty when smoothing is off.
    pub smoothed: Vec<f64>,
    /// (place along the axis, kind) of NaN and infinities; one of each kind per pixel column when there are many.
    pub non_finite: Vec<(f64, NonFinite)>,
    /// Points along the curve (all of them, not only those drawn).
    pub count: u64,
    /// True when every finite point of the range is here.
    pub is_exact: bool,
    /// 5th and 95th percentile of all finite values: what is shown when outliers are left out.
    pub typical: Option<(f64, f64)>,
}
