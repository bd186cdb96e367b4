//! GPU memory of an engine: what it may take, what its weights need, how many tokens the rest can cache.

use super::errors::Failure;
use super::lines::gib;
use super::protocol::Load;
use crate::model::Config;
use crate::node::gpu;

/// Tokens in one block of the cache.
pub const BLOCK: u64 = 16;

/// What one GPU gives to the engine, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    pub requested: u64,
    pub cache: u64,
    /// Blocks of [`BLOCK`] tokens in `cache`.
    pub blocks: u64,
}

/// Divides the memory of the GPU with `free` bytes left, or says why it does not suffice.
pub fn share(load: &Load, config: &Config, weights: u64, free: u64) -> Result<Share, Failure> {
    let total = gpu::MEMORY_MIB << 20;
    let requested = (total as f64 * load.gpu_memory_utilization) as u64;
    if free < requested {
        return Err(Failure::raised(format!(
            "ValueError: Free memory on device cuda:0 ({}/{} GiB) on startup is less than desired GPU memory utilization ({}, {} GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.",
            gib(free, 2),
            gib(total, 2),
            load.gpu_memory_utilization,
            gib(requested, 2)
        )));
    }
    let ranks = load.gpus.len() as u64;
    let left = requested.saturating_sub(weights / ranks);
    let cache = load.kv_cache_memory_bytes.unwrap_or(left);
    // Keys and values, two bytes each; key and value heads are divided among the ranks.
    let heads = (config.num_key_value_heads as u64).div_ceil(ranks);
    let token = 2 * 2 * config.num_hidden_layers as u64 * heads * config.head_dim as u64;
    let blocks = cache / (token * BLOCK);
    if blocks == 0 {
        return Err(Failure::raised(
            "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine.",
        ));
    }
    let needed = load.max_model_len as u64;
    if blocks * BLOCK < needed {
        return Err(Failure::raised(format!(
            "ValueError: To serve at least one request with the model's max seq len ({needed}), ({} GiB KV cache is needed, which is larger than the available KV cache memory ({} GiB). Based on the available memory, the estimated maximum model length is {}. Try increasing `gpu_memory_utilization` or decreasing `max_model_len` when initializing the engine.",
            gib(needed * token, 2),
            gib(cache, 2),
            blocks * BLOCK
        )));
    }
    Ok(Share {
        requested: requested.min(weights / ranks + cache),
        cache,
        blocks,
    })
}

/// Bytes that nobody holds of the fullest of the engine's GPUs.
pub fn free(load: &Load) -> u64 {
    let total = gpu::MEMORY_MIB << 20;
    let Some(state) = &load.state else {
        return total;
    };
    let count = load.gpus.iter().max().map_or(0, |last| last + 1);
    let holders = gpu::holders(state, count);
    let held = |gpu: &u32| -> u64 {
        let of_gpu = holders.iter().filter(|holder| holder.gpu == *gpu);
        of_gpu.map(|holder| holder.bytes).sum()
    };
    let most = load.gpus.iter().map(held).max().unwrap_or(0);
    total.saturating_sub(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load() -> Load {
        Load {
            model: "/m".into(),
            state: None,
            gpus: vec![0],
            gpu_memory_utilization: 0.5,
            kv_cache_memory_bytes: None,
            max_model_len: 2048,
            max_num_seqs: 4,
            dtype: "bfloat16".into(),
            enforce_eager: false,
            served_model_name: "m".into(),
            seed: 0,
        }
    }

    const GIB: u64 = 1 << 30;

    #[test]
    fn what_the_weights_leave_is_cache() {
        let config = Config::rehearsal(2048, 2, 0);
        let found = share(&load(), &config, 2 * GIB, 24 * GIB).unwrap();
        // 2 (key, value) × 2 bytes × 4 layers × 2 heads × 32 = 1 KiB a token.
        assert_eq!(
            (found.cache, found.blocks),
            (10 * GIB, 10 * GIB / 1024 / 16)
        );
        assert_eq!(found.requested, 12 * GIB);
        let two = Load {
            gpus: vec![0, 1],
            ..load()
        };
        assert_eq!(
            share(&two, &config, 2 * GIB, 24 * GIB).unwrap().blocks,
            11 * GIB / 512 / 16
        );
    }

    #[test]
    fn too_little_memory_is_refused_in_the_engines_words() {
        let config = Config::rehearsal(2048, 2, 0);
        let say = |load: &Load, free| share(load, &config, GIB, free).unwrap_err().to_string();
        let taken = say(&load(), 3 * GIB);
        assert!(taken.contains("Free memory on device cuda:0 (3.00/24.00 GiB) on startup is less than desired GPU memory utilization (0.5, 12.00 GiB)."), "{taken}");
        let small = Load {
            kv_cache_memory_bytes: Some(1 << 20),
            ..load()
        };
        assert!(say(&small, 24 * GIB).contains("the estimated maximum model length is 1024."));
        let none = Load {
            kv_cache_memory_bytes: Some(1),
            ..load()
        };
        assert!(say(&none, 24 * GIB).contains("No available memory for the cache blocks."));
    }
}
