//! How points lie in the database: a chunk of one series as three packed columns.
//!
//! `format:u8 = 1`, `count` as LEB128, then the steps, the times and the values. Steps and times are columns of whole numbers
//! (`packed`). Values are `kind:u8`, a column of whole numbers, and exceptions:
//!
//! | kind | value of the whole number n |
//! |---|---|
//! | 0 | the double of these bits, after `n ^ ((n >> 63) >>> 1)`, which makes the order of numbers that of doubles |
//! | 1 | the double of these bits, turned right by one: numbers around 0 differ little when their sign comes last |
//! | 2 | the single of these bits, after the same as 0 with 32 |
//! | 3 | the single of these bits, after the same as 1 with 32 |
//! | 4 + e | `n / 10^e`, e up to 18 |
//!
//! Trainers write most numbers with few digits, or compute them as singles. Exceptions are the values that a kind cannot say (NaN, −0
//! …): their number as LEB128, then for each how many places it stands behind the one before it (LEB128) and its eight bytes, little
//! endian. All of it keeps every bit of every value.

use super::Columns;
pub use super::packed::Damaged;
use super::packed::{Bytes, pack, put_unsigned, unpack};

/// The format that is written.
const FORMAT: u8 = 1;
const DOUBLES: u8 = 0;
const SIGNED_DOUBLES: u8 = 1;
const SINGLES: u8 = 2;
const SIGNED_SINGLES: u8 = 3;
const DECIMALS: u8 = 4;
/// Powers of ten up to this one are exact, and so is the quotient of a whole number of 53 bits.
const MOST_DIGITS: u8 = 18;
const EXACT: f64 = 9_007_199_254_740_992.0;
/// At most one value in so many may be an exception.
const RARE: usize = 16;
/// Values that are looked at to guess how many digits they have.
const SAMPLE: usize = 32;

const POWERS: [f64; MOST_DIGITS as usize + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18,
];

/// A chunk of at most 2³² points.
pub fn encode(columns: &Columns) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64 + columns.len() * 8);
    bytes.push(FORMAT);
    put_unsigned(&mut bytes, columns.len() as u64);
    pack(&mut bytes, &columns.steps);
    pack(&mut bytes, &columns.times_millis);
    put_values(&mut bytes, &columns.values);
    bytes
}

/// The points of a chunk, added to `columns`; `count` is what the row beside it says. Nothing is added when it is damaged.
pub fn decode(bytes: &[u8], count: usize, columns: &mut Columns) -> Result<(), Damaged> {
    let mut bytes = Bytes(bytes);
    if bytes.byte()? != FORMAT {
        return Err(Damaged("its format is unknown"));
    }
    if bytes.unsigned()? != count as u64 {
        return Err(Damaged(
            "it holds another number of points than its row says",
        ));
    }
    let steps = unpack(&mut bytes, count)?;
    let times_millis = unpack(&mut bytes, count)?;
    let values = get_values(&mut bytes, count)?;
    if !bytes.0.is_empty() {
        return Err(Damaged("it is longer than its points"));
    }
    columns.append(Columns {
        steps,
        times_millis,
        values,
    });
    Ok(())
}

/// The whole number that stands for a value, in a kind that can say it.
fn number(kind: u8, value: f64) -> Option<i64> {
    let number = match kind {
        DOUBLES => ordered(value.to_bits() as i64),
        SIGNED_DOUBLES => value.to_bits().rotate_left(1) as i64,
        SINGLES => i64::from(ordered_single((value as f32).to_bits() as i32)),
        SIGNED_SINGLES => i64::from((value as f32).to_bits().rotate_left(1)),
        decimals => {
            let scaled = (value * POWERS[usize::from(decimals - DECIMALS)]).round();
            if scaled.is_nan() || scaled.abs() > EXACT {
                return None;
            }
            scaled as i64
        }
    };
    (self::value(kind, number).to_bits() == value.to_bits()).then_some(number)
}

fn value(kind: u8, number: i64) -> f64 {
    match kind {
        DOUBLES => f64::from_bits(ordered(number) as u64),
        SIGNED_DOUBLES => f64::from_bits((number as u64).rotate_right(1)),
        SINGLES => f64::from(f32::from_bits(ordered_single(number as i32) as u32)),
        SIGNED_SINGLES => f64::from(f32::from_bits((number as u32).rotate_right(1))),
        decimals => number as f64 / POWERS[usize::from(decimals - DECIMALS)],
    }
}

/// Its own inverse.
fn ordered(bits: i64) -> i64 {
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

pub(super) fn ordered_single(bits: i32) -> i32 {
    bits ^ (((bits >> 31) as u32) >> 1) as i32
}

/// The fewest digits after the point that most values are written with.
fn digits(values: &[f64]) -> Option<u8> {
    let sample = || {
        values
            .iter()
            .step_by(values.len().div_ceil(SAMPLE).max(1))
            .filter(|value| value.is_finite())
    };
    let (all, most) = (sample().count(), sample().count() - sample().count() / RARE);
    (all > 0).then_some(())?;
    (0..=MOST_DIGITS).find(|digits| {
        sample()
            .filter(|value| number(DECIMALS + digits, **value).is_some())
            .count()
            >= most
    })
}

/// Numbers of a kind, and the places of what it cannot say; None when those are too many.
fn numbers(values: &[f64], kind: u8) -> Option<(Vec<i64>, Vec<usize>)> {
    let mut exceptions = Vec::new();
    let mut numbers = Vec::with_capacity(values.len());
    for (at, value) in values.iter().enumerate() {
        match number(kind, *value) {
            Some(number) => numbers.push(number),
            None => {
                if exceptions.len() > values.len() / RARE {
                    return None;
                }
                exceptions.push(at);
                // Costs nothing where numbers are packed by their spread.
                numbers.push(numbers.last().copied().unwrap_or(0));
            }
        }
    }
    // Those at the beginning had no number before them.
    if let Some(first) = (0..numbers.len()).find(|at| !exceptions.contains(at)) {
        let number = numbers[first];
        numbers[..first].fill(number);
    }
    Some((numbers, exceptions))
}

pub(super) fn put_values(bytes: &mut Vec<u8>, values: &[f64]) {
    let kinds = [
        digits(values).map(|digits| DECIMALS + digits),
        Some(SINGLES),
        Some(SIGNED_SINGLES),
        Some(DOUBLES),
        Some(SIGNED_DOUBLES),
    ];
    let mut best: Option<Vec<u8>> = None;
    for kind in kinds.into_iter().flatten() {
        // Doubles say everything, and hardly in fewer bytes than what says the same with less.
        if kind == DOUBLES && best.is_some() {
            break;
        }
        let Some((numbers, exceptions)) = numbers(values, kind) else {
            continue;
        };
        let mut packed = vec![kind];
        pack(&mut packed, &numbers);
        put_unsigned(&mut packed, exceptions.len() as u64);
        let mut before = 0;
        for at in exceptions {
            put_unsigned(&mut packed, (at - before) as u64);
            packed.extend(values[at].to_le_bytes());
            before = at;
        }
        if best.as_ref().is_none_or(|best| packed.len() < best.len()) {
            best = Some(packed);
        }
    }
    bytes.extend(best.unwrap_or_default());
}

pub(super) fn get_values(bytes: &mut Bytes, count: usize) -> Result<Vec<f64>, Damaged> {
    let kind = bytes.byte()?;
    if kind > DECIMALS + MOST_DIGITS {
        return Err(Damaged("its values are of an unknown kind"));
    }
    let numbers = unpack(bytes, count)?;
    let mut values: Vec<f64> = match kind {
        DOUBLES => numbers.iter().map(|n| value(DOUBLES, *n)).collect(),
        SIGNED_DOUBLES => numbers.iter().map(|n| value(SIGNED_DOUBLES, *n)).collect(),
        SINGLES => numbers.iter().map(|n| value(SINGLES, *n)).collect(),
        SIGNED_SINGLES => numbers.iter().map(|n| value(SIGNED_SINGLES, *n)).collect(),
        _ => numbers.iter().map(|n| value(kind, *n)).collect(),
    };
    let exceptions = bytes.unsigned()?;
    let mut at = 0_usize;
    for _ in 0..exceptions {
        at = usize::try_from(bytes.unsigned()?)
            .ok()
            .and_then(|gap| at.checked_add(gap))
            .ok_or(Damaged("an exception lies outside"))?;
        let taken = bytes
            .take(8)?
            .first_chunk::<8>()
            .copied()
            .unwrap_or_default();
        *values
            .get_mut(at)
            .ok_or(Damaged("an exception lies outside"))? = f64::from_le_bytes(taken);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Point;
    use super::*;

    fn columns(points: Vec<(i64, i64, f64)>) -> Columns {
        let point = |(step, time_millis, value)| Point {
            step,
            time_millis,
            value,
        };
        points.into_iter().map(point).collect()
    }

    fn through(columns: &Columns) -> Vec<u8> {
        let bytes = encode(columns);
        let mut read = Columns::default();
        decode(&bytes, columns.len(), &mut read).expect("read");
        assert_eq!(
            (&read.steps, &read.times_millis),
            (&columns.steps, &columns.times_millis)
        );
        let bits = |values: &[f64]| {
            values
                .iter()
                .map(|value| value.to_bits())
                .collect::<Vec<_>>()
        };
        assert_eq!(bits(&read.values), bits(&columns.values));
        bytes
    }

    #[test]
    fn a_chunk_is_written_as_documented() {
        // Steps 1 2 3, a second apart; 2.5, 2.25 and NaN.
        let chunk = columns(vec![(1, 1000, 2.5), (2, 2000, 2.25), (3, 3000, f64::NAN)]);
        let expected: Vec<u8> = [
            &[1, 3][..],
            // Order 1: 1, then differences of 1 and no width.
            &[1, 2, 2, 0],
            &[1, 208, 15, 208, 15, 0],
            // Hundredths, order 2: 250, −25, then 25 of no width (250 225 225); one exception, 2 places behind the beginning.
            &[6, 2, 244, 3, 49, 50, 0, 1, 2],
            &f64::NAN.to_le_bytes(),
        ]
        .concat();
        assert_eq!(through(&chunk), expected);
    }

    #[test]
    fn numbers_of_few_digits_and_singles_are_small() {
        let of = |value: fn(i64) -> f64| {
            let points = (0..4096)
                .map(|step| (step, step * 1000 + step % 7, value(step)))
                .collect();
            through(&columns(points)).len() as f64 / 4096.0
        };
        // Noise from 0 to 1: the upper bits of a product that wraps.
        fn noise(step: i64) -> f64 {
            let bits = (step as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            (bits ^ bits >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) as f64 / u64::MAX as f64
        }
        assert!(of(|_| 0.1) < 0.6);
        assert!(of(|step| step as f64 / 100.0) < 0.6);
        assert!(of(|step| (noise(step) * 1e8).round() / 1e8) < 4.0);
        assert!(of(|step| f64::from((2.0 + noise(step)) as f32)) < 3.6);
        assert!(of(|step| 2.0 + noise(step)) < 7.2);
        assert!(
            of(|step| noise(step) - noise(step + 99)) < 8.0,
            "of either sign"
        );
    }

    proptest! {
        #[test]
        fn every_bit_is_kept(points in proptest::collection::vec((any::<i64>(), any::<i64>(), prop_oneof![
            3 => any::<f64>(), 3 => any::<f32>().prop_map(f64::from), 6 => (-9_999_i32..9_999).prop_map(|n| f64::from(n) / 1000.0),
            1 => any::<u64>().prop_map(f64::from_bits), 1 => Just(-0.0),
        ]), 0..300)) {
            through(&columns(points));
        }

        #[test]
        fn digits_with_a_few_exceptions(numbers in proptest::collection::vec(-99_999_i64..99_999, 1..300), holes in proptest::collection::vec(any::<prop::sample::Index>(), 0..9)) {
            let mut points: Vec<(i64, i64, f64)> = numbers.iter().map(|n| (*n, *n, *n as f64 / 1e5)).collect();
            for hole in holes {
                let at = hole.index(points.len());
                points[at].2 = f64::NAN;
            }
            through(&columns(points));
        }

        #[test]
        fn damaged_bytes_are_refused_or_read_but_never_fatal(
            numbers in proptest::collection::vec((-99_i64..99_999, any::<f32>()), 1..200), at in any::<prop::sample::Index>(), bit in 0_u8..8, cut in any::<prop::sample::Index>(),
        ) {
            let points: Vec<(i64, i64, f64)> = numbers.iter().map(|(n, v)| (*n, n * 7, f64::from(*v))).collect();
            let length = points.len();
            let mut bytes = encode(&columns(points));
            prop_assert!(decode(&bytes[..cut.index(bytes.len())], length, &mut Columns::default()).is_err());
            prop_assert!(decode(&bytes, length + 1, &mut Columns::default()).is_err());
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let _ = decode(&bytes, length, &mut Columns::default());
        }
    }
}
