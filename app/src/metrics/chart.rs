//! One chart: first an SVG from the server, then a canvas that is redrawn at most once a frame.

use domain::metrics::{Drawn, SeriesKey, Summary};
use leptos::ev;
use leptos::prelude::*;

use super::drawing::{Line, Picture};
use super::names;
use super::panel::Shared;
use super::table_twin::TableTwin;
use crate::browser;
use crate::context::use_language;
use crate::shared::format::{count, significant};
use crate::texts::metrics as t;

/// The picture of an answer.
fn picture(drawn: &Drawn, range: Option<(f64, f64)>, is_log: bool, colour: usize) -> Picture {
    let points = |values: &[f64]| -> Vec<(f64, f64)> {
        drawn
            .x
            .iter()
            .copied()
            .zip(values.iter().copied())
            .collect()
    };
    let ends = || {
        let first = drawn.x.first().copied().unwrap_or(0.0);
        let last = drawn.x.last().copied().unwrap_or(1.0);
        (first, last)
    };
    Picture {
        lines: vec![Line {
            colour,
            raw: points(&drawn.values),
            smoothed: points(&drawn.smoothed),
            marks: drawn.non_finite.iter().map(|(x, _)| *x).collect(),
        }],
        x: range.unwrap_or_else(ends),
        is_log,
        cursor: None,
        selection: None,
    }
}

/// The place of the drawn point nearest to a step.
fn nearest(steps: &[i64], step: f64) -> Option<usize> {
    let after = steps.partition_point(|s| (*s as f64) < step);
    let candidates = [after.checked_sub(1), (after < steps.len()).then_some(after)];
    candidates.into_iter().flatten().min_by(|a, b| {
        let distance = |at: usize| (steps[at] as f64 - step).abs();
        distance(*a).total_cmp(&distance(*b))
    })
}

#[component]
pub fn Chart(
    key: SeriesKey,
    shared: Shared,
    series: Signal<Vec<Summary>>,
    first: Option<Drawn>,
) -> impl IntoView {
    let language = use_language();
    let title = names::title(&key, language);
    let id = format!(
        "chart-{}",
        format!("{} {}", key.name, key.labels)
            .trim_end()
            .replace(|c: char| !c.is_ascii_alphanumeric(), "-")
    );
    let colour = names::colour(&shared.experiment.get_value());
    let frame = format!("{id}-frame");
    let first_paint = first_paint(first.as_ref(), colour);
    let key = StoredValue::new(key);
    let element = StoredValue::new(id.clone());
    let first = StoredValue::new(first);
    let is_table = RwSignal::new(false);
    let dragged = RwSignal::new(None::<(f64, f64)>);
    let drawn = Memo::new(move |_| {
        key.with_value(|key| shared.drawn.with(|all| all.get(key).cloned()))
            .or_else(|| first.get_value())
    });
    let has_canvas = RwSignal::new(false);
    let whole = Memo::new(move |_| {
        drawn.with(|d| {
            d.as_ref()
                .map(|d| picture(d, shared.range.get(), shared.is_log.get(), colour))
        })
    });
    let is_painting = StoredValue::new(false);
    // The effect only notes that a frame is due; the frame draws what is newest then.
    let paint = move || {
        if is_painting.get_value() {
            return;
        }
        is_painting.set_value(true);
        request_animation_frame(move || {
            let _ = is_painting.try_set_value(false);
            let Some(Some(mut picture)) = whole.try_get_untracked() else {
                return;
            };
            picture.cursor = shared.cursor.get_untracked();
            picture.selection = dragged.get_untracked();
            element.with_value(|id| browser::paint(id, &picture));
            has_canvas.set(true);
        });
    };
    Effect::new(move |_| {
        whole.track();
        shared.cursor.track();
        dragged.track();
        is_table.track();
        browser::track_looks();
        paint();
    });
    Effect::new(move |_| {
        let (key, seen) = (key.get_value(), shared.seen);
        element.with_value(|id| {
            browser::when_seen(&format!("{id}-frame"), move |is_seen| {
                seen.try_update(|seen| {
                    if is_seen {
                        seen.insert(key.clone())
                    } else {
                        seen.remove(&key)
                    }
                });
            });
        });
    });
    let width = move || {
        element
            .with_value(|id| browser::measure(id))
            .map_or(1.0, |(width, _)| width)
    };
    let step_of = move |x: f64| whole.with_untracked(|p| p.as_ref().map(|p| p.step_at(x, width())));
    let on_move = move |event: ev::PointerEvent| {
        let Some(step) = step_of(f64::from(event.offset_x())) else {
            return;
        };
        shared.cursor.set(Some(step));
        if let Some((from, _)) = dragged.get_untracked() {
            dragged.set(Some((from, step)));
        }
    };
    let on_down = move |event: ev::PointerEvent| {
        if event.button() == 0 {
            dragged.set(step_of(f64::from(event.offset_x())).map(|step| (step, step)));
        }
    };
    let on_up = move |_: ev::PointerEvent| {
        let Some((from, to)) = dragged.get_untracked() else {
            return;
        };
        dragged.set(None);
        let ends = whole.with_untracked(|p| p.as_ref().map_or((0.0, 1.0), |p| p.x));
        // A shorter drag was a click.
        if (to - from).abs() > (ends.1 - ends.0) * 0.01 {
            shared.range.set(Some((from.min(to), from.max(to))));
        }
    };
    let zoom = move |factor: f64, around: f64| {
        let ends = whole.with_untracked(|p| p.as_ref().map_or((0.0, 1.0), |p| p.x));
        let (from, to) = (
            around - (around - ends.0) * factor,
            around + (ends.1 - around) * factor,
        );
        let all = key.with_value(|key| {
            series.with_untracked(|all| {
                let mine = all.iter().filter(|s| s.key == *key);
                mine.fold((f64::MAX, f64::MIN), |(low, high), s| {
                    (low.min(s.first_step as f64), high.max(s.last_step as f64))
                })
            })
        });
        match (from.max(all.0), to.min(all.1)) {
            (from, to) if from <= all.0 && to >= all.1 => shared.range.set(None),
            (from, to) if to - from >= 2.0 => shared.range.set(Some((from, to))),
            _ => {}
        }
    };
    let on_wheel = move |event: ev::WheelEvent| {
        // Only with Ctrl or Shift, or while zoomed: the page itself must still scroll past a chart.
        if event.ctrl_key() || event.shift_key() || shared.range.get_untracked().is_some() {
            event.prevent_default();
            let delta = if event.delta_y() == 0.0 {
                event.delta_x()
            } else {
                event.delta_y()
            };
            if let Some(step) = step_of(f64::from(event.offset_x())) {
                zoom(if delta > 0.0 { 1.25 } else { 0.8 }, step);
            }
        }
    };
    let on_key = move |event: ev::KeyboardEvent| {
        let by = if event.shift_key() { 10 } else { 1 };
        let move_by = |by: isize| {
            drawn.with_untracked(|d| {
                let steps = d.as_ref().map_or(&[][..], |d| &d.steps);
                let at = match shared.cursor.get_untracked() {
                    Some(step) => nearest(steps, step).map(|at| at.saturating_add_signed(by)),
                    None => steps.len().checked_sub(1),
                };
                if let Some(at) = at.map(|at| at.min(steps.len().saturating_sub(1))) {
                    shared.cursor.set(steps.get(at).map(|s| *s as f64));
                }
            });
        };
        let middle = || {
            let ends = whole.with_untracked(|p| p.as_ref().map_or((0.0, 1.0), |p| p.x));
            shared
                .cursor
                .get_untracked()
                .unwrap_or((ends.0 + ends.1) / 2.0)
        };
        match event.key().as_str() {
            "ArrowLeft" => move_by(-by),
            "ArrowRight" => move_by(by),
            "+" | "=" => zoom(0.7, middle()),
            "-" => zoom(1.4, middle()),
            "0" => shared.range.set(None),
            "t" => is_table.update(|is| *is = !*is),
            "Escape" => shared.cursor.set(None),
            _ => return,
        }
        event.prevent_default();
    };
    let heard = {
        let title = title.clone();
        move || drawn.with(|d| d.as_ref().map(|d| aloud(d, &title, language)))
    };
    view! {
        <figure class="chart" id=frame>
            <figcaption class="chart-head">
                <span class="chart-title">{title}</span>
                <output class="chart-value">{move || drawn.with(|d| legend(d.as_ref()?, shared.cursor.get()))}</output>
                <button class="button-quiet" type="button" aria-pressed=move || is_table.get().to_string()
                    on:click=move |_| is_table.update(|is| *is = !*is)>
                    {move || if is_table.get() { t::chart(language) } else { t::table(language) }}
                </button>
            </figcaption>
            <div class="chart-body" hidden=move || is_table.get()>
                <div class="chart-first" hidden=move || has_canvas.get() aria-hidden="true" inner_html=first_paint></div>
                <canvas id=id class="chart-canvas" tabindex="0" role="img" aria-label=heard
                    on:pointermove=on_move on:pointerdown=on_down on:pointerup=on_up on:wheel=on_wheel on:keydown=on_key
                    on:pointerleave=move |_| { shared.cursor.set(None); dragged.set(None); }
                    on:dblclick=move |_| shared.range.set(None)>
                </canvas>
            </div>
            {move || is_table.get().then(|| view! { <TableTwin drawn/> })}
        </figure>
    }
}

/// The value at the cursor, or the last one.
fn legend(drawn: &Drawn, cursor: Option<f64>) -> Option<String> {
    let at = match cursor {
        Some(step) => nearest(&drawn.steps, step)?,
        None => drawn.steps.len().checked_sub(1)?,
    };
    let value = significant(*drawn.values.get(at)?, 4);
    let smoothed = drawn
        .smoothed
        .get(at)
        .map(|s| format!(" ({})", significant(*s, 4)))
        .unwrap_or_default();
    Some(format!(
        "{} · {value}{smoothed}",
        count(drawn.steps[at].unsigned_abs())
    ))
}

/// What a screen reader hears.
fn aloud(drawn: &Drawn, title: &str, language: domain::language::Language) -> String {
    let finite = || {
        drawn
            .values
            .iter()
            .copied()
            .enumerate()
            .filter(|(_, v)| v.is_finite())
    };
    let (Some((_, first)), Some((_, last))) = (finite().next(), finite().next_back()) else {
        return title.to_owned();
    };
    let lowest = finite()
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .unwrap_or((0, first));
    let digits = |value: f64| significant(value, 4);
    let step = |at: usize| count(drawn.steps[at].unsigned_abs());
    let steps = count(drawn.steps.last().copied().unwrap_or(0).unsigned_abs());
    t::summary(
        language,
        title,
        (&digits(first), &digits(last), last <= first),
        &steps,
        (&digits(lowest.1), &step(lowest.0)),
    )
}

#[cfg(feature = "ssr")]
fn first_paint(drawn: Option<&Drawn>, colour: usize) -> String {
    drawn
        .map(|drawn| super::drawing::svg(&picture(drawn, None, false, colour), 560, 220))
        .unwrap_or_default()
}

/// In the browser the server's picture stays until the canvas is painted.
#[cfg(not(feature = "ssr"))]
fn first_paint(_: Option<&Drawn>, _: usize) -> String {
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_snaps_to_the_nearest_drawn_point() {
        let steps = [1, 5, 10];
        assert_eq!(nearest(&steps, 0.0), Some(0));
        assert_eq!(nearest(&steps, 6.0), Some(1));
        assert_eq!(nearest(&steps, 8.0), Some(2));
        assert_eq!(nearest(&steps, 99.0), Some(2));
        assert_eq!(nearest(&[], 1.0), None);
    }

    #[test]
    fn the_legend_tells_the_last_value_without_a_cursor() {
        let drawn = Drawn {
            steps: vec![1, 2000],
            values: vec![4.0, 1.25],
            ..Drawn::default()
        };
        assert_eq!(
            legend(&drawn, None).as_deref(),
            Some("2\u{202f}000 · 1.250")
        );
        assert_eq!(legend(&drawn, Some(3.0)).as_deref(), Some("1 · 4.000"));
        assert_eq!(legend(&Drawn::default(), None), None);
    }
}
