//! The programs of a node, each with the real one's command line.

pub mod arguments;
pub mod megatron;
pub mod nvidia_smi;
pub mod python;
pub mod swift;
pub mod vllm;
