//! Jobs: what runs now, wherever one is, and the log of each process.

mod activity;
mod detail_page;
mod log_fns;
mod log_view;
mod processes;
pub mod server_fns;

pub use activity::ActivityMenu;
pub use detail_page::{JobBody, JobPage, JobsPage};
pub use log_view::LogView;
pub use processes::{ProcessLine, ProcessTable};

use domain::jobs::JobView;

/// Where a job is shown.
pub fn address(job: &JobView) -> String {
    format!("/jobs/{}", job.id)
}
