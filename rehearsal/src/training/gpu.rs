//! Tells the node's `nvidia-smi` which of its GPUs this process uses and how much of it.

use std::path::PathBuf;

use anyhow::Result;

use super::report::memory_bytes;
use crate::node::gpu;

/// What this process holds of a GPU, until it ends.
pub struct Usage {
    state: PathBuf,
    gpu: u32,
}

impl Usage {
    /// Registers the GPU that `CUDA_VISIBLE_DEVICES` gives to `local_rank`. None outside a rehearsal node.
    pub fn register(local_rank: usize) -> Option<Self> {
        let visible = std::env::var("CUDA_VISIBLE_DEVICES").unwrap_or_default();
        let named = visible
            .split(',')
            .nth(local_rank)
            .and_then(|index| index.trim().parse().ok());
        let usage = Self {
            state: gpu::state_folder()?,
            gpu: named.or_else(|| u32::try_from(local_rank).ok())?,
        };
        usage.update().ok()?;
        Some(usage)
    }

    /// Writes the memory of this moment.
    pub fn update(&self) -> Result<()> {
        gpu::register(&self.state, self.gpu, memory_bytes())
    }
}
