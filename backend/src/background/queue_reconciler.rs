//! Begins what waits, in its order, as soon as there is room for it.

use domain::experiments::queue::Waits;

use super::underway::begin;
use crate::experiments::queue;
use crate::store::QueueRow;
use crate::{Backend, Result};

/// One piece of work a project: its entries begin one after another, so that two of them never reach for the same GPUs.
pub async fn activate(backend: Backend) -> Result<()> {
    let rows = backend.store().queue().await?;
    for of_project in rows.chunk_by(|one, other| one.project == other.project) {
        let own = backend.clone();
        let rows = of_project.to_vec();
        let name = format!("queue of {}", rows[0].project);
        begin(&backend, name, async move { project(&own, &rows).await });
    }
    Ok(())
}

async fn project(backend: &Backend, rows: &[QueueRow]) -> Result<()> {
    let decided = queue::decisions(backend, &rows[0].project, rows).await?;
    for (entry, waits) in decided {
        if waits != Waits::Begins {
            continue;
        }
        if let Some(row) = rows.iter().find(|row| row.experiment == entry.id) {
            queue::begin(backend, row).await?;
        }
    }
    Ok(())
}
