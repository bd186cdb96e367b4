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
pub use chart::{device_width, measure, paint, track_looks};
#[cfg(feature = "hydrate")]
pub use document::{
    close_menus, close_menus_left, copy, deed, is_typing, new_key, now, remember, remembered,
    scroll_to_end, tick, values, viewer, when_seen,
};
#[cfg(feature = "hydrate")]
pub use events::{Subscription, listen, subscribe};
#[cfg(feature = "hydrate")]
pub use log::{
    add_html, drop_children, focus, has_text, put_in_address, reveal, scrolled, set_html, text_of,
    top_line,
};

#[cfg(not(feature = "hydrate"))]
mod absent;
#[cfg(not(feature = "hydrate"))]
pub use absent::*;
