//! Checkpoints: one saved iteration of an attempt, in shards over the nodes.

pub mod inspect;
pub mod metadata;
pub mod pickle;
pub mod scan;

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

/// The iteration's own folder below `…/checkpoint-N`, e.g. `iter_0000020`.
pub fn iteration_folder(iteration: u64) -> String {
    format!("iter_{iteration:07}")
}

/// Nodes on which a checkpoint loads: every shard that `.metadata` demands, `.metadata` itself, and the tracker are there.
///
/// Before ms-swift 4.5.3 a missing shard loads without any error, so nothing else may decide this.
pub fn complete_on(iteration: u64, files: &[HeldFile], demanded: &[String]) -> Vec<NodeId> {
    if demanded.is_empty() {
        return Vec::new();
    }
    let folder = iteration_folder(iteration);
    let mut needed: Vec<String> = demanded
        .iter()
        .map(|shard| format!("{folder}/{shard}"))
        .collect();
    needed.push(format!("{folder}/.metadata"));
    needed.push(crate::jobs::transfer::TRACKER.to_owned());
    let mut nodes: Vec<NodeId> = files.iter().map(|file| file.node_id.clone()).collect();
    nodes.sort();
    nodes.dedup();
    nodes.retain(|node| {
        needed.iter().all(|path| {
            files
                .iter()
                .any(|file| file.node_id == *node && file.path == *path)
        })
    });
    nodes
}
