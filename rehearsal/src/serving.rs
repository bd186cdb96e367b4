//! Serving: what `vllm serve` does behind its command line, in vLLM 0.32's processes.
//!
//! ```text
//! python3 …/vllm serve …     options → server (HTTP, templates, text) → client ─┐ lines of JSON
//! └ VLLM::EngineCore         engine (weights, KV cache, scheduling, sampling) ←─┘ (protocol)
//!   └ VLLM::Worker_TP0 …     worker: one per GPU when there is more than one
//! ```

pub mod answer;
pub mod chat;
pub mod client;
pub mod engine;
pub mod errors;
pub mod lines;
pub mod memory;
pub mod metrics;
pub mod options;
pub mod protocol;
pub mod request;
pub mod server;
pub mod start;
pub mod template;

/// The release that is played: the one whose lines, streams and failures were captured.
pub const VERSION: &str = "0.32.0";
