//! Training: what `megatron sft` does between its command line and its files.

pub mod batch;
pub mod collective;
pub mod dataset;
pub mod feed;
pub mod gpu;
pub mod optimizer;
pub mod progress;
pub mod python;
pub mod report;
pub mod run;
pub mod schedule;
pub mod settings;
pub mod tfevents;
pub mod torchrun;
pub mod world;
