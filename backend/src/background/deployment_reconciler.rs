//! Asks engines that are starting whether they answer yet, and says that they are ready.

use domain::deployments::Deployment;
use domain::jobs::State;

use super::underway::begin;
use crate::{Backend, Result, clock, inference, jobs, nodes};

/// Enough of a log to see its newest stage.
const LOG_BYTES: u64 = 256 << 10;

pub async fn activate(backend: Backend) -> Result<()> {
    for deployment in backend.store().deployments_in_state("running").await? {
        let own = backend.clone();
        begin(&backend, format!("engine {}", deployment.id), async move {
            look(&own, &deployment).await
        });
    }
    Ok(())
}

async fn look(backend: &Backend, deployment: &Deployment) -> Result<()> {
    let node = nodes::stored(backend, &deployment.node_id).await?;
    let host = nodes::host(backend, &node).await?;
    let announce = async |state: &str| {
        let detail = serde_json::json!({"state": state});
        for (kind, subject) in [
            ("deployment", deployment.id.as_str()),
            ("job", deployment.job_id.as_str()),
        ] {
            backend
                .announce(&deployment.project_id, kind, subject, detail.clone())
                .await?;
        }
        Ok::<(), crate::Error>(())
    };
    if inference::is_ready(&*host, deployment.port, &deployment.served_name).await {
        let Some(job) = backend.store().job(&deployment.job_id).await? else {
            return Ok(());
        };
        // Somebody may have stopped it since it was listed: compare-and-set decides.
        if job.state == State::Running
            && backend
                .store()
                .move_job(
                    backend.instance(),
                    &job,
                    &State::Ready,
                    "the engine answers",
                    clock::now(),
                )
                .await?
        {
            tracing::info!(deployment.id = %deployment.id, "An engine is ready");
            announce("ready").await?;
        }
        return Ok(());
    }
    let log = jobs::log_end(backend, &node, &deployment.job_id, 0, LOG_BYTES).await?;
    if !log.is_empty() && backend.stages().note(&deployment.id, &log) {
        announce("running").await?;
    }
    Ok(())
}
