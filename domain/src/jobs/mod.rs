//! Jobs: one supervised piece of remote work, and its whole life.

pub mod cause;
pub mod observation;
pub mod transfer;
pub mod transition;
pub mod wrapper;

use serde::{Deserialize, Serialize};

use crate::ids::{JobId, NodeId, ProjectId};
use crate::language::Text;
use crate::time::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Prepare,
    Convert,
    Train,
    Gather,
    Export,
    Deploy,
    Evaluate,
}

/// What a person wants of a job. The reconciler does the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wanted {
    Running,
    Stopped,
}

/// What decides that a job whose processes all left with 0 has succeeded. 3.x leaves with 0 when a checkpoint is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Success {
    /// This text must stand in the log of every process (`End time of running main: `).
    ClosingLine { contains: String },
    /// The script verifies its own result and says so by its exit code alone.
    ExitCode,
    /// A deployment: it is ready, stopped or failed.
    Never,
}

impl Success {
    /// ms-swift's: the line with which it ends a run that has succeeded, on every node, in every generation.
    pub fn of_swift() -> Success {
        Success::ClosingLine {
            contains: "End time of running main: ".to_owned(),
        }
    }
}

/// One process of a job: a script on one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessSpec {
    /// Node rank, 0 … n-1.
    pub rank: u32,
    pub node_id: NodeId,
    /// GPUs that the process holds.
    pub gpus: Vec<u32>,
    /// Body of `run.sh`, POSIX sh, run in the node's environment with the work folder as current folder.
    pub script: String,
    /// Files written beside run.sh before the start, with mode 0600: (name, content). For keys and tokens, which must not stand in a script;
    /// the store has the contents sealed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<(String, String)>,
}

/// Everything needed to run a job, rendered once at launch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSpec {
    pub kind: Kind,
    pub processes: Vec<ProcessSpec>,
    pub success: Success,
}

/// Where a job stands. Terminal states never leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum State {
    /// Stored; nothing remote happened yet.
    Pending,
    /// Being started on its nodes.
    Starting,
    Running,
    /// A deployment that answers.
    Ready,
    /// Being stopped: by a person, or because one of its processes died (`because`).
    Stopping {
        because: Option<Text>,
    },
    Succeeded,
    Failed {
        cause: Text,
    },
    /// Stopped as a person wanted.
    Stopped,
    /// Gone without a trace of how: node rebooted, or wrapper and process killed.
    Lost {
        why: Text,
    },
}

impl State {
    /// The word under which the state is stored and styled.
    pub fn name(&self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Starting => "starting",
            State::Running => "running",
            State::Ready => "ready",
            State::Stopping { .. } => "stopping",
            State::Succeeded => "succeeded",
            State::Failed { .. } => "failed",
            State::Stopped => "stopped",
            State::Lost { .. } => "lost",
        }
    }

    pub fn is_terminal(&self) -> bool {
        matches!(
            self,
            State::Succeeded | State::Failed { .. } | State::Stopped | State::Lost { .. }
        )
    }
}

/// A process as last seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessView {
    pub rank: u32,
    pub node_id: NodeId,
    pub gpus: Vec<u32>,
    /// `waiting`, `running`, `exited`, `lost`.
    pub phase: String,
    pub exit_code: Option<i32>,
    /// Last successful look.
    pub seen_at: Option<Timestamp>,
    /// Set while the node cannot be reached.
    pub unreachable_since: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobView {
    pub id: JobId,
    pub project_id: ProjectId,
    pub kind: Kind,
    /// What it works on, for people: the experiment's or model's name.
    pub title: String,
    pub state: State,
    pub wanted: Wanted,
    pub processes: Vec<ProcessView>,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}
