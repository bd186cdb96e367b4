//! How long the rows of a dataset are in tokens, and what a max_length makes of them.

use serde::{Deserialize, Serialize};

/// Lengths of rows, kept exactly: a million rows are four megabytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lengths {
    sorted: Vec<u32>,
}

/// One bar of the histogram: rows whose length is from `from` to below `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bar {
    pub from: u32,
    pub to: u32,
    pub rows: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    pub rows: u64,
    pub tokens: u64,
    pub p50: u32,
    pub p90: u32,
    pub p99: u32,
    pub max: u32,
    pub bars: Vec<Bar>,
    /// What some lengths would mean, shortest first.
    pub cuts: Vec<Cut>,
    /// Rows that could not be rendered; they are in no figure.
    pub failed: u64,
}

/// What `max_length` makes of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cut {
    pub max_length: u32,
    /// Rows that are longer: dropped, or cut with truncation_strategy left or right.
    pub longer: u64,
    /// Tokens of those rows beyond the length.
    pub tokens_beyond: u64,
    /// With packing: tokens of rows / tokens of the packs they are put into, 0 to 1.
    pub packing: f64,
    /// Without packing and padding_free, at micro batch 1: all of a row is trained, nothing is padded; at more, rows are padded to the
    /// longest of their batch. Share of tokens that are no padding when batches of 4 are drawn at random.
    pub unpacked: f64,
}

const BARS: u32 = 48;

impl Lengths {
    pub fn new(mut lengths: Vec<u32>) -> Lengths {
        lengths.sort_unstable();
        Lengths { sorted: lengths }
    }

    /// The length that `share` (0 to 1) of the rows do not exceed: the nearest-rank percentile.
    fn percentile(&self, share: f64) -> u32 {
        let rank = (share * self.sorted.len() as f64).ceil() as usize;
        self.sorted
            .get(rank.saturating_sub(1))
            .copied()
            .unwrap_or_default()
    }

    pub fn histogram(&self, failed: u64) -> Histogram {
        let max = self.sorted.last().copied().unwrap_or_default();
        let p99 = self.percentile(0.99);
        // The last bar holds what few rows lie far out, so that they do not press all others into one.
        let end = if max > p99.saturating_mul(2) {
            p99.saturating_mul(3) / 2
        } else {
            max
        };
        let width = (end / BARS + 1).max(1);
        let mut bars = Vec::new();
        let mut from = 0;
        let mut at = 0;
        while at < self.sorted.len() {
            let is_last = from >= width * (BARS - 1) && max >= from + width;
            let to = if is_last { max + 1 } else { from + width };
            let next = self.sorted.partition_point(|length| *length < to);
            bars.push(Bar {
                from,
                to,
                rows: (next - at) as u64,
            });
            at = next;
            from = to;
        }
        let mut steps: Vec<u32> = [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072]
            .into_iter()
            .filter(|step| *step < max.saturating_mul(2))
            .collect();
        steps.push(round_up(p99));
        steps.push(round_up(max));
        steps.sort_unstable();
        steps.dedup();
        Histogram {
            rows: self.sorted.len() as u64,
            tokens: self.sorted.iter().map(|length| u64::from(*length)).sum(),
            p50: self.percentile(0.5),
            p90: self.percentile(0.9),
            p99,
            max,
            bars,
            cuts: steps
                .into_iter()
                .filter(|step| *step > 0)
                .map(|step| self.cut(step))
                .collect(),
            failed,
        }
    }

    pub fn cut(&self, max_length: u32) -> Cut {
        let fits = self.sorted.partition_point(|length| *length <= max_length);
        let beyond = &self.sorted[fits..];
        Cut {
            max_length,
            longer: beyond.len() as u64,
            tokens_beyond: beyond
                .iter()
                .map(|length| u64::from(length - max_length))
                .sum(),
            packing: packed(&self.sorted[..fits], max_length),
            unpacked: padded(&self.sorted[..fits]),
        }
    }
}

/// To the next multiple of 64, as people write lengths.
fn round_up(length: u32) -> u32 {
    length.div_ceil(64).saturating_mul(64)
}

/// Best-fit decreasing, which ms-swift's binpacking comes close to: tokens / (packs × length). Rows of one length are taken together, so that
/// a million rows take milliseconds.
fn packed(sorted: &[u32], length: u32) -> f64 {
    let mut room: std::collections::BTreeMap<u32, u64> = std::collections::BTreeMap::new();
    let (mut packs, mut tokens) = (0u64, 0u64);
    let mut rest = sorted;
    while let Some(&row) = rest.last() {
        if row == 0 {
            break;
        }
        let from = rest.partition_point(|other| *other < row);
        let mut count = (rest.len() - from) as u64;
        rest = &rest[..from];
        tokens += u64::from(row) * count;
        while count > 0 {
            match room
                .range(row..)
                .next()
                .map(|(&free, &packs)| (free, packs))
            {
                Some((free, there)) => {
                    // As many of these rows as fit into one such pack, into as many such packs as needed.
                    let each = u64::from(free / row).min(count);
                    let used = (count / each).min(there).max(1);
                    *room.entry(free).or_default() -= used;
                    room.retain(|_, packs| *packs > 0);
                    let left = free - row * each as u32;
                    if left > 0 {
                        *room.entry(left).or_default() += used;
                    }
                    count -= each * used;
                }
                None => {
                    let each = u64::from(length / row).max(1).min(count);
                    let new = (count / each).max(1);
                    packs += new;
                    let left = length.saturating_sub(row * each as u32);
                    if left > 0 {
                        *room.entry(left).or_default() += new;
                    }
                    count -= each * new;
                }
            }
        }
    }
    if packs == 0 {
        0.0
    } else {
        tokens as f64 / (packs as f64 * f64::from(length))
    }
}

/// Mean length / expected longest of four drawn at random.
fn padded(sorted: &[u32]) -> f64 {
    let n = sorted.len() as f64;
    if sorted.is_empty() {
        return 0.0;
    }
    let mean = sorted.iter().map(|length| f64::from(*length)).sum::<f64>() / n;
    // P(max ≤ x) = F(x)^4.
    let longest: f64 = sorted
        .iter()
        .enumerate()
        .map(|(at, length)| {
            f64::from(*length) * (((at + 1) as f64 / n).powi(4) - (at as f64 / n).powi(4))
        })
        .sum();
    if longest > 0.0 { mean / longest } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn percentiles_and_cuts_are_exact() {
        let lengths = Lengths::new((1..=100).collect());
        let histogram = lengths.histogram(2);
        assert_eq!(
            (histogram.p50, histogram.p90, histogram.p99, histogram.max),
            (50, 90, 99, 100)
        );
        assert_eq!(
            (histogram.rows, histogram.tokens, histogram.failed),
            (100, 5050, 2)
        );
        let cut = lengths.cut(90);
        assert_eq!((cut.longer, cut.tokens_beyond), (10, 55));
        assert_eq!(Lengths::default().histogram(0).bars, []);
    }

    #[test]
    fn packing_fills_packs() {
        assert_eq!(packed(&[512; 8], 1024), 1.0);
        assert_eq!(packed(&[600; 8], 1024), 600.0 / 1024.0);
        assert_eq!(packed(&[424, 600], 1024), 1.0);
        assert!(packed(&(1..=1000).collect::<Vec<_>>(), 1024) > 0.97);
    }

    proptest! {
        #[test]
        fn every_row_is_in_one_bar_and_fits_its_pack(lengths in prop::collection::vec(1u32..5000, 1..300), max_length in 1u32..6000) {
            let lengths = Lengths::new(lengths);
            let histogram = lengths.histogram(0);
            prop_assert_eq!(histogram.bars.iter().map(|bar| bar.rows).sum::<u64>(), histogram.rows);
            let cut = lengths.cut(max_length);
            prop_assert!((0.0..=1.0).contains(&cut.packing), "{cut:?}");
            prop_assert!((0.0..=1.0 + 1e-9).contains(&cut.unpacked));
        }
    }
}
