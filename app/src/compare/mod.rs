//! Chosen experiments side by side: their curves on one chart, what differs in their configurations, how soon each reaches a value.

#[cfg(feature = "ssr")]
mod overlay_html;
mod page;
mod server_fns;
#[cfg(feature = "ssr")]
mod svg;
#[cfg(feature = "ssr")]
mod tables_html;

pub use page::ComparePage;
