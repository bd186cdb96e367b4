//! The rehearsal: a small CPU stand-in for GPU nodes that speaks the real command lines.

pub mod model;
pub mod node;
pub mod pretraining;
pub mod programs;
pub mod training;
