//! Facts of the open document, its clock, clipboard and per-browser memory.

use domain::comparison::colours;
use domain::language::Language;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Element, HtmlElement, IntersectionObserver, IntersectionObserverEntry};

use crate::context::{Theme, Viewer};
use crate::shared::Deed;

fn root_attribute(name: &str) -> Option<String> {
    web_sys::window()?
        .document()?
        .document_element()?
        .get_attribute(name)
}

/// The viewer that the server wrote into `<html lang data-theme data-person>`.
pub fn viewer() -> Viewer {
    Viewer {
        person: root_attribute("data-person"),
        language: match root_attribute("lang").as_deref() {
            Some("zh-CN") => Language::Zh,
            _ => Language::En,
        },
        theme: Theme::from_name(&root_attribute("data-theme").unwrap_or_default()),
    }
}

/// An element of the page by its id.
pub fn element(id: &str) -> Option<Element> {
    web_sys::window()?.document()?.get_element_by_id(id)
}

/// Whether the server rendered parts (`crate::parts`) into the page.
pub fn has_parts() -> bool {
    let document = web_sys::window().and_then(|window| window.document());
    document.is_some_and(|document| matches!(document.query_selector("[data-part]"), Ok(Some(_))))
}

/// What a person wrote into a field, or chose, before the page was taken over. None later: what another page left there is not meant.
pub fn typed_before(id: &str) -> Option<String> {
    let is_taken_over = leptos::prelude::Owner::current_shared_context()
        .is_some_and(|context| context.during_hydration());
    let value = is_taken_over.then(|| element(id)).flatten().map(|field| {
        let input = field
            .dyn_ref::<web_sys::HtmlInputElement>()
            .map(|field| field.value());
        input.or_else(|| {
            field
                .dyn_ref::<web_sys::HtmlSelectElement>()
                .map(|field| field.value())
        })
    });
    value.flatten().filter(|text| !text.is_empty())
}

/// The clock, milliseconds since 1970.
pub fn now() -> Option<i64> {
    Some(js_sys::Date::now() as i64)
}

/// Puts a text on the clipboard; a browser that forbids it leaves the text where it can be selected.
pub fn copy(text: &str) {
    if let Some(window) = web_sys::window() {
        // The promise only tells whether it worked, and there is nothing else to try.
        let _ = window.navigator().clipboard().write_text(text);
    }
}

/// Keeps a small text in this browser.
pub fn remember(key: &str, value: &str) {
    if let Some(Ok(Some(storage))) = web_sys::window().map(|w| w.local_storage()) {
        // A full or forbidden storage only means that nothing is remembered.
        let _ = storage.set_item(key, value);
    }
}

/// What `remember` kept.
pub fn remembered(key: &str) -> Option<String> {
    web_sys::window()?
        .local_storage()
        .ok()??
        .get_item(key)
        .ok()?
}

/// Whether a key that is pressed now is written somewhere.
pub fn is_typing() -> bool {
    let focused = web_sys::window()
        .and_then(|window| window.document())
        .and_then(|document| document.active_element());
    focused.is_some_and(|element| {
        matches!(element.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT")
    })
}

/// Lets something be dragged: a browser starts none that carries nothing.
pub fn carry(event: &web_sys::DragEvent, text: &str) {
    if let Some(carried) = event.data_transfer() {
        carried.set_data("text/plain", text).ok();
    }
}

/// What a click (on a button) or a change (of a field) means inside HTML that the server wrote.
pub fn deed(event: &web_sys::Event, is_change: bool) -> Option<Deed> {
    let target: Element = event.target()?.dyn_into().ok()?;
    let found = target.closest("[data-do]").ok()??;
    let what = found.get_attribute("data-do")?;
    let mut deed = Deed {
        what,
        of: found.get_attribute("data-of").unwrap_or_default(),
        is_on: false,
    };
    if found.tag_name() == "BUTTON" {
        return (!is_change).then_some(deed);
    }
    if let Some(input) = found.dyn_ref::<web_sys::HtmlInputElement>() {
        deed.is_on = input.checked();
        if input.type_() != "checkbox" {
            deed.of = input.value();
        }
    } else if let Some(select) = found.dyn_ref::<web_sys::HtmlSelectElement>() {
        deed.of = select.value();
    }
    is_change.then_some(deed)
}

/// What stands in the field with this `data-do`.
pub fn field(what: &str) -> String {
    let found = web_sys::window()
        .and_then(|window| window.document())
        .and_then(|document| {
            document
                .query_selector(&format!("[data-do={what}]"))
                .ok()
                .flatten()
        });
    let Some(found) = found else {
        return String::new();
    };
    match found.dyn_ref::<web_sys::HtmlSelectElement>() {
        Some(select) => select.value(),
        None => found
            .dyn_ref::<web_sys::HtmlInputElement>()
            .map(web_sys::HtmlInputElement::value)
            .unwrap_or_default(),
    }
}

fn boxes(what: &str) -> Vec<(web_sys::HtmlInputElement, String)> {
    let found = web_sys::window()
        .and_then(|window| window.document())
        .and_then(|document| {
            document
                .query_selector_all(&format!("input[data-do={what}]"))
                .ok()
        });
    let Some(found) = found else {
        return Vec::new();
    };
    (0..found.length())
        .filter_map(|at| found.item(at)?.dyn_into::<web_sys::HtmlInputElement>().ok())
        .map(|input| {
            let of = input.get_attribute("data-of").unwrap_or_default();
            (input, of)
        })
        .collect()
}

/// Ticks the checkboxes with this `data-do` whose `data-of` is chosen, and only those.
pub fn tick(what: &str, chosen: &[String]) {
    for (input, of) in boxes(what) {
        input.set_checked(chosen.contains(&of));
    }
}

/// Gives the dots in the rows of the checkboxes with this `data-do` the colours that a comparison of the chosen ones will have; each other
/// one its own.
pub fn colour_chosen(what: &str, chosen: &[String]) {
    let keys: Vec<&str> = chosen.iter().map(String::as_str).collect();
    let assigned = colours::assign(&keys);
    for (input, of) in boxes(what) {
        let place = chosen.iter().position(|id| *id == of);
        let colour = place.map_or_else(|| colours::own(&of), |place| assigned[place]);
        let row = input.closest("tr").ok().flatten();
        let dot = row.and_then(|row| row.query_selector(".dot").ok().flatten());
        if let Some(dot) = dot {
            // The attribute's name is a good one.
            let _ = dot.set_attribute("data-colour", &colour.to_string());
        }
    }
}

/// `data-of` of all checkboxes with this `data-do`.
pub fn values(what: &str) -> Vec<String> {
    boxes(what).into_iter().map(|(_, of)| of).collect()
}

/// Closes the menus that a selector finds; a focus that was inside goes to what opened it.
fn close(selector: &str) {
    let Some(document) = web_sys::window().and_then(|window| window.document()) else {
        return;
    };
    // Each one that is closed is found no more.
    while let Ok(Some(menu)) = document.query_selector(selector) {
        let holds_focus = menu.matches(":focus-within").unwrap_or(false);
        if menu.remove_attribute("open").is_err() {
            return;
        }
        if holds_focus
            && let Ok(Some(summary)) = menu.query_selector("summary")
            && let Ok(summary) = summary.dyn_into::<HtmlElement>()
        {
            // A browser that refuses the focus leaves it where it is.
            let _ = summary.focus();
        }
    }
}

/// Closes every open menu.
pub fn close_menus() {
    close("details.menu[open]");
}

/// Closes the menus that a click has left: it was outside, or on a link that leads away.
pub fn close_menus_left() {
    close(
        "details.menu[open]:not(:hover, :focus-within), details.menu[open]:has(a:hover, a:focus)",
    );
}

/// Scrolls an element to its last line.
pub fn scroll_to_end(element_id: &str) {
    if let Some(element) = element(element_id) {
        element.set_scroll_top(element.scroll_height());
    }
}

/// Tells whenever an element comes into view or leaves it.
pub fn when_seen(element_id: &str, mut then: impl FnMut(bool) + 'static) {
    let Some(element) = element(element_id) else {
        return;
    };
    let callback = Closure::<dyn FnMut(js_sys::Array)>::new(move |entries: js_sys::Array| {
        if let Ok(entry) = entries
            .get(entries.length().saturating_sub(1))
            .dyn_into::<IntersectionObserverEntry>()
        {
            then(entry.is_intersecting());
        }
    });
    if let Ok(observer) = IntersectionObserver::new(callback.as_ref().unchecked_ref()) {
        observer.observe(&element);
        leptos::prelude::on_cleanup({
            let kept = send_wrapper::SendWrapper::new((observer, callback));
            move || kept.0.disconnect()
        });
    }
}

/// Sends what a pointer does to an element, also outside of it, until it is released.
pub fn capture_pointer(element_id: &str, pointer: i32) {
    if let Some(element) = element(element_id) {
        // A pointer that is gone already needs no capture.
        let _ = element.set_pointer_capture(pointer);
    }
}

/// Whether an element has the keyboard's focus.
pub fn has_focus(element_id: &str) -> bool {
    let focused = web_sys::window().and_then(|window| window.document()?.active_element());
    focused.is_some_and(|focused| focused.id() == element_id)
}

/// Milliseconds since the page began, finer than the clock.
pub fn millis() -> f64 {
    web_sys::window()
        .and_then(|window| window.performance())
        .map_or(0.0, |clock| clock.now())
}

/// Hands a text to the person as a file.
pub fn save(name: &str, kind: &str, text: &str) {
    let text = String::from(js_sys::encode_uri_component(text));
    save_address(name, &format!("data:{kind};charset=utf-8,{text}"));
}

/// Hands what an address holds to the person as a file.
pub fn save_address(name: &str, address: &str) {
    let link = web_sys::window().and_then(|window| window.document()?.create_element("a").ok());
    if let Some(link) = link.and_then(|link| link.dyn_into::<HtmlElement>().ok())
        && link.set_attribute("href", address).is_ok()
        && link.set_attribute("download", name).is_ok()
    {
        link.click();
    }
}

/// A word of the page's address.
pub fn word_in_address(key: &str) -> Option<String> {
    let address = web_sys::window()?.location().href().ok()?;
    web_sys::Url::new(&address).ok()?.search_params().get(key)
}

/// Tells when a person went back or forth to another address of this page.
pub fn when_back(then: impl FnMut() + 'static) {
    let Some(window) = web_sys::window() else {
        return;
    };
    let heard = Closure::<dyn FnMut()>::new(then);
    if window
        .add_event_listener_with_callback("popstate", heard.as_ref().unchecked_ref())
        .is_ok()
    {
        leptos::prelude::on_cleanup({
            let kept = send_wrapper::SendWrapper::new((window, heard));
            move || {
                let (window, heard) = &*kept;
                // One that is not there any more need not be taken away.
                let _ = window.remove_event_listener_with_callback(
                    "popstate",
                    heard.as_ref().unchecked_ref(),
                );
            }
        });
    }
}

/// Writes words into the page's address without going anywhere: of these keys, those without a word are taken out. `is_step`: Back
/// leads to the address as it was.
pub fn keep_in_address(keys: &[&str], words: &[Option<String>], is_step: bool) {
    let Some(window) = web_sys::window() else {
        return;
    };
    let Ok(Ok(url)) = window
        .location()
        .href()
        .map(|address| web_sys::Url::new(&address))
    else {
        return;
    };
    let (before, query) = (url.href(), url.search_params());
    for (key, word) in keys.iter().zip(words) {
        match word {
            Some(word) => query.set(key, word),
            None => query.delete(key),
        }
    }
    if url.href() != before
        && let Ok(history) = window.history()
    {
        // A browser that writes no more (it allows so many a minute) keeps an older address; nothing else depends on it.
        let state = history.state().unwrap_or_default();
        let _ = if is_step {
            history.push_state_with_url(&state, "", Some(&url.href()))
        } else {
            history.replace_state_with_url(&state, "", Some(&url.href()))
        };
    }
}

/// A text that nobody has used before: one intent of a person, however often it is clicked or sent again.
pub fn new_key() -> String {
    let mut key = format!("{:x}-", js_sys::Date::now() as u64);
    for _ in 0..4 {
        key.push_str(&format!(
            "{:08x}",
            (js_sys::Math::random() * f64::from(u32::MAX)) as u32
        ));
    }
    key
}
