//! Points as columns: how they are stored, and what a curve is made from.

use super::{Point, Source};

/// Points as three columns of equal length.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Columns {
    pub steps: Vec<i64>,
    /// UTC.
    pub times_millis: Vec<i64>,
    pub values: Vec<f64>,
}

impl Columns {
    /// Empty, with room for so many points.
    pub fn with_capacity(length: usize) -> Columns {
        Columns {
            steps: Vec::with_capacity(length),
            times_millis: Vec::with_capacity(length),
            values: Vec::with_capacity(length),
        }
    }

    pub fn len(&self) -> usize {
        self.steps.len()
    }

    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    pub fn push(&mut self, point: Point) {
        self.steps.push(point.step);
        self.times_millis.push(point.time_millis);
        self.values.push(point.value);
    }

    pub fn append(&mut self, mut more: Columns) {
        self.steps.append(&mut more.steps);
        self.times_millis.append(&mut more.times_millis);
        self.values.append(&mut more.values);
    }

    /// Takes off everything from a place on; `at` is at most `len`.
    #[must_use]
    pub fn split_off(&mut self, at: usize) -> Columns {
        Columns {
            steps: self.steps.split_off(at),
            times_millis: self.times_millis.split_off(at),
            values: self.values.split_off(at),
        }
    }

    /// The point at a place; `at` is less than `len`.
    pub fn point(&self, at: usize) -> Point {
        Point {
            step: self.steps[at],
            time_millis: self.times_millis[at],
            value: self.values[at],
        }
    }

    pub fn points(&self) -> impl Iterator<Item = Point> + '_ {
        (0..self.len()).map(|at| self.point(at))
    }

    /// Only the points at these places, in this order.
    #[must_use]
    pub fn picked(&self, places: &[usize]) -> Columns {
        Columns {
            steps: places.iter().map(|at| self.steps[*at]).collect(),
            times_millis: places.iter().map(|at| self.times_millis[*at]).collect(),
            values: places.iter().map(|at| self.values[*at]).collect(),
        }
    }

    /// As they are read, given in the order of arrival: by step, equal steps in the order of arrival.
    ///
    /// A tracker's client may send a step again, by a repeated request or by a script that resumes: there the last write of a step is
    /// the one that counts. What a run wrote into a file (jsonl, tfevents, stdout) is all kept.
    #[must_use]
    pub fn read_as(mut self, source: Source) -> Columns {
        if !self.steps.is_sorted() {
            let mut places: Vec<usize> = (0..self.len()).collect();
            places.sort_by_key(|at| self.steps[*at]);
            self = self.picked(&places);
        }
        let is_doubled = |steps: &[i64]| steps.windows(2).any(|pair| pair[0] == pair[1]);
        if source == Source::Client && is_doubled(&self.steps) {
            let is_last = |at: &usize| self.steps.get(at + 1) != Some(&self.steps[*at]);
            let places: Vec<usize> = (0..self.len()).filter(is_last).collect();
            self = self.picked(&places);
        }
        self
    }

    /// Of every step what `newer` has of it, else what is here. Both are in the order of steps.
    #[must_use]
    pub fn overlaid(self, newer: Columns) -> Columns {
        if self.steps.last() < newer.steps.first() {
            let mut all = self;
            all.append(newer);
            return all;
        }
        let mut all = Columns::default();
        let mut at = 0;
        for older in self.points() {
            while at < newer.len() && newer.steps[at] < older.step {
                all.push(newer.point(at));
                at += 1;
            }
            // Points of equal step stand together, so looking at the next one is enough; those already taken are of lesser steps.
            if newer.steps.get(at) != Some(&older.step) {
                all.push(older);
            }
        }
        for at in at..newer.len() {
            all.push(newer.point(at));
        }
        all
    }
}

impl FromIterator<Point> for Columns {
    fn from_iter<I: IntoIterator<Item = Point>>(points: I) -> Columns {
        let mut columns = Columns::default();
        for point in points {
            columns.push(point);
        }
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(points: &[(i64, f64)]) -> Columns {
        let point = |(step, value): &(i64, f64)| Point {
            step: *step,
            time_millis: 0,
            value: *value,
        };
        points.iter().map(point).collect()
    }

    fn pairs(columns: &Columns) -> Vec<(i64, f64)> {
        columns.points().map(|p| (p.step, p.value)).collect()
    }

    #[test]
    fn a_client_overwrites_a_step_and_a_file_keeps_both() {
        let sent = columns(&[(1, 1.0), (3, 3.0), (2, 2.0), (3, 4.0)]);
        assert_eq!(
            pairs(&sent.clone().read_as(Source::Client)),
            [(1, 1.0), (2, 2.0), (3, 4.0)]
        );
        for source in [Source::Jsonl, Source::Tfevents, Source::Stdout] {
            assert_eq!(
                pairs(&sent.clone().read_as(source)),
                [(1, 1.0), (2, 2.0), (3, 3.0), (3, 4.0)]
            );
        }
    }

    #[test]
    fn the_newest_attempt_covers_the_steps_it_has() {
        let older = columns(&[(1, 1.0), (2, 2.0), (4, 4.0), (4, 4.5), (9, 9.0)]);
        let newer = columns(&[(2, 20.0), (3, 30.0), (4, 40.0)]);
        assert_eq!(
            pairs(&older.clone().overlaid(newer)),
            [(1, 1.0), (2, 20.0), (3, 30.0), (4, 40.0), (9, 9.0)]
        );
        assert_eq!(
            pairs(&older.clone().overlaid(columns(&[(10, 1.0)]))).len(),
            6
        );
        assert_eq!(
            pairs(&Columns::default().overlaid(older.clone())),
            pairs(&older)
        );
        assert_eq!(pairs(&older.clone().overlaid(Columns::default())).len(), 5);
    }
}
