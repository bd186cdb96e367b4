//! The clock of the loops: wakes each of them by time or by call, and lets them end in peace.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::{Backend, Result};

/// Owns the tasks of the loops.
pub struct Driver {
    backend: Backend,
    tasks: JoinSet<()>,
}

impl Driver {
    pub fn new(backend: &Backend) -> Self {
        Driver {
            backend: backend.clone(),
            tasks: JoinSet::new(),
        }
    }

    /// Runs `activate` at once, then whenever `pause` has passed.
    ///
    /// A failed activation is logged and tried again at the next one; it never ends the loop.
    pub fn every<F, Fut>(&mut self, name: &'static str, pause: Duration, activate: F)
    where
        F: Fn(Backend) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send,
    {
        self.spawn(name, pause, false, activate);
    }

    /// Like `every`, and also whenever somebody calls `backend.wake()`.
    pub fn every_or_woken<F, Fut>(&mut self, name: &'static str, pause: Duration, activate: F)
    where
        F: Fn(Backend) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send,
    {
        self.spawn(name, pause, true, activate);
    }

    fn spawn<F, Fut>(&mut self, name: &'static str, pause: Duration, is_wakeable: bool, activate: F)
    where
        F: Fn(Backend) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send,
    {
        let backend = self.backend.clone();
        self.tasks.spawn(async move {
            let stopping = backend.stopping();
            while !stopping.is_cancelled() {
                let woken = backend.woken();
                if let Err(error) = activate(backend.clone()).await {
                    tracing::error!(
                        task = name,
                        error = &error as &dyn std::error::Error,
                        "An activation failed"
                    );
                }
                tokio::select! {
                    () = stopping.cancelled() => {}
                    () = woken, if is_wakeable => {}
                    () = tokio::time::sleep(pause) => {}
                }
            }
        });
    }

    pub async fn drained(mut self, limit: Duration) {
        if timeout(limit, async {
            while self.tasks.join_next().await.is_some() {}
        })
        .await
        .is_err()
        {
            tracing::warn!("Some loops did not end in time");
        }
    }
}
