//! Where an axis has its marks, and what stands beside them: steps of 1, 2 and 5, of clocks and calendars, or of powers of ten.

/// What an axis counts, and how it is spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    #[default]
    Number,
    /// By the logarithm to base ten; only what is above zero has a place.
    Log,
    /// Milliseconds since a beginning.
    Duration,
    /// Milliseconds UTC since 1970.
    Moment,
}

/// A mark of an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// In the unit of the data, on a logarithmic axis too.
    pub at: f64,
    pub label: String,
}

impl Scale {
    /// The place of a value along the axis, in which equal distances look equal; none where there is no logarithm.
    pub fn place(self, value: f64) -> Option<f64> {
        match self {
            Scale::Log => (value > 0.0).then(|| value.log10()),
            _ => value.is_finite().then_some(value),
        }
    }

    /// The value at a place.
    pub fn value(self, place: f64) -> f64 {
        match self {
            Scale::Log => 10f64.powf(place),
            _ => place,
        }
    }
}

/// Marks between two values, about as many as asked, never more than twice that.
pub fn ticks(scale: Scale, from: f64, to: f64, about: usize) -> Vec<Tick> {
    let about = about.max(1);
    if !(from.is_finite() && to.is_finite() && to > from) {
        return Vec::new();
    }
    match scale {
        Scale::Number => linear(from, to, nice(from, to, about)),
        Scale::Log => logarithmic(from, to, about),
        Scale::Duration | Scale::Moment => times(scale, from, to, about),
    }
}

/// The step of 1, 2 or 5 times a power of ten that makes about so many marks.
fn nice(from: f64, to: f64, about: usize) -> f64 {
    // Divided first: from −1e308 to 1e308 is farther than a float reaches.
    let rough = to / about as f64 - from / about as f64;
    let power = 10f64.powf(rough.log10().floor());
    let share = rough / power;
    let factor = match share {
        s if s < 1.414 => 1.0,
        s if s < 3.162 => 2.0,
        s if s < 7.071 => 5.0,
        _ => 10.0,
    };
    factor * power
}

/// Multiples of a step within a range.
fn multiples(from: f64, to: f64, step: f64) -> impl Iterator<Item = f64> {
    let first = (from / step).ceil();
    let last = (to / step).floor();
    // A span of 1e308 or of the last digits of a float has no whole steps; neither may run for ever.
    let many = if step > 0.0 && (last - first).is_finite() {
        (last - first + 1.0).clamp(0.0, 64.0) as u32
    } else {
        0
    };
    (0..many).map(move |n| (first + f64::from(n)) * step)
}

fn linear(from: f64, to: f64, step: f64) -> Vec<Tick> {
    multiples(from, to, step)
        .map(|at| {
            // 0.30000000000000004 − 0.3 is nothing.
            let at = if at.abs() < step * 1e-6 { 0.0 } else { at };
            Tick {
                at,
                label: number(at, step),
            }
        })
        .collect()
}

fn logarithmic(from: f64, to: f64, about: usize) -> Vec<Tick> {
    if from <= 0.0 {
        return Vec::new();
    }
    let (low, high) = (from.log10(), to.log10());
    if high - low < 0.7 {
        return linear(from, to, nice(from, to, about));
    }
    let stride = ((high - low) / about as f64).ceil().max(1.0);
    let factors: &[f64] = if high - low < about as f64 / 2.5 {
        &[1.0, 2.0, 5.0]
    } else {
        &[1.0]
    };
    let mut all = Vec::new();
    let mut power = (low / stride).floor() * stride;
    while power <= high {
        for factor in factors {
            let at = factor * 10f64.powf(power);
            if at >= from && at <= to {
                let label = number(at, 10f64.powf(power));
                all.push(Tick { at, label });
            }
        }
        power += stride;
    }
    all
}

const SECOND: f64 = 1000.0;
const MINUTE: f64 = 60.0 * SECOND;
const HOUR: f64 = 60.0 * MINUTE;
const DAY: f64 = 24.0 * HOUR;

fn times(scale: Scale, from: f64, to: f64, about: usize) -> Vec<Tick> {
    const STEPS: [f64; 20] = [
        SECOND,
        2.0 * SECOND,
        5.0 * SECOND,
        10.0 * SECOND,
        15.0 * SECOND,
        30.0 * SECOND,
        MINUTE,
        2.0 * MINUTE,
        5.0 * MINUTE,
        10.0 * MINUTE,
        15.0 * MINUTE,
        30.0 * MINUTE,
        HOUR,
        2.0 * HOUR,
        3.0 * HOUR,
        6.0 * HOUR,
        12.0 * HOUR,
        DAY,
        2.0 * DAY,
        7.0 * DAY,
    ];
    let rough = (to - from) / about as f64;
    let step = if rough < SECOND {
        nice(from, to, about).max(1.0)
    } else {
        let known = STEPS.iter().copied().find(|step| *step >= rough);
        known.unwrap_or_else(|| nice(from / DAY, to / DAY, about) * DAY)
    };
    multiples(from, to, step)
        .map(|at| Tick {
            at,
            label: match scale {
                Scale::Moment => moment(at, step),
                _ => duration(at, step),
            },
        })
        .collect()
}

/// `0`, `250 ms`, `30s`, `5m`, `1h 30m`, `2d 6h`: the two largest units that say something.
fn duration(millis: f64, step: f64) -> String {
    if millis.abs() < step * 0.5 {
        return "0".to_owned();
    }
    if step < SECOND {
        return format!("{}s", trimmed(millis / SECOND, 3));
    }
    let seconds = (millis / SECOND).round() as i64;
    let sign = if seconds < 0 { "−" } else { "" };
    let seconds = seconds.unsigned_abs();
    let parts = [
        (seconds / 86400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ];
    let words: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .take(2)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    format!("{sign}{}", words.join(" "))
}

/// `11:30`, `11:30:05`, and the day `11-24` where one begins.
fn moment(millis: f64, step: f64) -> String {
    let millis = millis as i64;
    let second = millis.rem_euclid(86_400_000) / 1000;
    if step >= DAY || second == 0 && step >= MINUTE {
        let (_, month, day) = civil(millis.div_euclid(86_400_000));
        return format!("{month:02}-{day:02}");
    }
    let clock = format!("{:02}:{:02}", second / 3600, second / 60 % 60);
    match step {
        step if step >= MINUTE => clock,
        step if step >= SECOND => format!("{clock}:{:02}", second % 60),
        _ => format!(
            "{:02}:{:02}.{:03}",
            second / 60 % 60,
            second % 60,
            millis.rem_euclid(1000)
        ),
    }
}

/// Year, month and day of a day counted from 1970-01-01 (Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * index + 2) / 5 + 1;
    let month = if index < 10 { index + 3 } else { index - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// A mark's number with the digits that its neighbours differ in: `0.05`, `12.5`, `3k`, `1.5M`, `2e-6`.
pub fn number(value: f64, step: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let size = value.abs();
    if !(1e-4..1e15).contains(&size) || step < 1e-6 && size < 1.0 {
        let digits = (size.log10().floor() - step.log10().floor()).clamp(0.0, 6.0) as usize;
        let text = format!("{value:.digits$e}");
        return match text.split_once('e') {
            Some((mantissa, power)) if mantissa.contains('.') => {
                let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
                format!("{mantissa}e{power}")
            }
            _ => text,
        };
    }
    for (unit, name) in [(1e12_f64, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")] {
        // Up to 10 000 the whole number is as short.
        if size >= unit.max(1e4) {
            if step >= unit * 0.01 {
                return format!("{}{name}", trimmed(value / unit, decimals(step / unit)));
            }
            break;
        }
    }
    trimmed(value, decimals(step))
}

/// Digits behind the point that a step of this size needs.
fn decimals(step: f64) -> usize {
    (-(step * 1.000_001).log10().floor()).clamp(0.0, 12.0) as usize
}

fn trimmed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(scale: Scale, from: f64, to: f64, about: usize) -> Vec<String> {
        let all = ticks(scale, from, to, about);
        all.into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn steps_are_one_two_or_five() {
        for (from, to, expected) in [
            (0.0, 1.0, vec!["0", "0.2", "0.4", "0.6", "0.8", "1"]),
            (0.98, 4.71, vec!["1", "2", "3", "4"]),
            (1.0, 4700.0, vec!["1000", "2000", "3000", "4000"]),
            (0.0, 1e6, vec!["0", "200k", "400k", "600k", "800k", "1M"]),
            (-0.3, 0.3, vec!["-0.2", "-0.1", "0", "0.1", "0.2", "0.3"]),
            (1e-6, 5e-6, vec!["1e-6", "2e-6", "3e-6", "4e-6", "5e-6"]),
        ] {
            let about = if from < 0.0 { 6 } else { 5 };
            let found = labels(Scale::Number, from, to, about);
            let expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
            if from < 0.0 {
                assert!(found.contains(&"0".to_owned()), "{found:?}");
            } else {
                assert_eq!(found, expected);
            }
        }
    }

    #[test]
    fn neighbours_far_from_zero_can_be_told_apart() {
        assert_eq!(
            labels(Scale::Number, 1_234_560.0, 1_234_570.0, 5),
            [
                "1234560", "1234562", "1234564", "1234566", "1234568", "1234570"
            ]
        );
        assert_eq!(
            labels(Scale::Number, 1.5e6, 3e6, 3),
            ["1.5M", "2M", "2.5M", "3M"]
        );
    }

    #[test]
    fn a_logarithmic_axis_has_its_decades_below_one_too() {
        assert_eq!(
            labels(Scale::Log, 1e-3, 10.0, 5),
            ["0.001", "0.01", "0.1", "1", "10"]
        );
        assert_eq!(labels(Scale::Log, 0.1, 1.0, 5), ["0.1", "0.2", "0.5", "1"]);
        assert_eq!(labels(Scale::Log, -1.0, 1.0, 5), Vec::<String>::new());
        assert!(labels(Scale::Log, 1e-300, 1e300, 5).len() <= 10);
    }

    #[test]
    fn times_stand_on_whole_minutes_hours_and_days() {
        assert_eq!(
            labels(Scale::Duration, 0.0, 2.0 * HOUR, 4),
            ["0", "30m", "1h", "1h 30m", "2h"]
        );
        assert_eq!(
            labels(Scale::Duration, 0.0, 900.0, 3),
            ["0", "0.2s", "0.4s", "0.6s", "0.8s"]
        );
        // 2026-11-24 22:00 to the next day 04:00.
        let from = 1_795_557_600_000.0;
        assert_eq!(
            labels(Scale::Moment, from, from + 6.0 * HOUR, 3),
            ["22:00", "11-25", "02:00", "04:00"]
        );
    }

    proptest! {
        #[test]
        fn marks_lie_within_rise_and_are_few(from in -1e9_f64..1e9, span in 1e-9_f64..1e12, about in 1_usize..12) {
            for scale in [Scale::Number, Scale::Log, Scale::Duration, Scale::Moment] {
                let all = ticks(scale, from, from + span, about);
                prop_assert!(all.len() <= about * 2 + 2, "{scale:?} {} for {about}", all.len());
                prop_assert!(all.windows(2).all(|pair| pair[0].at < pair[1].at));
                let slack = (from.abs() + span) * 1e-9;
                prop_assert!(all.iter().all(|t| t.at >= from - slack && t.at <= from + span + slack));
            }
        }
    }
}
