//! Datasets: files of conversations on the nodes.

mod pages;
pub mod server_fns;

pub use pages::{DatasetPage, DatasetsPage, RegisterDatasetPage};
