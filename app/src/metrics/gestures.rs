//! What pointer, wheel and keys do on a chart.

use domain::metrics::XAxis;
use leptos::ev;
use leptos::prelude::*;

use super::arranging::moved_by_key;
use super::chart::ChartState;
use super::drawing::Frame;
use super::legend::nearest;
use crate::browser;

/// A drag that has begun.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Drag {
    /// What will be shown, in the unit of the axis.
    Zoom { from: f64, to: f64 },
    /// Where it began, and the plot as it was then.
    Pan { across: f64, frame: Frame },
    /// Two fingers: whose, where they began and where they are across the chart, and the plot as it was then.
    Pinch {
        fingers: [i32; 2],
        begun: [f64; 2],
        now: [f64; 2],
        frame: Frame,
    },
}

/// Shorter than this, in CSS pixels, a drag was a click.
const CLICK: f64 = 4.0;

pub fn moved(chart: ChartState, event: &ev::PointerEvent) {
    let Some(frame) = chart.frame.get_untracked() else {
        return;
    };
    let across = f64::from(event.offset_x());
    let x = frame.x_at(across);
    match chart.drag.get_untracked() {
        Some(Drag::Zoom { from, .. }) => chart.drag.set(Some(Drag::Zoom { from, to: x })),
        Some(Drag::Pan {
            across: begun,
            frame,
        }) => {
            show(chart, frame.panned((begun - across) / frame.width));
        }
        Some(Drag::Pinch {
            fingers,
            begun,
            mut now,
            frame,
        }) => {
            let Some(finger) = fingers.iter().position(|id| *id == event.pointer_id()) else {
                return;
            };
            now[finger] = across;
            chart.drag.set(Some(Drag::Pinch {
                fingers,
                begun,
                now,
                frame,
            }));
            return show(chart, frame.pinched(begun.into(), now.into()));
        }
        None => {}
    }
    chart.set_cursor(Some(x));
}

pub fn pressed(chart: ChartState, event: &ev::PointerEvent) {
    let Some(frame) = chart.frame.get_untracked() else {
        return;
    };
    let across = f64::from(event.offset_x());
    if event.pointer_type() == "touch" {
        let first = chart
            .touch
            .get_value()
            .filter(|(id, _)| *id != event.pointer_id());
        chart.touch.set_value(Some((event.pointer_id(), across)));
        if let Some((id, place)) = first {
            let places = [place, across];
            return chart.drag.set(Some(Drag::Pinch {
                fingers: [id, event.pointer_id()],
                begun: places,
                now: places,
                frame,
            }));
        }
    }
    let is_pan = event.button() == 1 || event.button() == 0 && event.shift_key();
    if is_pan {
        // The middle button would scroll the page.
        event.prevent_default();
        chart.drag.set(Some(Drag::Pan { across, frame }));
    } else if event.button() == 0 {
        let x = frame.x_at(across);
        chart.drag.set(Some(Drag::Zoom { from: x, to: x }));
    } else {
        return;
    }
    chart
        .id
        .with_value(|id| browser::capture_pointer(id, event.pointer_id()));
}

/// The browser took the pointer for itself.
pub fn cancelled(chart: ChartState) {
    chart.touch.set_value(None);
    chart.drag.set(None);
}

pub fn released(chart: ChartState) {
    let drag = chart.drag.get_untracked();
    chart.touch.set_value(None);
    chart.drag.set(None);
    let (Some(Drag::Zoom { from, to }), Some(frame)) = (drag, chart.frame.get_untracked()) else {
        return;
    };
    let long = frame
        .across(from)
        .zip(frame.across(to))
        .map_or(0.0, |(from, to)| (to - from).abs());
    if long > CLICK {
        show(chart, (from.min(to), from.max(to)));
    }
}

pub fn wheeled(chart: ChartState, event: &ev::WheelEvent) {
    let Some(frame) = chart.frame.get_untracked() else {
        return;
    };
    let is_zoomed = untrack(|| chart.range()).is_some();
    let is_meant =
        event.ctrl_key() || event.shift_key() || chart.id.with_value(|id| browser::has_focus(id));
    // Else the page itself must still scroll past a chart.
    if !is_meant && !is_zoomed {
        return;
    }
    event.prevent_default();
    let (right, down) = (event.delta_x(), event.delta_y());
    if is_zoomed && right.abs() > down.abs() && !event.shift_key() {
        show(
            chart,
            frame.panned(right.signum() * (right.abs() / frame.width).min(0.2)),
        );
        return;
    }
    let delta = if down == 0.0 { right } else { down };
    let factor = if delta > 0.0 { 1.25 } else { 0.8 };
    show(
        chart,
        frame.zoomed(factor, frame.x_at(f64::from(event.offset_x()))),
    );
}

pub fn typed(chart: ChartState, section: Option<Memo<Vec<String>>>, event: &ev::KeyboardEvent) {
    let is_large = section.is_none();
    if event.ctrl_key() || event.meta_key() || event.alt_key() {
        return;
    }
    let by = if event.shift_key() { 10 } else { 1 };
    let zoom = |factor: f64| {
        if let Some(frame) = chart.frame.get_untracked() {
            let (from, to) = frame.ends();
            let middle = frame.x_at(frame.left + frame.width / 2.0);
            let cursor = untrack(|| chart.cursor()).filter(|x| (from..=to).contains(x));
            show(chart, frame.zoomed(factor, cursor.unwrap_or(middle)));
        }
    };
    match event.key().as_str() {
        "ArrowLeft" => step(chart, -by),
        "ArrowRight" => step(chart, by),
        "Home" => step(chart, isize::MIN),
        "End" => step(chart, isize::MAX),
        "+" | "=" => zoom(0.7),
        "-" | "_" => zoom(1.4),
        "0" => chart.zoom(None),
        "t" => chart.is_table.update(|is| *is = !*is),
        "Enter" if !is_large => chart.panel.open(Some(chart.name.get_value().to_string())),
        "Escape" if is_large && chart.panel.cursor.with_untracked(Option::is_none) => {
            chart.panel.open(None)
        }
        "Escape" => chart.set_cursor(None),
        _ if moved_by_key(chart, section, event) => {}
        _ => return,
    }
    event.prevent_default();
    event.stop_propagation();
}

/// Moves the cursor by so many drawn points of the newest line; without a cursor, to the last one.
fn step(chart: ChartState, by: isize) {
    let held = chart.held.get_untracked();
    let lines = held.lines(untrack(|| chart.range()));
    let Some(xs) = lines
        .last()
        .map(|drawn| &drawn.x)
        .filter(|xs| !xs.is_empty())
    else {
        return;
    };
    let last = xs.len() - 1;
    let at = match untrack(|| chart.cursor()).and_then(|x| nearest(xs, x)) {
        Some(at) => at.saturating_add_signed(by).min(last),
        None if by == isize::MIN => 0,
        None => last,
    };
    let x = xs[at];
    chart.set_cursor(Some(x));
    // A cursor that leaves what is shown takes it along.
    if let Some(frame) = chart.frame.get_untracked() {
        let (from, to) = frame.ends();
        if x < from || x > to {
            let half = (to - from) / 2.0;
            show(chart, (x - half, x + half));
        }
    }
}

/// Shows a part of the axis, or all of it when that is more than there is. Nearer than one point is not gone.
fn show(chart: ChartState, (from, to): (f64, f64)) {
    let held = chart.held.get_untracked();
    let firsts = held.whole.iter().filter_map(|drawn| drawn.x.first());
    let lasts = held.whole.iter().filter_map(|drawn| drawn.x.last());
    let first = firsts.copied().reduce(f64::min);
    let last = lasts.copied().reduce(f64::max);
    let (mut from, mut to) = (from, to);
    if let (Some(first), Some(last)) = (first, last) {
        if from <= first && to >= last {
            return chart.zoom(None);
        }
        // A pan stops at the ends.
        let span = to - from;
        if from < first {
            (from, to) = (first, first + span);
        } else if to > last {
            (from, to) = (last - span, last);
        }
    }
    let nearest = match held.x {
        XAxis::Step | XAxis::Samples => 2.0,
        XAxis::Relative | XAxis::Wall => 10.0,
        XAxis::Series(_) => from.abs().max(to.abs()) * 1e-9,
    };
    if to - from >= nearest {
        chart.zoom(Some((from, to)));
    }
}
