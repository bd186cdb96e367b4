//! The rehearsal: a small CPU stand-in for GPU nodes that speaks the real command lines.

pub mod checkpoints;
pub mod exporting;
pub mod model;
pub mod node;
pub mod pretraining;
pub mod programs;
pub mod release;
pub mod serving;
pub mod training;
