//! Checkpoints of an experiment: what each node holds, gathering and exporting.

pub mod server_fns;
mod table;

pub use table::CheckpointTable;
