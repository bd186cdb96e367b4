//! The drawing alone, as scripts/bench/drawing.py measures it: columns of singles in the wasm's memory, reduced to the pixels of a canvas
//! and drawn there as every chart is.

use std::cell::RefCell;

use domain::metrics::reduce::Window;
use domain::metrics::{Drawn, singles};

use crate::browser;
use crate::metrics::drawing::{Line, Picture};

thread_local! {
    /// x, and the values of each line.
    static COLUMNS: RefCell<(Vec<f32>, Vec<Vec<f32>>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

/// Lines that fall and are noisy, the same each time.
pub fn fill(points: usize, lines: usize) {
    let mut state = 123_456_789_u32;
    let mut noise = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / u32::MAX as f32
    };
    let x = (0..points).map(|at| at as f32).collect();
    let line = |line: usize| {
        let value =
            |at: usize| 2.0 + line as f32 * 0.1 + 8.0 / (1.0 + at as f32 * 50.0 / points as f32);
        (0..points).map(|at| value(at) + 0.3 * noise()).collect()
    };
    let all = (0..lines).map(line).collect();
    COLUMNS.set((x, all));
}

/// Reduces and draws them; answers how many points were drawn.
pub fn draw(canvas: &str, width: f64, height: f64) -> usize {
    COLUMNS.with_borrow(|(x, all)| {
        let window = Window {
            from: 0.0,
            to: x.last().copied().map_or(1.0, f64::from),
            columns: (width * browser::device_ratio()) as u32,
        };
        let lines: Vec<Drawn> = all
            .iter()
            .map(|values| {
                let places = singles::kept(x, values, window);
                let of = |column: &[f32]| places.iter().map(|at| f64::from(column[*at])).collect();
                Drawn {
                    x: of(x),
                    values: of(values),
                    ..Drawn::default()
                }
            })
            .collect();
        let line = |(colour, drawn)| Line {
            drawn,
            colour,
            is_old: false,
        };
        let picture = Picture {
            lines: lines.iter().enumerate().map(line).collect(),
            ..Picture::default()
        };
        browser::paint(canvas, (width, height), &picture);
        lines.iter().map(|line| line.x.len()).sum()
    })
}
