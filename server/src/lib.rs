//! The process: configuration, router, start and stop.

// As in `app`, whose views are laid out here.
#![recursion_limit = "512"]

pub mod checkpoint;
pub mod cookies;
pub mod dataset;
pub mod guard;
pub mod http_error;
pub mod inspect;
pub mod memory;
pub mod router;
pub mod routes;
pub mod script;
pub mod settings;
pub mod shutdown;
pub mod start;
pub mod telemetry;
pub mod tour;
