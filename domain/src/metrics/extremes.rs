//! Where the least and the greatest value of any stretch of a series stand, without looking at all of it.

/// Values of one bucket: a stretch is read value by value only at its two ends.
const BUCKET: usize = 64;

/// Places of the least and the greatest value of every bucket. Values are finite.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Extremes {
    lows: Vec<u32>,
    highs: Vec<u32>,
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
            self.lows.push((at * BUCKET + low) as u32);
            self.highs.push((at * BUCKET + high) as u32);
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
        let mut best = (begin, begin);
        let mut take = |(low, high): (usize, usize)| {
            if values[low] < values[best.0] {
                best.0 = low;
            }
            if values[high] > values[best.1] {
                best.1 = high;
            }
        };
        if begin < first * BUCKET {
            take(straight(begin, first * BUCKET));
        }
        for bucket in first..last {
            take((self.lows[bucket] as usize, self.highs[bucket] as usize));
        }
        if last * BUCKET < end {
            take(straight(last * BUCKET, end));
        }
        best
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
