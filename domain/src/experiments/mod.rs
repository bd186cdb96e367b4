//! Experiments: what a person sets up and looks at.

pub mod form;
pub mod log;
pub mod outlook;
pub mod preflight;
pub mod queue;
pub mod sweep;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{
    AttemptId, CheckpointId, ClusterId, DatasetId, ExperimentId, JobId, ModelId, ProjectId,
};
use crate::recipes::Recipe;
use crate::time::Timestamp;
use crate::tracking::{RunState, TrackedRun};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Experiment {
    pub id: ExperimentId,
    pub project_id: ProjectId,
    pub name: String,
    /// None for a pushed or imported run.
    pub setup: Option<Setup>,
    pub created_at: Timestamp,
}

/// What a launched experiment is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    pub cluster_id: ClusterId,
    /// The HF model; its converted form is what training starts from.
    pub model_id: ModelId,
    pub mcore_model_id: ModelId,
    pub dataset_id: DatasetId,
    pub recipe: Recipe,
    /// GPUs per node that the experiment asks for.
    pub gpus_per_node: u32,
    /// Name of the preset it began with, e.g. `runbook`, `rehearsal`.
    pub preset: String,
    /// The person's own script that is launched with the recipe's values in it; empty: one is written.
    #[serde(default)]
    pub script: String,
    /// Where records go besides this console; of secrets their ids.
    #[serde(default)]
    pub reports: std::collections::BTreeMap<String, String>,
    /// Variables set on every node besides those of the launch.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// The checkpoint of another run that it begins with; none: the model itself.
    #[serde(default)]
    pub start_from: Option<CheckpointId>,
}

/// One launch of an experiment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub id: AttemptId,
    pub experiment_id: ExperimentId,
    /// 1 for the first launch.
    pub number: u32,
    pub job_id: JobId,
    /// The folder `vN-date` as the first rank's node logged it, once known.
    pub run_folder: Option<String>,
    /// The same run on the last rank's node, where `logging.jsonl` lies.
    pub last_run_folder: Option<String>,
    /// Iterations of the whole run, as its records say.
    pub iterations: Option<u64>,
    pub created_at: Timestamp,
}

/// How much the console holds of an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Extent {
    /// Of all series.
    pub points: u64,
    pub series: u64,
    pub checkpoints: u64,
}

/// The newest numbers of a running attempt, from its metric records.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Progress {
    pub iteration: Option<u64>,
    pub iterations: Option<u64>,
    pub loss: Option<f64>,
    pub seconds_left: Option<f64>,
}

impl Progress {
    /// 0 … 1, once both numbers are known.
    pub fn share(&self) -> Option<f64> {
        let (done, all) = (self.iteration?, self.iterations?);
        (all > 0).then(|| (done as f64 / all as f64).min(1.0))
    }
}

/// An experiment with the numbers of its newest attempt, as lists show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExperimentView {
    pub experiment: Experiment,
    /// All launches, oldest first, each with its job.
    pub attempts: Vec<(Attempt, crate::jobs::JobView)>,
    pub progress: Progress,
    /// Loss of the newest attempt, at most 60 points.
    pub spark: Vec<f64>,
    /// Names of the nodes in rank order.
    pub nodes: Vec<String>,
    pub model_name: String,
    pub dataset_name: String,
    /// Of a run that was not launched here: it has no attempts above, theirs are the numbers its series carry.
    #[serde(default)]
    pub tracked: Option<TrackedRun>,
}

impl ExperimentView {
    /// Its newest attempt, or its client, has not ended.
    pub fn is_running(&self) -> bool {
        let is_open = |run: &TrackedRun| run.state == RunState::Running;
        self.job().is_some_and(|job| !job.state.is_terminal())
            || self.tracked.as_ref().is_some_and(is_open)
    }

    /// The job of the newest attempt.
    pub fn job(&self) -> Option<&crate::jobs::JobView> {
        self.attempts.last().map(|(_, job)| job)
    }
}
