//! One chart: first an SVG from the server, then a canvas that is redrawn at most once a frame.

use std::sync::Arc;

use leptos::prelude::*;

use super::drawing::Frame;
use super::gestures::{self, Drag};
use super::legend::{self, Legend};
use super::menu::{ChartMenu, Corner};
use super::state::{Cursor, Held, Panel, picture};
use super::table_twin::TableTwin;
use super::{arranging, names, painting};
use crate::browser;
use crate::context::use_language;
use crate::texts::metrics as t;

/// One chart of a panel.
#[derive(Clone, Copy)]
pub struct ChartState {
    pub panel: Panel,
    pub name: StoredValue<Arc<str>>,
    pub id: StoredValue<String>,
    pub held: RwSignal<Held>,
    /// The plot as it was drawn last; none before.
    pub frame: RwSignal<Option<Frame>>,
    pub size: RwSignal<Option<(f64, f64)>>,
    pub is_seen: RwSignal<bool>,
    pub drag: RwSignal<Option<Drag>>,
    /// The finger that touched it last, and where.
    pub touch: StoredValue<Option<(i32, f64)>>,
    pub is_table: RwSignal<bool>,
}

impl ChartState {
    fn new(panel: Panel, name: &str) -> ChartState {
        ChartState {
            panel,
            name: StoredValue::new(name.into()),
            id: StoredValue::new(id(name)),
            held: panel.held(name).into(),
            frame: RwSignal::new(None),
            size: RwSignal::new(None),
            is_seen: RwSignal::new(false),
            drag: RwSignal::new(None),
            touch: StoredValue::new(None),
            is_table: RwSignal::new(false),
        }
    }

    pub fn range(&self) -> Option<(f64, f64)> {
        self.name.with_value(|name| self.panel.range(name))
    }

    pub fn zoom(&self, range: Option<(f64, f64)>) {
        self.name.with_value(|name| self.panel.zoom(name, range));
    }

    /// Where its cursor is; none while it is out of sight, so that only visible charts follow the pointer.
    pub fn cursor(&self) -> Option<f64> {
        if !self.is_seen.get() {
            return None;
        }
        self.name.with_value(|name| self.panel.cursor_of(name))
    }

    pub fn set_cursor(&self, x: Option<f64>) {
        let chart = self.name.get_value();
        self.panel.cursor.set(x.map(|x| Cursor { x, chart }));
    }

    fn paint(&self) {
        let (Some(Some(size)), Some(held)) =
            (self.size.try_get_untracked(), self.held.try_get_untracked())
        else {
            return;
        };
        let (range, looks) = untrack(|| (self.range(), self.panel.looks.get()));
        let lines = held.lines(range);
        let experiment = self.panel.experiment.get_value();
        let picture = picture(&held, &lines, &looks, range, &experiment);
        let drawn = self.id.with_value(|id| browser::paint(id, size, &picture));
        if drawn != self.frame.get_untracked() {
            self.frame.set(drawn);
        }
        let width = (size.0 * browser::device_ratio()) as u32;
        // In steps, so that a window that is made a little wider asks for nothing.
        let width = width.div_ceil(100) * 100;
        if width > self.panel.width_px.get_untracked() {
            self.panel.width_px.set(width);
        }
    }

    /// Notes that a frame is due whenever something that is drawn changed; the frame draws what is newest then.
    fn keep_painted(self) {
        let id = self.id.get_value();
        browser::when_seen(&frame_id(&id), move |is_seen| {
            self.is_seen.try_set(is_seen);
            let name = self.name.try_get_value().map(|name| name.to_string());
            let Some(name) = name else { return };
            self.panel.seen.try_update(|seen| {
                if is_seen {
                    seen.insert(name)
                } else {
                    seen.remove(&name)
                }
            });
        });
        browser::when_sized(&id, move |width, height| {
            let size = (width > 1.0 && height > 1.0).then_some((width, height));
            if self
                .size
                .try_get_untracked()
                .is_some_and(|before| before != size)
            {
                self.size.set(size);
            }
        });
        Effect::new(move |_| {
            if !self.is_seen.get() || self.size.get().is_none() {
                return;
            }
            self.held.track();
            self.range();
            self.panel.looks.track();
            browser::track_looks();
            let is_first = self.panel.cursor.with_untracked(|cursor| {
                let cursor = cursor.as_ref().map(|cursor| &cursor.chart);
                cursor.is_some_and(|chart| self.name.with_value(|name| name == chart))
            });
            self.id
                .with_value(|id| painting::soon(id, is_first, move || self.paint()));
        });
        on_cleanup(move || {
            let name = self.name.try_get_value().map(|name| name.to_string());
            if let Some(name) = name {
                self.panel.seen.try_update(|seen| seen.remove(&name));
            }
        });
    }
}

/// An element's name for a chart's: names may hold anything.
fn id(name: &str) -> String {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    format!("chart-{hash:x}")
}

fn frame_id(id: &str) -> String {
    format!("{id}-frame")
}

#[component]
pub fn Chart(
    panel: Panel,
    name: String,
    /// The charts among which it stands; None: it is open alone.
    #[prop(optional)]
    section: Option<Memo<Vec<String>>>,
) -> impl IntoView {
    let is_large = section.is_none();
    let language = use_language();
    let chart = ChartState::new(panel, &name);
    let id = chart.id.get_value();
    let frame = frame_id(&id);
    let title = names::title(&name, language);
    let first_paint = first_paint(&chart);
    Effect::new(move |_| chart.keep_painted());
    let heard = {
        let title = title.clone();
        move || legend::aloud(&chart.held.get(), &title, language)
    };
    let open = {
        let name = name.clone();
        move |_| panel.open(if is_large { None } else { Some(name.clone()) })
    };
    let size = {
        let name = name.clone();
        Memo::new(move |_| panel.layout.with(|layout| layout.size(&name)))
    };
    let dragged = name.clone();
    let on = name.clone();
    let drop = move |event: leptos::ev::DragEvent| {
        event.prevent_default();
        if let Some(section) = section {
            arranging::dropped(panel, &on, &section.get_untracked());
        }
    };
    view! {
        <figure class="chart" id=frame data-large=is_large.to_string()
            data-wide=move || size.get().wide.to_string() data-tall=move || size.get().tall.to_string()
            on:dragover=move |event| if panel.dragged.with_untracked(Option::is_some) { event.prevent_default() } on:drop=drop>
            <figcaption class="chart-head" draggable=(!is_large).to_string()
                on:dragstart=move |_| panel.dragged.set(Some(dragged.clone())) on:dragend=move |_| panel.dragged.set(None)>
                <button class="chart-title" type="button" title=name aria-label=format!("{title}: {}", if is_large { t::shrink(language) } else { t::enlarge(language) })
                    on:click=open>{title.clone()}</button>
                <output class="chart-value">{move || legend::head(&chart, language)}</output>
                <ChartMenu chart section/>
            </figcaption>
            <div class="chart-body" hidden=move || chart.is_table.get()>
                <div class="chart-first" hidden=move || chart.frame.with(Option::is_some) aria-hidden="true" inner_html=first_paint></div>
                <canvas id=id class="chart-canvas" tabindex="0" role="img" aria-label=heard
                    on:pointermove=move |event| gestures::moved(chart, &event)
                    on:pointerdown=move |event| gestures::pressed(chart, &event)
                    on:pointerup=move |_| gestures::released(chart)
                    on:pointercancel=move |_| gestures::cancelled(chart)
                    on:pointerleave=move |_| chart.set_cursor(None)
                    on:wheel=move |event| gestures::wheeled(chart, &event)
                    on:keydown=move |event| gestures::typed(chart, section, &event)
                    on:dblclick=move |_| chart.zoom(None)>
                </canvas>
                <Overlay chart/>
            </div>
            <Legend chart/>
            {move || chart.is_table.get().then(|| view! { <TableTwin chart/> })}
            {(!is_large).then(|| view! { <Corner chart/> })}
        </figure>
    }
}

/// The cursor's line and the range that is being dragged out, over the canvas, which is not redrawn for either.
#[component]
fn Overlay(chart: ChartState) -> impl IntoView {
    let place = move || {
        let (cursor, frame) = (chart.cursor()?, chart.frame.get()?);
        let x = frame.across(cursor)?;
        (x >= frame.left - 0.5 && x <= frame.left + frame.width + 0.5).then_some(x)
    };
    let selected = move || {
        let (Some(Drag::Zoom { from, to }), Some(frame)) = (chart.drag.get(), chart.frame.get())
        else {
            return None;
        };
        let (from, to) = (frame.across(from)?, frame.across(to)?);
        Some((from.min(to), (to - from).abs()))
    };
    view! {
        <div class="chart-cursor" hidden=move || place().is_none()
            style:transform=move || place().map(|x| format!("translateX({x:.1}px)"))></div>
        <div class="chart-selection" hidden=move || selected().is_none()
            style:transform=move || selected().map(|(left, _)| format!("translateX({left:.1}px)"))
            style:width=move || selected().map(|(_, width)| format!("{width:.1}px"))></div>
    }
}

#[cfg(feature = "ssr")]
fn first_paint(chart: &ChartState) -> String {
    use super::drawing::{Theme, svg};
    let held = chart.held.get_untracked();
    let (range, looks) = untrack(|| (chart.range(), chart.panel.looks.get()));
    let lines = held.lines(range);
    if lines.is_empty() {
        return String::new();
    }
    let experiment = chart.panel.experiment.get_value();
    svg(
        &picture(&held, &lines, &looks, range, &experiment),
        (460, 200),
        Theme::Page,
    )
}

/// In the browser the server's picture stays until the canvas is painted.
#[cfg(not(feature = "ssr"))]
fn first_paint(_: &ChartState) -> String {
    String::new()
}
