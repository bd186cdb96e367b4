//! Where the least and the greatest value of any stretch of a series stand, without looking at all of it.

/// Values of one bucket: a stretch is read value by value only at its two ends.
const BUCKET: usize = 64;

/// Places of the least and the greatest value of every bucket, and these values: looking them up would fetch a line of memory for each.
/// Values are finite.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Extremes {
    lows: Vec<(u32, f64)>,
    highs: Vec<(u32, f64)>,
    /// How many values were looked at.
    length: usize,
}

impl Extremes {
    pub fn of(values: &[f64]) -> Extremes {
        let mut extremes = Extremes::default();
        extremes.extend(values);
        extremes
    }

    /// Takes in what was added behind the values known so far; `values` are all of them.
    pub fn extend(&mut self, values: &[f64]) {
        let whole = self.length / BUCKET;
        self.lows.truncate(whole);
        self.highs.truncate(whole);
        for (at, bucket) in values.chunks(BUCKET).enumerate().skip(whole) {
            let (low, high) = scan(bucket);
            self.lows.push(((at * BUCKET + low) as u32, bucket[low]));
            self.highs.push(((at * BUCKET + high) as u32, bucket[high]));
        }
        self.length = values.len();
    }

    /// Places of the least and the greatest of `values[begin..end]`, the first of equals; `begin` is less than `end`.
    pub fn within(&self, values: &[f64], begin: usize, end: usize) -> (usize, usize) {
        let (first, last) = (begin.div_ceil(BUCKET), end / BUCKET);
        let straight = |begin: usize, end: usize| {
            let (low, high) = scan(&values[begin..end]);
            (begin + low, begin + high)
        };
        if first >= last {
            return straight(begin, end);
        }
        let (mut low, mut high) = ((begin, values[begin]), (begin, values[begin]));
        let mut take = |at_low: (usize, f64), at_high: (usize, f64)| {
            if at_low.1 < low.1 {
                low = at_low;
            }
            if at_high.1 > high.1 {
                high = at_high;
            }
        };
        let edge = |begin: usize, end: usize| {
            let (low, high) = straight(begin, end);
            ((low, values[low]), (high, values[high]))
        };
        if begin < first * BUCKET {
            let (low, high) = edge(begin, first * BUCKET);
            take(low, high);
        }
        for (low, high) in self.lows[first..last].iter().zip(&self.highs[first..last]) {
            take((low.0 as usize, low.1), (high.0 as usize, high.1));
        }
        if last * BUCKET < end {
            let (low, high) = edge(last * BUCKET, end);
            take(low, high);
        }
        (low.0, high.0)
    }
}

/// Places of the least and the greatest, the first of equals. The values are found first, which the compiler turns into vector code.
fn scan(values: &[f64]) -> (usize, usize) {
    let mut low = [f64::INFINITY; 4];
    let mut high = [f64::NEG_INFINITY; 4];
    let (fours, rest) = values.as_chunks::<4>();
    for four in fours {
        for at in 0..4 {
            low[at] = if four[at] < low[at] {
                four[at]
            } else {
                low[at]
            };
            high[at] = if four[at] > high[at] {
                four[at]
            } else {
                high[at]
            };
        }
    }
    let least = low
        .iter()
        .chain(rest)
        .copied()
        .fold(f64::INFINITY, f64::min);
    let most = high
        .iter()
        .chain(rest)
        .copied()
        .fold(f64::NEG_INFINITY, f64::max);
    let place = |wanted: f64| {
        values
            .iter()
            .position(|value| *value == wanted)
            .unwrap_or(0)
    };
    (place(least), place(most))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_finds_what_looking_at_all_finds(
            values in proptest::collection::vec(prop_oneof![-1e3_f64..1e3, (0_i32..4).prop_map(f64::from)], 1..700),
            begin in any::<prop::sample::Index>(), length in any::<prop::sample::Index>(), known in any::<prop::sample::Index>(),
        ) {
            let begin = begin.index(values.len());
            let end = begin + 1 + length.index(values.len() - begin);
            let mut extremes = Extremes::of(&values[..known.index(values.len())]);
            extremes.extend(&values);
            let (low, high) = extremes.within(&values, begin, end);
            let mut expected = (begin, begin);
            for at in begin..end {
                if values[at] < values[expected.0] { expected.0 = at; }
                if values[at] > values[expected.1] { expected.1 = at; }
            }
            prop_assert_eq!((low, high), expected);
        }
    }
}
