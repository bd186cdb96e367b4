//! Times that lines of logs carry, in the forms of the captured ones: Python's, torch's (glog), vLLM's, and the trainer's elapsed times.

/// When a line says it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// Milliseconds since 1970, as if the node's clock were UTC.
    At(i64),
    /// Milliseconds since the training began.
    Elapsed(i64),
}

/// How far into a line a time is looked for.
const WITHIN: usize = 600;

/// The time of a line. `newest` bounds times that have no year: they are of the last year before it.
pub fn stamp(line: &[u8], newest: i64) -> Option<Stamp> {
    let line = &line[..line.len().min(WITHIN)];
    for at in 2..line.len().saturating_sub(5) {
        if line[at] == b':'
            && line[at + 3] == b':'
            && let Some(found) = around(line, at, newest)
        {
            return Some(Stamp::At(found));
        }
    }
    elapsed(line).map(Stamp::Elapsed)
}

/// Two digits at `at`.
fn two(line: &[u8], at: usize) -> Option<i64> {
    let pair = line.get(at..at + 2)?;
    pair.iter()
        .all(u8::is_ascii_digit)
        .then(|| i64::from(pair[0] - b'0') * 10 + i64::from(pair[1] - b'0'))
}

/// `HH:MM:SS` around the colon at `at`, with a date right before it.
fn around(line: &[u8], at: usize, newest: i64) -> Option<i64> {
    let (hour, minute, second) = (two(line, at - 2)?, two(line, at + 1)?, two(line, at + 4)?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut millis = 0;
    if let Some(b'.' | b',') = line.get(at + 6) {
        let mut scale = 100;
        for digit in line[at + 7..].iter().take(3) {
            if !digit.is_ascii_digit() {
                break;
            }
            millis += i64::from(digit - b'0') * scale;
            scale /= 10;
        }
    }
    let day_millis = ((hour * 60 + minute) * 60 + second) * 1000 + millis;
    // One separator, then the date.
    let date_end = at.checked_sub(3)?;
    if !matches!(line[date_end], b' ' | b'T' | b'_') {
        return None;
    }
    let part = |back: usize| date_end.checked_sub(back).and_then(|from| two(line, from));
    let byte = |back: usize| date_end.checked_sub(back).map(|from| line[from]);
    let (month, day, year) = match (byte(3), byte(6)) {
        // 2026-11-24, 2026/11/24
        (Some(b'-' | b'/'), Some(b'-' | b'/')) if part(8).is_some() && part(10).is_some() => {
            (part(5)?, part(2)?, Some(part(10)? * 100 + part(8)?))
        }
        // vLLM: 11-24
        (Some(b'-'), _) => (part(5)?, part(2)?, None),
        // glog: W1124
        (_, _) if byte(5).is_some_and(|level| b"IWEFCD".contains(&level)) => {
            (part(4)?, part(2)?, None)
        }
        _ => return None,
    };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let of_year = |year: i64| days(year, month, day) * DAY + day_millis;
    Some(match year {
        Some(year) => of_year(year),
        None => {
            let year = year_of(newest);
            // Clocks differ a little.
            let this = of_year(year);
            if this > newest + DAY {
                of_year(year - 1)
            } else {
                this
            }
        }
    })
}

const DAY: i64 = 86_400_000;

/// Days from 1970-01-01 (Howard Hinnant's `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted - era * 400;
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn year_of(millis: i64) -> i64 {
    let day = millis.div_euclid(DAY);
    let guess = 1970 + day.div_euclid(365);
    (guess - 60..=guess + 1)
        .rev()
        .find(|year| days(*year, 1, 1) <= day)
        .unwrap_or(guess)
}

/// ms-swift's `'elapsed_time': '1h 2m 3s'`.
fn elapsed(line: &[u8]) -> Option<i64> {
    const KEY: &[u8] = b"'elapsed_time': '";
    let at = line.windows(KEY.len()).position(|window| window == KEY)? + KEY.len();
    let end = at + line[at..].iter().position(|byte| *byte == b'\'')?;
    let text = std::str::from_utf8(&line[at..end]).ok()?;
    crate::metrics::jsonl::duration_secs(text).map(|seconds| (seconds * 1000.0) as i64)
}

/// A time as a person types it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typed {
    /// With its day.
    At(i64),
    /// Milliseconds since midnight: of the last day on which the log has it.
    OfDay(i64),
}

/// Reads `14:30`, `14:30:05`, `2026-11-24 14:30`, `2026-11-24T14:30:05` or `2026-11-24`.
pub fn typed(text: &str) -> Option<Typed> {
    let text = text.trim();
    let of_day = |text: &str| -> Option<i64> {
        let mut parts = text.split(':').map(|part| part.trim().parse::<i64>().ok());
        let (hour, minute) = (parts.next()??, parts.next()??);
        let second = parts.next().unwrap_or(Some(0))?;
        let is_time = parts.next().is_none()
            && (0..24).contains(&hour)
            && (0..60).contains(&minute)
            && (0..60).contains(&second);
        is_time.then_some(((hour * 60 + minute) * 60 + second) * 1000)
    };
    let (date, time) = match text.split_once([' ', 'T']) {
        Some((date, time)) => (date, time),
        None if text.contains(':') => return of_day(text).map(Typed::OfDay),
        None => (text, "0:00"),
    };
    let mut parts = date.split(['-', '/']).map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let is_date = parts.next().is_none()
        && (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day);
    let time = of_day(time)?;
    is_date.then(|| Typed::At(days(year, month, day) * DAY + time))
}

impl Typed {
    /// The moment meant, `newest` being the last time in the log.
    pub fn moment(self, newest: i64) -> i64 {
        match self {
            Typed::At(millis) => millis,
            Typed::OfDay(of_day) => {
                let this = newest.div_euclid(DAY) * DAY + of_day;
                if this > newest { this - DAY } else { this }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24 00:00:00.
    const MIDNIGHT: i64 = 1_795_478_400_000;

    #[test]
    fn every_form_in_the_captured_logs_is_read() {
        let at = |line: &str| stamp(line.as_bytes(), MIDNIGHT + DAY);
        for (line, millis) in [
            (
                "[INFO:swift] End time of running main: 2026-11-23 23:43:58.361430",
                -961_639,
            ),
            (
                "(APIServer pid=12782) INFO 11-24 00:05:53 [api_utils.py:347] x",
                353_000,
            ),
            (
                "[rank0]:[W1123 23:43:58.361430123 ProcessGroupNCCL.cpp:1] destroy",
                -961_639,
            ),
            (
                "E1124 00:05:53.001000 1508 torch/distributed/elastic",
                353_001,
            ),
            ("  time      : 2026-11-23_23:43:58", -962_000),
            ("[initialized] datetime: 2026-11-23 23:43:58 ", -962_000),
            ("2026-11-24T00:00:01Z level=info", 1_000),
            ("2026/11/24 00:00:01,250 - INFO", 1_250),
        ] {
            assert_eq!(at(line), Some(Stamp::At(MIDNIGHT + millis)), "{line}");
        }
        assert_eq!(
            at(
                "{'loss': 1.5, 'iteration': '20/47', 'elapsed_time': '1h 0m 25s', 'memory(GiB)': 0.26}"
            ),
            Some(Stamp::Elapsed(3_625_000))
        );
        for none in [
            "Train:  50%|#####     | 24/47 [1:02:03<1:00:00,  3.15it/s]",
            "saved in /output/lora/v0-20261123-234257/checkpoint-47",
            "10.0.0.1:29500:12",
            "12:30:45 without a day",
            "",
        ] {
            assert_eq!(at(none), None, "{none}");
        }
    }

    #[test]
    fn captured_logs_have_times_in_order() {
        for (log, count) in [
            (
                include_bytes!("../../fixtures/vllm-failures/kvsmall.log").as_slice(),
                30,
            ),
            (
                include_bytes!("../../fixtures/megatron-swift-4.6.0/lora_sft/stdout.log"),
                2,
            ),
        ] {
            let stamps: Vec<i64> = log
                .split(|byte| *byte == b'\n')
                .filter_map(|line| match stamp(line, MIDNIGHT + DAY)? {
                    Stamp::At(millis) => Some(millis),
                    Stamp::Elapsed(_) => None,
                })
                .collect();
            assert!(stamps.len() >= count, "{}", stamps.len());
            assert!(stamps.windows(2).all(|pair| pair[0] <= pair[1] + 2_000));
        }
    }

    #[test]
    fn a_time_without_a_year_is_of_the_last_one() {
        // Seen on 2 January 2027.
        let newest = days(2027, 1, 2) * DAY;
        assert_eq!(
            stamp(b"INFO 12-31 23:59:59 x", newest),
            Some(Stamp::At(days(2027, 1, 1) * DAY - 1000))
        );
        assert_eq!(year_of(days(2027, 1, 1) * DAY), 2027);
        assert_eq!(year_of(days(2027, 1, 1) * DAY - 1), 2026);
        assert_eq!(days(1970, 1, 1), 0);
    }

    #[test]
    fn typed_times_are_read_and_others_are_not() {
        assert_eq!(typed(" 14:30"), Some(Typed::OfDay(52_200_000)));
        assert_eq!(
            typed("2026-11-24 00:05:53"),
            Some(Typed::At(MIDNIGHT + 353_000))
        );
        assert_eq!(typed("2026-11-24"), Some(Typed::At(MIDNIGHT)));
        for wrong in [
            "",
            "soon",
            "25:00",
            "14:30:99",
            "2026-13-01",
            "2026-11-24 soon",
            "14",
            "1:2:3:4",
        ] {
            assert_eq!(typed(wrong), None, "{wrong}");
        }
        let newest = MIDNIGHT + 3_600_000;
        assert_eq!(Typed::OfDay(60_000).moment(newest), MIDNIGHT + 60_000);
        assert_eq!(
            Typed::OfDay(7_200_000).moment(newest),
            MIDNIGHT - DAY + 7_200_000
        );
    }
}
