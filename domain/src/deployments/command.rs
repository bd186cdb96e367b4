//! The command line that starts an engine.

use std::fmt::Write;

use crate::shell::quote;

/// What `vllm serve` is given.
#[derive(Debug, Clone)]
pub struct Vllm<'a> {
    pub model: &'a str,
    pub served_name: &'a str,
    /// On the node's loopback: the engine is reached through its node only.
    pub port: u16,
    pub gpus: &'a [u32],
    pub max_model_len: Option<u32>,
    /// Name of a parser for thinking, e.g. `qwen3`; empty: none.
    pub reasoning_parser: &'a str,
}

/// The script of a deployment. One GPU more is one tensor-parallel rank more.
pub fn vllm(vllm: &Vllm<'_>) -> String {
    let gpus = vllm
        .gpus
        .iter()
        .map(u32::to_string)
        .collect::<Vec<_>>()
        .join(",");
    let mut text = format!(
        "export CUDA_VISIBLE_DEVICES={gpus}\nexec vllm serve {} \\\n    --served-model-name {} \\\n    --host 127.0.0.1 \\\n    --port {} \\\n    --tensor-parallel-size {}",
        quote(vllm.model),
        quote(vllm.served_name),
        vllm.port,
        vllm.gpus.len().max(1),
    );
    // Writing to a String cannot fail.
    if let Some(length) = vllm.max_model_len {
        let _ = write!(text, " \\\n    --max-model-len {length}");
    }
    if !vllm.reasoning_parser.is_empty() {
        let _ = write!(
            text,
            " \\\n    --reasoning-parser {}",
            quote(vllm.reasoning_parser)
        );
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_listens_on_loopback_and_takes_its_gpus() {
        let text = vllm(&Vllm {
            model: "/models/it's tuned",
            served_name: "tuned",
            port: 18_000,
            gpus: &[2, 3],
            max_model_len: Some(512),
            reasoning_parser: "qwen3",
        });
        insta::assert_snapshot!(text);
    }
}
