//! Looks at every node from time to time: GPUs, versions, disk, reachability.

use super::underway::begin;
use crate::{Backend, Result, nodes};

/// One look at each node. A node that does not answer only ages.
pub async fn activate(backend: Backend) -> Result<()> {
    for node in backend.store().all_nodes().await? {
        let own = backend.clone();
        begin(&backend, format!("probe {}", node.id), async move {
            nodes::look(&own, &node).await
        });
    }
    Ok(())
}
