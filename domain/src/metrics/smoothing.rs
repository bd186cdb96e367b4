//! Smoothing, computed over all points of a series before it is reduced to pixels, so that it does not change with zoom.

use serde::{Deserialize, Serialize};

/// How a curve is smoothed.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Smoothing {
    #[default]
    None,
    /// TensorBoard's debiased average; weight 0 … just below 1.
    Ema { weight: f64 },
    /// The same, forgetting by distance along the axis instead of by point, as SwanLab does.
    TimeWeighted { weight: f64 },
    /// Weighted by a bell of this many points on either side (its standard deviation).
    Gaussian { deviation: f64 },
    /// Mean of this many points around each.
    Running { window: u32 },
}

/// A weight of 1 would never take anything in.
const MOST: f64 = 0.9999;
/// A whole series is this many units long for the time-weighted average.
const LENGTH: f64 = 1000.0;
/// A bell reaches this many deviations to either side.
const REACH: f64 = 3.0;
/// Above this deviation a bell is four running means, which differ from it by less than 5 % of its height and cost the same at any width.
const WIDE: f64 = 24.0;
const WIDEST: f64 = 1e6;

impl Smoothing {
    /// Nothing is asked for, or so little that the curve stays what it is.
    pub fn is_off(self) -> bool {
        match self {
            Smoothing::None => true,
            Smoothing::Ema { weight } | Smoothing::TimeWeighted { weight } => {
                weight.is_nan() || weight <= 0.0
            }
            Smoothing::Gaussian { deviation } => deviation.is_nan() || deviation <= 0.0,
            Smoothing::Running { window } => window < 2,
        }
    }
}

/// All values smoothed, one for each; empty when nothing is to be smoothed. `x` is where a value lies along the axis, rising.
///
/// Values that are not finite pass through and count for nothing.
pub fn smoothed(x: impl Fn(usize) -> f64, values: &[f64], smoothing: Smoothing) -> Vec<f64> {
    if smoothing.is_off() {
        return Vec::new();
    }
    // Also in TensorBoard a constant is returned unchanged, where the average would be off in its last digits.
    let mut finite = values.iter().filter(|value| value.is_finite());
    let first = finite.next();
    if first.is_none_or(|first| finite.all(|value| value == first)) {
        return values.to_vec();
    }
    match smoothing {
        Smoothing::None => Vec::new(),
        Smoothing::Ema { weight } => {
            let mut average = Ema::new(weight);
            values.iter().map(|value| average.next(*value)).collect()
        }
        Smoothing::TimeWeighted { weight } => time_weighted(x, values, weight),
        Smoothing::Gaussian { deviation } => {
            over_finite(values, |values| bell(values, deviation.min(WIDEST)))
        }
        Smoothing::Running { window } => {
            let window = window as usize;
            over_finite(values, |values| means(values, window / 2, (window - 1) / 2))
        }
    }
}

/// TensorBoard's debiased exponential moving average: `s ← w·s + (1 − w)·v`, shown as `s / (1 − wⁿ)`
/// (tensorboard/webapp/widgets/line_chart_v2/data_transformer.ts, `classicSmoothing`). A recurrence: it goes on where it stopped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ema {
    weight: f64,
    sum: f64,
    bias: f64,
}

impl Ema {
    pub fn new(weight: f64) -> Ema {
        Ema {
            weight: weight.clamp(0.0, MOST),
            sum: 0.0,
            bias: 1.0,
        }
    }

    /// The average after one more value. One that is not finite passes through and leaves the average as it was.
    pub fn next(&mut self, value: f64) -> f64 {
        if !value.is_finite() {
            return value;
        }
        self.sum = self.weight * self.sum + (1.0 - self.weight) * value;
        self.bias *= self.weight;
        self.sum / (1.0 - self.bias)
    }
}

/// SwanLab's and W&B's time-weighted average: `W = min(√w, 0.999)`, `a = W^(1000·Δx / range)`, `s ← a·s + v`, `d ← a·d + 1`, shown as
/// `s / d`. The range is that of the whole series, not of what is in view, so the curve does not change with zoom.
fn time_weighted(x: impl Fn(usize) -> f64, values: &[f64], weight: f64) -> Vec<f64> {
    let weight = weight.sqrt().min(0.999);
    // By halves: a range may be wider than the greatest number.
    let half = x(values.len() - 1) / 2.0 - x(0) / 2.0;
    let (mut average, mut total, mut before) = (0.0, 0.0, x(0));
    let (mut distance, mut keep) = (f64::NAN, 1.0);
    let next = |(at, value): (usize, &f64)| {
        if !value.is_finite() {
            return *value;
        }
        let moved = x(at) / 2.0 - before / 2.0;
        before = x(at);
        // Points mostly lie evenly: the power is taken once.
        if moved.to_bits() != f64::to_bits(distance) {
            distance = moved;
            keep = if half > 0.0 {
                weight.powf(LENGTH * (moved / half))
            } else {
                1.0
            };
        }
        total = keep * total + 1.0;
        // s / d without s, which could overflow.
        average = average * (1.0 - 1.0 / total) + value / total;
        average
    };
    values.iter().enumerate().map(next).collect()
}

/// Smooths the finite values as if the others were not there, and puts those back.
fn over_finite(values: &[f64], smooth: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    // Sums of values near the greatest number would overflow.
    const HUGE: f64 = 1e290;
    const SCALE: f64 = 1e-20;
    let greatest = values
        .iter()
        .filter(|value| value.is_finite())
        .fold(0.0, |most: f64, value| most.max(value.abs()));
    let scale = if greatest > HUGE { SCALE } else { 1.0 };
    let finite: Vec<f64> = values
        .iter()
        .filter(|value| value.is_finite())
        .map(|value| value * scale)
        .collect();
    let mut smoothed = smooth(&finite).into_iter();
    let put_back = |value: &f64| match value.is_finite() {
        true => smoothed.next().unwrap_or(*value) / scale,
        false => *value,
    };
    values.iter().map(put_back).collect()
}

/// The mean of each value with `before` values before it and `after` after it; at the ends of those that there are.
///
/// Sums are taken within blocks of the window's length, from both of their sides, and never subtracted from: a spike leaves no trace
/// after it has left the window.
fn means(values: &[f64], before: usize, after: usize) -> Vec<f64> {
    let (length, window) = (values.len(), before + after + 1);
    let mut up_to = values.to_vec();
    let mut from = values.to_vec();
    for at in 1..length {
        if at % window != 0 {
            up_to[at] += up_to[at - 1];
        }
    }
    for at in (1..length).rev() {
        if at % window != 0 {
            from[at - 1] += from[at];
        }
    }
    let mean = |at: usize| {
        let begin = at.saturating_sub(before);
        let end = (at + after).min(length - 1);
        // Both lie in one block (then one of them at its edge, or the series is shorter than it), or in two that touch.
        let sum = if begin / window != end / window {
            from[begin] + up_to[end]
        } else if begin.is_multiple_of(window) {
            up_to[end]
        } else if end == length - 1 || (end + 1).is_multiple_of(window) {
            from[begin]
        } else {
            values[begin..=end].iter().sum()
        };
        sum / (end - begin + 1) as f64
    };
    (0..length).map(mean).collect()
}

/// Weighted by `exp(−d² / 2σ²)`, d counted in points, up to three σ; at the ends by what there is.
fn bell(values: &[f64], deviation: f64) -> Vec<f64> {
    if deviation > WIDE {
        // The variance of n means over 2r + 1 points is n·((2r + 1)² − 1) / 12.
        let radius = ((((deviation * deviation * 12.0 / 4.0 + 1.0).sqrt() - 1.0) / 2.0).round()
            as usize)
            .max(1);
        return (0..4).fold(values.to_vec(), |values, _| means(&values, radius, radius));
    }
    let radius = ((REACH * deviation).ceil() as usize).max(1);
    let weight = |distance: usize| (-0.5 * (distance as f64 / deviation).powi(2)).exp();
    let weights: Vec<f64> = (0..=2 * radius)
        .map(|at| weight(at.abs_diff(radius)))
        .collect();
    let smooth = |at: usize| {
        let begin = at.saturating_sub(radius);
        let around = &values[begin..(at + radius + 1).min(values.len())];
        let weights = &weights[begin + radius - at..][..around.len()];
        let sum: f64 = around
            .iter()
            .zip(weights)
            .map(|(value, weight)| value * weight)
            .sum();
        sum / weights.iter().sum::<f64>()
    };
    (0..values.len()).map(smooth).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KINDS: [Smoothing; 5] = [
        Smoothing::Ema { weight: 0.9 },
        Smoothing::TimeWeighted { weight: 0.9 },
        Smoothing::Gaussian { deviation: 2.5 },
        Smoothing::Gaussian { deviation: 30.0 },
        Smoothing::Running { window: 5 },
    ];

    fn evenly(values: &[f64], smoothing: Smoothing) -> Vec<f64> {
        smoothed(|at| at as f64, values, smoothing)
    }

    fn close(one: &[f64], other: &[f64], tolerance: f64) -> bool {
        one.len() == other.len()
            && one.iter().zip(other).all(|(a, b)| {
                a == b
                    || (a.is_nan() && b.is_nan())
                    || (a - b).abs() <= tolerance * (1.0 + a.abs().max(b.abs()))
            })
    }

    /// Line by line after TensorBoard's `classicSmoothing`, its variable names kept.
    fn tensorboard(data: &[f64], smoothing_weight: f64) -> Vec<f64> {
        let is_constant = data.iter().all(|v| *v == data[0]);
        let mut last = if data.is_empty() { f64::NAN } else { 0.0 };
        let mut num_accum = 0;
        let mut result = Vec::new();
        for next_val in data {
            if is_constant || !next_val.is_finite() {
                result.push(*next_val);
            } else {
                last = last * smoothing_weight + (1.0 - smoothing_weight) * next_val;
                num_accum += 1;
                let mut debias_weight = 1.0;
                if smoothing_weight != 1.0 {
                    debias_weight = 1.0 - smoothing_weight.powi(num_accum);
                }
                result.push(last / debias_weight);
            }
        }
        result
    }

    /// Straight from the definition: every value weighed by all that came before it.
    fn time_weighted_by_definition(x: &[f64], values: &[f64], weight: f64) -> Vec<f64> {
        let w = weight.sqrt().min(0.999);
        let range = x[x.len() - 1] - x[0];
        (0..values.len())
            .map(|i| {
                let weigh = |j: usize| w.powf(1000.0 * (x[i] - x[j]) / range);
                let sum: f64 = (0..=i).map(|j| weigh(j) * values[j]).sum();
                sum / (0..=i).map(weigh).sum::<f64>()
            })
            .collect()
    }

    #[test]
    fn a_constant_is_returned_unchanged() {
        for kind in KINDS {
            assert_eq!(evenly(&[0.1; 50], kind), [0.1; 50], "{kind:?}");
        }
    }

    #[test]
    fn what_is_not_finite_passes_through_and_leaves_the_rest_alone() {
        let clean: Vec<f64> = (0..40).map(|at| f64::from(at % 7)).collect();
        let mut holed = clean.clone();
        holed.splice(10..10, [f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
        for kind in [KINDS[0], KINDS[2], KINDS[4]] {
            let mut smoothed = evenly(&holed, kind);
            let passed: Vec<f64> = smoothed.drain(10..13).collect();
            assert!(
                passed[0].is_nan() && passed[1] == f64::INFINITY && passed[2] == f64::NEG_INFINITY
            );
            assert!(close(&smoothed, &evenly(&clean, kind), 1e-12), "{kind:?}");
        }
        for kind in KINDS {
            assert!(
                evenly(&[f64::NAN; 3], kind)
                    .iter()
                    .all(|value| value.is_nan())
            );
            assert!(evenly(&[], kind).is_empty());
        }
    }

    #[test]
    fn the_greatest_and_the_smallest_numbers_stay_finite() {
        for values in [
            [1e308, -1e308, 1.7e308, 1e308],
            [5e-324, 0.0, 1e-310, 2e-320],
        ] {
            for kind in KINDS {
                let all = evenly(&values.repeat(30), kind);
                assert!(
                    all.iter().all(|value| value.is_finite()),
                    "{kind:?} {all:?}"
                );
            }
        }
    }

    #[test]
    fn a_wide_bell_is_close_to_its_definition() {
        let values: Vec<f64> = (0..2000)
            .map(|at| {
                if at == 1000 {
                    1000.0
                } else {
                    f64::from(at % 2)
                }
            })
            .collect();
        let all = evenly(&values, Smoothing::Gaussian { deviation: 50.0 });
        let bell = |d: f64| {
            1000.0 * (-d * d / 5000.0).exp() / (50.0 * (2.0 * std::f64::consts::PI).sqrt())
        };
        for distance in [0, 10, 50, 100] {
            let (is, should) = (all[1000 + distance] - 0.5, bell(distance as f64));
            assert!(
                (is - should).abs() < 0.05 * bell(0.0),
                "{distance}: {is} {should}"
            );
        }
    }

    #[test]
    fn off_is_off() {
        for kind in [
            Smoothing::None,
            Smoothing::Ema { weight: 0.0 },
            Smoothing::Ema { weight: f64::NAN },
            Smoothing::Running { window: 1 },
            Smoothing::Gaussian { deviation: -1.0 },
        ] {
            assert!(evenly(&[1.0, 2.0], kind).is_empty(), "{kind:?}");
        }
    }

    prop_compose! {
        fn values()(values in proptest::collection::vec(
            prop_oneof![8 => -1e6_f64..1e6, 1 => Just(f64::NAN), 1 => Just(f64::INFINITY)], 1..300)) -> Vec<f64> { values }
    }

    proptest! {
        #[test]
        fn the_average_is_tensorboards(values in values(), weight in 0.001_f64..0.999) {
            let all = evenly(&values, Smoothing::Ema { weight });
            prop_assert!(close(&all, &tensorboard(&values, weight), 1e-9));
        }

        #[test]
        fn the_time_weighted_average_is_that_of_its_definition(
            steps in proptest::collection::vec((0_u32..50, -1e3_f64..1e3), 2..60), weight in 0.01_f64..1.0,
        ) {
            let mut at = 0.0;
            let x: Vec<f64> = steps.iter().map(|(gap, _)| { at += f64::from(*gap); at }).collect();
            prop_assume!(x[0] < x[x.len() - 1]);
            let values: Vec<f64> = steps.iter().map(|(_, value)| *value).collect();
            let all = smoothed(|at| x[at], &values, Smoothing::TimeWeighted { weight });
            prop_assert!(close(&all, &time_weighted_by_definition(&x, &values, weight), 1e-9));
        }

        #[test]
        fn a_running_mean_is_the_mean_of_its_window(values in proptest::collection::vec(-1e6_f64..1e6, 1..80), window in 2_u32..100) {
            let all = evenly(&values, Smoothing::Running { window });
            let (before, after) = (window as usize / 2, (window as usize - 1) / 2);
            let mean = |at: usize| {
                let around = &values[at.saturating_sub(before)..=(at + after).min(values.len() - 1)];
                around.iter().sum::<f64>() / around.len() as f64
            };
            let expected: Vec<f64> = (0..values.len()).map(mean).collect();
            prop_assert!(close(&all, &expected, 1e-9));
        }
    }
}
