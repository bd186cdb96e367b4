//! The model that is rehearsed with: a small Qwen3 in Hugging Face's own files, and two independent ways to run it.

pub mod config;
pub mod hf;
pub mod mapping;
pub mod mcore;
mod ops;
pub mod tokenizer;
pub mod weights;

pub use config::Config;
pub use tokenizer::Tokenizer;
pub use weights::Tensors;
