//! Datasets: files of rows on a node.

pub mod agent;
pub mod check;
pub mod lengths;
pub mod mend;
pub mod preview;
pub mod render;

use serde::{Deserialize, Serialize};

use crate::ids::{DatasetId, NodeId, ProjectId};
use crate::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dataset {
    pub id: DatasetId,
    pub project_id: ProjectId,
    pub name: String,
    pub node_id: NodeId,
    /// Absolute path inside the node's environment; the same path is used on every node of the cluster.
    pub path: String,
    pub rows: u64,
    pub size_bytes: u64,
    /// Lower-case hex.
    pub sha256: String,
    pub created_at: Timestamp,
}
