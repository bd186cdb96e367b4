//! Checkpoints: one saved iteration of an attempt, in shards over the nodes.

use serde::{Deserialize, Serialize};

use crate::ids::{AttemptId, CheckpointId, NodeId};
use crate::time::Timestamp;

/// One file of a checkpoint as a node holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldFile {
    pub node_id: NodeId,
    /// Path relative to the checkpoint folder, e.g. `iter_0000020/__0_0.distcp`.
    pub path: String,
    pub size_bytes: u64,
}

/// A checkpoint with what each node holds of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub id: CheckpointId,
    pub attempt_id: AttemptId,
    pub iteration: u64,
    /// The folder `…/checkpoint-N` (4.x) on every node.
    pub folder: String,
    pub files: Vec<HeldFile>,
    /// Shard names that `.metadata` demands (`__0_0.distcp`), empty while it was not read.
    pub demanded: Vec<String>,
    /// Nodes on which the folder loads: every demanded shard is there.
    pub complete_on: Vec<NodeId>,
    pub seen_at: Timestamp,
}
