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

/// What a chart asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DrawRequest {
    pub names: Vec<String>,
    /// None: the newest.
    pub attempt: Option<u32>,
    /// None: from the first step.
    pub from_step: Option<i64>,
    /// None: to the last step.
    pub to_step: Option<i64>,
    /// Pixel columns of the chart; at most four points per column come back.
    pub width_px: u32,
    /// Weight of the debiased moving average, 0 (none) to just below 1.
    pub smoothing: f64,
}

/// One source per name, the best there is.
pub fn best<'a>(summaries: impl Iterator<Item = &'a Summary>) -> Option<&'a Summary> {
    summaries.min_by_key(|summary| summary.source)
}

/// A series as a chart of `columns` pixels gets it: smoothed over all points, then cut to `from..=to` and reduced.
pub fn drawn(summary: &Summary, points: &[Point], request: &DrawRequest) -> Drawn {
    let from = request.from_step.unwrap_or(summary.first_step);
    let to = request.to_step.unwrap_or(summary.last_step);
    let inside = |point: &Point| (from..=to).contains(&point.step);
    let smooth = request.smoothing > 0.0;
    let mut by_place = std::collections::HashMap::new();
    if smooth {
        for (point, value) in points
            .iter()
            .zip(smoothing::debiased(points, request.smoothing))
        {
            by_place.insert(
                (point.step, point.time_millis, point.value.to_bits()),
                value,
            );
        }
    }
    let finite: Vec<Point> = points
        .iter()
        .filter(|point| inside(point) && point.value.is_finite())
        .copied()
        .collect();
    let kept = buckets::reduce(&finite, from, to, request.width_px);
    Drawn {
        attempt: summary.attempt,
        source: Some(summary.source),
        name: summary.name.clone(),
        steps: kept.iter().map(|point| point.step).collect(),
        times_millis: kept.iter().map(|point| point.time_millis).collect(),
        values: kept.iter().map(|point| point.value).collect(),
        smoothed: if smooth {
            kept.iter()
                .filter_map(|point| {
                    by_place
                        .get(&(point.step, point.time_millis, point.value.to_bits()))
                        .copied()
                })
                .collect()
        } else {
            Vec::new()
        },
        non_finite: points
            .iter()
            .filter(|point| inside(point))
            .filter_map(|point| Some((point.step, NonFinite::of(point.value)?)))
            .collect(),
        count: summary.count,
        is_exact: kept.len() == finite.len(),
    }
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

#[cfg(test)]
mod tests {
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
            name: "loss".to_owned(),
            count: 1000,
            non_finite: 1,
            first_step: 0,
            last_step: 999,
            last: Some(5.0),
            min: Some(0.0),
            max: Some(6.0),
        };
        let request = DrawRequest {
            names: vec!["loss".to_owned()],
            attempt: None,
            from_step: None,
            to_step: None,
            width_px: 10,
            smoothing: 0.9,
        };
        let all = drawn(&summary, &points, &request);
        assert!(all.steps.len() <= 40 && !all.is_exact);
        assert_eq!(all.smoothed.len(), all.values.len());
        assert_eq!(all.non_finite, [(500, NonFinite::NaN)]);
        let near = drawn(
            &summary,
            &points,
            &DrawRequest {
                from_step: Some(990),
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
