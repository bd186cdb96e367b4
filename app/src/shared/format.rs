//! Numbers and times as people read them. Pure, the same on the server and in the browser.

use domain::language::Language;

const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

/// A size in GiB, MiB or KiB with three significant digits.
pub fn size(bytes: u64) -> String {
    let bytes = bytes as f64;
    for (unit, name) in [(GIB, "GiB"), (1024.0 * 1024.0, "MiB"), (1024.0, "KiB")] {
        if bytes >= unit {
            return format!("{} {name}", significant(bytes / unit, 3));
        }
    }
    format!("{bytes} B")
}

/// A span: `4.2 s`, `12 s`, `3 min 20 s`, `1 h 12 min`, `2 d 3 h`.
pub fn span(millis: i64, language: Language) -> String {
    let seconds = millis.max(0) / 1000;
    let (second, minute, hour, day) = match language {
        Language::En => (" s", " min", " h", " d"),
        Language::Zh => (" 秒", " 分", " 小时", " 天"),
    };
    match seconds {
        0..10 => format!("{:.1}{second}", millis.max(0) as f64 / 1000.0),
        10..60 => format!("{seconds}{second}"),
        60..3600 => format!("{}{minute} {}{second}", seconds / 60, seconds % 60),
        3600..86400 => format!("{}{hour} {}{minute}", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}{day} {}{hour}", seconds / 86400, seconds % 86400 / 3600),
    }
}

/// How long ago, roughly: `now`, `12 s ago`, `5 min ago`, `3 h ago`, `2 d ago`.
pub fn ago(millis: i64, language: Language) -> String {
    let seconds = millis.max(0) / 1000;
    let (count, en, zh) = match seconds {
        0..5 => {
            return match language {
                Language::En => "now".to_owned(),
                Language::Zh => "刚刚".to_owned(),
            };
        }
        5..60 => (seconds, "s", "秒"),
        60..3600 => (seconds / 60, "min", "分钟"),
        3600..86400 => (seconds / 3600, "h", "小时"),
        _ => (seconds / 86400, "d", "天"),
    };
    match language {
        Language::En => format!("{count} {en} ago"),
        Language::Zh => format!("{count} {zh}前"),
    }
}

/// `2026-11-24 11:30:05 UTC`.
pub fn moment(millis: i64) -> String {
    let (year, month, day) = civil(millis.div_euclid(86_400_000));
    let second = millis.rem_euclid(86_400_000) / 1000;
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// Year, month and day of a day counted from 1970-01-01 (Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 {
        month_index + 3
    } else {
        month_index - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// A number with that many significant digits, small and large ones with an exponent: `1.023`, `0.9800`, `1.2e-5`.
pub fn significant(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let magnitude = value.abs().log10().floor() as i32;
    if !(-4..=6).contains(&magnitude) {
        let text = format!("{value:.*e}", digits.saturating_sub(1));
        // 1.000e-5 says no more than 1e-5.
        return match text.split_once('e') {
            Some((mantissa, exponent)) if mantissa.contains('.') => {
                format!(
                    "{}e{exponent}",
                    mantissa.trim_end_matches('0').trim_end_matches('.')
                )
            }
            _ => text,
        };
    }
    let decimals = (digits as i32 - 1 - magnitude).max(0) as usize;
    format!("{value:.decimals$}")
}

/// A count with thin groups: `4 700`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_keep_three_digits() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(1536), "1.50 KiB");
        assert_eq!(size(230_000_000_000), "214 GiB");
    }

    #[test]
    fn spans_name_their_two_largest_units() {
        for (millis, en, zh) in [
            (4_200, "4.2 s", "4.2 秒"),
            (200_000, "3 min 20 s", "3 分 20 秒"),
            (4_320_000, "1 h 12 min", "1 小时 12 分"),
            (183_600_000, "2 d 3 h", "2 天 3 小时"),
        ] {
            assert_eq!(span(millis, Language::En), en);
            assert_eq!(span(millis, Language::Zh), zh);
        }
    }

    #[test]
    fn a_moment_is_read_from_its_milliseconds() {
        assert_eq!(moment(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(moment(951_782_400_000), "2000-02-29 00:00:00 UTC");
        assert_eq!(moment(1_795_519_805_000), "2026-11-24 11:30:05 UTC");
        assert_eq!(moment(-1000), "1969-12-31 23:59:59 UTC");
    }

    #[test]
    fn a_loss_keeps_four_significant_digits() {
        for (value, text) in [
            (1.0234, "1.023"),
            (0.98, "0.9800"),
            (12.3456, "12.35"),
            (0.0, "0"),
            (1e-5, "1e-5"),
            (1.25e-7, "1.25e-7"),
            (-2.5, "-2.500"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(significant(value, 4), text);
        }
    }
}
