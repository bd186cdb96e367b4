//! Times as clients write them: ISO 8601 with any number of fraction digits, `Z`, an offset or neither (then UTC).

/// Microseconds since 1970 UTC. None: no such time.
///
/// `2026-11-23T23:22:16.529184+00:00`, `2026-11-23T23:23:26Z`
pub fn micros(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = bytes.get(from..to)?;
        digits.iter().try_fold(0_i64, |sum, byte| {
            byte.is_ascii_digit()
                .then(|| sum * 10 + i64::from(byte - b'0'))
        })
    };
    let is = |at: usize, wanted: &[u8]| bytes.get(at).is_some_and(|byte| wanted.contains(byte));
    if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let is_date = (1..=12).contains(&month) && (1..=31).contains(&day);
    if !is_date || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut at = 19;
    let mut fraction = 0;
    if is(at, b".,") {
        at += 1;
        let mut unit = 100_000;
        while let Some(digit) = bytes.get(at).filter(|byte| byte.is_ascii_digit()) {
            fraction += i64::from(digit - b'0') * unit;
            unit /= 10;
            at += 1;
        }
    }
    let offset_minutes = match bytes.get(at..)? {
        [] | [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), rest @ ..] => {
            let hours = number(at + 1, at + 3)?;
            let minutes = match rest.len() {
                2 => 0,
                4 => number(at + 3, at + 5)?,
                5 => number(at + 4, at + 6)?,
                _ => return None,
            };
            let all = hours * 60 + minutes;
            if *sign == b'-' { -all } else { all }
        }
        _ => return None,
    };
    let minutes = days(year, month, day) * 1440 + hour * 60 + minute - offset_minutes;
    Some((minutes * 60 + second) * 1_000_000 + fraction)
}

/// `2026-12-23T23:22:13.000Z`: what the old client can read, which insists on the fraction and the Z.
pub fn text(millis: i64) -> String {
    let (days, rest) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    let (year, month, day) = civil(days);
    let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60);
    let (second, milli) = (rest / 1000 % 60, rest % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// Days since 1970-01-01 of a date of the Gregorian calendar (Howard Hinnant's `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The other way round (`civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let years = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * years + years / 4 - years / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = years + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_form_that_clients_write_is_read() {
        let whole = 1_795_476_136;
        for (text, micros_after) in [
            ("2026-11-23T23:22:16.529184+00:00", 529_184),
            ("2026-11-23T23:22:16.529184Z", 529_184),
            ("2026-11-23T23:22:16.529Z", 529_000),
            ("2026-11-23T23:22:16.529184123Z", 529_184),
            ("2026-11-23T23:22:16Z", 0),
            ("2026-11-23T23:22:16", 0),
            ("2026-11-24T07:22:16+08:00", 0),
            ("2026-11-23T18:22:16-0500", 0),
        ] {
            assert_eq!(
                micros(text),
                Some(whole * 1_000_000 + micros_after),
                "{text}"
            );
        }
        for bad in [
            "",
            "yesterday",
            "2026-13-01T00:00:00Z",
            "2026-11-23T23:22:16+",
            "2026-11-23T23:22:1",
        ] {
            assert_eq!(micros(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(millis in 0_i64..4_102_444_800_000) {
            prop_assert_eq!(micros(&text(millis)), Some(millis * 1000));
        }

        #[test]
        fn nothing_makes_it_fail(text in "\\PC{0,40}") {
            let _ = micros(&text);
        }
    }
}
