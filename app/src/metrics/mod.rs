//! Charts.

mod arranging;
mod chart;
pub mod drawing;
mod fetching;
mod gestures;
mod grid;
mod legend;
mod menu;
mod names;
mod painting;
mod panel;
pub mod server_fns;
mod state;
mod table_twin;
mod toolbar;

pub use panel::{ChartReads, ChartsPanel};
