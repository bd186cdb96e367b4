//! Parallel coordinates: one axis for each column, one line for each experiment.

use super::request::Brush;
use super::table::{Cell, Column};

/// One axis with the place of each experiment on it, 0 below … 1 above; None: it has no value there.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    pub column: Column,
    /// Spread by the logarithm: all values are positive, and the greatest is a hundred times the least or more.
    pub is_log: bool,
    pub places: Vec<Option<f64>>,
    /// (place, what stands there), from below.
    pub ticks: Vec<(f64, Tick)>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Tick {
    Number(f64),
    Text(String),
}

/// Texts are spread evenly in their order; an axis with more of them tells nothing.
const MOST_TEXTS: usize = 24;

/// An axis for the cells of a column. Numbers where all that is there are numbers, else texts. None: nothing is there at all, or too many
/// different texts.
pub fn axis(column: &Column, cells: &[&Cell]) -> Option<Axis> {
    let numbers: Vec<Option<f64>> = cells
        .iter()
        .map(|cell| match cell {
            Cell::Number(number) if number.is_finite() => Some(*number),
            _ => None,
        })
        .collect();
    let has_texts = cells.iter().any(|cell| matches!(cell, Cell::Text(_)));
    if has_texts {
        return of_texts(column, cells);
    }
    let known = || numbers.iter().flatten().copied();
    let (low, high) = (known().reduce(f64::min)?, known().reduce(f64::max)?);
    let is_log = low > 0.0 && high / low >= 100.0;
    let spread = |value: f64| if is_log { value.ln() } else { value };
    let (from, to) = (spread(low), spread(high));
    let place = |value: f64| {
        if to > from {
            (spread(value) - from) / (to - from)
        } else {
            0.5
        }
    };
    let middle = if is_log {
        (from.midpoint(to)).exp()
    } else {
        low.midpoint(high)
    };
    let marks = if to > from {
        vec![low, middle, high]
    } else {
        vec![low]
    };
    Some(Axis {
        column: column.clone(),
        is_log,
        places: numbers.iter().map(|number| number.map(place)).collect(),
        ticks: marks
            .into_iter()
            .map(|mark| (place(mark), Tick::Number(mark)))
            .collect(),
    })
}

fn of_texts(column: &Column, cells: &[&Cell]) -> Option<Axis> {
    let text = |cell: &Cell| match cell {
        Cell::Text(text) => Some(text.clone()),
        Cell::Number(number) => Some(number.to_string()),
        Cell::Missing => None,
    };
    let mut texts: Vec<String> = cells.iter().filter_map(|cell| text(cell)).collect();
    texts.sort();
    texts.dedup();
    if texts.len() > MOST_TEXTS {
        return None;
    }
    let place = |at: usize| {
        if texts.len() > 1 {
            at as f64 / (texts.len() - 1) as f64
        } else {
            0.5
        }
    };
    let places = cells
        .iter()
        .map(|cell| {
            text(cell)
                .and_then(|text| texts.iter().position(|known| *known == text))
                .map(place)
        })
        .collect();
    Some(Axis {
        column: column.clone(),
        is_log: false,
        places,
        ticks: texts
            .iter()
            .enumerate()
            .map(|(at, text)| (place(at), Tick::Text(text.clone())))
            .collect(),
    })
}

/// Whether each experiment lies in all brushes. One without a value on a brushed axis does not.
pub fn passing(axes: &[Axis], brushes: &[Brush], count: usize) -> Vec<bool> {
    (0..count)
        .map(|at| {
            brushes.iter().all(|brush| match axes.get(brush.axis) {
                Some(axis) => axis
                    .places
                    .get(at)
                    .copied()
                    .flatten()
                    .is_some_and(|place| (brush.from..=brush.to).contains(&place)),
                None => true,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column() -> Column {
        Column::Config("lr".to_owned())
    }

    #[test]
    fn numbers_are_spread_by_their_size_or_its_logarithm() {
        let cells = [
            Cell::Number(1e-5),
            Cell::Number(1e-3),
            Cell::Missing,
            Cell::Number(1e-4),
        ];
        let read: Vec<&Cell> = cells.iter().collect();
        let spread = axis(&column(), &read).expect("an axis");
        assert!(spread.is_log);
        assert_eq!(
            (spread.places[0], spread.places[1], spread.places[2]),
            (Some(0.0), Some(1.0), None)
        );
        assert!((spread.places[3].expect("there") - 0.5).abs() < 1e-9);
        let linear = axis(
            &column(),
            &[&Cell::Number(-1.0), &Cell::Number(3.0), &Cell::Number(0.0)],
        )
        .expect("an axis");
        assert_eq!(linear.places, [Some(0.0), Some(1.0), Some(0.25)]);
        assert_eq!(linear.ticks.len(), 3);
        let same = axis(&column(), &[&Cell::Number(2.0), &Cell::Number(2.0)]).expect("an axis");
        assert_eq!(same.places, [Some(0.5), Some(0.5)]);
        assert_eq!(axis(&column(), &[&Cell::Missing]), None);
    }

    #[test]
    fn texts_stand_in_their_order_and_a_brush_keeps_what_lies_in_it() {
        let cells = [
            Cell::Text("b".to_owned()),
            Cell::Text("a".to_owned()),
            Cell::Number(1.0),
            Cell::Missing,
        ];
        let read: Vec<&Cell> = cells.iter().collect();
        let texts = axis(&column(), &read).expect("an axis");
        assert_eq!(texts.places, [Some(1.0), Some(0.5), Some(0.0), None]);
        let brush = |from, to| [Brush { axis: 0, from, to }];
        let axes = [texts];
        assert_eq!(
            passing(&axes, &brush(0.4, 1.0), 4),
            [true, true, false, false]
        );
        assert_eq!(passing(&axes, &[], 4), [true; 4]);
        assert_eq!(
            passing(
                &axes,
                &[Brush {
                    axis: 7,
                    from: 0.0,
                    to: 0.1
                }],
                2
            ),
            [true; 2]
        );
        let many: Vec<Cell> = (0..30).map(|n| Cell::Text(n.to_string())).collect();
        assert_eq!(axis(&column(), &many.iter().collect::<Vec<_>>()), None);
    }
}
