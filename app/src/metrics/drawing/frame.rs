//! How places in the data and places on the chart belong together.

use domain::metrics::ticks::Scale;

/// Space around the plot in CSS pixels, fixed, so that no text has to be measured.
const LEFT: f64 = 52.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 22.0;

/// The plot of a chart as it was drawn last.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Frame {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
    pub x_scale: Scale,
    pub y_scale: Scale,
    /// Ends of the axes, as places of their scales.
    pub x: (f64, f64),
    pub y: (f64, f64),
}

impl Frame {
    /// The plot of a chart of this size, `x` and `y` being the ends of its axes as places of their scales.
    pub fn new(size: (f64, f64), scales: (Scale, Scale), x: (f64, f64), y: (f64, f64)) -> Frame {
        Frame {
            left: LEFT,
            top: TOP,
            width: (size.0 - LEFT - RIGHT).max(1.0),
            height: (size.1 - TOP - BOTTOM).max(1.0),
            x_scale: scales.0,
            y_scale: scales.1,
            x,
            y,
        }
    }

    /// Where a place along the axis is drawn; none where it has no logarithm.
    pub fn across(&self, x: f64) -> Option<f64> {
        let share = share(self.x_scale.place(x)?, self.x);
        Some(self.left + share * self.width)
    }

    /// Where a value is drawn; none where it has no logarithm.
    pub fn down(&self, value: f64) -> Option<f64> {
        let share = share(self.y_scale.place(value)?, self.y);
        Some(self.top + (1.0 - share) * self.height)
    }

    /// The place along the axis under a pointer, at the ends beyond them.
    pub fn x_at(&self, across: f64) -> f64 {
        let share = ((across - self.left) / self.width).clamp(0.0, 1.0);
        self.x_scale.value(self.x.0 + share * (self.x.1 - self.x.0))
    }

    /// The ends of what is shown, in the unit of the axis.
    pub fn ends(&self) -> (f64, f64) {
        (self.x_scale.value(self.x.0), self.x_scale.value(self.x.1))
    }

    /// The ends after zooming by a factor (below 1: nearer) around a place.
    pub fn zoomed(&self, factor: f64, around: f64) -> (f64, f64) {
        let around = self.x_scale.place(around).unwrap_or(self.x.0);
        let end = |end: f64| self.x_scale.value(around + (end - around) * factor);
        (end(self.x.0), end(self.x.1))
    }

    /// The ends after two fingers moved from `begun` to `now`, across the chart: what was under each stays under it.
    pub fn pinched(&self, begun: (f64, f64), now: (f64, f64)) -> (f64, f64) {
        // Fingers that meet or pass each other would turn the axis around.
        let apart = |(one, other): (f64, f64)| (other - one).abs().max(8.0);
        let place =
            |across: f64| self.x.0 + (across - self.left) / self.width * (self.x.1 - self.x.0);
        let span = (self.x.1 - self.x.0) * apart(begun) / apart(now);
        let middle = |(one, other): (f64, f64)| (one + other) / 2.0;
        let from = place(middle(begun)) - (middle(now) - self.left) / self.width * span;
        (self.x_scale.value(from), self.x_scale.value(from + span))
    }

    /// The ends after moving by a share of what is shown.
    pub fn panned(&self, share: f64) -> (f64, f64) {
        let by = share * (self.x.1 - self.x.0);
        let end = |end: f64| self.x_scale.value(end + by);
        (end(self.x.0), end(self.x.1))
    }
}

/// Where a place lies between two ends. By halves: from −1e308 to 1e308 is farther than a float reaches.
fn share(place: f64, (from, to): (f64, f64)) -> f64 {
    (place * 0.5 - from * 0.5) / (to * 0.5 - from * 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(scale: Scale, x: (f64, f64)) -> Frame {
        Frame::new((500.0, 200.0), (scale, Scale::Number), x, (0.0, 1.0))
    }

    #[test]
    fn a_pointer_at_the_edges_is_at_the_ends_of_the_axis() {
        let frame = frame(Scale::Number, (1.0, 3.0));
        assert_eq!(frame.x_at(0.0), 1.0);
        assert_eq!(frame.x_at(500.0), 3.0);
        assert_eq!(frame.x_at(LEFT + frame.width / 2.0), 2.0);
        assert_eq!(frame.across(2.0), Some(LEFT + frame.width / 2.0));
    }

    #[test]
    fn zooming_keeps_what_is_under_the_pointer_in_place() {
        for scale in [Scale::Number, Scale::Log] {
            let frame = frame(scale, (1.0, 3.0));
            let around = scale.value(1.5);
            let near = frame.zoomed(0.5, around);
            let place = |x: f64| scale.place(x).expect("a place");
            let share = |x: f64, ends: (f64, f64)| (x - ends.0) / (ends.1 - ends.0);
            let before = share(1.5, (1.0, 3.0));
            let after = share(1.5, (place(near.0), place(near.1)));
            assert!((before - after).abs() < 1e-9);
            let moved = frame.panned(0.25);
            assert!((place(moved.0) - 1.5).abs() < 1e-9 && (place(moved.1) - 3.5).abs() < 1e-9);
        }
    }

    #[test]
    fn a_pinch_keeps_what_is_under_the_fingers() {
        for scale in [Scale::Number, Scale::Log] {
            let frame = frame(scale, (1.0, 3.0));
            let (begun, now) = ((100.0, 200.0), (80.0, 380.0));
            let under = (frame.x_at(begun.0), frame.x_at(begun.1));
            let (from, to) = frame.pinched(begun, now);
            let place = |x: f64| scale.place(x).expect("a place");
            let after = Frame {
                x: (place(from), place(to)),
                ..frame
            };
            for (x, across) in [(under.0, now.0), (under.1, now.1)] {
                assert!((after.across(x).expect("a place") - across).abs() < 1e-6);
            }
        }
    }
}
