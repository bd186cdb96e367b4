//! The process: configuration, router, start and stop.

pub mod cookies;
pub mod guard;
pub mod http_error;
pub mod router;
pub mod routes;
pub mod settings;
pub mod shutdown;
pub mod start;
pub mod telemetry;
