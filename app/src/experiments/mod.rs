//! Experiments: setting one up, watching it, going back to it.

#[cfg(feature = "ssr")]
mod about_html;
mod arguments_panel;
mod changes_panel;
mod detail_page;
mod later;
mod list_page;
mod new_page;
mod outcome;
#[cfg(feature = "ssr")]
mod outlook_html;
mod preflight_fns;
#[cfg(feature = "ssr")]
mod preflight_html;
mod profile_fns;
mod profile_parts;
mod queue_fns;
mod queue_page;
mod recipe_tab;
mod reports_panel;
pub mod script_fns;
#[cfg(feature = "ssr")]
mod script_html;
mod script_panel;
pub mod server_fns;
mod setup_fields;
mod spark;
#[cfg(feature = "ssr")]
pub mod table_html;
mod table_page;
mod takeoff;

pub use detail_page::ExperimentPage;
pub use list_page::ExperimentRows;
pub use new_page::NewExperimentPage;
pub use profile_parts::{AboutTab, NotesTab, ProfileReads};
pub use queue_page::{QueueLink, QueuePage};
pub use recipe_tab::RecipeTab;
pub use table_page::ExperimentsPage;
