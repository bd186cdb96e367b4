//! The start page.

mod page;
mod tour;

pub use page::HomePage;
