//! Where there is no browser: the same functions, doing nothing.

use crate::metrics::drawing::{Frame, Picture};
use crate::shared::Live;

/// Without a document nothing is known of the viewer.
#[cfg(not(feature = "ssr"))]
pub fn viewer() -> crate::context::Viewer {
    crate::context::Viewer {
        person: None,
        language: Default::default(),
        theme: Default::default(),
    }
}

pub fn now() -> Option<i64> {
    None
}

pub fn copy(_text: &str) {}

pub fn listen(_live: Live) {}

pub fn remember(_key: &str, _value: &str) {}

pub fn remembered(_key: &str) -> Option<String> {
    None
}

pub fn is_typing() -> bool {
    false
}

pub fn deed(_event: &leptos::ev::Event, _is_change: bool) -> Option<crate::shared::Deed> {
    None
}

pub fn carry(_event: &leptos::ev::DragEvent, _text: &str) {}

pub fn tick(_what: &str, _chosen: &[String]) {}

pub fn values(_what: &str) -> Vec<String> {
    Vec::new()
}

pub fn colour_chosen(_what: &str, _chosen: &[String]) {}

pub fn typed_before(_id: &str) -> Option<String> {
    None
}

pub fn close_menus() {}

pub fn close_menus_left() {}

pub fn scroll_to_end(_element_id: &str) {}

pub fn when_seen(_element_id: &str, _then: impl FnMut(bool) + 'static) {}

pub fn new_key() -> String {
    String::new()
}

pub fn paint(_element_id: &str, _size: (f64, f64), _picture: &Picture<'_>) -> Option<Frame> {
    None
}

pub fn when_sized(_element_id: &str, _then: impl FnMut(f64, f64) + 'static) {}

pub fn device_ratio() -> f64 {
    1.0
}

pub fn capture_pointer(_element_id: &str, _pointer: i32) {}

pub fn has_focus(_element_id: &str) -> bool {
    false
}

pub fn millis() -> f64 {
    0.0
}

pub fn keep_in_address(_keys: &[&str], _words: &[Option<String>], _is_step: bool) {}

pub fn word_in_address(_key: &str) -> Option<String> {
    None
}

pub fn when_back(_then: impl FnMut() + 'static) {}

pub fn save(_name: &str, _kind: &str, _text: &str) {}

pub fn save_png(_file: &str, _title: &str, _size: (f64, f64), _picture: &Picture<'_>) {}

pub fn device_width() -> u32 {
    1
}

pub fn track_looks() {}

/// An open stream; closed when dropped.
pub struct Subscription;

pub fn subscribe(
    _address: String,
    _heard: impl FnMut(String) + 'static,
    _lost: impl FnMut() + 'static,
) -> Option<Subscription> {
    None
}

pub fn set_html(_id: &str, _html: &str) {}

pub fn add_html(_list: &str, _scroller: &str, _html: &str, _is_first: bool) {}

pub fn drop_children(_list: &str, _scroller: &str, _count: usize, _is_first: bool) {}

pub fn scrolled(_scroller: &str) -> (i32, i32) {
    (0, 0)
}

pub fn reveal(_list: &str, _id: &str, _is_sought: bool) {}

pub fn top_line(_scroller: &str) -> Option<String> {
    None
}

pub fn text_of(_id: &str) -> String {
    String::new()
}

pub fn has_text(_id: &str) -> bool {
    false
}

pub fn focus(_id: &str) {}

pub fn put_in_address(_parameters: &[(&str, Option<String>)]) {}

/// See `overlay::Pointed`.
pub struct Pointed {
    pub x: f64,
    pub ends: (f64, f64),
}

/// See `overlay::PointedAxis`.
pub struct PointedAxis {
    pub axis: usize,
    pub place: f64,
    pub brush: (f64, f64),
}

pub fn pointed(_event: &leptos::ev::Event) -> Option<Pointed> {
    None
}

pub fn pointed_axis(_event: &leptos::ev::Event) -> Option<PointedAxis> {
    None
}

pub fn along_axis(_axis: usize, _event: &leptos::ev::Event) -> Option<f64> {
    None
}

pub fn show_cursor(_x: Option<f64>) {}

pub fn show_zoom(_range: Option<(f64, f64)>) {}

pub fn show_brush(_axis: usize, _from: f64, _to: f64) {}

pub fn focus_axis(_axis: usize) {}

pub fn field(_what: &str) -> String {
    String::new()
}

pub fn upload(
    _inputs: &[&str],
    _name: &str,
    _sent: impl Fn(f64, f64) + 'static,
    _done: impl FnOnce(super::Uploaded) + 'static,
) {
}
