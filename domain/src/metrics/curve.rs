//! A series as a chart reads it: along one axis, finite values apart from the others, with what makes any zoom cheap.

use std::sync::OnceLock;

use super::extremes::Extremes;
use super::ints::Ints;
use super::reduce::{self, Kept, Window};
use super::smoothing::{Ema, Smoothing, smoothed};
use super::{Columns, NonFinite};

/// Where points lie along the axis.
#[derive(Debug, Clone, PartialEq)]
pub enum Axis {
    /// Steps times this.
    Steps { scale: f64 },
    /// Milliseconds since this one.
    Times { since: i64 },
    /// What another series said at that step.
    Other(Lookup),
}

/// Values of a series by step, for looking up.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lookup {
    steps: Vec<i64>,
    values: Vec<f64>,
}

impl Lookup {
    /// Of points in the order of steps; what is not finite says nothing, and of equal steps the last one counts.
    pub fn new(columns: &Columns) -> Lookup {
        let mut lookup = Lookup::default();
        for point in columns.points().filter(|point| point.value.is_finite()) {
            if lookup.steps.last() == Some(&point.step) {
                lookup.values.pop();
                lookup.steps.pop();
            }
            lookup.steps.push(point.step);
            lookup.values.push(point.value);
        }
        lookup
    }

    /// The value at a step, between two known steps on the straight line; None outside of what is known.
    pub fn at(&self, step: i64) -> Option<f64> {
        let after = self.steps.partition_point(|known| *known < step);
        let (known, value) = (*self.steps.get(after)?, self.values[after]);
        if known == step {
            return Some(value);
        }
        let before = after.checked_sub(1)?;
        let whole = known as f64 - self.steps[before] as f64;
        let share = (step as f64 - self.steps[before] as f64) / whole;
        Some(self.values[before] * (1.0 - share) + value * share)
    }
}

#[derive(Debug, Clone)]
enum Places {
    Steps(f64),
    Times(i64),
    Own(Vec<f64>),
}

/// The points of a series in the order of an axis.
#[derive(Debug, Clone)]
pub struct Curve {
    places: Places,
    steps: Ints,
    times: Ints,
    /// Finite.
    values: Vec<f64>,
    extremes: Extremes,
    /// Place along the axis and kind of what is not finite, in the order of the axis.
    marks: Vec<(f64, NonFinite)>,
    typical: OnceLock<Option<(f64, f64)>>,
    /// How many values `typical` is of.
    is_typical_of: usize,
    /// The greatest step, marks included.
    newest: Option<i64>,
}

/// A curve smoothed, and what is needed to go on with it.
#[derive(Debug, Clone)]
pub struct Smoothed {
    kind: Smoothing,
    values: Vec<f64>,
    /// None: of another kind, or the curve was a constant so far.
    going_on: Option<Ema>,
}

impl Smoothed {
    pub fn kind(&self) -> Smoothing {
        self.kind
    }

    /// Bytes of memory.
    pub fn weight(&self) -> usize {
        self.values.capacity() * 8
    }
}

/// What is drawn of a curve.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cut {
    pub x: Vec<f64>,
    pub steps: Vec<i64>,
    pub times_millis: Vec<i64>,
    pub values: Vec<f64>,
    pub smoothed: Vec<f64>,
    pub non_finite: Vec<(f64, NonFinite)>,
    pub is_exact: bool,
}

impl Curve {
    /// Of points in the order of steps.
    pub fn new(mut columns: Columns, axis: &Axis) -> Curve {
        let mut own = None;
        if let Axis::Other(lookup) = axis {
            let (mut x, mut places) = (Vec::new(), Vec::new());
            for (at, step) in columns.steps.iter().enumerate() {
                if let Some(value) = lookup.at(*step) {
                    x.push(value);
                    places.push(at);
                }
            }
            if places.len() < columns.len() {
                columns = columns.picked(&places);
            }
            own = Some(x);
        }
        let mut curve = Curve {
            places: match axis {
                Axis::Steps { scale } => Places::Steps(*scale),
                Axis::Times { since } => Places::Times(*since),
                Axis::Other(_) => Places::Own(Vec::new()),
            },
            steps: Ints::from(Vec::new()),
            times: Ints::from(Vec::new()),
            values: Vec::new(),
            extremes: Extremes::default(),
            marks: Vec::new(),
            typical: OnceLock::new(),
            is_typical_of: 0,
            newest: None,
        };
        curve.take(columns, own);
        curve
    }

    /// Points that are not finite included.
    pub fn len(&self) -> usize {
        self.values.len() + self.marks.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory, about.
    pub fn weight(&self) -> usize {
        let own = match &self.places {
            Places::Own(x) => x.capacity() * 8,
            Places::Steps(_) | Places::Times(_) => 0,
        };
        own + self.steps.weight()
            + self.times.weight()
            + self.values.capacity() * 8
            + self.marks.capacity() * 16
    }

    /// Adds points that came after all others. Gives them back when they do not lie behind them along the axis, or belong to a step
    /// that is there already, or when there were none before: then the curve has to be made anew.
    pub fn extend(&mut self, columns: Columns) -> Result<(), Columns> {
        let is_behind = match (&self.places, self.newest, self.values.len().checked_sub(1)) {
            (Places::Own(_), ..) => false,
            (_, None, _) => false,
            (_, _, None) => false,
            (places, Some(newest), Some(last)) => {
                let x = self.x(last);
                let is_new = columns.steps.first().is_none_or(|first| *first > newest)
                    && columns.steps.windows(2).all(|pair| pair[0] < pair[1]);
                let rises = match places {
                    Places::Times(since) => {
                        let place = |time: &i64| time.saturating_sub(*since) as f64;
                        columns.times_millis.is_sorted()
                            && columns
                                .times_millis
                                .first()
                                .is_none_or(|time| place(time) >= x)
                    }
                    _ => true,
                };
                let has_marks = columns.values.iter().any(|value| !value.is_finite());
                let marks_rise = !has_marks || self.marks.last().is_none_or(|mark| mark.0 <= x);
                is_new && rises && marks_rise
            }
        };
        if !is_behind {
            return Err(columns);
        }
        self.take(columns, None);
        Ok(())
    }

    /// Adds points in the order of steps, behind all others; `own` are their places when another series says them.
    fn take(&mut self, mut columns: Columns, own: Option<Vec<f64>>) {
        self.newest = columns.steps.last().copied().or(self.newest);
        let mut x = own;
        let rises = match (&self.places, &x) {
            (Places::Times(_), _) => columns.times_millis.is_sorted(),
            (Places::Own(_), Some(x)) => x.is_sorted(),
            _ => true,
        };
        if !rises {
            let mut order: Vec<usize> = (0..columns.len()).collect();
            match &x {
                Some(x) => order.sort_by(|one, other| x[*one].total_cmp(&x[*other])),
                None => order.sort_by_key(|at| columns.times_millis[*at]),
            }
            x = x.map(|x| order.iter().map(|at| x[*at]).collect());
            columns = columns.picked(&order);
        }
        if columns.values.iter().any(|value| !value.is_finite()) {
            let mut finite = Vec::with_capacity(columns.len());
            for at in 0..columns.len() {
                match NonFinite::of(columns.values[at]) {
                    None => finite.push(at),
                    Some(kind) => {
                        let place = match (&self.places, &x) {
                            (_, Some(x)) => x[at],
                            (Places::Times(since), _) => {
                                columns.times_millis[at].saturating_sub(*since) as f64
                            }
                            (Places::Steps(scale), _) => columns.steps[at] as f64 * scale,
                            (Places::Own(_), None) => continue,
                        };
                        self.marks.push((place, kind));
                    }
                }
            }
            x = x.map(|x| finite.iter().map(|at| x[*at]).collect());
            columns = columns.picked(&finite);
        }
        if let (Places::Own(places), Some(x)) = (&mut self.places, x) {
            places.extend(x);
        }
        if self.values.is_empty() {
            self.steps = Ints::from(columns.steps);
            self.times = Ints::from(columns.times_millis);
            self.values = columns.values;
        } else {
            self.steps.extend(&columns.steps);
            self.times.extend(&columns.times_millis);
            self.values.extend(columns.values);
        }
        self.extremes.extend(&self.values);
        // Taken again when a hundredth was added: a live series would otherwise be sorted for every point.
        if self.values.len() > self.is_typical_of + self.is_typical_of / 100 {
            self.typical = OnceLock::new();
            self.is_typical_of = self.values.len();
        }
    }

    /// Where a finite point lies along the axis.
    fn x(&self, at: usize) -> f64 {
        match &self.places {
            Places::Steps(scale) => self.steps.get(at) as f64 * scale,
            Places::Times(since) => self.times.get(at).saturating_sub(*since) as f64,
            Places::Own(x) => x[at],
        }
    }

    /// The first and the last place along the axis, those of marks included.
    pub fn ends(&self) -> Option<(f64, f64)> {
        let length = self.values.len();
        let own = (length > 0).then(|| (self.x(0), self.x(length - 1)));
        let marks = self
            .marks
            .first()
            .zip(self.marks.last())
            .map(|(first, last)| (first.0, last.0));
        match (own, marks) {
            (Some(own), Some(marks)) => Some((own.0.min(marks.0), own.1.max(marks.1))),
            (one, other) => one.or(other),
        }
    }

    /// 5th and 95th percentile of the finite values, each a value that was measured.
    pub fn typical(&self) -> Option<(f64, f64)> {
        *self.typical.get_or_init(|| {
            let last = self.values.len().checked_sub(1)?;
            let at = |share: f64| (last as f64 * share) as usize;
            let [low, high] = ranked(&self.values, [at(0.05), at(0.95)]);
            Some((low?, high?))
        })
    }

    /// The whole curve smoothed; None when that leaves it as it is.
    pub fn smooth(&self, kind: Smoothing) -> Option<Smoothed> {
        if kind.is_off() {
            return None;
        }
        let is_constant = self.values.windows(2).all(|pair| pair[0] == pair[1]);
        if let Smoothing::Ema { weight } = kind
            && !is_constant
        {
            let mut average = Ema::new(weight);
            let values = self
                .values
                .iter()
                .map(|value| average.next(*value))
                .collect();
            return Some(Smoothed {
                kind,
                values,
                going_on: Some(average),
            });
        }
        let values = smoothed(|at| self.x(at), &self.values, kind);
        Some(Smoothed {
            kind,
            values,
            going_on: None,
        })
    }

    /// Takes in what was added to the curve. False: it has to be smoothed anew.
    pub fn go_on(&self, smoothed: &mut Smoothed) -> bool {
        let known = smoothed.values.len();
        if known == self.values.len() {
            return true;
        }
        let Some(average) = &mut smoothed.going_on else {
            return false;
        };
        let new = self.values.get(known..).unwrap_or_default();
        smoothed
            .values
            .extend(new.iter().map(|value| average.next(*value)));
        true
    }

    /// What a chart of this window shows. `smoothed` is of this curve.
    pub fn cut(&self, window: Window, smoothed: Option<&Smoothed>) -> Cut {
        let Kept { places, is_exact } =
            reduce::kept(|at| self.x(at), &self.values, &self.extremes, window);
        let places = || places.iter().copied();
        Cut {
            x: places().map(|at| self.x(at)).collect(),
            steps: places().map(|at| self.steps.get(at)).collect(),
            times_millis: places().map(|at| self.times.get(at)).collect(),
            values: places().map(|at| self.values[at]).collect(),
            smoothed: smoothed
                .map(|smoothed| places().map(|at| smoothed.values[at]).collect())
                .unwrap_or_default(),
            non_finite: self.marks_in(window),
            is_exact,
        }
    }

    /// The marks inside the window; when they are more than its columns, one of each kind per column.
    fn marks_in(&self, window: Window) -> Vec<(f64, NonFinite)> {
        let begin = self.marks.partition_point(|mark| mark.0 < window.from);
        let end = self.marks.partition_point(|mark| mark.0 <= window.to);
        let inside = self.marks.get(begin..end).unwrap_or_default();
        if inside.len() <= window.columns as usize {
            return inside.to_vec();
        }
        let mut kept = Vec::new();
        let mut here = (u32::MAX, [false; 3]);
        for mark in inside {
            let column = window.column(mark.0);
            if column != here.0 {
                here = (column, [false; 3]);
            }
            let is_known = &mut here.1[mark.1 as usize];
            if !std::mem::replace(is_known, true) {
                kept.push(*mark);
            }
        }
        kept
    }
}

/// The values at two places of the sorted values; None outside of them.
///
/// Counted by the uppermost bits first (sign, exponent and the beginning of the mantissa), so that only a small part is sorted.
fn ranked(values: &[f64], places: [usize; 2]) -> [Option<f64>; 2] {
    const FEW: usize = 4096;
    let among = |mut some: Vec<f64>, place: usize| {
        (place < some.len()).then(|| *some.select_nth_unstable_by(place, f64::total_cmp).1)
    };
    if values.len() <= FEW {
        return places.map(|place| among(values.to_vec(), place));
    }
    // Of this number the order is that of the value.
    let top = |value: &f64| {
        let bits = value.to_bits();
        (if bits >> 63 == 0 {
            bits | 1 << 63
        } else {
            !bits
        }) >> 48
    };
    let mut counts = vec![0_u32; 1 << 16];
    for value in values {
        counts[top(value) as usize] += 1;
    }
    places.map(|place| {
        let mut left = place;
        let here = counts.iter().position(|count| {
            let is_here = left < *count as usize;
            if !is_here {
                left -= *count as usize;
            }
            is_here
        })? as u64;
        let same = values.iter().copied().filter(|value| top(value) == here);
        among(same.collect(), left)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Point, Source};
    use super::*;

    const STEPS: Axis = Axis::Steps { scale: 1.0 };

    fn columns(points: &[(i64, i64, f64)]) -> Columns {
        let point = |(step, time_millis, value): &(i64, i64, f64)| Point {
            step: *step,
            time_millis: *time_millis,
            value: *value,
        };
        points.iter().map(point).collect()
    }

    fn whole(curve: &Curve, columns: u32) -> Window {
        let (from, to) = curve.ends().expect("points");
        Window { from, to, columns }
    }

    #[test]
    fn a_clock_that_jumps_back_does_not_fold_the_curve() {
        let points = columns(&[
            (1, 1000, 1.0),
            (2, 5000, 2.0),
            (3, 2000, 3.0),
            (4, 6000, f64::NAN),
            (5, 500, 5.0),
        ]);
        let curve = Curve::new(points, &Axis::Times { since: 500 });
        let cut = curve.cut(whole(&curve, 100), None);
        assert_eq!(cut.x, [0.0, 500.0, 1500.0, 4500.0]);
        assert_eq!(cut.values, [5.0, 1.0, 3.0, 2.0]);
        assert_eq!(cut.steps, [5, 1, 3, 2]);
        assert_eq!(cut.non_finite, [(5500.0, NonFinite::NaN)]);
    }

    #[test]
    fn another_series_is_looked_up_by_step_and_sorted() {
        let epoch = columns(&[
            (0, 0, 0.0),
            (10, 0, 1.0),
            (20, 0, 3.0),
            (30, 0, 2.0),
            (40, 0, f64::NAN),
        ]);
        let axis = Axis::Other(Lookup::new(&epoch));
        let loss = columns(&[
            (0, 0, 5.0),
            (5, 0, 4.0),
            (20, 0, 3.0),
            (30, 0, 2.0),
            (40, 0, 1.0),
        ]);
        let curve = Curve::new(loss, &axis);
        let cut = curve.cut(whole(&curve, 100), None);
        assert_eq!(cut.x, [0.0, 0.5, 2.0, 3.0]);
        assert_eq!(cut.values, [5.0, 4.0, 2.0, 3.0], "step 40 has no epoch");
    }

    #[test]
    fn a_series_of_nothing_but_nan_has_marks_and_no_points() {
        let points: Vec<(i64, i64, f64)> = (0..10_000).map(|step| (step, step, f64::NAN)).collect();
        let curve = Curve::new(columns(&points), &STEPS);
        let cut = curve.cut(whole(&curve, 50), None);
        assert!(cut.values.is_empty() && cut.is_exact);
        assert_eq!(cut.non_finite.len(), 50);
        assert_eq!((curve.typical(), curve.len()), (None, 10_000));
    }

    #[test]
    fn lines_run_to_the_edges_of_a_zoom() {
        let points: Vec<(i64, i64, f64)> =
            (0..100).map(|step| (step * 10, 0, step as f64)).collect();
        let curve = Curve::new(columns(&points), &STEPS);
        let window = |from, to| Window {
            from,
            to,
            columns: 100,
        };
        assert_eq!(
            curve.cut(window(95.0, 125.0), None).steps,
            [90, 100, 110, 120, 130]
        );
        assert_eq!(
            curve.cut(window(101.0, 102.0), None).steps,
            [100, 110],
            "between two points"
        );
        assert_eq!(curve.cut(window(-50.0, -1.0), None).steps, [0]);
        assert_eq!(
            curve.cut(window(980.0, 2000.0), None).steps,
            [970, 980, 990]
        );
    }

    #[test]
    fn extreme_steps_and_values_are_drawn() {
        let points = columns(&[
            (i64::MIN, i64::MIN, 1e308),
            (-1, 0, -1e308),
            (0, 0, 5e-324),
            (i64::MAX, i64::MAX, 1.7e308),
        ]);
        for axis in [
            STEPS,
            Axis::Times { since: 0 },
            Axis::Times { since: i64::MIN },
            Axis::Steps { scale: 4e9 },
        ] {
            let curve = Curve::new(points.clone(), &axis);
            let smoothed = curve.smooth(Smoothing::TimeWeighted { weight: 0.5 });
            let cut = curve.cut(whole(&curve, 1), smoothed.as_ref());
            assert_eq!(cut.values.len(), 4, "{axis:?}");
            assert!(cut.smoothed.iter().all(|value| value.is_finite()));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn percentiles_are_those_of_the_sorted_values(values in proptest::collection::vec(any::<f64>(), 0..9000)) {
            let finite: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
            let points: Columns = (0..).zip(&finite).map(|(step, value)| Point { step, time_millis: 0, value: *value }).collect();
            let mut sorted = finite;
            sorted.sort_by(f64::total_cmp);
            let at = |share: f64| sorted.get(((sorted.len().max(1) - 1) as f64 * share) as usize).copied();
            prop_assert_eq!(Curve::new(points, &STEPS).typical(), at(0.05).zip(at(0.95)));
        }

        #[test]
        fn a_curve_that_grew_is_the_one_made_of_all_points(
            points in proptest::collection::vec((-1_i64..4, -1_i64..9, prop_oneof![9 => -9.0_f64..9.0, 1 => Just(f64::NAN)]), 1..200),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..5), is_timed: bool, weight in 0.1_f64..0.95,
        ) {
            let (mut step, mut time) = (0, 0);
            let points: Vec<(i64, i64, f64)> = points.into_iter().map(|(more, later, value)| {
                step += more;
                time += later;
                (step, time, value)
            }).collect();
            let axis = if is_timed { Axis::Times { since: 3 } } else { STEPS };
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(points.len())).collect();
            cuts.sort_unstable();
            cuts.push(points.len());
            let made = |end: usize| Curve::new(columns(&points[..end]).read_as(Source::Client), &axis);
            let kind = Smoothing::Ema { weight };
            let mut curve = made(cuts[0]);
            let mut smooth = curve.smooth(kind).expect("on");
            for pair in cuts.windows(2) {
                if curve.extend(columns(&points[pair[0]..pair[1]])).is_err() {
                    curve = made(pair[1]);
                    smooth = curve.smooth(kind).expect("on");
                } else if !curve.go_on(&mut smooth) {
                    smooth = curve.smooth(kind).expect("on");
                }
            }
            let all = made(points.len());
            let window = whole(&all, 7);
            let (one, other) = (curve.cut(window, Some(&smooth)), all.cut(window, all.smooth(kind).as_ref()));
            let near = |a: &f64, b: &f64| (a - b).abs() < 1e-9;
            prop_assert!(one.smoothed.iter().zip(&other.smoothed).all(|(a, b)| near(a, b)));
            prop_assert_eq!(Cut { smoothed: Vec::new(), ..one }, Cut { smoothed: Vec::new(), ..other });
        }
    }
}
