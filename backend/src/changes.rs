//! Small facts for open browsers and waiting loops: what changed, never the data itself.

use serde::Serialize;
use tokio::sync::broadcast;

/// One change. `detail` is a JSON object; for a series `{"step": N}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// Rises by one per change stored; a browser resumes after the last it saw.
    pub number: i64,
    pub project: String,
    /// `job`, `series`, `turn`, `node`, `model`, `dataset`, `checkpoint`, `deployment`, `experiment`.
    pub kind: &'static str,
    /// Id of the noun.
    pub subject: String,
    pub detail: serde_json::Value,
}

/// Fan-out within this process. A subscriber that lags is told so and reads again what it shows.
#[derive(Clone)]
pub struct Changes {
    sender: broadcast::Sender<Change>,
}

impl Changes {
    pub fn new() -> Self {
        // 1024 small facts: a browser that is further behind than that reloads what it shows anyway.
        Changes {
            sender: broadcast::channel(1024).0,
        }
    }

    pub fn announce(&self, change: Change) {
        // No subscriber is not an error: nobody is looking.
        let _ = self.sender.send(change);
    }

    pub fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.sender.subscribe()
    }
}

impl Default for Changes {
    fn default() -> Self {
        Self::new()
    }
}
