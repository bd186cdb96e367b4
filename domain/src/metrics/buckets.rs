//! A series reduced to the pixels of a chart: per column at most first, min, max and last, all of them points that were measured.

use super::Point;

/// Places of at most four points per column, rising; all of them when they are not more than that anyway.
///
/// Points are finite and sorted by `x`. Every extreme of the data survives, so a spike of one point is seen at any zoom; zooming in ends
/// at the raw points.
pub fn kept(
    length: usize,
    x: impl Fn(usize) -> f64,
    value: impl Fn(usize) -> f64,
    columns: u32,
) -> Vec<usize> {
    let columns = columns.max(1) as usize;
    if length <= columns * 4 {
        return (0..length).collect();
    }
    let (from, to) = (x(0), x(length - 1));
    let span = (to - from).max(f64::MIN_POSITIVE);
    let column = |at: usize| ((((x(at) - from) / span) * columns as f64) as usize).min(columns - 1);
    let mut kept = Vec::with_capacity(columns * 4);
    let mut begin = 0;
    while begin < length {
        let here = column(begin);
        let (mut low, mut high, mut end) = (begin, begin, begin);
        while end < length && column(end) == here {
            if value(end) < value(low) {
                low = end;
            }
            if value(end) > value(high) {
                high = end;
            }
            end += 1;
        }
        let mut chosen = [begin, low, high, end - 1];
        chosen.sort_unstable();
        for (at, index) in chosen.iter().enumerate() {
            if at == 0 || chosen[at - 1] != *index {
                kept.push(*index);
            }
        }
        begin = end;
    }
    kept
}

/// The points that `kept` names, along their steps.
pub fn reduce(points: &[Point], columns: u32) -> Vec<Point> {
    let places = kept(
        points.len(),
        |at| points[at].step as f64,
        |at| points[at].value,
        columns,
    );
    places.into_iter().map(|at| points[at]).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn series(values: &[f64]) -> Vec<Point> {
        (0..)
            .zip(values)
            .map(|(step, value)| Point {
                step,
                time_millis: step * 1000,
                value: *value,
            })
            .collect()
    }

    #[test]
    fn few_points_stay_as_they_are() {
        let points = series(&[3.0, 1.0, 2.0]);
        assert_eq!(reduce(&points, 1), points);
    }

    #[test]
    fn one_spike_among_a_million_points_is_seen() {
        let mut values = vec![1.0; 1_000_000];
        values[654_321] = 99.0;
        let kept = reduce(&series(&values), 1200);
        assert!(kept.len() <= 4800);
        assert!(
            kept.iter()
                .any(|point| point.step == 654_321 && point.value == 99.0)
        );
    }

    proptest! {
        #[test]
        fn what_is_kept_was_measured_and_keeps_ends_and_extremes(
            values in proptest::collection::vec(-1e6_f64..1e6, 1..400), columns in 1_u32..40,
        ) {
            let points = series(&values);
            let kept = reduce(&points, columns);
            prop_assert!(kept.len() <= (columns as usize * 4).max(1));
            prop_assert!(kept.iter().all(|point| points.contains(point)));
            prop_assert!(kept.windows(2).all(|pair| pair[0].step < pair[1].step));
            prop_assert_eq!((kept[0], kept[kept.len() - 1]), (points[0], points[points.len() - 1]));
            let high = |points: &[Point]| points.iter().map(|point| point.value).fold(f64::MIN, f64::max);
            let low = |points: &[Point]| points.iter().map(|point| point.value).fold(f64::MAX, f64::min);
            prop_assert_eq!((low(&kept), high(&kept)), (low(&points), high(&points)));
        }
    }
}
