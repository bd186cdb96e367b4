//! Logging in, the first account, and settings.

mod login_page;
pub mod server_fns;
mod settings_page;
mod setup_page;

pub use login_page::LoginPage;
pub use server_fns::create_key;
pub use settings_page::SettingsPage;
pub use setup_page::SetupPage;

use domain::language::Language;

use crate::texts::people as t;

/// The sentence for a `?problem=` code of a form that the server sent back.
fn problem_text(code: &str, language: Language) -> &'static str {
    match code {
        "wrong" => t::problem_wrong(language),
        "slow" => t::problem_slow(language),
        "link" => t::problem_link(language),
        "name" => t::problem_name(language),
        "password" => t::problem_password(language),
        _ => t::problem_other(language),
    }
}
