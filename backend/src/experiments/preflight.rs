//! The pre-flight: every node is asked at once, in one round trip, and what they answer is judged.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::experiments::preflight::{
    Ask, Expected, Fix, Progress, Report, Sight, Situation, judge, parse, script,
};
use domain::ids::{JobId, ModelId, NodeId, ProjectId};
use domain::language::Text;
use domain::nodes::place::path_on;
use domain::nodes::{Environment, NodeView};
use domain::people::Role;
use domain::recipes::memory;
use domain::recipes::rules::{self, Facts};
use domain::shell::quote;
use futures::future::join_all;

use super::plan::{self, Plan, PreflightGround};
use crate::hosts::{Exit, Limits};
use crate::{Actor, Backend, Error, Result, clock, models, nodes, transfers};

/// A node that takes longer than this does not answer.
const LIMIT_SECS: u64 = 20;
/// How long a report can be read again.
const KEPT: Duration = Duration::from_secs(600);

/// Pre-flights under way and just ended, by their keys.
#[derive(Default)]
pub struct Flights(Mutex<HashMap<(ProjectId, String), (Instant, Progress)>>);

impl Flights {
    fn change(&self, project: &ProjectId, key: &str, change: impl FnOnce(&mut Progress)) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, (since, _)| since.elapsed() < KEPT);
        let empty = || {
            (
                Instant::now(),
                Progress {
                    nodes: Vec::new(),
                    report: None,
                },
            )
        };
        change(
            &mut all
                .entry((project.clone(), key.to_owned()))
                .or_insert_with(empty)
                .1,
        );
    }
}

/// How far a pre-flight is; None: there is none under this key (any more).
pub fn progress(backend: &Backend, actor: &Actor, key: &str) -> Option<Progress> {
    let all = backend
        .flights()
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let found = all.get(&(actor.project.clone(), key.to_owned()));
    found.map(|(_, progress)| progress.clone())
}

/// Asks all nodes of a plan and judges their answers.
pub(super) async fn fly(
    backend: &Backend,
    actor: &Actor,
    plan: &Plan,
    key: &str,
) -> Result<Report> {
    let began = Instant::now();
    let ground = &plan.ground;
    backend.flights().change(&actor.project, key, |progress| {
        progress.nodes = ground
            .nodes
            .iter()
            .map(|view| (view.node.name.clone(), false))
            .collect();
        progress.report = None;
    });
    tell(backend, actor, key).await?;
    let looks = ground
        .nodes
        .iter()
        .enumerate()
        .map(|(at, view)| async move {
            let sight = look(backend, ground, &plan.setup.variables, view).await?;
            backend.flights().change(&actor.project, key, |progress| {
                if let Some((_, is_there)) = progress.nodes.get_mut(at) {
                    *is_there = true;
                }
            });
            tell(backend, actor, key).await?;
            Ok::<_, Error>(sight)
        });
    let sights: Vec<Sight> = join_all(looks).await.into_iter().collect::<Result<_>>()?;
    let report = judged(ground, plan, &sights, began.elapsed().as_secs_f64());
    let kept = report.clone();
    backend
        .flights()
        .change(&actor.project, key, move |progress| {
            progress.report = Some(kept)
        });
    tell(backend, actor, key).await?;
    let (stops, warnings) = report.counts();
    tracing::info!(
        seconds = report.seconds,
        stops,
        warnings,
        "A pre-flight ended"
    );
    Ok(report)
}

async fn tell(backend: &Backend, actor: &Actor, key: &str) -> Result<()> {
    backend
        .announce(&actor.project, "preflight", key, serde_json::json!({}))
        .await
}

fn seconds() -> f64 {
    clock::now().0 as f64 / 1000.0
}

/// One node's answer. That it does not answer is one, too.
async fn look(
    backend: &Backend,
    ground: &PreflightGround,
    variables: &std::collections::BTreeMap<String, String>,
    view: &NodeView,
) -> Result<Sight> {
    let node = &view.node;
    let on = |owner: &NodeId, path: &str| {
        let owner = ground.nodes.iter().find(|view| view.node.id == *owner);
        path_on(&owner.unwrap_or(&ground.nodes[0]).node, node, path)
    };
    let model = on(&ground.model.node_id, &ground.model.path);
    let mcore = on(&ground.mcore.node_id, &ground.mcore.path);
    let dataset = on(&ground.dataset.node_id, &ground.dataset.path);
    let cache = plan::cache(node);
    let is_main = node.id == ground.nodes[0].node.id;
    let main = if is_main {
        String::new()
    } else {
        transfers::reachable_address(&ground.nodes[0])
    };
    let image = match &node.environment {
        Environment::ContainerPerAttempt { image, .. } => image.as_str(),
        Environment::Direct | Environment::Exec { .. } => "",
    };
    let text = script(&Ask {
        node,
        model: &model,
        mcore: &mcore,
        dataset: &dataset,
        cache: &cache,
        megatron: variables.get("MEGATRON_LM_PATH").map_or("", String::as_str),
        main: &main,
        port: ground.port,
        image,
    });
    let host = nodes::host(backend, node).await?;
    let sent = seconds();
    let output = host
        .run("sh -s", Bytes::from(text), Limits::of_secs(LIMIT_SECS))
        .await;
    let asked = (sent, seconds());
    let answer = match output {
        Ok(output) => parse(&output.text()).map_err(|why| {
            Text::new(
                format!("{why}: {}", output.complaint()),
                format!("回答不完整：{}", output.complaint()),
            )
        }),
        Err(error) => Err(error.text()),
    };
    if let Ok(seen) = &answer {
        backend
            .store()
            .note_probe(&node.id, &seen.probe, clock::now())
            .await?;
    }
    let mut reserved = Vec::new();
    for (gpu, job) in backend.store().reservations_of(&node.id).await? {
        reserved.push((gpu, backend.store().job_title(&job).await?));
    }
    Ok(Sight {
        name: node.name.clone(),
        answer,
        asked,
        reserved,
        environment: match &node.environment {
            Environment::Direct => "login".to_owned(),
            Environment::Exec { container } => container.clone(),
            Environment::ContainerPerAttempt { image, .. } => image.clone(),
        },
        needs_image: !image.is_empty(),
        interface: plan::interface(view),
        model,
        mcore,
        dataset,
        cache,
    })
}

fn judged(ground: &PreflightGround, plan: &Plan, sights: &[Sight], seconds: f64) -> Report {
    let recipe = &plan.setup.recipe;
    let (nodes, gpus_per_node) = (sights.len() as u64, ground.gpus.len() as u64);
    let rank = |id: &NodeId| {
        ground
            .nodes
            .iter()
            .position(|view| view.node.id == *id)
            .unwrap_or(0)
    };
    let variables: Vec<(String, String)> = plan.setup.variables.clone().into_iter().collect();
    // What the main node has now, not what it had at the last look.
    let packages: Vec<(String, String)> = sights
        .iter()
        .find_map(|sight| sight.answer.as_ref().ok())
        .map(|seen| {
            seen.probe
                .packages
                .iter()
                .map(|one| (one.name.clone(), one.version.clone()))
                .collect()
        })
        .unwrap_or_default();
    let breaches = rules::check(&Facts {
        recipe,
        settings: &ground.settings,
        version: ground.version,
        shape: ground.shape.as_ref(),
        nodes,
        gpus_per_node,
        packages: &packages,
        variables: &variables,
        has_weights: true,
    });
    let (checkpoint, checkpoints) = plan.checkpoints;
    let expected = Expected {
        model: ground.model.name.clone(),
        model_id: ground.model.id.to_string(),
        mcore_id: ground.mcore.id.to_string(),
        dataset_id: ground.dataset.id.to_string(),
        model_at: rank(&ground.model.node_id),
        mcore_at: rank(&ground.mcore.node_id),
        dataset_bytes: ground.dataset.size_bytes,
        dataset_sha256: ground.dataset.sha256.clone(),
        checkpoint_bytes: checkpoint / nodes.max(1) as f64,
        checkpoints,
        offloaded_bytes: ground.shape.as_ref().map_or(0.0, |shape| {
            memory::offloaded_bytes(shape, &ground.settings, nodes)
        }),
    };
    let situation = Situation {
        version: ground.version,
        sights,
        gpus: &ground.gpus,
        estimate: plan.estimate.as_ref(),
        expected: &expected,
        port: ground.port,
        breaches: &breaches,
        rules: rules::all().count(),
        findings: &ground.findings,
        variables: &variables,
    };
    judge(&situation, seconds)
}

/// Does what a button of a report says, on the nodes; what the form has to change is done there. The jobs that it began.
pub async fn mend(backend: &Backend, actor: &Actor, fix: &Fix) -> Result<Vec<JobId>> {
    actor.needs(Role::Member)?;
    let mut jobs = Vec::new();
    match fix {
        Fix::SpreadModel {
            model,
            nodes: names,
        } => {
            let model: ModelId = model.parse().map_err(|_| Error::NotFound("model"))?;
            for id in named(backend, actor, names).await? {
                jobs.push(models::copy(backend, actor, &model, &id).await?);
            }
        }
        Fix::MakeFolder { path, nodes: names } => {
            let command = format!("mkdir -p {0} && chmod u+rwx {0}", quote(path));
            for id in named(backend, actor, names).await? {
                let node = nodes::stored(backend, &id).await?;
                let host = nodes::host(backend, &node).await?;
                let output = host
                    .run(&command, Bytes::new(), Limits::of_secs(LIMIT_SECS))
                    .await
                    .map_err(|error| nodes::unreachable(&node, &error))?;
                if output.exit != Exit::Code(0) {
                    let (name, said) = (&node.name, output.complaint());
                    return Err(Error::Conflict(Text::new(
                        format!("{path} could not be made on {name}: {said}."),
                        format!("无法在 {name} 上创建 {path}：{said}。"),
                    )));
                }
            }
        }
        Fix::Write { .. } | Fix::Open { .. } => {}
    }
    Ok(jobs)
}

/// The nodes of the project by their names.
async fn named(backend: &Backend, actor: &Actor, names: &[String]) -> Result<Vec<NodeId>> {
    let views = backend.store().node_views(&actor.project).await?;
    let of = |name: &String| {
        let view = views.iter().find(|view| view.node.name == *name);
        view.map(|view| view.node.id.clone())
            .ok_or(Error::NotFound("node"))
    };
    names.iter().map(of).collect()
}
