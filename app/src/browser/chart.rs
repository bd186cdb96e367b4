//! The canvas: sized to the device's pixels, coloured by the tokens.

use leptos::prelude::{ArcRwSignal, Track, Update};
use plotters::prelude::*;
use plotters_canvas::CanvasBackend;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::HtmlCanvasElement;

use super::document::{element, size_of};
use crate::metrics::drawing::{Palette, Picture, draw};

/// Width and height of a canvas in CSS pixels; none while it is not in the page.
pub fn measure(element_id: &str) -> Option<(f64, f64)> {
    size_of(element_id).filter(|(width, height)| *width > 1.0 && *height > 1.0)
}

/// Draws a chart. Fitting the canvas to the device's pixels also clears it.
pub fn paint(element_id: &str, picture: &Picture) {
    let Some(canvas) = element(element_id).and_then(|e| e.dyn_into::<HtmlCanvasElement>().ok())
    else {
        return;
    };
    let Some((width, height)) = measure(element_id) else {
        return;
    };
    let ratio = web_sys::window().map_or(1.0, |w| w.device_pixel_ratio());
    canvas.set_width((width * ratio) as u32);
    canvas.set_height((height * ratio) as u32);
    let (Some(palette), Some(backend)) = (palette(), CanvasBackend::with_canvas_object(canvas))
    else {
        return;
    };
    // A canvas that cannot be drawn on stays blank; the table twin has the numbers.
    let _ = draw(&backend.into_drawing_area(), picture, &palette, ratio);
}

/// The tokens' colours as they are now, light or dark.
fn palette() -> Option<Palette> {
    let window = web_sys::window()?;
    let style = window
        .get_computed_style(&window.document()?.document_element()?)
        .ok()??;
    let colour = |token: &str| -> Option<RGBColor> {
        let text = style.get_property_value(token).ok()?;
        let hex = text.trim().strip_prefix('#')?;
        let part = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
        Some(RGBColor(part(0)?, part(2)?, part(4)?))
    };
    Some(Palette {
        series: (0..10)
            .filter_map(|n| colour(&format!("--series-{n}")))
            .collect(),
        grid: colour("--line")?,
        text: colour("--text-soft")?,
        accent: colour("--accent")?,
        failed: colour("--failed")?,
    })
}

thread_local! {
    /// Rises when the window's size or the machine's colours change: charts are then drawn anew.
    static LOOKS: ArcRwSignal<u32> = watch_looks();
}

fn watch_looks() -> ArcRwSignal<u32> {
    let looks = ArcRwSignal::new(0);
    if let Some(window) = web_sys::window() {
        let rising = looks.clone();
        let rise = Closure::<dyn FnMut()>::new(move || rising.update(|n| *n += 1));
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
