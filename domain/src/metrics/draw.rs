//! What a chart asks for and gets: every kind of axis and smoothing, over all points, reduced to its pixels.

use serde::{Deserialize, Serialize};

use super::smoothing::{Smoothing, smoothed};
use super::{NonFinite, Point, SeriesKey, Source, Summary, buckets};

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
    /// The value that another series of the attempt had at that step: epoch, consumed tokens …
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
    /// Pixel columns of the chart; at most four points per column come back.
    pub width_px: u32,
    pub smoothing: Smoothing,
}

/// What a chart gets of one series: for each pixel column at most first, min, max and last, in the order of the axis, as columns. Exact
/// points when they are fewer than that. Non-finite points are listed apart.
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
    /// (place along the axis, kind) of NaN and infinities.
    pub non_finite: Vec<(f64, NonFinite)>,
    /// Points in the series (all of them, not only those drawn).
    pub count: u64,
    /// True when every raw point of the range is here.
    pub is_exact: bool,
    /// 5th and 95th percentile of all finite values: what is shown when outliers are left out.
    pub typical: Option<(f64, f64)>,
}

/// A series as a chart of `columns` pixels gets it: smoothed over all points, then cut to `from..=to` and reduced.
pub fn drawn(summary: &Summary, points: &[Point], request: &DrawRequest) -> Drawn {
    let start = points.first().map_or(0, |point| point.time_millis);
    let place = |point: &Point| match request.x {
        XAxis::Relative => (point.time_millis - start) as f64,
        XAxis::Wall => point.time_millis as f64,
        XAxis::Step | XAxis::Samples | XAxis::Series(_) => point.step as f64,
    };
    let from = request.from.unwrap_or(f64::NEG_INFINITY);
    let to = request.to.unwrap_or(f64::INFINITY);
    let inside = |point: &Point| (from..=to).contains(&place(point));
    let smooth = smoothed(points, request.smoothing);
    let mut finite = Vec::new();
    let mut at = Vec::new();
    for (index, point) in points.iter().enumerate() {
        if point.value.is_finite() && inside(point) {
            finite.push(*point);
            at.push(index);
        }
    }
    let kept = buckets::kept(
        finite.len(),
        |i| place(&finite[i]),
        |i| finite[i].value,
        request.width_px,
    );
    let all = || kept.iter().map(|index| &finite[*index]);
    Drawn {
        attempt: summary.attempt,
        source: Some(summary.source),
        key: summary.key.clone(),
        x: all().map(place).collect(),
        steps: all().map(|point| point.step).collect(),
        times_millis: all().map(|point| point.time_millis).collect(),
        values: all().map(|point| point.value).collect(),
        smoothed: if smooth.is_empty() {
            Vec::new()
        } else {
            kept.iter().map(|index| smooth[at[*index]]).collect()
        },
        non_finite: points
            .iter()
            .filter(|point| inside(point))
            .filter_map(|point| Some((place(point), NonFinite::of(point.value)?)))
            .collect(),
        count: summary.count,
        is_exact: kept.len() == finite.len(),
        typical: None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{SeriesKey, Source};
    use super::*;

    #[test]
    fn smoothing_does_not_change_with_zoom_and_what_is_not_finite_is_told_apart() {
        let points: Vec<Point> = (0..1000)
            .map(|step| Point {
                step,
                time_millis: step,
                value: if step == 500 {
                    f64::NAN
                } else {
                    (step % 7) as f64
                },
            })
            .collect();
        let summary = Summary {
            attempt: 1,
            source: Source::Jsonl,
            key: SeriesKey::plain("loss"),
            count: 1000,
            non_finite: 1,
            first_step: 0,
            last_step: 999,
            last: Some(5.0),
            min: Some(0.0),
            max: Some(6.0),
        };
        let request = DrawRequest {
            series: vec![SeriesKey::plain("loss")],
            width_px: 10,
            smoothing: Smoothing::Ema { weight: 0.9 },
            ..DrawRequest::default()
        };
        let all = drawn(&summary, &points, &request);
        assert!(all.steps.len() <= 40 && !all.is_exact);
        assert_eq!(all.smoothed.len(), all.values.len());
        assert_eq!(all.non_finite, [(500.0, NonFinite::NaN)]);
        let near = drawn(
            &summary,
            &points,
            &DrawRequest {
                from: Some(990.0),
                width_px: 300,
                ..request
            },
        );
        assert!(near.is_exact && near.steps.len() == 10 && near.non_finite.is_empty());
        let at = |drawn: &Drawn, step| {
            drawn
                .steps
                .iter()
                .position(|s| *s == step)
                .map(|at| drawn.smoothed[at])
        };
        assert_eq!(at(&all, 999), at(&near, 999));
    }
}
