//! How far an engine has come, read from the end of its log.

use serde::{Deserialize, Serialize};

use crate::language::Text;

/// Stages of a start, in order. Between the first and the last, minutes may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Imports and configuration.
    #[default]
    Importing,
    LoadingWeights,
    /// Compiling, capturing CUDA graphs, making room for the KV cache.
    WarmingUp,
    /// The HTTP server starts.
    OpeningPort,
}

impl Stage {
    pub fn text(self) -> Text {
        match self {
            Stage::Importing => Text::new("importing", "导入程序"),
            Stage::LoadingWeights => Text::new("loading weights", "加载权重"),
            Stage::WarmingUp => Text::new("preparing the KV cache", "准备 KV 缓存"),
            Stage::OpeningPort => Text::new("opening the port", "打开端口"),
        }
    }
}

/// The furthest stage that a vLLM log (0.11 … 0.32) shows. Every line carries a prefix such as `(EngineCore pid=12)`.
pub fn read(log: &str) -> Stage {
    const MARKS: [(&str, Stage); 7] = [
        ("Starting to load model", Stage::LoadingWeights),
        (
            "Loading safetensors checkpoint shards",
            Stage::LoadingWeights,
        ),
        ("Loading weights took", Stage::WarmingUp),
        ("Capturing CUDA graphs", Stage::WarmingUp),
        ("KV cache size", Stage::WarmingUp),
        ("Starting vLLM", Stage::OpeningPort),
        ("Application startup complete", Stage::OpeningPort),
    ];
    MARKS
        .into_iter()
        .filter(|(mark, _)| log.contains(mark))
        .map(|(_, stage)| stage)
        .max()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_captured_start_is_as_far_as_its_log_says() {
        let log = include_str!("../../fixtures/vllm-failures/kvsmall.log");
        assert_eq!(read(log), Stage::OpeningPort);
        let half: String = log
            .lines()
            .take_while(|line| !line.contains("Starting vLLM"))
            .collect();
        assert_eq!(read(&half), Stage::WarmingUp);
        assert_eq!(
            read(include_str!("../../fixtures/vllm-failures/port.log")),
            Stage::Importing
        );
        assert_eq!(
            read("INFO:     Application startup complete."),
            Stage::OpeningPort
        );
    }
}
