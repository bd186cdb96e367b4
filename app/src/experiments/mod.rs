//! Experiments: setting one up, watching it, going back to it.

#[cfg(feature = "ssr")]
mod about_html;
mod arguments_panel;
mod changes_panel;
mod detail_page;
mod list_page;
mod new_page;
mod outcome;
mod profile_fns;
mod profile_parts;
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

pub use detail_page::ExperimentPage;
pub use list_page::ExperimentRows;
pub use new_page::NewExperimentPage;
pub use profile_parts::{AboutTab, NotesTab, ProfileReads};
pub use recipe_tab::RecipeTab;
pub use table_page::ExperimentsPage;
