//! The lines of a chart, and what its axes have to reach.

use domain::metrics::Drawn;
use domain::metrics::ticks::Scale;

use super::Frame;

/// One curve of a chart.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    pub drawn: &'a Drawn,
    /// Index into the palette.
    pub colour: usize,
    /// Of an attempt that a newer one took over from.
    pub is_old: bool,
}

/// Everything on a chart, in the unit of the data.
#[derive(Debug, Clone, Default)]
pub struct Picture<'a> {
    /// Older attempts first: the newest is drawn over them.
    pub lines: Vec<Line<'a>>,
    pub x_scale: Scale,
    pub y_scale: Scale,
    /// None: all that there is.
    pub range: Option<(f64, f64)>,
    pub hides_outliers: bool,
    pub has_band: bool,
}

impl Picture<'_> {
    /// The plot on a chart of this size in CSS pixels.
    pub fn frame(&self, size: (f64, f64)) -> Frame {
        let x = self.across();
        Frame::new(size, (self.x_scale, self.y_scale), x, self.heights(x))
    }

    /// The ends of the axis along the lower edge, as places of its scale.
    fn across(&self) -> (f64, f64) {
        let placed = |x: f64| self.x_scale.place(x);
        if let Some((from, to)) = self.range
            && let (Some(from), Some(to)) = (placed(from.max(self.lowest_x())), placed(to))
            && from < to
        {
            return (from, to);
        }
        let mut ends = Ends::default();
        for line in &self.lines {
            // In the order of the axis; with a logarithm the first that has one counts.
            let xs = &line.drawn.x;
            xs.iter()
                .find_map(|x| placed(*x))
                .into_iter()
                .for_each(|x| ends.add(x));
            xs.iter()
                .rev()
                .find_map(|x| placed(*x))
                .into_iter()
                .for_each(|x| ends.add(x));
            for (x, _) in [line.drawn.non_finite.first(), line.drawn.non_finite.last()]
                .into_iter()
                .flatten()
            {
                placed(*x).into_iter().for_each(|x| ends.add(x));
            }
        }
        match ends.0 {
            Some((from, to)) if from < to => (from, to),
            Some((at, _)) => (at - 2.0, at + 2.0),
            None => (0.0, 1.0),
        }
    }

    /// What a logarithmic axis can begin with when the range asks for zero: the smallest place that a point has.
    fn lowest_x(&self) -> f64 {
        if self.x_scale != Scale::Log {
            return f64::NEG_INFINITY;
        }
        let firsts = self
            .lines
            .iter()
            .filter_map(|line| line.drawn.x.iter().find(|x| **x > 0.0));
        firsts.copied().fold(f64::INFINITY, f64::min).min(f64::MAX)
    }

    /// The ends of the axis of values, with a little air, as places of its scale.
    fn heights(&self, x: (f64, f64)) -> (f64, f64) {
        let (from, to) = (self.x_scale.value(x.0), self.x_scale.value(x.1));
        let mut ends = Ends::default();
        let mut add = |value: f64| {
            self.y_scale
                .place(value)
                .into_iter()
                .for_each(|y| ends.add(y))
        };
        for line in &self.lines {
            let drawn = line.drawn;
            if let (true, Some((low, high))) = (self.hides_outliers, drawn.typical) {
                add(low);
                add(high);
                continue;
            }
            // One point beyond each end: a line that crosses the plot without a point in it is seen, too.
            let begin = drawn.x.partition_point(|x| *x < from);
            let end = drawn.x.partition_point(|x| *x <= to);
            let seen = if begin == end {
                begin.saturating_sub(1)..(end + 1).min(drawn.x.len())
            } else {
                begin..end
            };
            for values in [&drawn.values, &drawn.smoothed] {
                let seen = values.get(seen.clone()).unwrap_or_default();
                seen.iter().for_each(|value| add(*value));
            }
        }
        let Some((low, high)) = ends.0 else {
            return (0.0, 1.0);
        };
        // Half of each end, so that 1e308 and −1e308 have a span, too.
        let half = high * 0.5 - low * 0.5;
        let air = if half > 0.0 {
            half * 0.1
        } else if self.y_scale == Scale::Log {
            0.05
        } else {
            high.abs().max(1e-12) * 0.1
        };
        ((low - air).max(f64::MIN), (high + air).min(f64::MAX))
    }
}

/// The smallest and largest of what was added.
#[derive(Default)]
struct Ends(Option<(f64, f64)>);

impl Ends {
    fn add(&mut self, value: f64) {
        if value.is_finite() {
            let (low, high) = self.0.unwrap_or((value, value));
            self.0 = Some((low.min(value), high.max(value)));
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn drawn(points: &[(f64, f64)]) -> Drawn {
        Drawn {
            x: points.iter().map(|point| point.0).collect(),
            values: points.iter().map(|point| point.1).collect(),
            steps: points.iter().map(|point| point.0 as i64).collect(),
            is_exact: true,
            ..Drawn::default()
        }
    }

    pub fn picture(drawn: &Drawn) -> Picture<'_> {
        Picture {
            lines: vec![Line {
                drawn,
                colour: 0,
                is_old: false,
            }],
            ..Picture::default()
        }
    }

    #[test]
    fn the_axes_reach_what_is_shown() {
        let drawn = drawn(&[(1.0, 4.0), (2.0, 100.0), (3.0, 1.0)]);
        let frame = picture(&drawn).frame((500.0, 200.0));
        assert_eq!(frame.x, (1.0, 3.0));
        assert!(frame.y.0 < 1.0 && frame.y.1 > 100.0);
        let near = Picture {
            range: Some((2.5, 3.0)),
            ..picture(&drawn)
        };
        assert!(near.frame((500.0, 200.0)).y.1 < 2.0);
        // Between two points the line is still seen.
        let between = Picture {
            range: Some((2.2, 2.4)),
            ..picture(&drawn)
        };
        assert!(between.frame((500.0, 200.0)).y.1 > 100.0);
    }

    #[test]
    fn outliers_do_not_decide_the_height_when_they_are_left_out() {
        let mut drawn = drawn(&[(1.0, 4.0), (2.0, 100.0), (3.0, 1.0)]);
        drawn.typical = Some((1.0, 4.0));
        let frame = Picture {
            hides_outliers: true,
            ..picture(&drawn)
        }
        .frame((500.0, 200.0));
        assert!(frame.y.1 < 5.0);
    }

    #[test]
    fn a_logarithm_has_places_for_what_is_above_zero_and_counts_the_rest() {
        let drawn = drawn(&[(0.0, 5.0), (1.0, 0.001), (10.0, -3.0), (100.0, 0.1)]);
        let picture = Picture {
            x_scale: Scale::Log,
            y_scale: Scale::Log,
            ..picture(&drawn)
        };
        let frame = picture.frame((500.0, 200.0));
        assert_eq!(frame.x, (0.0, 2.0));
        assert!(frame.y.0 < -3.0 && frame.y.1 > -1.0 && frame.y.0 > -4.0);
        assert_eq!(frame.down(0.0), None);
    }

    #[test]
    fn one_point_equal_points_and_the_ends_of_floats_have_a_frame() {
        for points in [
            vec![],
            vec![(7.0, 3.0)],
            vec![(1.0, 0.0), (2.0, 0.0)],
            vec![(1.0, f64::MAX), (2.0, f64::MIN)],
            vec![(1.0, 5e-324), (2.0, 1e-310)],
        ] {
            let drawn = drawn(&points);
            let frame = picture(&drawn).frame((500.0, 200.0));
            assert!(frame.x.0 < frame.x.1 && frame.y.0 < frame.y.1, "{frame:?}");
            assert!(
                points
                    .iter()
                    .all(|point| frame.down(point.1).is_some_and(f64::is_finite))
            );
        }
    }
}
