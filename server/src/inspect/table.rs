//! The same for a person: aligned, and harmless to a terminal whatever a file holds.

use std::collections::BTreeMap;
use std::fmt::Write;

use domain::metrics::tfevents::What;

use super::read::{FileRead, Run, Said, Series};

/// A longer name is cut in its middle.
const WIDEST: usize = 60;

pub(super) fn table(runs: &[Run]) -> String {
    let blocks: Vec<String> = runs.iter().map(block).collect();
    blocks.join("\n")
}

fn block(run: &Run) -> String {
    let mut text = String::new();
    let size: u64 = run.files.iter().map(|file| file.bytes).sum();
    let mut facts = vec![
        many(run.files.len() as u64, "file"),
        bytes(size),
        many(run.series.len() as u64, "series"),
        many(run.points(), "point"),
    ];
    if run.attempts > 1 {
        facts.push(many(u64::from(run.attempts), "attempt"));
    }
    let name = match (run.run.as_str(), &run.files[..]) {
        (".", [only]) => only.path.as_str(),
        (name, _) => name,
    };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{}  {}: {}", plain(name), run.kind, facts.join(", "));
    for file in &run.files {
        let said = damage(file);
        if !said.is_empty() {
            let _ = writeln!(text, "  ! {}: {said}", plain(&file.path));
        }
    }
    if run.undated > 0 {
        let _ = writeln!(
            text,
            "  ! {} left out: their time is no number",
            many(run.undated, "event")
        );
    }
    if run.left_out > 0 {
        let _ = writeln!(
            text,
            "  ! {} left out: too many different names",
            many(run.left_out, "value")
        );
    }
    let mut kinds: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for other in &run.others {
        let (tags, values) = kinds.entry(&other.other.plugin).or_default();
        *tags += 1;
        *values += other.other.count;
    }
    for (plugin, (tags, values)) in kinds {
        let plugin = if plugin.is_empty() { "unnamed" } else { plugin };
        let _ = writeln!(
            text,
            "  also {}: {} ({})",
            plain(plugin),
            many(tags, "tag"),
            many(values, "value")
        );
    }
    text.push_str(&series(&run.series, run.attempts > 1));
    text
}

/// What is wrong with a file, in a few words; empty: nothing.
pub(super) fn damage(file: &FileRead) -> String {
    let mut said: Vec<String> = file
        .damage
        .iter()
        .take(3)
        .map(|damage| {
            let what = match &damage.what {
                Said::Event(What::BadLength) => {
                    "a length that is not what was written; nothing after it can be read".to_owned()
                }
                Said::Event(What::BadChecksum) => {
                    "a record that is not what was written, left out".to_owned()
                }
                Said::Event(What::Unreadable) => "a record that is no event, left out".to_owned(),
                Said::Event(What::TooLong { bytes: long }) => {
                    format!("a record of {}, passed over", bytes(*long))
                }
                Said::Line { .. } => "a line that is no JSON object, left out".to_owned(),
            };
            format!("at byte {}: {what}", damage.offset)
        })
        .collect();
    let more = file.damage_count.saturating_sub(said.len() as u64);
    if more > 0 {
        said.push(format!("and {more} more"));
    }
    if file.unfinished_bytes > 0 {
        said.push(format!(
            "the last {} are an unfinished record (still being written, or cut off)",
            many(file.unfinished_bytes, "byte")
        ));
    }
    said.join("; ")
}

fn series(all: &[Series], with_attempt: bool) -> String {
    let mut rows = vec![
        [
            "series",
            "attempt",
            "points",
            "first step",
            "value",
            "last step",
            "value",
            "not finite",
        ]
        .map(str::to_owned),
    ];
    rows.extend(all.iter().map(|series| {
        [
            short(&plain(&series.name)),
            series.attempt.to_string(),
            series.points.to_string(),
            series.first_step.to_string(),
            number(series.first_value),
            series.last_step.to_string(),
            number(series.last_value),
            series.non_finite.to_string(),
        ]
    }));
    let is_shown = |column: usize| match column {
        1 => with_attempt,
        7 => all.iter().any(|series| series.non_finite > 0),
        _ => true,
    };
    let widths: Vec<usize> = (0..8)
        .map(|column| {
            rows.iter()
                .map(|row| width(&row[column]))
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    if all.is_empty() {
        return text;
    }
    for row in rows {
        let mut line = String::from("  ");
        for (column, cell) in row
            .iter()
            .enumerate()
            .filter(|(column, _)| is_shown(*column))
        {
            let gap = " ".repeat(widths[column] - width(cell));
            let _ = match column {
                0 => write!(line, "{cell}{gap}"),
                _ => write!(line, "  {gap}{cell}"),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Columns that a text takes in a terminal: East Asian wide characters take two.
fn width(text: &str) -> usize {
    text.chars()
        .map(|c| match u32::from(c) {
            0x1100..=0x115f
            | 0x2e80..=0xa4cf
            | 0xac00..=0xd7a3
            | 0xf900..=0xfaff
            | 0xfe30..=0xfe6f
            | 0xff00..=0xff60
            | 0xffe0..=0xffe6
            | 0x1f300..=0x1faff
            | 0x20000..=0x3fffd => 2,
            _ => 1,
        })
        .sum()
}

/// Without characters that a terminal would act on.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

fn short(text: &str) -> String {
    let length = text.chars().count();
    if length <= WIDEST {
        return text.to_owned();
    }
    let begin: String = text.chars().take(WIDEST - 20).collect();
    let end: String = text.chars().skip(length - 19).collect();
    format!("{begin}…{end}")
}

/// Six significant digits.
fn number(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    let rounded: f64 = format!("{value:.5e}").parse().unwrap_or(value);
    let size = rounded.abs();
    if size == 0.0 || (1e-4..1e9).contains(&size) {
        rounded.to_string()
    } else {
        format!("{rounded:e}")
    }
}

fn many(count: u64, noun: &str) -> String {
    let end = if count == 1 || noun.ends_with('s') {
        ""
    } else {
        "s"
    };
    format!("{count} {noun}{end}")
}

fn bytes(count: u64) -> String {
    match count {
        0..=9_999 => many(count, "byte"),
        10_000..=9_999_999 => format!("{} KB", count / 1000),
        10_000_000..=9_999_999_999 => format!("{} MB", count / 1_000_000),
        _ => format!("{} GB", count / 1_000_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_move_the_cursor_and_a_long_one_is_cut() {
        assert_eq!(plain("a\u{1b}[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
        let long = short(&"学".repeat(100));
        assert_eq!(long.chars().count(), WIDEST);
        assert_eq!(width("学a"), 3);
    }

    #[test]
    fn numbers_have_six_digits_at_most() {
        for (value, text) in [
            (8.506_966_590_881_348, "8.50697"),
            (0.000_099_999_999_747_378_75, "0.0001"),
            (1e308, "1e308"),
            (5e-324, "5e-324"),
            (0.0, "0"),
            (1_234_567.0, "1234570"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
