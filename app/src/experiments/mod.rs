//! Experiments: setting one up, watching it, going back to it.

mod detail_page;
mod list_page;
mod new_page;
mod outcome;
pub mod server_fns;
mod setup_fields;
mod spark;

pub use detail_page::ExperimentPage;
pub use list_page::{ExperimentRows, ExperimentsPage};
pub use new_page::NewExperimentPage;
