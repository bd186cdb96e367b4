//! Runs that were not launched here: a client, a script or files say what they did.

pub mod config;
pub mod media;
pub mod posts;
pub mod push;
pub mod requests;
pub mod stamp;
pub mod system;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// How such a run stands, as its writer said. That nothing was heard of it for a while is no state: see [`TrackedRun::silent_since`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    Running,
    Finished,
    /// An uncaught exception ended it.
    Crashed,
    /// A person interrupted it.
    Aborted,
}

impl RunState {
    pub fn name(self) -> &'static str {
        match self {
            RunState::Running => "running",
            RunState::Finished => "finished",
            RunState::Crashed => "crashed",
            RunState::Aborted => "aborted",
        }
    }

    pub fn from_name(name: &str) -> Option<RunState> {
        [
            RunState::Running,
            RunState::Finished,
            RunState::Crashed,
            RunState::Aborted,
        ]
        .into_iter()
        .find(|state| state.name() == name)
    }
}

/// Clients that have nothing to say still send a heartbeat every 10 minutes.
const SILENT_MILLIS: i64 = 15 * 60 * 1000;

/// What is known of a run besides its series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackedRun {
    /// 21 of a-z and 0-9; no other run has it.
    pub public_id: String,
    /// The id its client chose, else the public one; unique in the project.
    pub slug: String,
    /// Who writes it: `swanlab 0.7.20`, `push`, `tfevents`.
    pub origin: String,
    pub state: RunState,
    pub started_at: Timestamp,
    /// None while it runs.
    pub finished_at: Option<Timestamp>,
    /// When anything at all came of it.
    pub last_seen_at: Timestamp,
    /// Items it sent that could not be read.
    pub rejected: u64,
}

impl TrackedRun {
    /// Since when nothing came of a run that should be running, once that is long. Whatever comes later ends the silence.
    pub fn silent_since(&self, now: Timestamp) -> Option<Timestamp> {
        let is_silent =
            self.state == RunState::Running && now.millis_since(self.last_seen_at) > SILENT_MILLIS;
        is_silent.then_some(self.last_seen_at)
    }
}

/// A line that a run printed, as pages show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientLine {
    /// Rises from line to line, with gaps; by which earlier and later lines are asked for.
    pub number: i64,
    pub at: Timestamp,
    /// `INFO`, `WARN`, `ERROR`.
    pub level: String,
    pub text: String,
}

/// Lines that a search found.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FoundLines {
    /// The first of them, in the order in which they came.
    pub hits: Vec<ClientLine>,
    pub count: u64,
    /// False: the time was up before all lines were looked at.
    pub is_whole: bool,
}

/// What a run says of itself.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SaidOfItself {
    /// Flat, names joined by `.`.
    pub config: serde_json::Map<String, serde_json::Value>,
    /// As reported: host, command, git, hardware.
    pub metadata: serde_json::Value,
    /// `pip freeze`.
    pub requirements: String,
    pub conda: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_running_run_falls_silent() {
        let run = |state, last_seen_at| TrackedRun {
            public_id: "a".repeat(21),
            slug: "mine".to_owned(),
            origin: "push".to_owned(),
            state,
            started_at: Timestamp(0),
            finished_at: None,
            last_seen_at: Timestamp(last_seen_at),
            rejected: 0,
        };
        let now = Timestamp(SILENT_MILLIS + 1);
        assert_eq!(
            run(RunState::Running, 0).silent_since(now),
            Some(Timestamp(0))
        );
        assert_eq!(run(RunState::Running, 1).silent_since(now), None);
        assert_eq!(run(RunState::Crashed, 0).silent_since(now), None);
    }
}
