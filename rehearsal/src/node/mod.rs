//! A node: an SSH server on loopback with a home folder of its own.

pub mod commands;
pub mod gpu;
pub mod home;
pub mod server;
