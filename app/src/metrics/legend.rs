//! Which line is which, and its value at the cursor.

use domain::language::Language;
use domain::metrics::{Drawn, NonFinite, XAxis};
use leptos::prelude::*;

use super::chart::ChartState;
use super::names;
use super::state::Held;
use crate::context::use_language;
use crate::shared::format::{count, moment, significant, span};
use crate::texts::metrics as t;

/// More lines than this are told by the table alone.
const MOST_LINES: usize = 16;

/// What the style knows an earlier attempt's line by.
const OLD: &str = "old";

/// The place in a rising axis nearest to a place on it.
pub fn nearest(xs: &[f64], x: f64) -> Option<usize> {
    let after = xs.partition_point(|known| *known < x);
    let candidates = [after.checked_sub(1), (after < xs.len()).then_some(after)];
    candidates.into_iter().flatten().min_by(|a, b| {
        let distance = |at: usize| (xs[at] - x).abs();
        distance(*a).total_cmp(&distance(*b))
    })
}

/// A place along an axis in words.
pub fn place(axis: &XAxis, x: f64, language: Language) -> String {
    match axis {
        XAxis::Step | XAxis::Samples if x >= 0.0 => count(x.round() as u64),
        XAxis::Step | XAxis::Samples => (x.round() as i64).to_string(),
        XAxis::Relative => span(x as i64, language),
        XAxis::Wall => moment(x as i64),
        XAxis::Series(_) => significant(x, 5),
    }
}

/// The value of a line at the cursor, or its last one: `1.023 (1.110)`, the smoothed one in brackets.
fn value(drawn: &Drawn, at: usize) -> String {
    let number = |values: &[f64]| values.get(at).map(|value| significant(*value, 4));
    let smoothed = number(&drawn.smoothed).map(|smoothed| format!(" ({smoothed})"));
    format!(
        "{}{}",
        number(&drawn.values).unwrap_or_default(),
        smoothed.unwrap_or_default()
    )
}

/// The point that a line shows in the legend.
fn at(drawn: &Drawn, cursor: Option<f64>) -> Option<usize> {
    match cursor {
        Some(x) => nearest(&drawn.x, x),
        None => drawn.x.len().checked_sub(1),
    }
}

/// What is no number near the cursor: its place, and why there is no point.
fn odd(held: &Held, lines: &[Drawn], x: f64, reach: f64, language: Language) -> Option<String> {
    let all = lines.iter().flat_map(|drawn| &drawn.non_finite);
    let near = all.filter(|(at, _)| (at - x).abs() <= reach);
    let (at, kind) = near.min_by(|a, b| (a.0 - x).abs().total_cmp(&(b.0 - x).abs()))?;
    let what = match kind {
        NonFinite::NaN => t::nan(language),
        NonFinite::PlusInfinity => t::plus_infinity(language),
        NonFinite::MinusInfinity => t::minus_infinity(language),
    };
    Some(format!("{} · {what}", place(&held.x, *at, language)))
}

/// What stands beside the title: the place of the cursor, and the value where there is one line.
pub fn head(chart: &ChartState, language: Language) -> Option<String> {
    let cursor = chart.cursor();
    let range = chart.range();
    chart.held.with(|held| {
        let lines = held.lines(range);
        // A few pixels on either side of a mark.
        let reach = chart.frame.with(|frame| {
            frame.map_or(0.0, |frame| {
                frame.x_at(frame.left + 5.0) - frame.x_at(frame.left)
            })
        });
        if let Some(odd) = cursor.and_then(|x| odd(held, &lines, x, reach, language)) {
            return Some(odd);
        }
        let newest = lines.last()?;
        let Some(at) = at(newest, cursor) else {
            // Marks are at most one of a kind in each pixel column; nothing was drawn, so that all points are such.
            let odd = match range {
                None => newest.count,
                Some(_) => newest.non_finite.len() as u64,
            };
            let is_odd = !newest.non_finite.is_empty();
            return is_odd.then(|| format!("{} {}", count(odd), t::only_odd(language)));
        };
        let x = place(&held.x, newest.x[at], language);
        Some(if lines.len() > 1 && !is_restart(&lines) {
            x
        } else {
            format!("{x} · {}", value(newest, at))
        })
    })
}

/// Whether the lines of a chart are the attempts of one series.
fn is_restart(lines: &[Drawn]) -> bool {
    lines.windows(2).all(|pair| pair[0].key == pair[1].key)
}

/// One row for each line of a chart that has several, with its value at the cursor.
#[component]
pub fn Legend(chart: ChartState) -> impl IntoView {
    let language = use_language();
    let rows = Memo::new(move |_| {
        let experiment = chart.panel.experiment.get_value();
        let range = chart.range();
        chart.held.with(|held| {
            let lines = held.lines(range);
            if lines.len() < 2 {
                return Vec::new();
            }
            let newest = lines.iter().map(|drawn| drawn.attempt).max();
            let looks = chart.panel.looks.get();
            let picture = super::state::picture(held, &lines, &looks, range, &experiment);
            let is_restarted = lines.iter().any(|drawn| Some(drawn.attempt) != newest);
            let rows = picture.lines.iter().enumerate().map(|(at, line)| {
                let attempt = is_restarted
                    .then(|| format!("{} {}", t::attempt(language), line.drawn.attempt));
                let labels =
                    (!line.drawn.key.labels.is_empty()).then(|| line.drawn.key.labels.to_string());
                let words: Vec<String> = labels.into_iter().chain(attempt).collect();
                (
                    at,
                    words.join(" · "),
                    if line.is_old {
                        OLD.to_owned()
                    } else {
                        line.colour.to_string()
                    },
                )
            });
            // The newest attempt first; within it in the order of the labels.
            let (old, new): (Vec<_>, Vec<_>) = rows.partition(|row| row.2 == OLD);
            new.into_iter()
                .chain(old)
                .take(MOST_LINES)
                .collect::<Vec<_>>()
        })
    });
    let value_of = move |row: usize| {
        let cursor = chart.cursor();
        let range = chart.range();
        chart.held.with(|held| {
            let lines = held.lines(range);
            let drawn = lines.get(row)?;
            Some(value(drawn, at(drawn, cursor)?))
        })
    };
    view! {
        <ul class="chart-legend" hidden=move || rows.with(Vec::is_empty)>
            <For each=move || rows.get() key=|row| row.clone() let((row, words, colour))>
                <li class="chart-line" data-series=colour>{words} " " <span class="chart-number">{move || value_of(row)}</span></li>
            </For>
        </ul>
        {move || {
            let range = chart.range();
            let unplaced = chart.panel.looks.with(|looks| looks.log_y).then(|| chart.held.with(|held| {
                held.lines(range).iter().flat_map(|drawn| &drawn.values).filter(|value| **value <= 0.0).count()
            }))?;
            (unplaced > 0).then(|| view! { <p class="chart-note">{count(unplaced as u64)} " " {t::no_logarithm(language)}</p> })
        }}
    }
}

/// What a screen reader hears.
pub fn aloud(held: &Held, title: &str, language: Language) -> String {
    let Some(drawn) = held.whole.last() else {
        return title.to_owned();
    };
    let finite = || {
        drawn
            .values
            .iter()
            .copied()
            .enumerate()
            .filter(|(_, value)| value.is_finite())
    };
    let (Some((_, first)), Some((_, last))) = (finite().next(), finite().next_back()) else {
        return format!("{title}: {}", t::only_odd(language));
    };
    let lowest = finite()
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .unwrap_or((0, first));
    let digits = |value: f64| significant(value, 4);
    let step = |at: usize| {
        drawn
            .steps
            .get(at)
            .map_or_else(String::new, |step| count(step.unsigned_abs()))
    };
    t::summary(
        language,
        title,
        (&digits(first), &digits(last), last <= first),
        &step(drawn.steps.len().saturating_sub(1)),
        (&digits(lowest.1), &step(lowest.0)),
    )
}

/// The name of the axis and its unit, as the table heads its first column.
pub fn axis_title(held: &Held, language: Language) -> String {
    names::axis(&held.x, language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_snaps_to_the_nearest_drawn_point() {
        let xs = [1.0, 5.0, 10.0];
        for (x, at) in [(0.0, 0), (6.0, 1), (8.0, 2), (99.0, 2)] {
            assert_eq!(nearest(&xs, x), Some(at));
        }
        assert_eq!(nearest(&[], 1.0), None);
    }

    #[test]
    fn what_is_no_number_is_told_where_it_is() {
        let drawn = Drawn {
            non_finite: vec![(2000.0, NonFinite::NaN), (5000.0, NonFinite::PlusInfinity)],
            ..Drawn::default()
        };
        let lines = [drawn];
        let at = |x| odd(&Held::default(), &lines, x, 10.0, Language::En);
        assert!(at(2004.0).is_some_and(|text| text.starts_with("2\u{202f}000 · NaN")));
        assert!(at(4995.0).is_some_and(|text| text.contains("+∞")));
        assert_eq!(at(3000.0), None);
    }

    #[test]
    fn the_smoothed_value_stands_in_brackets() {
        let mut drawn = Drawn {
            values: vec![4.0, 1.25],
            ..Drawn::default()
        };
        assert_eq!(value(&drawn, 1), "1.250");
        drawn.smoothed = vec![4.0, 2.5];
        assert_eq!(value(&drawn, 1), "1.250 (2.500)");
    }
}
