//! Every word of the interface, in both languages side by side: one function per text, so that the compiler finds a missing one.

/// `name => "English", "中文";` becomes `name(language) -> &'static str`.
macro_rules! texts {
    ($($name:ident => $en:literal, $zh:literal;)+) => {$(
        #[doc = $en]
        pub fn $name(language: ::domain::language::Language) -> &'static str {
            match language {
                ::domain::language::Language::En => $en,
                ::domain::language::Language::Zh => $zh,
            }
        }
    )+};
}

pub mod chat;
pub mod checkpoints;
pub mod common;
pub mod compare;
pub mod comparison;
pub mod deployments;
pub mod experiments;
pub mod home;
pub mod imports;
pub mod jobs;
pub mod keys;
pub mod logs;
pub mod metrics;
pub mod models;
pub mod nodes;
pub mod people;
pub mod preflight;
pub mod profiles;
pub mod queue;
pub mod scripts;
pub mod tracking;
