//! What the loops have begun: each piece of work once at a time, and none waits for another.
//!
//! An activation begins one piece for each job, run or node and returns. A node that does not answer keeps its own pieces from
//! ending; the next activation passes over those and begins the others again.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::{Backend, Error, Result};

/// The pieces of work that have not ended.
#[derive(Default)]
pub struct Underway {
    names: Mutex<HashSet<String>>,
    tasks: TaskTracker,
}

impl Underway {
    fn names(&self) -> MutexGuard<'_, HashSet<String>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until all of it has ended. False: some has not within `limit`.
    pub(super) async fn drained(&self, limit: Duration) -> bool {
        self.tasks.close();
        timeout(limit, self.tasks.wait()).await.is_ok()
    }
}

/// Takes its name off the list however the work ends.
struct Named {
    backend: Backend,
    name: String,
}

impl Drop for Named {
    fn drop(&mut self) {
        self.backend.underway().names().remove(&self.name);
    }
}

/// Begins `work`, unless work of this name is under way. What fails is logged and tried again at the next activation.
pub(super) fn begin(
    backend: &Backend,
    name: String,
    work: impl Future<Output = Result<()>> + Send + 'static,
) {
    if backend.stopping().is_cancelled() || !backend.underway().names().insert(name.clone()) {
        return;
    }
    let named = Named {
        backend: backend.clone(),
        name,
    };
    backend.underway().tasks.spawn(async move {
        match work.await {
            Ok(()) => {}
            Err(Error::Unavailable(text)) => {
                tracing::debug!(work = named.name, %text, "A node gave no answer");
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(work = named.name, error, "Background work failed");
            }
        }
    });
}
