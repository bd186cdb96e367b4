//! What things are: pure rules, no I/O, no clock, no randomness; also builds for wasm.
//!
//! One room per noun, the same nouns as in every other layer. Time and ids come in as arguments.

pub mod chat;
pub mod checkpoints;
pub mod comparison;
pub mod datasets;
pub mod deployments;
pub mod experiments;
pub mod finding;
pub mod ids;
pub mod imports;
pub mod jobs;
pub mod language;
pub mod logs;
pub mod metrics;
pub mod models;
pub mod nodes;
pub mod people;
pub mod recipes;
pub mod shell;
pub mod time;
pub mod tracking;
