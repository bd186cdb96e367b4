//! Deployments: an engine serving a model, reached through its node.

pub mod command;
pub mod stage;

use serde::{Deserialize, Serialize};

use crate::ids::{DeploymentId, JobId, ModelId, NodeId, ProjectId};
use crate::time::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    Vllm,
    Sglang,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    pub id: DeploymentId,
    pub project_id: ProjectId,
    pub name: String,
    pub engine: Engine,
    pub model_id: ModelId,
    pub node_id: NodeId,
    pub gpus: Vec<u32>,
    pub served_name: String,
    /// Port on the node's loopback.
    pub port: u16,
    pub max_model_len: Option<u32>,
    pub job_id: JobId,
    pub created_at: Timestamp,
}
