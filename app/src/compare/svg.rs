//! Where values lie on a picture. Server only.

use domain::comparison::Curve;

/// Units of a picture; it is stretched to its place on the page.
pub const WIDTH: f64 = 640.0;
pub const HEIGHT: f64 = 240.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 22.0;
pub const TOP: f64 = 8.0;
const BOTTOM: f64 = 24.0;
/// Height of the plot itself.
pub const BODY: f64 = HEIGHT - TOP - BOTTOM;

pub fn view_box() -> String {
    format!("0 0 {WIDTH} {HEIGHT}")
}

/// The ranges of a chart.
pub struct Plot {
    pub x: (f64, f64),
    /// Of what is drawn: the logarithms where it is logarithmic.
    y: (f64, f64),
    is_log: bool,
}

impl Plot {
    /// The ranges that hold all curves with a little air; None: nothing is there to draw.
    pub fn of(curves: &[Curve], is_log: bool, range: Option<(f64, f64)>) -> Option<Plot> {
        let ends = |values: &mut dyn Iterator<Item = f64>| {
            values.filter(|value| value.is_finite()).fold(
                None,
                |ends: Option<(f64, f64)>, value| {
                    Some(ends.map_or((value, value), |(low, high)| {
                        (low.min(value), high.max(value))
                    }))
                },
            )
        };
        let x = range.or_else(|| {
            ends(
                &mut curves
                    .iter()
                    .flat_map(|curve| curve.drawn.x.iter().copied()),
            )
        })?;
        let x = if x.1 > x.0 { x } else { (x.0 - 0.5, x.0 + 0.5) };
        let spread = |value: f64| if is_log { value.log10() } else { value };
        let all = curves.iter().flat_map(|curve| {
            let shown = if curve.drawn.smoothed.is_empty() {
                &curve.drawn.values
            } else {
                &curve.drawn.smoothed
            };
            shown.iter().chain(&curve.low).chain(&curve.high).copied()
        });
        let (low, high) = ends(&mut all.map(spread))?;
        let air = if high > low {
            (high - low) * 0.05
        } else {
            high.abs().max(1e-12) * 0.1
        };
        Some(Plot {
            x,
            y: (low - air, high + air),
            is_log,
        })
    }

    pub fn left(&self) -> f64 {
        LEFT
    }

    pub fn right(&self) -> f64 {
        WIDTH - RIGHT
    }

    /// Shares of the whole width at which the plot begins and ends.
    pub fn left_share(&self) -> f64 {
        LEFT / WIDTH
    }

    pub fn right_share(&self) -> f64 {
        (WIDTH - RIGHT) / WIDTH
    }

    /// The part right of the numbers, which cuts off what lies outside.
    pub fn inner_box(&self) -> String {
        format!("{LEFT} {TOP} {} {BODY}", WIDTH - LEFT)
    }

    fn place(&self, x: f64, value: f64) -> Option<(f64, f64)> {
        let y = if self.is_log { value.log10() } else { value };
        if !y.is_finite() || !x.is_finite() {
            return None;
        }
        let across = LEFT + (x - self.x.0) / (self.x.1 - self.x.0) * (WIDTH - LEFT - RIGHT);
        let down = TOP + (self.y.1 - y) / (self.y.1 - self.y.0) * BODY;
        Some((across, down))
    }

    /// A line through the points; it breaks where there is no number.
    pub fn line(&self, x: &[f64], values: &[f64]) -> String {
        let mut path = String::with_capacity(x.len() * 12);
        let mut is_down = false;
        for (x, value) in x.iter().zip(values) {
            match self.place(*x, *value) {
                Some((across, down)) => {
                    path.push_str(&format!(
                        "{}{across:.1} {down:.1}",
                        if is_down { 'L' } else { 'M' }
                    ));
                    is_down = true;
                }
                None => is_down = false,
            }
        }
        path
    }

    /// The area between the ends of a group.
    pub fn band(&self, curve: &Curve) -> String {
        let points = || curve.drawn.x.iter().zip(&curve.low).zip(&curve.high);
        let places = |value: &dyn Fn(f64, f64) -> f64| -> Vec<(f64, f64)> {
            points()
                .filter_map(|((x, low), high)| self.place(*x, value(*low, *high)))
                .collect()
        };
        let (upper, lower) = (places(&|_, high| high), places(&|low, _| low));
        if upper.is_empty() || lower.is_empty() {
            return String::new();
        }
        let mut path = String::new();
        for (at, (across, down)) in upper.iter().chain(lower.iter().rev()).enumerate() {
            path.push_str(&format!(
                "{}{across:.1} {down:.1}",
                if at == 0 { 'M' } else { 'L' }
            ));
        }
        path.push('Z');
        path
    }

    /// (place, value) of round numbers beside the chart.
    pub fn y_ticks(&self) -> Vec<(f64, f64)> {
        round_numbers(self.y.0, self.y.1, 5)
            .into_iter()
            .filter_map(|tick| {
                let value = if self.is_log { 10f64.powf(tick) } else { tick };
                Some((self.place(self.x.0, value)?.1, value))
            })
            .collect()
    }

    pub fn x_ticks(&self) -> Vec<(f64, f64)> {
        let middle = if self.is_log { 1.0 } else { self.y.0 };
        round_numbers(self.x.0, self.x.1, 5)
            .into_iter()
            .filter_map(|tick| Some((self.place(tick, middle)?.0, tick)))
            .collect()
    }
}

/// Multiples of 1, 2 or 5 times a power of ten between two numbers, about so many.
pub fn round_numbers(low: f64, high: f64, count: usize) -> Vec<f64> {
    let rough = (high - low) / count.max(1) as f64;
    if !rough.is_finite() || rough <= 0.0 {
        return vec![low];
    }
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|by| by * power)
        .find(|step| *step >= rough)
        .unwrap_or(power * 10.0);
    let (first, last) = ((low / step).ceil(), (high / step).floor());
    let many = (last - first).clamp(0.0, 50.0) as usize;
    (0..=many).map(|at| (first + at as f64) * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::metrics::Drawn;

    #[test]
    fn ticks_are_round() {
        assert_eq!(
            round_numbers(0.0, 100.0, 5),
            [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]
        );
        assert_eq!(round_numbers(-0.3, 1.1, 3), [0.0, 0.5, 1.0]);
        assert_eq!(round_numbers(7.0, 7.0, 5), [7.0]);
        assert_eq!(round_numbers(f64::NAN, 7.0, 5).len(), 1);
    }

    #[test]
    fn a_line_breaks_where_there_is_no_number_and_a_band_is_closed() {
        let curve = Curve {
            drawn: Drawn {
                x: vec![0.0, 1.0, 2.0, 3.0],
                values: vec![1.0, f64::NAN, 3.0, 2.0],
                ..Drawn::default()
            },
            low: vec![0.0; 4],
            high: vec![4.0; 4],
            ..Curve::default()
        };
        let plot = Plot::of(std::slice::from_ref(&curve), false, None).expect("a plot");
        assert_eq!(
            plot.line(&curve.drawn.x, &curve.drawn.values)
                .matches('M')
                .count(),
            2
        );
        assert!(plot.band(&curve).ends_with('Z'));
        assert_eq!((plot.left_share(), plot.x), (LEFT / WIDTH, (0.0, 3.0)));
        assert!(Plot::of(&[], false, None).is_none());
        let negative = Curve {
            drawn: Drawn {
                x: vec![0.0],
                values: vec![-1.0],
                ..Drawn::default()
            },
            ..Curve::default()
        };
        assert!(
            Plot::of(&[negative], true, None).is_none(),
            "a logarithm of nothing positive"
        );
    }
}
