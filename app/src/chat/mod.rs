//! The playground: conversations with deployments, side by side.

mod composer;
mod conversations;
mod exchange;
mod page;
mod pane;
mod parameters;
mod reply_view;
pub mod server_fns;

pub use page::ChatPage;
