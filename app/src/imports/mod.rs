//! Imports: runs that others wrote, taken in from a node or from this computer.

mod detail_page;
#[cfg(feature = "ssr")]
mod html;
mod list_page;
pub mod server_fns;
mod upload_form;

pub use detail_page::ImportPage;
pub use list_page::ImportsPage;
