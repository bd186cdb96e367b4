//! Pointing at pictures that the server drew: where one points, the cursor over all charts of a page, the part that is dragged out, and
//! brushes on axes. Their places are shares of the picture, given in `data-…`.

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, MouseEvent};

/// A plot under the pointer.
pub struct Pointed {
    /// Where along its axis.
    pub x: f64,
    /// What it shows of the axis.
    pub ends: (f64, f64),
}

fn number(element: &Element, name: &str) -> Option<f64> {
    element.get_attribute(name)?.parse().ok()
}

fn all(selector: &str) -> Vec<Element> {
    let found = web_sys::window()
        .and_then(|window| window.document())
        .and_then(|document| document.query_selector_all(selector).ok());
    found.map_or_else(Vec::new, |found| {
        (0..found.length())
            .filter_map(|at| found.item(at)?.dyn_into().ok())
            .collect()
    })
}

fn closest(event: &web_sys::Event, selector: &str) -> Option<Element> {
    event
        .target()?
        .dyn_into::<Element>()
        .ok()?
        .closest(selector)
        .ok()?
}

fn ends(plot: &Element) -> Option<(f64, f64)> {
    Some((number(plot, "data-from")?, number(plot, "data-to")?))
}

/// The place under the pointer; without a pointer (a key) the middle.
pub fn pointed(event: &web_sys::Event) -> Option<Pointed> {
    let plot = closest(event, "[data-plot]")?;
    let ends = ends(&plot)?;
    let x = match event.dyn_ref::<MouseEvent>() {
        Some(mouse) => {
            let place = plot.get_bounding_client_rect();
            let share = (f64::from(mouse.client_x()) - place.left()) / place.width().max(1.0);
            let (left, right) = (number(&plot, "data-left")?, number(&plot, "data-right")?);
            let along = ((share - left) / (right - left)).clamp(0.0, 1.0);
            ends.0 + along * (ends.1 - ends.0)
        }
        None => f64::midpoint(ends.0, ends.1),
    };
    Some(Pointed { x, ends })
}

fn put(plot: &Element, class: &str, from: f64, to: f64) -> Option<()> {
    let mark: HtmlElement = plot.query_selector(class).ok()??.dyn_into().ok()?;
    let (low, high) = ends(plot)?;
    let (left, right) = (number(plot, "data-left")?, number(plot, "data-right")?);
    let share =
        |x: f64| (left + ((x - low) / (high - low)).clamp(0.0, 1.0) * (right - left)) * 100.0;
    let style = mark.style();
    // A browser that refuses a style shows the mark elsewhere, nothing more.
    let _ = style.set_property("left", &format!("{}%", share(from)));
    let _ = style.set_property("width", &format!("{}%", share(to) - share(from)));
    mark.set_hidden(false);
    Some(())
}

fn hide(class: &str) {
    for mark in all(class) {
        if let Some(mark) = mark.dyn_ref::<HtmlElement>() {
            mark.set_hidden(true);
        }
    }
}

/// A cursor on all plots, and beside each line its value there; None: no cursor, the last values.
pub fn show_cursor(x: Option<f64>) {
    match x {
        Some(x) => {
            for plot in all("[data-plot]") {
                put(&plot, ".overlay-cursor", x, x);
            }
        }
        None => hide(".overlay-cursor"),
    }
    for row in all(".overlay-legend tr[data-x]") {
        let Ok(Some(field)) = row.query_selector("td[data-last]") else {
            continue;
        };
        let last = || field.get_attribute("data-last");
        let text = match x {
            Some(x) => value_at(&row, x),
            None => last(),
        };
        field.set_text_content(text.as_deref());
    }
}

/// The reading that is nearest; none beyond the line's ends.
fn value_at(row: &Element, x: f64) -> Option<String> {
    let places: Vec<f64> = row
        .get_attribute("data-x")?
        .split(',')
        .filter_map(|x| x.parse().ok())
        .collect();
    let (first, last) = (*places.first()?, *places.last()?);
    let slack = (last - first) / places.len() as f64;
    if x < first - slack || x > last + slack {
        return None;
    }
    let after = places
        .partition_point(|place| *place < x)
        .min(places.len() - 1);
    let nearest = if after > 0 && x - places[after - 1] < places[after] - x {
        after - 1
    } else {
        after
    };
    row.get_attribute("data-y")?
        .split(',')
        .nth(nearest)
        .map(str::to_owned)
}

/// The part that is being dragged out.
pub fn show_zoom(range: Option<(f64, f64)>) {
    match range {
        Some((from, to)) => {
            for plot in all("[data-plot]") {
                put(&plot, ".overlay-zoom", from.min(to), from.max(to));
            }
        }
        None => hide(".overlay-zoom"),
    }
}

/// An axis of parallel coordinates under the pointer or the focus.
pub struct PointedAxis {
    pub axis: usize,
    /// Share of its length from below.
    pub place: f64,
    /// The brush on it; equal ends: none.
    pub brush: (f64, f64),
}

pub fn pointed_axis(event: &web_sys::Event) -> Option<PointedAxis> {
    let area = closest(event, "[data-axis]")?;
    place_on(&area, event)
}

fn place_on(area: &Element, event: &web_sys::Event) -> Option<PointedAxis> {
    let place = match event.dyn_ref::<MouseEvent>() {
        Some(mouse) => {
            let place = area.get_bounding_client_rect();
            (1.0 - (f64::from(mouse.client_y()) - place.top()) / place.height().max(1.0))
                .clamp(0.0, 1.0)
        }
        None => 0.5,
    };
    Some(PointedAxis {
        axis: area.get_attribute("data-axis")?.parse().ok()?,
        place,
        brush: (number(area, "data-low")?, number(area, "data-high")?),
    })
}

/// The place along an axis that is being dragged, wherever the pointer is by now.
pub fn along_axis(axis: usize, event: &web_sys::Event) -> Option<f64> {
    let area = all(&format!("[data-axis='{axis}']")).into_iter().next()?;
    Some(place_on(&area, event)?.place)
}

/// Shows a brush while it is dragged.
pub fn show_brush(axis: usize, from: f64, to: f64) {
    let areas = all(&format!("[data-axis='{axis}']"));
    let brushes = all(&format!("[data-brush='{axis}']"));
    let (Some(area), Some(brush)) = (areas.first(), brushes.first()) else {
        return;
    };
    let (Some(top), Some(length)) = (number(area, "y"), number(area, "height")) else {
        return;
    };
    let (from, to) = (from.min(to), from.max(to));
    // A browser that refuses an attribute shows the brush once it is let go.
    let _ = brush.set_attribute("y", &(top + (1.0 - to) * length).to_string());
    let _ = brush.set_attribute("height", &((to - from) * length).to_string());
}

/// Puts the focus back on an axis after its picture was drawn anew.
pub fn focus_axis(axis: usize) {
    if let Some(area) = all(&format!("[data-axis='{axis}']")).into_iter().next()
        && let Some(area) = area.dyn_ref::<web_sys::SvgElement>()
    {
        // A browser that refuses the focus leaves it where it is.
        let _ = area.focus();
    }
}
