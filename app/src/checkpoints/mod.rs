//! Checkpoints: what a run has saved where, and what to do with it.

mod export_form;
pub mod server_fns;
mod table;

pub use table::{CheckpointReads, CheckpointTable, checkpoint_reads};
