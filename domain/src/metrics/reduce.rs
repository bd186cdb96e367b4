//! A series reduced to the pixels of a chart: per column at most first, min, max and last, all of them points that were measured
//! (M4, doi 10.14778/2732951.2732953). A line through them covers the same pixels as a line through all points.

use super::extremes::Extremes;

/// The stretch of an axis that a chart shows, cut into its pixel columns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    pub from: f64,
    pub to: f64,
    /// At least 1.
    pub columns: u32,
}

impl Window {
    /// The column of a place inside the window; rises with it.
    pub fn column(&self, x: f64) -> u32 {
        let span = self.to - self.from;
        let share = if span.is_finite() {
            (x - self.from) / span
        } else {
            // Wider than the greatest number.
            (x / 2.0 - self.from / 2.0) / (self.to / 2.0 - self.from / 2.0)
        };
        // Not a number when the window has no width: everything is in column 0.
        ((share * f64::from(self.columns)) as u32).min(self.columns - 1)
    }

    /// Points that fit without any being left out.
    fn room(&self) -> usize {
        self.columns as usize * 4
    }
}

/// The first place of `begin..end` for which `is_past` is true, else `end`; it is false first and true after that.
fn first(begin: usize, end: usize, is_past: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (begin, end);
    while low < high {
        let middle = low + (high - low) / 2;
        if is_past(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// What `kept` leaves of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Rising.
    pub places: Vec<usize>,
    /// Nothing inside the window was left out.
    pub is_exact: bool,
}

/// Places of the points that a chart of this window needs: four per column, and one neighbour on either side outside, so that lines run
/// to its edges. `x` rises.
pub fn kept(x: impl Fn(usize) -> f64, values: &[f64], extremes: &Extremes, window: Window) -> Kept {
    let length = values.len();
    let begin = first(0, length, |at| x(at) >= window.from);
    let end = first(begin, length, |at| x(at) > window.to);
    let (before, after) = (begin.checked_sub(1), (end < length).then_some(end));
    let is_exact = end - begin <= window.room();
    let mut places = Vec::with_capacity((end - begin).min(window.room()) + 2);
    places.extend(before);
    if is_exact {
        places.extend(begin..end);
    } else {
        let mut here = begin;
        // Points of a column when they lie evenly: the next column is not far from there.
        let usual = (end - begin) / window.columns as usize + 1;
        while here < end {
            let column = window.column(x(here));
            let is_past = |at: usize| window.column(x(at)) > column;
            let (mut near, mut far) = (here + 1, end.min(here + usual));
            while far < end && !is_past(far) {
                (near, far) = (far + 1, end.min(far + (far - here)));
            }
            let next = first(near, far, is_past);
            let (low, high) = extremes.within(values, here, next);
            let (one, other) = (low.min(high), low.max(high));
            places.push(here);
            places.extend(
                [one, other, next - 1]
                    .into_iter()
                    .scan(here, |newest, at| {
                        let is_new = at > *newest;
                        *newest = at.max(*newest);
                        Some(is_new.then_some(at))
                    })
                    .flatten(),
            );
            here = next;
        }
    }
    places.extend(after);
    Kept { places, is_exact }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reduce(x: &[f64], values: &[f64], window: Window) -> Kept {
        kept(|at| x[at], values, &Extremes::of(values), window)
    }

    fn rising(gaps: &[u8]) -> Vec<f64> {
        let mut at = 0.0;
        gaps.iter()
            .map(|gap| {
                at += f64::from(*gap);
                at
            })
            .collect()
    }

    /// One pixel column of a line chart: everything from the least to the greatest value in it is painted.
    fn painted(
        x: &[f64],
        values: &[f64],
        places: &[usize],
        window: Window,
    ) -> Vec<Option<(f64, f64)>> {
        let mut columns = vec![None; window.columns as usize];
        for at in places {
            if (window.from..=window.to).contains(&x[*at]) {
                let column: &mut Option<(f64, f64)> = &mut columns[window.column(x[*at]) as usize];
                let (low, high) = column.unwrap_or((values[*at], values[*at]));
                *column = Some((low.min(values[*at]), high.max(values[*at])));
            }
        }
        columns
    }

    /// The lines between columns: what leaves one and where it enters the next.
    fn joins(x: &[f64], values: &[f64], places: &[usize], window: Window) -> Vec<[(f64, f64); 2]> {
        let column = |at: usize| match x[at] {
            x if x < window.from => -1,
            x if x > window.to => i64::from(window.columns),
            x => i64::from(window.column(x)),
        };
        let joins = places
            .windows(2)
            .filter(|pair| column(pair[0]) != column(pair[1]));
        joins
            .map(|pair| [(x[pair[0]], values[pair[0]]), (x[pair[1]], values[pair[1]])])
            .collect()
    }

    #[test]
    fn a_hundred_spikes_in_a_million_points_are_seen_at_every_zoom() {
        let mut values: Vec<f64> = (0..1_000_000).map(|at| f64::from(at % 13)).collect();
        let spikes: Vec<usize> = (0..100).map(|n| n * 9973 + 77).collect();
        for at in &spikes {
            values[*at] = 99.0;
        }
        let extremes = Extremes::of(&values);
        let (mut from, mut to) = (0.0, 999_999.0);
        while to - from > 10.0 {
            let window = Window {
                from,
                to,
                columns: 1200,
            };
            let kept = kept(|at| at as f64, &values, &extremes, window);
            assert!(kept.places.len() <= 4802);
            let inside = |at: &&usize| (from..=to).contains(&(**at as f64));
            for spike in spikes.iter().filter(inside) {
                assert!(kept.places.contains(spike), "{spike} of {from}..{to}");
            }
            (from, to) = (from + (to - from) * 0.21, to - (to - from) * 0.33);
        }
    }

    #[test]
    fn a_series_at_one_place_and_one_over_all_numbers_have_columns() {
        let values: Vec<f64> = (0..100).map(f64::from).collect();
        let kept = reduce(
            &[7.0; 100],
            &values,
            Window {
                from: 7.0,
                to: 7.0,
                columns: 3,
            },
        );
        assert_eq!(kept.places, [0, 99]);
        let x: Vec<f64> = (0..100).map(|at| -1e308 + f64::from(at) * 2e306).collect();
        let kept = reduce(
            &x,
            &values,
            Window {
                from: -1e308,
                to: 1e308,
                columns: 10,
            },
        );
        assert!(kept.places.len() > 10 && kept.places.len() <= 40);
    }

    proptest! {
        #[test]
        fn the_picture_is_that_of_all_points(
            points in proptest::collection::vec((0_u8..5, prop_oneof![-1e3_f64..1e3, (0_i32..3).prop_map(f64::from)]), 1..400),
            columns in 1_u32..40, from in 0.0_f64..1.0, to in 0.0_f64..1.0,
        ) {
            let (gaps, values): (Vec<u8>, Vec<f64>) = points.into_iter().unzip();
            let x = rising(&gaps);
            let end = x[x.len() - 1].max(1.0);
            let window = Window { from: from.min(to) * end, to: from.max(to) * end, columns };
            let kept = reduce(&x, &values, window);
            let all: Vec<usize> = (0..x.len()).collect();
            prop_assert!(kept.places.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(kept.places.len() <= columns as usize * 4 + 2);
            prop_assert_eq!(painted(&x, &values, &kept.places, window), painted(&x, &values, &all, window));
            let near = |joins: Vec<[(f64, f64); 2]>| joins.into_iter()
                .filter(|[one, other]| one.0 <= window.to && other.0 >= window.from).collect::<Vec<_>>();
            prop_assert_eq!(near(joins(&x, &values, &kept.places, window)), near(joins(&x, &values, &all, window)));
            let inside = all.iter().filter(|at| (window.from..=window.to).contains(&x[**at]));
            if kept.is_exact {
                prop_assert!(inside.into_iter().all(|at| kept.places.contains(at)));
            }
        }
    }
}
