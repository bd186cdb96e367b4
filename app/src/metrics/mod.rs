//! Charts.

mod chart;
pub mod drawing;
mod names;
mod panel;
pub mod server_fns;
mod table_twin;

pub use panel::{ChartReads, ChartsPanel};
