//! The mean of several runs at each step, with a band.

use super::Band;
use crate::metrics::Point;

/// Mean and band of some series, column by column in the order of steps.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mean {
    pub points: Vec<Point>,
    pub low: Vec<f64>,
    pub high: Vec<f64>,
}

/// At each step that any of them has: the mean of those that have a finite value there. Runs that ended earlier leave the mean from then
/// on, they are not continued. Of several points at one step in one run the last counts. Times are those of the first that has the step.
///
/// `series`: each in the order of steps.
pub fn mean(series: &[Vec<Point>], band: Band) -> Mean {
    let mut at: Vec<(i64, usize, Point)> = Vec::with_capacity(series.iter().map(Vec::len).sum());
    for (run, points) in series.iter().enumerate() {
        for (index, point) in points.iter().enumerate() {
            let is_last_of_step = points
                .get(index + 1)
                .is_none_or(|next| next.step != point.step);
            if is_last_of_step && point.value.is_finite() {
                at.push((point.step, run, *point));
            }
        }
    }
    at.sort_by_key(|(step, run, _)| (*step, *run));
    let mut mean = Mean::default();
    for of_step in at.chunk_by(|one, other| one.0 == other.0) {
        let count = of_step.len() as f64;
        let values = || of_step.iter().map(|(_, _, point)| point.value);
        let centre = values().sum::<f64>() / count;
        let (low, high) = match band {
            Band::Ends => (
                values().fold(f64::INFINITY, f64::min),
                values().fold(f64::NEG_INFINITY, f64::max),
            ),
            Band::Deviation => {
                let squares = values().map(|value| (value - centre).powi(2)).sum::<f64>();
                let deviation = if count > 1.0 {
                    (squares / (count - 1.0)).sqrt()
                } else {
                    0.0
                };
                (centre - deviation, centre + deviation)
            }
        };
        let first = of_step[0].2;
        mean.points.push(Point {
            value: centre,
            ..first
        });
        mean.low.push(low);
        mean.high.push(high);
    }
    mean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[(i64, f64)]) -> Vec<Point> {
        let point = |(step, value): &(i64, f64)| Point {
            step: *step,
            time_millis: step * 10,
            value: *value,
        };
        values.iter().map(point).collect()
    }

    #[test]
    fn steps_are_aligned_and_whoever_has_none_is_left_out() {
        let runs = [
            series(&[(1, 4.0), (2, 3.0), (3, 2.0)]),
            series(&[(1, 2.0), (3, 4.0), (3, 1.0), (4, 7.0)]),
            series(&[(1, f64::NAN), (2, 1.0)]),
        ];
        let ends = mean(&runs, Band::Ends);
        let means: Vec<(i64, f64)> = ends.points.iter().map(|p| (p.step, p.value)).collect();
        assert_eq!(means, [(1, 3.0), (2, 2.0), (3, 1.5), (4, 7.0)]);
        assert_eq!(ends.low, [2.0, 1.0, 1.0, 7.0]);
        assert_eq!(ends.high, [4.0, 3.0, 2.0, 7.0]);
        let deviation = mean(&runs, Band::Deviation);
        let root = 2.0_f64.sqrt();
        assert!((deviation.high[0] - (3.0 + root)).abs() < 1e-12);
        assert_eq!((deviation.low[3], deviation.high[3]), (7.0, 7.0));
        assert_eq!(mean(&[], Band::Ends), Mean::default());
    }
}
