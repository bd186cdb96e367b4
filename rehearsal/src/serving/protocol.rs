//! What the API server and the engine say to each other: one JSON value a line over a socket pair.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What the engine is started with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Load {
    pub model: PathBuf,
    /// Where the node keeps who holds which GPU; none outside a rehearsal node.
    pub state: Option<PathBuf>,
    /// The node's GPUs by index, one per tensor-parallel rank.
    pub gpus: Vec<u32>,
    pub gpu_memory_utilization: f64,
    /// Overrides what the utilization would leave for the cache.
    pub kv_cache_memory_bytes: Option<u64>,
    pub max_model_len: usize,
    pub max_num_seqs: usize,
    pub dtype: String,
    pub enforce_eager: bool,
    pub served_model_name: String,
    pub seed: u64,
}

/// How tokens of one request are chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    pub temperature: f64,
    pub top_p: f64,
    /// None = all.
    pub top_k: Option<usize>,
    pub min_p: f64,
    pub presence_penalty: f64,
    pub frequency_penalty: f64,
    pub repetition_penalty: f64,
    pub max_tokens: usize,
    /// Before so many tokens no stop token is chosen.
    pub min_tokens: usize,
    pub seed: u64,
    pub stop_token_ids: Vec<u32>,
    /// So many of the likeliest tokens are told with each token.
    pub logprobs: Option<usize>,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum ToEngine {
    Load(Load),
    Add {
        id: u64,
        prompt: Vec<u32>,
        sampling: Sampling,
    },
    Abort(u64),
}

#[derive(Debug, Serialize, Deserialize)]
pub enum FromEngine {
    /// Loaded; the number of blocks and of tokens that the cache holds.
    Ready {
        blocks: u64,
        tokens: u64,
    },
    Step(Step),
}

/// One round over the running requests.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Step {
    pub outputs: Vec<Output>,
    pub running: usize,
    pub waiting: usize,
    /// 0 … 1
    pub cache_usage: f64,
}

/// One token of one request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Output {
    pub id: u64,
    pub token: u32,
    /// Of the token itself, then of the likeliest; empty when not asked for.
    pub logprobs: Vec<(u32, f32)>,
    pub finish: Option<Finish>,
    /// How long it waited, seconds; with the first token.
    pub queued: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Finish {
    /// The token is a stop token and belongs to no text.
    Stop,
    Length,
    /// The engine could not go on with this request.
    Error,
}
