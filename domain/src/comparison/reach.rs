//! How soon a run reaches a value: steps and time to a loss, and how much faster than the slowest.

use serde::{Deserialize, Serialize};

use crate::metrics::Point;

/// From which side the value is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Towards {
    /// A loss falls to it.
    #[default]
    Down,
    /// An accuracy rises to it.
    Up,
}

/// Where a run first reached the value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reached {
    pub step: i64,
    /// Since the run's first point of this series.
    pub millis: i64,
    pub value: f64,
}

/// The first point at or beyond `threshold`; `values` are the points' values, smoothed or not.
pub fn reach(
    points: &[Point],
    values: &[f64],
    threshold: f64,
    towards: Towards,
) -> Option<Reached> {
    let start = points.first()?.time_millis;
    points.iter().zip(values).find_map(|(point, value)| {
        let is_there = match towards {
            Towards::Down => *value <= threshold,
            Towards::Up => *value >= threshold,
        };
        is_there.then_some(Reached {
            step: point.step,
            millis: point.time_millis - start,
            value: *value,
        })
    })
}

/// How many times fewer steps each run needed than the slowest that got there; None: it did not get there.
pub fn speed_ups(reached: &[Option<Reached>], of: impl Fn(&Reached) -> i64) -> Vec<Option<f64>> {
    let slowest = reached.iter().flatten().map(&of).max();
    reached
        .iter()
        .map(|one| {
            let own = of(one.as_ref()?);
            (own > 0).then(|| slowest.unwrap_or(own) as f64 / own as f64)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_at_the_value_counts() {
        let values = [4.0, 2.0, f64::NAN, 0.9, 1.2];
        let points: Vec<Point> = (0..5)
            .map(|at| Point {
                step: 10 * (at + 1),
                time_millis: 1000 + 500 * at,
                value: values[at as usize],
            })
            .collect();
        let down = reach(&points, &values, 1.0, Towards::Down);
        assert_eq!(
            down,
            Some(Reached {
                step: 40,
                millis: 1500,
                value: 0.9
            })
        );
        assert_eq!(reach(&points, &values, 0.1, Towards::Down), None);
        assert_eq!(
            reach(&points, &values, 4.0, Towards::Up).map(|r| r.step),
            Some(10)
        );
        assert_eq!(reach(&[], &[], 1.0, Towards::Down), None);
    }

    #[test]
    fn the_slowest_is_the_measure() {
        let at = |step| {
            Some(Reached {
                step,
                millis: 0,
                value: 0.0,
            })
        };
        let ratios = speed_ups(&[at(100), None, at(400), at(0)], |reached| reached.step);
        assert_eq!(ratios, [Some(4.0), None, Some(1.0), None]);
    }
}
