//! Loops that keep the database and the nodes in step. Each activation takes no input and may run twice with the same result.

pub mod checkpoint_scanner;
pub mod deployment_reconciler;
pub mod driver;
pub mod gather_reconciler;
pub mod import_reader;
pub mod job_reconciler;
pub mod log_follower;
pub mod model_reconciler;
pub mod node_prober;
pub mod point_packer;
pub mod queue_reconciler;
pub mod telemetry;
pub mod underway;

use std::time::Duration;

use crate::Backend;
use driver::Driver;

/// The running loops.
pub struct Background {
    backend: Backend,
    driver: Driver,
}

/// Starts every loop. They end when `backend.stopping()` is cancelled.
pub fn start(backend: &Backend) -> Background {
    let mut driver = Driver::new(backend);
    driver.every_or_woken(
        "job reconciler",
        Duration::from_secs(1),
        job_reconciler::activate,
    );
    driver.every(
        "model reconciler",
        Duration::from_secs(3),
        model_reconciler::activate,
    );
    driver.every_or_woken(
        "log follower",
        Duration::from_secs(1),
        log_follower::activate,
    );
    driver.every_or_woken(
        "import reader",
        Duration::from_secs(1),
        import_reader::activate,
    );
    driver.every(
        "checkpoint scanner",
        Duration::from_secs(5),
        checkpoint_scanner::activate,
    );
    driver.every(
        "gather reconciler",
        Duration::from_secs(2),
        gather_reconciler::activate,
    );
    driver.every_or_woken(
        "queue reconciler",
        Duration::from_secs(1),
        queue_reconciler::activate,
    );
    driver.every(
        "deployment reconciler",
        Duration::from_secs(1),
        deployment_reconciler::activate,
    );
    driver.every(
        "point packer",
        Duration::from_secs(60),
        point_packer::activate,
    );
    driver.every(
        "node prober",
        Duration::from_secs(15),
        node_prober::activate,
    );
    driver.every("telemetry", Duration::from_secs(5), telemetry::activate);
    Background {
        backend: backend.clone(),
        driver,
    }
}

impl Background {
    /// Waits until every loop and all work they have begun has ended, at most `limit` each.
    pub async fn drained(self, limit: Duration) {
        self.driver.drained(limit).await;
        if !self.backend.underway().drained(limit).await {
            tracing::warn!(
                "Some background work did not end in time; the next start finds what it left"
            );
        }
    }
}
