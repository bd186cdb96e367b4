//! The only place that speaks to the browser. Outside it, on the server, each function does nothing, so that pages need no conditions
//! of their own.

#[cfg(feature = "hydrate")]
mod chart;
#[cfg(feature = "hydrate")]
mod document;
#[cfg(feature = "hydrate")]
mod events;
#[cfg(feature = "hydrate")]
mod log;
#[cfg(feature = "hydrate")]
mod overlay;

#[cfg(feature = "hydrate")]
mod upload;

#[cfg(feature = "hydrate")]
pub use chart::{device_ratio, device_width, paint, save_png, track_looks, when_sized};
#[cfg(feature = "hydrate")]
pub use document::{
    capture_pointer, carry, close_menus, close_menus_left, colour_chosen, copy, deed, field,
    has_focus, has_parts, is_typing, keep_in_address, millis, new_key, now, remember, remembered,
    save, scroll_to_end, tick, typed_before, values, viewer, when_back, when_seen, word_in_address,
};
#[cfg(feature = "hydrate")]
pub use events::{Subscription, listen, subscribe};
#[cfg(feature = "hydrate")]
pub use log::{
    add_html, drop_children, focus, has_text, put_in_address, reveal, scrolled, set_html, text_of,
    top_line,
};
#[cfg(feature = "hydrate")]
pub use overlay::{
    along_axis, focus_axis, pointed, pointed_axis, show_brush, show_cursor, show_zoom,
};

#[cfg(feature = "hydrate")]
pub use upload::upload;

/// How an upload ended.
#[cfg_attr(
    not(feature = "hydrate"),
    allow(dead_code, reason = "only a browser uploads")
)]
pub enum Uploaded {
    /// What the console said.
    Answered(String),
    /// It did not answer.
    Unreachable,
    /// Nothing was sent: so many files were chosen, and none is an event file.
    NothingWanted(u32),
}

#[cfg(not(feature = "hydrate"))]
mod absent;
#[cfg(not(feature = "hydrate"))]
pub use absent::*;
