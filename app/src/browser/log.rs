//! The lines of a log in the document: HTML that the server made of them, in a list that scrolls.

use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, HtmlElement};

use super::document::element;

/// Replaces everything in an element. The HTML is `domain::logs::html`'s, in which nothing of a log is markup.
pub fn set_html(id: &str, html: &str) {
    if let Some(element) = element(id) {
        element.set_inner_html(html);
    }
}

/// Changes what is above the lines in sight without moving them.
fn held(scroller: &str, change: impl FnOnce()) {
    let Some(element) = element(scroller) else {
        return;
    };
    let below = element.scroll_height() - element.scroll_top();
    change();
    element.set_scroll_top(element.scroll_height() - below);
}

/// Adds a piece as the last or first child of a list; the lines in sight stay where they are.
pub fn add_html(list: &str, scroller: &str, html: &str, is_first: bool) {
    let Some(element) = element(list) else { return };
    let place = if is_first { "afterbegin" } else { "beforeend" };
    let add = || {
        // Only a wrong name of the place fails.
        let _ = element.insert_adjacent_html(place, &format!("<div>{html}</div>"));
    };
    if is_first { held(scroller, add) } else { add() }
}

/// Drops some pieces at one end of a list.
pub fn drop_children(list: &str, scroller: &str, count: usize, is_first: bool) {
    let Some(element) = element(list) else { return };
    let drop = || {
        for _ in 0..count {
            let child = if is_first {
                element.first_element_child()
            } else {
                element.last_element_child()
            };
            if let Some(child) = child {
                child.remove();
            }
        }
    };
    if is_first {
        held(scroller, drop)
    } else {
        drop()
    }
}

/// Pixels that are scrolled away above and below.
pub fn scrolled(scroller: &str) -> (i32, i32) {
    element(scroller).map_or((0, 0), |e| {
        let top = e.scroll_top();
        (top, e.scroll_height() - top - e.client_height())
    })
}

/// Brings an element into sight: one that was sought into the middle, marked as the current one of its list; else to the top.
pub fn reveal(list: &str, id: &str, is_sought: bool) {
    if let Some(list) = element(list)
        && let Ok(Some(before)) = list.query_selector("[data-current]")
    {
        // Only a wrong name of an attribute fails, here and below.
        let _ = before.remove_attribute("data-current");
    }
    let (Some(list), Some(line)) = (element(list), element(id)) else {
        return;
    };
    let (line_area, list_area) = (
        line.get_bounding_client_rect(),
        list.get_bounding_client_rect(),
    );
    let away = (line_area.top() - list_area.top()) as i32;
    let middle = if is_sought {
        (list.client_height() - line_area.height() as i32) / 2
    } else {
        0
    };
    // Only the list moves, not the page around it.
    list.set_scroll_top(list.scroll_top() + away - middle);
    if is_sought {
        let _ = line.set_attribute("data-current", "");
    }
}

/// The id of the first line in sight.
pub fn top_line(scroller: &str) -> Option<String> {
    let area = element(scroller)?.get_bounding_client_rect();
    let document = web_sys::window()?.document()?;
    // A line may have ended left of the middle, and the area's own edge is no line.
    let found = (0..4).find_map(|row| {
        let (x, y) = (area.left() + 24.0, area.top() + 12.0 + f64::from(row) * 8.0);
        let at: Element = document.element_from_point(x as f32, y as f32)?;
        at.closest("p[id]").ok()?
    });
    found.map(|line| line.id())
}

/// The text of an element as it is shown.
pub fn text_of(id: &str) -> String {
    element(id)
        .and_then(|e| e.dyn_into::<HtmlElement>().ok())
        .map(|e| e.inner_text())
        .unwrap_or_default()
}

/// Whether an element shows anything.
pub fn has_text(id: &str) -> bool {
    element(id).is_some_and(|e| e.has_child_nodes())
}

/// Puts the focus into an element.
pub fn focus(id: &str) {
    if let Some(element) = element(id).and_then(|e| e.dyn_into::<HtmlElement>().ok()) {
        // A browser that refuses the focus leaves it where it is.
        let _ = element.focus();
    }
}

/// Writes parameters into the page's address without a step in its history; None takes one out.
pub fn put_in_address(parameters: &[(&str, Option<String>)]) {
    let Some(window) = web_sys::window() else {
        return;
    };
    let location = window.location();
    let (Ok(path), Ok(search)) = (location.pathname(), location.search()) else {
        return;
    };
    let is_ours = |pair: &str| {
        let name = pair.split('=').next().unwrap_or(pair);
        parameters.iter().any(|(ours, _)| *ours == name)
    };
    let mut pairs: Vec<String> = search
        .trim_start_matches('?')
        .split('&')
        .filter(|pair| !pair.is_empty() && !is_ours(pair))
        .map(str::to_owned)
        .collect();
    for (name, value) in parameters {
        if let Some(value) = value {
            pairs.push(format!(
                "{name}={}",
                String::from(js_sys::encode_uri_component(value))
            ));
        }
    }
    let query = if pairs.is_empty() {
        String::new()
    } else {
        format!("?{}", pairs.join("&"))
    };
    if let Ok(history) = window.history() {
        let address = format!("{path}{query}");
        // The router keeps its own state there. A browser refuses only when this is called too often.
        let state = history.state().unwrap_or(JsValue::NULL);
        let _ = history.replace_state_with_url(&state, "", Some(&address));
    }
}
