//! Smoothing, computed over all points of a series before it is reduced to pixels, so that it does not change with zoom.

use serde::{Deserialize, Serialize};

use super::Point;

/// How a curve is smoothed.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Smoothing {
    #[default]
    None,
    /// TensorBoard's debiased average; weight 0 … just below 1.
    Ema { weight: f64 },
    /// The same, forgetting by distance along the axis instead of by point.
    TimeWeighted { weight: f64 },
    /// Weighted by a bell of this many points on either side (its standard deviation).
    Gaussian { deviation: f64 },
    /// Mean of this many points around each.
    Running { window: u32 },
}

/// All points smoothed, one value per point; empty when nothing is to be smoothed.
pub fn smoothed(points: &[Point], smoothing: Smoothing) -> Vec<f64> {
    match smoothing {
        Smoothing::Ema { weight } if weight > 0.0 => debiased(points, weight),
        Smoothing::TimeWeighted { weight } if weight > 0.0 => {
            let span = points.last().map_or(0, |p| p.step) - points.first().map_or(0, |p| p.step);
            let typical = span as f64 / points.len().saturating_sub(1).max(1) as f64;
            time_weighted(points, weight, typical)
        }
        _ => Vec::new(),
    }
}

/// TensorBoard's debiased exponential moving average: `s ← w·s + (1 − w)·v`, shown as `s / (1 − wⁿ)`.
///
/// `weight` is 0 (none) to just below 1. Points that are not finite are passed through and leave the average as it was.
pub fn debiased(points: &[Point], weight: f64) -> Vec<f64> {
    let weight = weight.clamp(0.0, 0.9999);
    let (mut average, mut bias) = (0.0, 1.0);
    points
        .iter()
        .map(|point| {
            if !point.value.is_finite() {
                return point.value;
            }
            average = weight * average + (1.0 - weight) * point.value;
            bias *= weight;
            average / (1.0 - bias)
        })
        .collect()
}

/// The same for steps that are not evenly spaced: a gap of `typical` steps weighs like one point, a wider one forgets more.
pub fn time_weighted(points: &[Point], weight: f64, typical: f64) -> Vec<f64> {
    let weight = weight.clamp(0.0, 0.9999);
    let (mut sum, mut total, mut before) = (0.0, 0.0, None);
    points
        .iter()
        .map(|point| {
            if !point.value.is_finite() {
                return point.value;
            }
            let gap = before.map_or(1.0, |step| {
                (point.step - step) as f64 / typical.max(f64::MIN_POSITIVE)
            });
            before = Some(point.step);
            let keep = weight.powf(gap.max(0.0));
            sum = keep * sum + point.value;
            total = keep * total + 1.0;
            sum / total
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[f64]) -> Vec<Point> {
        (0..)
            .zip(values)
            .map(|(step, value)| Point {
                step,
                time_millis: 0,
                value: *value,
            })
            .collect()
    }

    #[test]
    fn a_constant_stays_a_constant_from_the_first_point() {
        let points = series(&[4.0; 20]);
        for smoothed in [debiased(&points, 0.9), time_weighted(&points, 0.9, 1.0)] {
            assert!(smoothed.iter().all(|value| (value - 4.0).abs() < 1e-12));
        }
    }

    #[test]
    fn the_debiased_average_is_that_of_its_definition() {
        // s₁ = 0.5·1 / 0.5 = 1; s₂ = (0.25·1 + 0.5·3) / 0.75
        let smoothed = debiased(&series(&[1.0, 3.0]), 0.5);
        assert!((smoothed[0] - 1.0).abs() < 1e-12);
        assert!((smoothed[1] - 1.75 / 0.75).abs() < 1e-12);
        assert_eq!(debiased(&series(&[1.0, 3.0]), 0.0), [1.0, 3.0]);
    }

    #[test]
    fn evenly_spaced_points_weigh_alike_in_both() {
        let points = series(&[1.0, 5.0, 2.0, 8.0, 3.0]);
        for (one, other) in debiased(&points, 0.6)
            .iter()
            .zip(time_weighted(&points, 0.6, 1.0))
        {
            assert!((one - other).abs() < 1e-12);
        }
    }

    #[test]
    fn what_is_not_finite_does_not_poison_the_rest() {
        let smoothed = debiased(&series(&[1.0, f64::NAN, 1.0]), 0.9);
        assert!(smoothed[1].is_nan());
        assert!((smoothed[2] - 1.0).abs() < 1e-12);
    }
}
