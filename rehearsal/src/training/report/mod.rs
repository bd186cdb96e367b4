//! What the last rank says and writes while it trains, in the way of its release.

mod bars;
mod megatron;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

pub use bars::Bars;
pub use megatron::Megatron;

use super::python::Dict;

/// One iteration, as the ranks have added it up.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub iteration: u64,
    /// Rows consumed so far, this iteration's with them.
    pub consumed: u64,
    /// Over the tokens of this iteration that are learnt.
    pub loss_sum: f64,
    pub tokens: f64,
    /// Length of the gradient before clipping.
    pub norm: f64,
    /// The learning rate after this iteration.
    pub rate: f64,
    /// Whether a record is due.
    pub is_recorded: bool,
}

/// When an evaluation took place.
#[derive(Clone, Copy, Debug)]
pub struct Evaluated {
    pub iteration: u64,
    pub consumed: u64,
    pub loss: f64,
    /// The one after training, which Megatron-LM makes besides.
    pub is_final: bool,
}

/// The files and lines of the last rank.
pub trait Report {
    /// One iteration is done.
    fn step(&mut self, step: &Step) -> Result<()>;
    /// An evaluation over so many global batches begins.
    fn evaluate(&mut self, steps: u64);
    /// One of them is done.
    fn advance_evaluation(&mut self);
    fn evaluated(&mut self, evaluated: &Evaluated) -> Result<()>;
    /// All is done; `record` is what 4.x writes last.
    fn close(&mut self, record: &Dict) -> Result<()>;
}

fn err(text: &str) {
    let mut out = std::io::stderr().lock();
    // A reader that went away is no reason to stop training.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn out(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// `logging.jsonl` of a run folder, opened for append as the real ones do: a second run in a folder continues it.
fn log_file(folder: &Path) -> Result<File> {
    let path = folder.join("logging.jsonl");
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.context("open logging.jsonl")
}

/// The most memory this process ever held: what stands for the memory of its GPU.
pub fn memory_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes: u64 = line
        .and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0);
    kilobytes * 1024
}

/// The same in GiB, rounded as both releases round it.
fn memory_gib() -> f64 {
    (memory_bytes() as f64 / (1u64 << 30) as f64 * 100.0).round() / 100.0
}
