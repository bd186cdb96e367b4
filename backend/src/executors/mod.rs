//! How a job's processes are run: `submit · poll · signal · reap`, over a handle that can be stored. SSH first; Slurm later.

mod container;
mod ssh;

use async_trait::async_trait;
use domain::jobs::ProcessSpec;
use domain::jobs::observation::Process;
use domain::nodes::holders::Holder;
use serde::{Deserialize, Serialize};

use crate::hosts::HostError;

pub use container::ContainerExecutor;
pub use ssh::SshExecutor;

/// Names one process of one launch; everything an executor needs to find it again after a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handle {
    pub job: domain::ids::JobId,
    pub rank: u32,
    /// Only rises; a launch with a lower one is refused on the node.
    pub epoch: i64,
    /// The node's work folder, absolute, inside its environment.
    pub work_folder: String,
}

impl Handle {
    /// The process's folder on the node.
    pub fn folder(&self) -> String {
        domain::jobs::wrapper::folder(&self.work_folder, self.job.as_str(), self.rank)
    }

    fn cookie(&self) -> String {
        domain::jobs::wrapper::cookie(self.job.as_str(), self.rank, self.epoch)
    }
}

/// What came of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitted {
    Started,
    /// The same launch was there already.
    Already,
    /// A later launch of the job has been there: this console is not the newest.
    Fenced,
}

/// Runs processes on one node. Every call may be repeated with the same result.
#[async_trait]
pub trait Executor: Send + Sync {
    /// Starts the process once, however often it is called with this handle.
    async fn submit(&self, handle: &Handle, spec: &ProcessSpec) -> Result<Submitted, HostError>;

    /// Looks at the process. `closing_line` is searched for in its log.
    async fn poll(&self, handle: &Handle, closing_line: Option<&str>)
    -> Result<Process, HostError>;

    /// Ends the process and all its descendants: TERM, grace, KILL. Answers how many live on.
    async fn reap(&self, handle: &Handle, grace_secs: u32) -> Result<u32, HostError>;

    /// What holds memory of the node's GPUs. Err when that cannot be seen: an answer that failed says nothing about the memory.
    async fn gpu_holders(&self, work_folder: &str) -> Result<Vec<(u32, Holder)>, HostError>;
}
