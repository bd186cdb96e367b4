//! What people see: Leptos pages and server functions.
//!
//! The server renders [`shell`] for every address that [`App`] knows (`leptos_axum::generate_route_list(App)`), hands server functions
//! under `/fn/*` to `leptos_axum::handle_server_fns_with_context`, and provides for both what [`context`] lists. The shell sets the
//! Content-Security-Policy itself, since only it knows the nonce.

// A page's view is one deeply nested type; the compiler's default depth is for shallower ones.
#![recursion_limit = "512"]

#[cfg(all(feature = "ssr", feature = "hydrate"))]
compile_error!("`ssr` and `hydrate` are two builds: check them with two commands");

#[cfg(feature = "bench")]
pub mod bench;
mod browser;
mod chat;
mod checkpoints;
mod compare;
pub mod context;
mod datasets;
mod deployments;
pub mod error;
mod experiments;
mod home;
mod imports;
mod jobs;
mod keys;
mod layout;
mod metrics;
mod models;
mod nodes;
mod pages;
mod parts;
mod people;
mod shared;
mod shell;
mod texts;
mod tracking;
mod wire;

pub use layout::App;
#[cfg(feature = "ssr")]
pub use shell::shell;

/// Takes over the page that the server rendered. Called once by the wasm entry.
#[cfg(feature = "hydrate")]
pub async fn hydrate() {
    if browser::has_parts() {
        parts::ready().await;
    }
    leptos::mount::hydrate_lazy(App);
}
