//! Nodes and clusters: SSH targets, their GPUs, and where their work runs.

pub mod holders;
pub mod interfaces;
pub mod load;
pub mod mounts;
pub mod place;
pub mod ports;
pub mod probe;

use serde::{Deserialize, Serialize};

use self::holders::Holder;
use crate::ids::{ClusterId, NodeId, ProjectId, SecretId};
use crate::language::Text;
use crate::time::Timestamp;

/// Where a node's work runs, relative to its SSH login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Environment {
    /// The SSH login is the training environment.
    Direct,
    /// One labelled container per attempt, started from this image.
    ContainerPerAttempt { image: String, options: Vec<String> },
    /// `docker exec` into a long-lived, named container.
    Exec { container: String },
}

/// A folder as the host sees it and as the environment sees it. Both absolute, without a trailing slash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    pub host: String,
    pub inside: String,
}

/// How a node is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Name or IP address.
    pub host: String,
    pub port: u16,
    pub user: String,
}

/// A node as stored: what a person said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    pub id: NodeId,
    pub project_id: ProjectId,
    pub cluster_id: ClusterId,
    /// Position in its cluster; 0 is the main node.
    pub rank: u32,
    pub name: String,
    pub address: Address,
    /// The private key, in the secrets table.
    pub key: SecretId,
    /// Pinned host key in OpenSSH form (`ssh-ed25519 AAAA…`), confirmed once by a person.
    pub host_key: String,
    pub environment: Environment,
    /// Absolute path inside the environment, under which job files and outputs lie.
    pub work_folder: String,
    pub mounts: Vec<Mount>,
    pub is_rehearsal: bool,
    pub created_at: Timestamp,
}

/// One GPU at the last look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gpu {
    pub index: u32,
    pub name: String,
    pub uuid: String,
    pub memory_total_mib: u64,
    pub memory_used_mib: u64,
    pub utilization_percent: Option<f64>,
    pub temperature_celsius: Option<f64>,
    pub power_watts: Option<f64>,
    /// Processes that hold its memory.
    #[serde(default)]
    pub holders: Vec<Holder>,
}

/// A version of an installed package, as the probe found it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// As on PyPI: `ms-swift`, `megatron-core`, `torch`, `vllm` …
    pub name: String,
    pub version: String,
}

/// What the last probe of a node saw.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Probe {
    pub gpus: Vec<Gpu>,
    pub packages: Vec<Package>,
    /// Names of network interfaces that are up, first the one that carries `internal_address`.
    pub interfaces: Vec<String>,
    /// IP address under which other nodes reach this one.
    pub internal_address: String,
    pub has_rsync: bool,
    pub disk_free_bytes: Option<u64>,
    pub home: String,
}

impl Probe {
    /// The version of an installed package, by its PyPI name.
    pub fn version_of(&self, package: &str) -> Option<&str> {
        self.packages
            .iter()
            .find(|p| p.name == package)
            .map(|p| p.version.as_str())
    }
}

/// A node with what was last seen of it. "Cannot reach the node" is the age of that look, not a state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeView {
    pub node: Node,
    pub probe: Option<Probe>,
    pub probed_at: Option<Timestamp>,
    /// Why the last look failed, and when the first failing look was.
    pub unreachable: Option<Unreachable>,
    /// GPUs held by jobs of ours: (gpu index, what holds it).
    pub reserved: Vec<Reservation>,
}

impl NodeView {
    /// A process that is not ours and held memory of this GPU at the last look.
    pub fn foreign_holder(&self, gpu: u32) -> Option<&Holder> {
        let mut gpus = self.probe.iter().flat_map(|probe| &probe.gpus);
        let found = gpus.find(|known| known.index == gpu)?;
        found.holders.iter().find(|holder| !holder.is_ours)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreachable {
    pub since: Timestamp,
    pub why: Text,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    pub gpu: u32,
    pub job: crate::ids::JobId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    pub id: ClusterId,
    pub project_id: ProjectId,
    pub name: String,
    pub is_rehearsal: bool,
    pub created_at: Timestamp,
}
