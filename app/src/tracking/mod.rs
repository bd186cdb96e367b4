//! Runs that were not launched here: how one sends them, and what they sent besides numbers.

mod lines_tab;
mod media_tab;
mod project_menu;
mod send_page;
pub mod server_fns;

pub use lines_tab::LinesTab;
pub use media_tab::{MediaReads, MediaTab};
pub use project_menu::ProjectMenu;
pub use send_page::SendPage;
