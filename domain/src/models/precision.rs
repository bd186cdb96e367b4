//! The precision block that `swift export --test_convert_precision true` prints, read into numbers and judged.
//!
//! The program only prints: it never fails on a bad conversion.

use super::{Precision, Verdict};

/// Reads the last block of a log; None where there is none.
pub fn read(log: &str) -> Option<Precision> {
    let pair = |prefix: &str| {
        log.lines()
            .rev()
            .find_map(|line| mean_and_max(line.trim_end(), prefix))
    };
    let count = |prefix: &str| {
        log.lines()
            .rev()
            .find_map(|line| line.trim().strip_prefix(prefix)?.trim().parse::<u64>().ok())
    };
    let plain = pair("mean_diff: ");
    let with_loss = pair("mean_diff (with loss): ");
    plain.or(with_loss)?;
    let zeros: Vec<u64> = log
        .lines()
        .filter_map(|line| line.split_once("zero_count: ")?.1.trim().parse().ok())
        .collect();
    let mut precision = Precision {
        mean_diff: plain.map(|(mean, _)| mean),
        max_diff: plain.map(|(_, max)| max),
        mean_diff_with_loss: with_loss.map(|(mean, _)| mean),
        max_diff_with_loss: with_loss.map(|(_, max)| max),
        token_diff: count("token_diff: "),
        token_diff_with_loss: count("token_diff (with loss): "),
        zero_count: (!zeros.is_empty()).then(|| zeros.iter().sum()),
        verdict: Verdict::Good,
    };
    precision.verdict = judge(&precision);
    Some(precision)
}

/// Below 0.1, as ms-swift asks people to check, and the same tokens: good. Other tokens or all-zero parameters: doubtful.
fn judge(precision: &Precision) -> Verdict {
    // seq_cls models print only the first line.
    let mean = precision.mean_diff_with_loss.or(precision.mean_diff);
    let tokens = precision.token_diff_with_loss.or(precision.token_diff);
    if !mean.is_some_and(|mean| mean < 0.1) {
        Verdict::Bad
    } else if tokens.is_some_and(|count| count > 0)
        || precision.zero_count.is_some_and(|count| count > 0)
    {
        Verdict::Doubtful
    } else {
        Verdict::Good
    }
}

/// `mean_diff: 0.00017, max_diff: 0.0011 (Please …)`; `nan` reads as not a number.
fn mean_and_max(line: &str, prefix: &str) -> Option<(f64, f64)> {
    let (mean, rest) = line.trim_start().strip_prefix(prefix)?.split_once(", ")?;
    let (_, max) = rest.split_once(": ")?;
    Some((mean.parse().ok()?, max.split(' ').next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = include_str!("../../fixtures/megatron-swift-3.9.3/hf_to_mcore.log");

    #[test]
    fn the_captured_conversion_is_good() {
        let precision = read(LOG).expect("a block");
        assert_eq!(precision.verdict, Verdict::Good);
        assert!(
            precision
                .mean_diff_with_loss
                .is_some_and(|mean| mean > 0.0 && mean < 0.001),
            "{precision:?}"
        );
        assert!(precision.max_diff.is_some());
        assert_eq!(precision.token_diff_with_loss, Some(0));
        assert_eq!(precision.zero_count, Some(0));
    }

    #[test]
    fn what_is_worse_is_judged_worse() {
        let block = "mean_diff: 0.2, max_diff: 3.0\nmean_diff (with loss): 0.3, max_diff (with loss): 4.0 (Please)\ntoken_diff: 1\n";
        let verdict = |text: &str| read(text).expect("a block").verdict;
        assert_eq!(verdict(block), Verdict::Bad);
        assert_eq!(verdict(&block.replace("0.3", "nan")), Verdict::Bad);
        assert_eq!(verdict(&block.replace("0.3", "0.03")), Verdict::Doubtful);
        assert_eq!(
            verdict(&block.replace("0.3", "0.03").replace("diff: 1", "diff: 0")),
            Verdict::Good
        );
        assert_eq!(read("Successfully saved"), None);
    }
}
