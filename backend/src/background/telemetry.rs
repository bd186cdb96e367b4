//! The load of the GPUs that a training holds, while it runs: series of its attempt beside the loss, labelled by node and GPU.
//!
//! One `nvidia-smi` per node and sample, however many trainings run there. A node that does not answer leaves a gap, no more.

use std::collections::BTreeMap;

use bytes::Bytes;
use domain::ids::{ExperimentId, NodeId, ProjectId};
use domain::jobs::State;
use domain::language::Text;
use domain::metrics::{Batch, Labels, Point, SeriesKey, Source};
use domain::nodes::{Node, load};
use domain::shell::quote;
use serde_json::json;

use super::underway::begin;
use crate::hosts::Limits;
use crate::store::Origin;
use crate::{Backend, Error, Result, clock, nodes};

/// A training's part on one node.
struct Part {
    project: ProjectId,
    experiment: ExperimentId,
    attempt: u32,
    /// Those it has reserved; others of the node are not its.
    gpus: Vec<u32>,
    is_first: bool,
}

pub async fn activate(backend: Backend) -> Result<()> {
    let mut wanted: BTreeMap<NodeId, Vec<Part>> = BTreeMap::new();
    for open in backend.store().open_attempts().await? {
        if !matches!(open.state, State::Running | State::Stopping { .. }) {
            continue;
        }
        let Some(job) = backend.store().job(&open.attempt.job_id).await? else {
            continue;
        };
        for (at, process) in job.spec.processes.into_iter().enumerate() {
            wanted.entry(process.node_id).or_default().push(Part {
                project: open.project.clone(),
                experiment: open.attempt.experiment_id.clone(),
                attempt: open.attempt.number,
                gpus: process.gpus,
                is_first: at == 0,
            });
        }
    }
    for (node, parts) in wanted {
        let own = backend.clone();
        begin(&backend, format!("load of {node}"), async move {
            sample(&own, &node, &parts).await
        });
    }
    Ok(())
}

async fn sample(backend: &Backend, node: &NodeId, parts: &[Part]) -> Result<()> {
    let node = nodes::stored(backend, node).await?;
    let host = nodes::host(backend, &node).await?;
    let output = host
        .run(load::COMMAND, Bytes::new(), Limits::LOOK)
        .await
        .map_err(|error| nodes::unreachable(&node, &error))?;
    let loads = load::parse(&output.text());
    if loads.is_empty() {
        let (name, said) = (&node.name, output.complaint());
        return Err(Error::Unavailable(Text::new(
            format!("nvidia-smi of {name} shows no GPU: {said}"),
            format!("{name} 的 nvidia-smi 没有显示 GPU：{said}"),
        )));
    }
    let time_millis = clock::now().0;
    for part in parts {
        if part.is_first {
            describe(backend, &node, part).await?;
        }
        let store = backend.store();
        let step = store.newest_step(&part.experiment, part.attempt).await?;
        let mut batch = Batch::default();
        for load in loads.iter().filter(|load| part.gpus.contains(&load.gpu)) {
            let labels = Labels::default()
                .with("node", &node.name)
                .with("gpu", load.gpu);
            for (name, value) in load.values() {
                let key = SeriesKey {
                    name: name.to_owned(),
                    labels: labels.clone(),
                };
                batch.push(
                    key,
                    Point {
                        step,
                        time_millis,
                        value,
                    },
                );
            }
        }
        if batch.is_empty() {
            continue;
        }
        let origin = Origin {
            experiment: &part.experiment,
            attempt: part.attempt,
            source: Source::Sampled,
        };
        store.append_points(&origin, &batch, None).await?;
        let detail = json!({"attempt": part.attempt, "step": step});
        backend
            .announce(&part.project, "series", part.experiment.as_str(), detail)
            .await?;
    }
    Ok(())
}

/// Writes down once per attempt on what it runs, and of which commit its work folder is.
async fn describe(backend: &Backend, node: &Node, part: &Part) -> Result<()> {
    let known = backend.store().profile_of(&part.experiment).await?;
    let known = known.map(|profile| profile.metadata).unwrap_or_default();
    if known.get("attempt") == Some(&json!(part.attempt)) {
        return Ok(());
    }
    let command = format!(
        "hostname; cd {} 2>/dev/null && git rev-parse HEAD --abbrev-ref HEAD 2>/dev/null | head -c 1000",
        quote(&node.work_folder)
    );
    let host = nodes::host(backend, node).await?;
    let output = host
        .run(&command, Bytes::new(), Limits::LOOK)
        .await
        .map_err(|error| nodes::unreachable(node, &error))?;
    let text = output.text();
    let mut lines = text.lines();
    let mut told = json!({"attempt": part.attempt, "cwd": node.work_folder});
    let name = lines.next().unwrap_or_default();
    told["hostname"] = json!(format!("{name} ({})", node.name));
    if let (Some(commit), Some(branch)) = (lines.next(), lines.next()) {
        (told["git_commit"], told["git_branch"]) = (json!(commit), json!(branch));
    }
    let views = backend.store().node_views(&node.project_id).await?;
    let probe = views
        .into_iter()
        .find(|view| view.node.id == node.id)
        .and_then(|view| view.probe);
    let gpus: Vec<String> = probe
        .iter()
        .flat_map(|probe| &probe.gpus)
        .filter(|gpu| part.gpus.contains(&gpu.index))
        .map(|gpu| gpu.name.clone())
        .collect();
    told["gpu"] = json!({"nvidia": {"type": gpus}});
    backend
        .store()
        .set_metadata(&part.experiment, &told, clock::now())
        .await
}
