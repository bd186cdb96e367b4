//! Deployments: engines that serve a model.

mod detail_page;
mod list_page;
mod new_page;
mod place_fields;
pub mod server_fns;

pub use detail_page::DeploymentPage;
pub use list_page::DeploymentsPage;
pub use new_page::NewDeploymentPage;
