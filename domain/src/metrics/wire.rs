//! Curves on their way to a browser: as small as what can be seen of them.
//!
//! A list is `1:u8`, how many curves there are, then each. Numbers alone are LEB128 (zigzag where they may be negative), columns are
//! `packed`, doubles eight bytes, little endian. A curve is
//!
//! `attempt · source:u8 (0: none) · name · labels · count · flags:u8 (1: exact, 2: typical, 4: smoothed) · [typical: two doubles] ·
//! points · steps: column · times · x · values: numbers · [smoothed: numbers] · marks: numbers, column of kinds`
//!
//! * Times are what they differ from a straight line over the steps: `first · per step: double · grain`, then a column of grains.
//!   Curves that leave points out have a grain of 1/16384 of their length, others 1 ms.
//! * x is `0 · scale: double` (steps times that), `1 · since` (times minus that) or `2` and numbers.
//! * Numbers are `0` and values as in a chunk (`codec`: every bit), `1 · least: double · grain: double` and a column (`least + n · grain`,
//!   2²⁴ grains from the least to the greatest) or `2` and a column of singles' bits. Those that leave nothing out are exact when they are
//!   few; of others nobody sees a 16-millionth of the height of the chart.

use super::codec::{get_values, ordered_single, put_values};
use super::packed::{Bytes, Damaged, pack, put_signed, put_unsigned, unpack};
use super::{Drawn, Labels, NonFinite, SeriesKey, Source};

const FORMAT: u8 = 1;
/// Exact curves of at most so many points are sent bit by bit.
const FEW: usize = 2000;
/// Grains of time from the first to the last point of a curve that leaves points out.
const TIME_GRAINS: i64 = 1 << 14;
/// Grains from the least to the greatest value.
const GRAINS: f64 = 16_777_216.0;
/// Values of one sign that differ by more than this factor are singles: a logarithmic scale shows the small ones too.
const WIDE: f64 = 1024.0;

const SOURCES: [Source; 4] = [
    Source::Jsonl,
    Source::Client,
    Source::Tfevents,
    Source::Stdout,
];
const KINDS: [NonFinite; 3] = [
    NonFinite::NaN,
    NonFinite::PlusInfinity,
    NonFinite::MinusInfinity,
];

pub fn encode(curves: &[Drawn]) -> Vec<u8> {
    let mut bytes = vec![FORMAT];
    put_unsigned(&mut bytes, curves.len() as u64);
    for curve in curves {
        put_curve(&mut bytes, curve);
    }
    bytes
}

pub fn decode(bytes: &[u8]) -> Result<Vec<Drawn>, Damaged> {
    let mut bytes = Bytes(bytes);
    if bytes.byte()? != FORMAT {
        return Err(Damaged("its format is unknown"));
    }
    let mut curves = Vec::new();
    for _ in 0..bytes.unsigned()? {
        curves.push(curve(&mut bytes)?);
    }
    Ok(curves)
}

fn put_curve(bytes: &mut Vec<u8>, curve: &Drawn) {
    put_unsigned(bytes, u64::from(curve.attempt));
    let source = curve
        .source
        .and_then(|source| SOURCES.iter().position(|known| *known == source));
    bytes.push(source.map_or(0, |at| at as u8 + 1));
    put_text(bytes, &curve.key.name);
    put_unsigned(bytes, curve.key.labels.iter().count() as u64);
    for (name, value) in curve.key.labels.iter() {
        put_text(bytes, name);
        put_text(bytes, value);
    }
    put_unsigned(bytes, curve.count);
    let has_smoothed = !curve.smoothed.is_empty();
    bytes.push(
        u8::from(curve.is_exact)
            | u8::from(curve.typical.is_some()) << 1
            | u8::from(has_smoothed) << 2,
    );
    if let Some((low, high)) = curve.typical {
        bytes.extend(low.to_le_bytes());
        bytes.extend(high.to_le_bytes());
    }
    let is_exact = curve.is_exact && curve.steps.len() <= FEW;
    put_unsigned(bytes, curve.steps.len() as u64);
    pack(bytes, &curve.steps);
    let axis = Axis::of(curve);
    put_times(bytes, curve, is_exact || matches!(axis, Axis::Times(_)));
    match axis {
        Axis::Steps(scale) => {
            bytes.push(0);
            bytes.extend(scale.to_le_bytes());
        }
        Axis::Times(since) => {
            bytes.push(1);
            put_signed(bytes, since);
        }
        Axis::Own => {
            bytes.push(2);
            put_numbers(bytes, &curve.x, is_exact);
        }
    }
    put_numbers(bytes, &curve.values, is_exact);
    if has_smoothed {
        put_numbers(bytes, &curve.smoothed, is_exact);
    }
    put_unsigned(bytes, curve.non_finite.len() as u64);
    let places: Vec<f64> = curve.non_finite.iter().map(|mark| mark.0).collect();
    put_numbers(bytes, &places, true);
    let kinds: Vec<i64> = curve.non_finite.iter().map(|mark| mark.1 as i64).collect();
    pack(bytes, &kinds);
}

fn curve(bytes: &mut Bytes) -> Result<Drawn, Damaged> {
    let attempt =
        u32::try_from(bytes.unsigned()?).map_err(|_| Damaged("an attempt is out of range"))?;
    let source = match bytes.byte()? {
        0 => None,
        at => Some(
            *SOURCES
                .get(usize::from(at) - 1)
                .ok_or(Damaged("a source is unknown"))?,
        ),
    };
    let name = text(bytes)?;
    let mut labels = Labels::default();
    for _ in 0..bytes.unsigned()? {
        let label = text(bytes)?;
        labels = labels.with(label, text(bytes)?);
    }
    let count = bytes.unsigned()?;
    let flags = bytes.byte()?;
    let typical = if flags & 2 == 0 {
        None
    } else {
        Some((double(bytes)?, double(bytes)?))
    };
    let length = length(bytes)?;
    let steps = unpack(bytes, length)?;
    let times_millis = times(bytes, &steps)?;
    let x = match bytes.byte()? {
        0 => {
            let scale = double(bytes)?;
            steps.iter().map(|step| *step as f64 * scale).collect()
        }
        1 => {
            let since = bytes.signed()?;
            times_millis
                .iter()
                .map(|time| time.saturating_sub(since) as f64)
                .collect()
        }
        _ => numbers(bytes, length)?,
    };
    let values = numbers(bytes, length)?;
    let smoothed = if flags & 4 == 0 {
        Vec::new()
    } else {
        numbers(bytes, length)?
    };
    let marks = self::length(bytes)?;
    let places = numbers(bytes, marks)?;
    let kinds = unpack(bytes, marks)?;
    let kind = |kind: i64| {
        usize::try_from(kind)
            .ok()
            .and_then(|at| KINDS.get(at))
            .copied()
    };
    let marks: Option<Vec<_>> = places
        .into_iter()
        .zip(kinds)
        .map(|(x, k)| Some((x, kind(k)?)))
        .collect();
    Ok(Drawn {
        attempt,
        source,
        key: SeriesKey { name, labels },
        x,
        steps,
        times_millis,
        values,
        smoothed,
        non_finite: marks.ok_or(Damaged("a mark is of an unknown kind"))?,
        count,
        is_exact: flags & 1 != 0,
        typical,
    })
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_unsigned(bytes, text.len() as u64);
    bytes.extend(text.as_bytes());
}

fn text(bytes: &mut Bytes) -> Result<String, Damaged> {
    let length = usize::try_from(bytes.unsigned()?).map_err(|_| Damaged("a text is too long"))?;
    String::from_utf8(bytes.take(length)?.to_vec()).map_err(|_| Damaged("a text is not UTF-8"))
}

fn double(bytes: &mut Bytes) -> Result<f64, Damaged> {
    let taken = bytes.take(8)?.first_chunk().copied().unwrap_or_default();
    Ok(f64::from_le_bytes(taken))
}

/// How many points follow. More than this are never sent, so whoever says so is damaged.
fn length(bytes: &mut Bytes) -> Result<usize, Damaged> {
    const MOST: u64 = 1 << 20;
    let length = bytes.unsigned()?;
    if length > MOST {
        return Err(Damaged("a curve has too many points"));
    }
    Ok(length as usize)
}

/// How x follows from steps or times.
enum Axis {
    Steps(f64),
    Times(i64),
    Own,
}

impl Axis {
    fn of(curve: &Drawn) -> Axis {
        let pairs = || curve.x.iter().zip(&curve.steps);
        let scale = pairs()
            .rev()
            .find(|(_, step)| **step != 0)
            .map_or(1.0, |(x, step)| x / *step as f64);
        if pairs().all(|(x, step)| *x == *step as f64 * scale) {
            return Axis::Steps(scale);
        }
        let pairs = || curve.x.iter().zip(&curve.times_millis);
        let since = pairs()
            .next()
            .map_or(0, |(x, time)| time.saturating_sub(*x as i64));
        if pairs().all(|(x, time)| *x == time.saturating_sub(since) as f64) {
            return Axis::Times(since);
        }
        Axis::Own
    }
}

/// Where a straight line over the steps has a point.
fn expected(first: i64, pace: f64, from: i64, step: i64) -> i64 {
    first.wrapping_add((step.wrapping_sub(from) as f64 * pace) as i64)
}

fn put_times(bytes: &mut Vec<u8>, curve: &Drawn, is_exact: bool) {
    let (steps, times) = (&curve.steps, &curve.times_millis);
    let (Some((from, to)), Some((first, last))) = (
        steps.first().zip(steps.last()),
        times.first().zip(times.last()),
    ) else {
        return;
    };
    let span = last.saturating_sub(*first);
    let pace = span as f64 / to.saturating_sub(*from).max(1) as f64;
    let grain = if is_exact {
        1
    } else {
        (span.saturating_abs() / TIME_GRAINS).max(1)
    };
    put_signed(bytes, *first);
    bytes.extend(pace.to_le_bytes());
    put_signed(bytes, grain);
    let away = |(step, time): (&i64, &i64)| {
        let away = time.wrapping_sub(expected(*first, pace, *from, *step));
        // To the nearest grain.
        if grain == 1 {
            away
        } else {
            away.saturating_add(grain / 2).div_euclid(grain)
        }
    };
    let away: Vec<i64> = steps.iter().zip(times).map(away).collect();
    pack(bytes, &away);
}

fn times(bytes: &mut Bytes, steps: &[i64]) -> Result<Vec<i64>, Damaged> {
    let Some(from) = steps.first() else {
        return Ok(Vec::new());
    };
    let first = bytes.signed()?;
    let pace = double(bytes)?;
    let grain = bytes.signed()?;
    let away = unpack(bytes, steps.len())?;
    let time = |(step, away): (&i64, &i64)| {
        expected(first, pace, *from, *step).wrapping_add(away.wrapping_mul(grain))
    };
    Ok(steps.iter().zip(&away).map(time).collect())
}

fn put_numbers(bytes: &mut Vec<u8>, numbers: &[f64], is_exact: bool) {
    let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let grain = (greatest - least) / GRAINS;
    // Too large, too small or not a number: whatever it is, it arrives.
    let is_plain = grain.is_finite()
        && (grain.is_normal() || grain == 0.0)
        && numbers.iter().all(|n| n.is_finite());
    let (near, far) = (
        least.abs().min(greatest.abs()),
        least.abs().max(greatest.abs()),
    );
    let is_wide = (least > 0.0 || greatest < 0.0) && far / near > WIDE;
    let fits = |n: &f64| {
        (*n == 0.0 || n.abs() >= f64::from(f32::MIN_POSITIVE)) && n.abs() <= f64::from(f32::MAX)
    };
    if is_exact || !is_plain || (is_wide && !numbers.iter().all(fits)) {
        bytes.push(0);
        put_values(bytes, numbers);
    } else if is_wide {
        bytes.push(2);
        let bits: Vec<i64> = numbers
            .iter()
            .map(|n| i64::from(ordered_single((*n as f32).to_bits() as i32)))
            .collect();
        pack(bytes, &bits);
    } else {
        bytes.push(1);
        bytes.extend(least.to_le_bytes());
        bytes.extend(grain.to_le_bytes());
        let per = if grain > 0.0 { 1.0 / grain } else { 0.0 };
        let grains: Vec<i64> = numbers
            .iter()
            // None lies below the least; the nearest, without a call into the C library for each.
            .map(|n| ((n - least) * per + 0.5) as i64)
            .collect();
        pack(bytes, &grains);
    }
}

fn numbers(bytes: &mut Bytes, length: usize) -> Result<Vec<f64>, Damaged> {
    match bytes.byte()? {
        0 => get_values(bytes, length),
        1 => {
            let (least, grain) = (double(bytes)?, double(bytes)?);
            let grains = unpack(bytes, length)?;
            Ok(grains.iter().map(|n| least + *n as f64 * grain).collect())
        }
        2 => {
            let single =
                |bits: &i64| f64::from(f32::from_bits(ordered_single(*bits as i32) as u32));
            Ok(unpack(bytes, length)?.iter().map(single).collect())
        }
        _ => Err(Damaged("its numbers are of an unknown kind")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::curve::{Axis as CurveAxis, Curve, Lookup};
    use super::super::reduce::Window;
    use super::super::{Columns, Point, Smoothing};
    use super::*;

    fn drawn(
        points: &[(i64, i64, f64)],
        axis: &CurveAxis,
        smoothing: Smoothing,
        columns: u32,
    ) -> Drawn {
        let columns_of = |points: &[(i64, i64, f64)]| -> Columns {
            let point = |(step, time_millis, value): &(i64, i64, f64)| Point {
                step: *step,
                time_millis: *time_millis,
                value: *value,
            };
            points.iter().map(point).collect()
        };
        let curve = Curve::new(columns_of(points).read_as(Source::Jsonl), axis);
        let (from, to) = curve.ends().unwrap_or((0.0, 1.0));
        let cut = curve.cut(
            Window { from, to, columns },
            curve.smooth(smoothing).as_ref(),
        );
        Drawn {
            attempt: 3,
            source: Some(Source::Client),
            key: SeriesKey {
                name: "损失 <b>".to_owned(),
                labels: Labels::default().with("gpu", 1),
            },
            x: cut.x,
            steps: cut.steps,
            times_millis: cut.times_millis,
            values: cut.values,
            smoothed: cut.smoothed,
            non_finite: cut.non_finite,
            count: curve.len() as u64,
            is_exact: cut.is_exact,
            typical: curve.typical(),
        }
    }

    #[test]
    fn an_empty_list_and_an_empty_curve_arrive() {
        assert_eq!(encode(&[]), [1, 0]);
        for curves in [vec![], vec![Drawn::default(); 2]] {
            assert_eq!(decode(&encode(&curves)), Ok(curves));
        }
    }

    #[test]
    fn a_million_points_and_their_smoothed_line_are_small() {
        let noise = |step: i64| {
            let bits = (step as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            (bits ^ bits >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) as f64 / u64::MAX as f64
        };
        let points: Vec<(i64, i64, f64)> = (0..1_000_000)
            .map(|step| {
                (
                    step,
                    step * 900 + (noise(step) * 90.0) as i64,
                    2.0 + 8.0 / (1.0 + step as f64 / 1000.0) + 0.3 * noise(step),
                )
            })
            .collect();
        let sent = drawn(
            &points,
            &CurveAxis::Steps { scale: 1.0 },
            Smoothing::Ema { weight: 0.6 },
            1200,
        );
        assert!(sent.values.len() > 4700);
        let bytes = encode(std::slice::from_ref(&sent));
        assert!(bytes.len() <= 40_000, "{} bytes", bytes.len());
        let read = decode(&bytes).expect("read").remove(0);
        assert_eq!((&read.steps, &read.x), (&sent.steps, &sent.x));
        let far = |one: &[f64], other: &[f64]| {
            one.iter()
                .zip(other)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f64::max)
        };
        assert!(
            far(&read.values, &sent.values) < 1e-6 && far(&read.smoothed, &sent.smoothed) < 1e-6
        );
        let late = read
            .times_millis
            .iter()
            .zip(&sent.times_millis)
            .map(|(a, b)| (a - b).abs())
            .max();
        assert!(late < Some(900_000_000 / 16384), "{late:?}");
    }

    prop_compose! {
        fn points()(points in proptest::collection::vec((-2_i64..900, -90_i64..2000, prop_oneof![
            6 => -9.0_f64..9.0, 1 => any::<f64>(), 1 => Just(f64::NAN), 1 => Just(0.0)]), 0..400), big: bool) -> Vec<(i64, i64, f64)> {
            let (mut step, mut time) = (if big { 1 << 40 } else { 0 }, 1_760_000_000_000);
            points.into_iter().map(|(more, later, value)| {
                step += more;
                time += later;
                (step, time, value)
            }).collect()
        }
    }

    proptest! {
        #[test]
        fn a_few_points_arrive_bit_by_bit(points in points(), axis in 0..4, is_smooth: bool) {
            let others: Columns = points.iter().map(|p| Point { step: p.0, time_millis: 0, value: p.1 as f64 * 0.37 }).collect();
            let axis = match axis {
                0 => CurveAxis::Steps { scale: 1.0 },
                1 => CurveAxis::Steps { scale: 16.0 },
                2 => CurveAxis::Times { since: 1_760_000_000_000 },
                _ => CurveAxis::Other(Lookup::new(&others.read_as(Source::Client))),
            };
            let smoothing = if is_smooth { Smoothing::Running { window: 5 } } else { Smoothing::None };
            let sent = drawn(&points, &axis, smoothing, 500);
            prop_assert_eq!(decode(&encode(std::slice::from_ref(&sent))), Ok(vec![sent]));
        }

        #[test]
        fn many_points_arrive_as_well_as_they_are_seen(points in points(), columns in 1_u32..8) {
            let sent = drawn(&points, &CurveAxis::Steps { scale: 1.0 }, Smoothing::Ema { weight: 0.5 }, columns);
            let read = decode(&encode(std::slice::from_ref(&sent))).expect("read").remove(0);
            prop_assert_eq!(&read.steps, &sent.steps);
            let height = sent.values.iter().copied().fold(f64::MIN, f64::max) - sent.values.iter().copied().fold(f64::MAX, f64::min);
            for (one, other) in read.values.iter().zip(&sent.values) {
                let far = (one - other).abs();
                prop_assert!(far <= height / 1e7 || far <= other.abs() / 1e6, "{} {}", one, other);
            }
            prop_assert_eq!(read.non_finite, sent.non_finite);
        }

        #[test]
        fn any_bytes_are_curves_or_damaged(points in points(), at in any::<prop::sample::Index>(), bit in 0_u8..8, cut in any::<prop::sample::Index>()) {
            let sent = drawn(&points, &CurveAxis::Steps { scale: 1.0 }, Smoothing::None, 50);
            let mut bytes = encode(&[sent]);
            prop_assert!(decode(&bytes[..cut.index(bytes.len())]).is_err());
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let _ = decode(&bytes);
        }
    }
}
