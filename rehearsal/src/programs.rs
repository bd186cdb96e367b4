//! The programs of a node, each with the real one's command line.

pub mod nvidia_smi;
pub mod python;
