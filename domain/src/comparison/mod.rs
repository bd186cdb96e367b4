//! Comparing experiments: the project's table, and what differs between chosen ones.

pub mod colours;
pub mod config;
pub mod filter;
pub mod groups;
pub mod parallel;
pub mod reach;
pub mod request;
pub mod table;

pub use filter::Filter;
pub use request::CompareRequest;
pub use table::{Cell, Column, Fact, Group, Listing, Row, TableRequest, Which};

use serde::{Deserialize, Serialize};

use crate::metrics::Drawn;

/// Experiments that are compared at once: more lines than that tell nothing, and each costs a read.
pub const MOST: usize = 100;

/// What surrounds the mean of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Band {
    /// From the least to the greatest value at each step.
    #[default]
    Ends,
    /// One standard deviation (of the sample) to each side.
    Deviation,
}

/// A line of the overlay: one experiment, or the mean of a group.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Curve {
    /// The experiment's name, or the group's value.
    pub label: String,
    /// The experiment's id, or the group's value: what its colour belongs to.
    pub key: String,
    /// Index into the palette of ten.
    pub colour: usize,
    /// Experiments in it.
    pub members: usize,
    pub drawn: Drawn,
    /// Lower and upper end beside each of `drawn.values`; empty: no band.
    pub low: Vec<f64>,
    pub high: Vec<f64>,
}
