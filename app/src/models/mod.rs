//! Models: folders with weights, where they came from, and turning them into what training needs.

mod convert_form;
mod copies;
mod detail_page;
mod lineage;
mod list_page;
mod precision;
mod register_page;
pub mod server_fns;

pub use detail_page::ModelPage;
pub use list_page::ModelsPage;
pub use precision::PrecisionVerdict;
pub use register_page::RegisterModelPage;

use domain::models::Format;

/// The name of a format as people say it.
pub fn format_name(format: Format) -> &'static str {
    match format {
        Format::Hf => "HF",
        Format::Mcore => "MCore",
    }
}
