//! The canvas: sized to the device's pixels, coloured by the tokens.

use std::cell::RefCell;

use leptos::prelude::{ArcRwSignal, Track, Update};
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, ResizeObserver, ResizeObserverEntry};

use super::document::element;
use crate::metrics::drawing::{Align, Colour, Frame, Ink, Pen, Picture, draw};

/// Device pixels per CSS pixel.
pub fn device_ratio() -> f64 {
    web_sys::window().map_or(1.0, |window| window.device_pixel_ratio())
}

/// Draws a chart of this size in CSS pixels; answers where its plot is. None while the canvas is not in the page.
pub fn paint(element_id: &str, size: (f64, f64), picture: &Picture<'_>) -> Option<Frame> {
    let canvas: HtmlCanvasElement = element(element_id)?.dyn_into().ok()?;
    let ratio = device_ratio();
    let (width, height) = ((size.0 * ratio) as u32, (size.1 * ratio) as u32);
    if (canvas.width(), canvas.height()) != (width, height) {
        canvas.set_width(width);
        canvas.set_height(height);
    }
    let context: CanvasRenderingContext2d = canvas.get_context("2d").ok()??.dyn_into().ok()?;
    // A canvas that cannot be scaled stays blank; the table twin has the numbers.
    context
        .set_transform(ratio, 0.0, 0.0, ratio, 0.0, 0.0)
        .ok()?;
    context.clear_rect(0.0, 0.0, size.0, size.1);
    context.set_line_join("round");
    context.set_font("11px system-ui, sans-serif");
    COLOURS.with_borrow_mut(|colours| {
        let colours = colours.get_or_insert_with(Colours::read);
        let mut pen = CanvasPen {
            context,
            colours,
            ink: None,
            is_within: false,
        };
        Some(draw(&mut pen, picture, size, ratio))
    })
}

/// Hands a chart to the person as a picture of twice its size, with its title, on the page's ground.
pub fn save_png(file: &str, title: &str, size: (f64, f64), picture: &Picture<'_>) {
    const HEAD: f64 = 26.0;
    let made = || -> Option<String> {
        let document = web_sys::window()?.document()?;
        let canvas: HtmlCanvasElement = document.create_element("canvas").ok()?.dyn_into().ok()?;
        canvas.set_width((size.0 * 2.0) as u32);
        canvas.set_height(((size.1 + HEAD) * 2.0) as u32);
        let context: CanvasRenderingContext2d = canvas.get_context("2d").ok()??.dyn_into().ok()?;
        COLOURS.with_borrow_mut(|colours| {
            let colours = colours.get_or_insert_with(Colours::read);
            context.set_transform(2.0, 0.0, 0.0, 2.0, 0.0, 0.0).ok()?;
            context.set_fill_style_str(&colours.ground);
            context.fill_rect(0.0, 0.0, size.0, size.1 + HEAD);
            context.set_fill_style_str(&colours.text);
            context.set_font("600 13px system-ui, sans-serif");
            context.fill_text(title, 10.0, 18.0).ok()?;
            context.translate(0.0, HEAD).ok()?;
            context.set_line_join("round");
            context.set_font("11px system-ui, sans-serif");
            let mut pen = CanvasPen {
                context,
                colours,
                ink: None,
                is_within: false,
            };
            draw(&mut pen, picture, size, 2.0);
            Some(())
        })?;
        canvas.to_data_url_with_type("image/png").ok()
    };
    if let Some(address) = made() {
        super::document::save_address(file, &address);
    }
}

struct CanvasPen<'a> {
    context: CanvasRenderingContext2d,
    colours: &'a Colours,
    ink: Option<Ink>,
    is_within: bool,
}

impl CanvasPen<'_> {
    fn dip(&mut self, ink: Ink) {
        if self.ink != Some(ink) {
            let colour = self.colours.of(ink.colour);
            self.context.set_stroke_style_str(colour);
            self.context.set_fill_style_str(colour);
            self.context.set_global_alpha(ink.alpha);
            self.ink = Some(ink);
        }
    }

    fn trace(&self, places: &[(f64, f64)]) {
        self.context.begin_path();
        // The first `lineTo` of a path moves there.
        for (x, y) in places {
            self.context.line_to(*x, *y);
        }
    }
}

impl Pen for CanvasPen<'_> {
    fn path(&mut self, places: &[(f64, f64)], ink: Ink, width: f64) {
        self.dip(ink);
        self.context.set_line_width(width);
        self.trace(places);
        self.context.stroke();
    }

    fn fill(&mut self, corners: &[(f64, f64)], ink: Ink) {
        self.dip(ink);
        self.trace(corners);
        self.context.fill();
    }

    fn dot(&mut self, at: (f64, f64), radius: f64, ink: Ink) {
        self.dip(ink);
        self.context.begin_path();
        // Only a negative radius is refused.
        let _ = self
            .context
            .arc(at.0, at.1, radius, 0.0, std::f64::consts::TAU);
        self.context.fill();
    }

    fn text(&mut self, at: (f64, f64), align: Align, words: &str) {
        self.dip(Ink::full(Colour::Text));
        let (across, down) = match align {
            Align::End => ("right", "middle"),
            Align::Under => ("center", "top"),
        };
        self.context.set_text_align(across);
        self.context.set_text_baseline(down);
        let _ = self.context.fill_text(words, at.0, at.1);
    }

    fn within(&mut self, area: Option<(f64, f64, f64, f64)>) {
        if std::mem::replace(&mut self.is_within, area.is_some()) {
            self.context.restore();
            self.ink = None;
        }
        if let Some((left, top, width, height)) = area {
            self.context.save();
            self.context.begin_path();
            self.context.rect(left, top, width, height);
            self.context.clip();
        }
    }
}

/// The tokens' colours as they are now, light or dark.
struct Colours {
    series: Vec<String>,
    grid: String,
    text: String,
    old: String,
    shade: String,
    failed: String,
    ground: String,
}

impl Colours {
    fn read() -> Colours {
        let style = web_sys::window().and_then(|window| {
            let root = window.document()?.document_element()?;
            window.get_computed_style(&root).ok()?
        });
        let colour = |token: &str| {
            let value = style
                .as_ref()
                .and_then(|style| style.get_property_value(token).ok());
            value
                .map(|value| value.trim().to_owned())
                .unwrap_or_default()
        };
        Colours {
            series: (0..10).map(|n| colour(&format!("--series-{n}"))).collect(),
            grid: colour("--line"),
            text: colour("--text-soft"),
            old: colour("--line-strong"),
            shade: colour("--sunken"),
            failed: colour("--failed"),
            ground: colour("--surface"),
        }
    }

    fn of(&self, colour: Colour) -> &str {
        match colour {
            Colour::Series(at) => self.series.get(at % 10).map_or("", String::as_str),
            Colour::Grid => &self.grid,
            Colour::Text => &self.text,
            Colour::Old => &self.old,
            Colour::Shade => &self.shade,
            Colour::Failed => &self.failed,
        }
    }
}

thread_local! {
    /// Rises when the machine's colours change: charts are then drawn anew.
    static LOOKS: ArcRwSignal<u32> = watch_looks();
    /// Read from the page once, and again when they change.
    static COLOURS: RefCell<Option<Colours>> = const { RefCell::new(None) };
}

fn watch_looks() -> ArcRwSignal<u32> {
    let looks = ArcRwSignal::new(0);
    if let Some(window) = web_sys::window() {
        let rising = looks.clone();
        let rise = Closure::<dyn FnMut()>::new(move || {
            COLOURS.with_borrow_mut(|colours| *colours = None);
            rising.update(|n| *n += 1);
        });
        // A browser that refuses a listener shows the chart as it was first drawn.
        let _ = window.add_event_listener_with_callback("resize", rise.as_ref().unchecked_ref());
        if let Ok(Some(query)) = window.match_media("(prefers-color-scheme: dark)") {
            let _ = query.add_event_listener_with_callback("change", rise.as_ref().unchecked_ref());
        }
        rise.forget(); // one for the whole life of the page
    }
    looks
}

/// Makes the running effect run again when the window or the colours change.
pub fn track_looks() {
    LOOKS.with(|looks| looks.track());
}

/// Tells the size of an element in CSS pixels, now and whenever it changes.
pub fn when_sized(element_id: &str, mut then: impl FnMut(f64, f64) + 'static) {
    let Some(element) = element(element_id) else {
        return;
    };
    let callback = Closure::<dyn FnMut(js_sys::Array)>::new(move |entries: js_sys::Array| {
        let last = entries.get(entries.length().saturating_sub(1));
        if let Ok(entry) = last.dyn_into::<ResizeObserverEntry>() {
            let size = entry.content_rect();
            then(size.width(), size.height());
        }
    });
    if let Ok(observer) = ResizeObserver::new(callback.as_ref().unchecked_ref()) {
        observer.observe(&element);
        leptos::prelude::on_cleanup({
            let kept = send_wrapper::SendWrapper::new((observer, callback));
            move || kept.0.disconnect()
        });
    }
}

/// Width of the window in device pixels, halved where two charts stand side by side: what a chart can show of a series.
pub fn device_width() -> u32 {
    web_sys::window().map_or(800.0, |window| {
        let width = window
            .inner_width()
            .ok()
            .and_then(|w| w.as_f64())
            .unwrap_or(1200.0)
            .min(1600.0);
        let share = if width > 900.0 { width / 2.0 } else { width };
        share * window.device_pixel_ratio()
    }) as u32
}
