//! Looks on every node of a run for what it has saved.

use std::collections::BTreeMap;

use bytes::Bytes;
use domain::checkpoints::{Checkpoint, HeldFile, scan as listing};
use domain::experiments::Attempt;
use domain::nodes::place::path_on;

use super::underway::begin;
use crate::hosts::Limits;
use crate::store::JobRow;
use crate::{Backend, Result, clock, nodes};

/// One pass over the runs that are under way; an ended run is scanned once more when its metrics are read to their end.
pub async fn activate(backend: Backend) -> Result<()> {
    for open in backend.store().open_attempts().await? {
        let Some(job) = backend.store().job(&open.attempt.job_id).await? else {
            continue;
        };
        let own = backend.clone();
        begin(
            &backend,
            format!("checkpoints of attempt {}", open.attempt.id),
            async move { scan(&own, &open.attempt, &job).await },
        );
    }
    Ok(())
}

/// Lists what every node of a run holds. All must answer: half a list would read as lost shards.
pub(crate) async fn scan(backend: &Backend, attempt: &Attempt, job: &JobRow) -> Result<()> {
    let Some(folder) = &attempt.run_folder else {
        return Ok(());
    };
    let mut main = None;
    let mut files: BTreeMap<u64, Vec<HeldFile>> = BTreeMap::new();
    let mut demanded: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for process in &job.spec.processes {
        let node = nodes::stored(backend, &process.node_id).await?;
        let first = main.get_or_insert_with(|| node.clone());
        let path = nodes::reachable_path(&node, &path_on(first, &node, folder))?;
        let host = nodes::host(backend, &node).await?;
        let output = host
            .run(
                "sh -s",
                Bytes::from(listing::script(&path)),
                Limits::of_secs(60),
            )
            .await
            .map_err(|error| nodes::unreachable(&node, &error))?;
        let seen = listing::parse(&output.text());
        for (iteration, path, size_bytes) in seen.files {
            files.entry(iteration).or_default().push(HeldFile {
                node_id: node.id.clone(),
                path,
                size_bytes,
            });
        }
        for (iteration, shard) in seen.demanded {
            let known = demanded.entry(iteration).or_default();
            if !known.contains(&shard) {
                known.push(shard);
            }
        }
    }
    for (iteration, files) in files {
        let seen = Checkpoint {
            id: clock::new_id(),
            attempt_id: attempt.id.clone(),
            iteration,
            folder: format!("{folder}/checkpoint-{iteration}"),
            files,
            demanded: demanded.remove(&iteration).unwrap_or_default(),
            complete_on: Vec::new(),
            seen_at: clock::now(),
        };
        if backend.store().note_checkpoint(&seen).await? {
            backend
                .announce(
                    &job.project,
                    "checkpoint",
                    attempt.experiment_id.as_str(),
                    serde_json::json!({"iteration": iteration}),
                )
                .await?;
        }
    }
    Ok(())
}
