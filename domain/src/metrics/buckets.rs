//! A series reduced to the pixels of a chart: per column at most first, min, max and last, all of them points that were measured.

use super::Point;

/// At most four points per column, in the order of `points`, which is kept when it is not more than that anyway.
///
/// `points` are finite, sorted by step, and lie in `from..=to`. Every extreme of the data survives, so a spike of one point is seen at
/// any zoom; zooming in ends at the raw points.
pub fn reduce(points: &[Point], from: i64, to: i64, columns: u32) -> Vec<Point> {
    let columns = columns.max(1) as usize;
    if points.len() <= columns * 4 {
        return points.to_vec();
    }
    // i128: the span of two i64 steps does not fit in one.
    let span = (i128::from(to) - i128::from(from)).max(1) + 1;
    let column =
        |step: i64| ((i128::from(step) - i128::from(from)) * columns as i128 / span) as usize;
    let mut kept = Vec::with_capacity(columns * 4);
    let mut begin = 0;
    while begin < points.len() {
        let here = column(points[begin].step);
        let length = points[begin..].partition_point(|point| column(point.step) == here);
        bucket(&points[begin..begin + length], &mut kept);
        begin += length;
    }
    kept
}

fn bucket(points: &[Point], kept: &mut Vec<Point>) {
    let (mut low, mut high) = (0, 0);
    for (at, point) in points.iter().enumerate() {
        if point.value < points[low].value {
            low = at;
        }
        if point.value > points[high].value {
            high = at;
        }
    }
    let mut chosen = [0, low, high, points.len() - 1];
    chosen.sort_unstable();
    for (at, index) in chosen.iter().enumerate() {
        if at == 0 || chosen[at - 1] != *index {
            kept.push(points[*index]);
        }
    }
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
        assert_eq!(reduce(&points, 0, 2, 1), points);
    }

    #[test]
    fn one_spike_among_a_million_points_is_seen() {
        let mut values = vec![1.0; 1_000_000];
        values[654_321] = 99.0;
        let kept = reduce(&series(&values), 0, 999_999, 1200);
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
            let last = points.len() as i64 - 1;
            let kept = reduce(&points, 0, last, columns);
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
