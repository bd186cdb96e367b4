//! Columns of singles, as they lie in memory without anything that was worked out before: reduced to the pixels of a chart in one pass.

use super::reduce::Window;

/// Values that are compared side by side; the compiler makes vector code of it where there is any.
const LANES: usize = 8;
/// The least and greatest of a stretch are looked for in whole blocks, their places in the two blocks that have them.
const BLOCK: usize = 256;

/// Places of first, least, greatest and last of each column of the window, in order. `x` rises, values are finite, both are as long.
pub fn kept(x: &[f32], values: &[f32], window: Window) -> Vec<usize> {
    let mut places = Vec::with_capacity(window.columns as usize * 4);
    let mut begin = x.partition_point(|x| f64::from(*x) < window.from);
    let end = x.partition_point(|x| f64::from(*x) <= window.to);
    while begin < end {
        let column = window.column(f64::from(x[begin]));
        let next =
            begin + x[begin..end].partition_point(|x| window.column(f64::from(*x)) <= column);
        let (low, high) = ends(&values[begin..next]);
        let (one, other) = (begin + low.min(high), begin + low.max(high));
        for place in [begin, one, other, next - 1] {
            if places.last().is_none_or(|last| *last < place) {
                places.push(place);
            }
        }
        begin = next;
    }
    places
}

/// Places of the least and the greatest, the first of equals.
fn ends(values: &[f32]) -> (usize, usize) {
    let (mut low, mut high) = ((f32::INFINITY, 0), (f32::NEG_INFINITY, 0));
    for (at, block) in values.chunks(BLOCK).enumerate() {
        let (least, greatest) = of_block(block);
        if least < low.0 {
            low = (least, at * BLOCK);
        }
        if greatest > high.0 {
            high = (greatest, at * BLOCK);
        }
    }
    let place = |(wanted, from): (f32, usize)| {
        let mut behind = values[from..].iter();
        from + behind.position(|value| *value == wanted).unwrap_or(0)
    };
    (place(low), place(high))
}

fn of_block(block: &[f32]) -> (f32, f32) {
    let mut low = [f32::INFINITY; LANES];
    let mut high = [f32::NEG_INFINITY; LANES];
    let (whole, rest) = block.as_chunks::<LANES>();
    for some in whole {
        for at in 0..LANES {
            // Not `f32::min`, which has a rule for NaN that no processor's instruction has.
            low[at] = if some[at] < low[at] {
                some[at]
            } else {
                low[at]
            };
            high[at] = if some[at] > high[at] {
                some[at]
            } else {
                high[at]
            };
        }
    }
    let low = low
        .iter()
        .chain(rest)
        .copied()
        .fold(f32::INFINITY, f32::min);
    let high = high
        .iter()
        .chain(rest)
        .copied()
        .fold(f32::NEG_INFINITY, f32::max);
    (low, high)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{extremes::Extremes, reduce};
    use super::*;

    proptest! {
        #[test]
        fn the_same_is_kept_as_of_doubles(
            values in proptest::collection::vec(-9_i16..9, 1..3000),
            columns in 1_u32..60,
            ends in (0_f64..1.0, 0_f64..1.0),
        ) {
            let values: Vec<f32> = values.iter().map(|value| f32::from(*value)).collect();
            let x: Vec<f32> = (0..values.len()).map(|at| at as f32).collect();
            let last = values.len() as f64 - 1.0;
            let window = Window { from: ends.0.min(ends.1) * last, to: ends.0.max(ends.1) * last, columns };
            let doubles: Vec<f64> = values.iter().map(|value| f64::from(*value)).collect();
            let of = reduce::kept(|at| at as f64, &doubles, &Extremes::of(&doubles), window);
            let inside: Vec<usize> = of.places.into_iter().filter(|at| (window.from..=window.to).contains(&(*at as f64))).collect();
            let own = kept(&x, &values, window);
            if of.is_exact {
                prop_assert!(own.iter().all(|at| inside.contains(at)));
            } else {
                prop_assert_eq!(own, inside);
            }
        }
    }
}
