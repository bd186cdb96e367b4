//! Models: weights in a folder on a node, and where they came from.

pub mod folder;
pub mod plugin;
pub mod precision;
pub mod safetensors;

use serde::{Deserialize, Serialize};

use crate::ids::{CheckpointId, JobId, ModelId, NodeId, ProjectId};
use crate::time::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Hugging Face folder: config.json, safetensors, tokenizer.
    Hf,
    /// Megatron-core distributed checkpoint.
    Mcore,
}

/// Where a model came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Origin {
    /// A folder that a person registered.
    Registered,
    /// Converted to MCore from an HF model.
    Converted { from: ModelId, job: JobId },
    /// Exported (LoRA merged, or full) from a checkpoint.
    Exported {
        checkpoint: CheckpointId,
        base: ModelId,
        job: JobId,
    },
}

/// What the folder's config.json and weights say.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Facts {
    /// `architectures[0]`, e.g. `Qwen3ForCausalLM`.
    pub architecture: String,
    /// ms-swift's model_type and template as given or guessed, e.g. `qwen3`.
    pub model_type: String,
    pub parameters: Option<u64>,
    pub dtype: String,
    pub size_bytes: u64,
}

/// Numbers of the precision test, as the program printed them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Precision {
    pub mean_diff: Option<f64>,
    pub max_diff: Option<f64>,
    pub mean_diff_with_loss: Option<f64>,
    pub max_diff_with_loss: Option<f64>,
    pub token_diff: Option<u64>,
    pub token_diff_with_loss: Option<u64>,
    /// Sum of the zero counts of both formats' parameters.
    pub zero_count: Option<u64>,
    pub verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Good,
    /// Tokens differ, or parameters are all zero.
    Doubtful,
    /// mean_diff (with loss) is 0.1 or more, or not a number.
    Bad,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    pub id: ModelId,
    pub project_id: ProjectId,
    pub name: String,
    pub node_id: NodeId,
    /// Absolute path inside the node's environment.
    pub path: String,
    pub format: Format,
    pub origin: Origin,
    pub facts: Facts,
    pub precision: Option<Precision>,
    pub created_at: Timestamp,
}
