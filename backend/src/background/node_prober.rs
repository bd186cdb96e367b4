//! Looks at every node from time to time: GPUs, versions, disk, reachability.

use futures::future::join_all;

use crate::{Backend, Result, nodes};

/// One look at all nodes side by side. A node that does not answer only ages.
pub async fn activate(backend: Backend) -> Result<()> {
    let all = backend.store().all_nodes().await?;
    for looked in join_all(all.iter().map(|node| nodes::look(&backend, node))).await {
        looked?;
    }
    Ok(())
}
