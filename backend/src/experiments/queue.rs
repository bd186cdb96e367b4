//! Experiments that wait for GPUs, or for another experiment: put in, put in order, begun, taken out.

use std::collections::{BTreeMap, BTreeSet};

use domain::experiments::form::Form;
use domain::experiments::queue::{Before, Entry, Waiting, Waits, Wish, decide, moved};
use domain::experiments::sweep::{Variant, shape_findings, unpacked};
use domain::experiments::{Attempt, Experiment};
use domain::finding::{Finding, Weight};
use domain::ids::{ClusterId, ExperimentId, ProjectId};
use domain::jobs::State;
use domain::language::Text;
use domain::nodes::NodeView;
use domain::people::Role;
use futures::future::join_all;

use super::{Start, launch, name_findings, name_taken, plan, preflight, profile};
use crate::store::{NewQueueRow, QueueRow, Queued};
use crate::{Actor, Backend, Error, Result, checkpoints, clock, nodes};

/// Puts a form, or each run of its sweep, at the end of the queue. The same key twice is one. Findings are on the form's fields, on
/// `after` and on `sweep`.
pub async fn enqueue(
    backend: &Backend,
    actor: &Actor,
    form: &Form,
    wish: &Wish,
    key: &str,
) -> Result<Vec<ExperimentId>> {
    actor.needs(Role::Member)?;
    // A second click finds what the first one made, before its own name stands in its way.
    if let Some(known) = backend.store().queue_entry(&format!("{key} 0")).await? {
        return Ok(vec![known]);
    }
    let mut findings = Vec::new();
    let after = match wish.after.trim() {
        "" => None,
        id => Some(
            super::find(
                backend,
                actor,
                &id.parse().map_err(|_| Error::NotFound("experiment"))?,
            )
            .await?,
        ),
    };
    if wish.uses_result {
        findings.extend(result_findings(after.as_ref(), form));
    }
    let variants = match &wish.sweep {
        Some(sweep) => sweep.expand(form).map_err(Error::Invalid)?,
        None => vec![Variant {
            label: String::new(),
            form: form.clone(),
        }],
    };
    let sweep = if wish.sweep.is_some() {
        form.name.trim().to_owned()
    } else {
        String::new()
    };
    // (form, after, uses the result, label)
    let mut wanted: Vec<(Form, Option<ExperimentId>, bool, String)> = Vec::new();
    let mut places = Vec::new();
    for Variant { label, form: own } in variants {
        let first = after.as_ref().map(|one| one.id.clone());
        if wish.then_unpacked {
            let mut packed = own.clone();
            packed
                .recipe
                .insert("packing".to_owned(), "true".to_owned());
            places.push((wanted.len() + 1, wanted.len()));
            wanted.push((packed, first, wish.uses_result, label.clone()));
            wanted.push((unpacked(&own), None, true, label));
        } else {
            wanted.push((own, first, wish.uses_result, label));
        }
    }
    let plans = join_all(wanted.iter().map(|(form, ..)| async move {
        let mut found = name_findings(backend, actor, &form.name).await?;
        let (preview, plan) = plan::plan(backend, actor, form, &Start::Base).await?;
        Ok::<_, Error>(match plan {
            // What the nodes have against it may be well when its turn comes.
            Some(plan) => {
                found.extend(
                    plan.ground
                        .findings
                        .iter()
                        .filter(|one| one.weight == Weight::Stops)
                        .cloned(),
                );
                (found, Some(plan))
            }
            None => {
                found.extend(preview.findings);
                (found, None)
            }
        })
    }))
    .await;
    let mut made: Vec<(Experiment, domain::comparison::config::Config)> = Vec::new();
    for (plan, (form, ..)) in plans.into_iter().zip(&wanted) {
        let (found, plan) = plan?;
        for finding in found {
            if finding.weight == Weight::Stops && !findings.contains(&finding) {
                findings.push(finding);
            }
        }
        let Some(plan) = plan else { continue };
        let mut config =
            profile::config_of(backend, &actor.project, &plan.setup, &plan.processes).await?;
        if !sweep.is_empty() {
            config.insert("sweep".to_owned(), sweep.clone().into());
        }
        let experiment = Experiment {
            id: clock::new_id(),
            project_id: actor.project.clone(),
            name: form.name.trim().to_owned(),
            setup: Some(plan.setup),
            created_at: clock::now(),
        };
        made.push((experiment, config));
    }
    if !findings.is_empty() || made.len() != wanted.len() {
        return Err(Error::Invalid(findings));
    }
    for (second, first) in places {
        wanted[second].1 = Some(made[first].0.id.clone());
    }
    let now = clock::now();
    let rows: Vec<(QueueRow, String)> = wanted
        .into_iter()
        .zip(&made)
        .enumerate()
        .map(
            |(at, ((form, after, uses_result, label), (experiment, _)))| {
                let row = QueueRow {
                    experiment: experiment.id.clone(),
                    project: actor.project.clone(),
                    creator: actor.user.clone(),
                    form,
                    after,
                    uses_result,
                    sweep: sweep.clone(),
                    label,
                    refused: None,
                    created_at: now,
                };
                (row, format!("{key} {at}"))
            },
        )
        .collect();
    let new: Vec<NewQueueRow<'_>> = rows
        .iter()
        .zip(&made)
        .map(|((row, entry_key), (experiment, config))| NewQueueRow {
            experiment,
            config,
            row,
            entry_key,
        })
        .collect();
    match backend.store().enqueue(&new).await? {
        Queued::New | Queued::Known => {}
        Queued::NameTaken(name) => return Err(Error::Invalid(vec![name_taken(&name)])),
    }
    changed(backend, &actor.project).await?;
    backend.wake();
    Ok(made
        .into_iter()
        .map(|(experiment, _)| experiment.id)
        .collect())
}

/// What stands against starting from another one's result.
fn result_findings(after: Option<&Experiment>, form: &Form) -> Vec<Finding> {
    let Some(setup) = after.and_then(|one| one.setup.as_ref()) else {
        return vec![Finding::stops(
            "after",
            "Choose the experiment whose result it starts from.",
            "请选择要从其结果开始的实验。",
        )];
    };
    let mut findings = form.recipe().map_or_else(
        |findings| findings,
        |recipe| shape_findings(&setup.recipe, &recipe),
    );
    if setup.model_id.as_str() != form.model_id {
        findings.push(Finding::stops(
            "model_id",
            "A result goes on with the model it was trained from. Choose that one.",
            "只能使用该结果所基于的模型，请选择同一模型。",
        ));
    }
    if setup.cluster_id.as_str() != form.cluster_id {
        findings.push(Finding::stops(
            "cluster_id",
            "The result lies on another cluster. Choose that one.",
            "结果位于另一个集群，请选择该集群。",
        ));
    }
    findings
}

/// Names of the experiments that another one can run after, newest first.
pub async fn predecessors(backend: &Backend, actor: &Actor) -> Result<Vec<(ExperimentId, String)>> {
    let all = backend.store().experiments(&actor.project).await?;
    let launched = all
        .into_iter()
        .filter(|experiment| experiment.setup.is_some());
    Ok(launched
        .take(100)
        .map(|experiment| (experiment.id, experiment.name))
        .collect())
}

/// What waits in the project, in order, and why.
pub async fn queue(backend: &Backend, actor: &Actor) -> Result<Vec<Waiting>> {
    let rows = rows_of(backend, &actor.project).await?;
    let decided = decisions(backend, &actor.project, &rows).await?;
    let clusters = nodes::list(backend, actor).await?;
    let mut waiting = Vec::with_capacity(rows.len());
    for (entry, waits) in decided {
        let Some(row) = rows.iter().find(|row| row.experiment == entry.id) else {
            continue;
        };
        let experiment = backend
            .store()
            .experiment(&actor.project, &entry.id)
            .await?;
        let cluster = clusters
            .iter()
            .find(|(cluster, _)| cluster.id == entry.cluster);
        waiting.push(Waiting {
            id: entry.id,
            name: experiment
                .map(|experiment| experiment.name)
                .unwrap_or_default(),
            cluster: cluster
                .map(|(cluster, _)| cluster.name.clone())
                .unwrap_or_default(),
            nodes: cluster.map_or(0, |(_, nodes)| nodes.len() as u64),
            gpus_per_node: entry.gpus_per_node,
            sweep: row.sweep.clone(),
            label: row.label.clone(),
            uses_result: row.uses_result,
            waits,
            since: row.created_at,
        });
    }
    Ok(waiting)
}

/// Puts one before another; None: at the end.
pub async fn reorder(
    backend: &Backend,
    actor: &Actor,
    id: &ExperimentId,
    before: Option<&ExperimentId>,
) -> Result<()> {
    actor.needs(Role::Member)?;
    let rows = rows_of(backend, &actor.project).await?;
    let order: Vec<ExperimentId> = rows.into_iter().map(|row| row.experiment).collect();
    backend
        .store()
        .set_queue_order(&actor.project, &moved(&order, id, before))
        .await?;
    changed(backend, &actor.project).await
}

/// Tries a refused start again at once.
pub async fn try_again(backend: &Backend, actor: &Actor, id: &ExperimentId) -> Result<()> {
    actor.needs(Role::Member)?;
    super::find(backend, actor, id).await?;
    backend.store().note_refused(id, None, clock::now()).await?;
    backend.wake();
    changed(backend, &actor.project).await
}

/// Takes one out. It never ran, so it is gone.
pub async fn leave(backend: &Backend, actor: &Actor, id: &ExperimentId) -> Result<()> {
    actor.needs(Role::Member)?;
    let rows = rows_of(backend, &actor.project).await?;
    if !rows.iter().any(|row| row.experiment == *id) {
        return Ok(());
    }
    backend.store().leave_queue(id).await?;
    // A start that was under way has made an attempt: then it stays.
    if backend.store().attempts(id).await?.is_empty() {
        backend.store().delete_experiment(id).await?;
    }
    changed(backend, &actor.project).await
}

async fn changed(backend: &Backend, project: &ProjectId) -> Result<()> {
    backend
        .announce(project, "queue", project.as_str(), serde_json::json!({}))
        .await
}

async fn rows_of(backend: &Backend, project: &ProjectId) -> Result<Vec<QueueRow>> {
    let mut rows = backend.store().queue().await?;
    rows.retain(|row| row.project == *project);
    Ok(rows)
}

/// Each entry of a project with what is to be done about it.
pub(crate) async fn decisions(
    backend: &Backend,
    project: &ProjectId,
    rows: &[QueueRow],
) -> Result<Vec<(Entry, Waits)>> {
    let views = backend.store().node_views(project).await?;
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        let setup = match backend.store().experiment(project, &row.experiment).await? {
            Some(Experiment {
                setup: Some(setup), ..
            }) => setup,
            _ => continue,
        };
        let after = match &row.after {
            Some(id) => Some(standing(backend, project, id).await?),
            None => None,
        };
        entries.push(Entry {
            id: row.experiment.clone(),
            cluster: setup.cluster_id,
            gpus_per_node: setup.gpus_per_node,
            after,
            refused: row.refused.clone(),
        });
    }
    let decided = decide(&entries, &free(&views), clock::now());
    Ok(entries.into_iter().zip(decided).collect())
}

/// GPUs that nothing holds, node by node. A node that does not answer has none.
fn free(views: &[NodeView]) -> BTreeMap<ClusterId, Vec<BTreeSet<u32>>> {
    let mut free: BTreeMap<ClusterId, Vec<BTreeSet<u32>>> = BTreeMap::new();
    for view in views {
        let all = view
            .probe
            .iter()
            .flat_map(|probe| &probe.gpus)
            .map(|gpu| gpu.index);
        let own = all.filter(|gpu| {
            view.unreachable.is_none()
                && view.foreign_holder(*gpu).is_none()
                && !view.reserved.iter().any(|held| held.gpu == *gpu)
        });
        free.entry(view.node.cluster_id.clone())
            .or_default()
            .push(own.collect());
    }
    free
}

/// Name and state of the experiment that another one waits for. A deleted one has ended.
async fn standing(
    backend: &Backend,
    project: &ProjectId,
    id: &ExperimentId,
) -> Result<(String, Before)> {
    let Some(experiment) = backend.store().experiment(project, id).await? else {
        return Ok((String::new(), Before::Ended));
    };
    let before = match newest(backend, id).await? {
        Some((_, State::Succeeded)) => Before::Succeeded,
        Some((_, state)) if state.is_terminal() => Before::Ended,
        // Waiting itself, or running.
        Some(_) | None => Before::Open,
    };
    Ok((experiment.name, before))
}

async fn newest(backend: &Backend, id: &ExperimentId) -> Result<Option<(Attempt, State)>> {
    let Some(attempt) = backend.store().attempts(id).await?.pop() else {
        return Ok(None);
    };
    let job = backend.store().job(&attempt.job_id).await?;
    Ok(job.map(|job| (attempt, job.state)))
}

/// Begins one whose turn it is; what refuses it is noted, and tried again later. May be called again at any time: the launch has a key.
pub(crate) async fn begin(backend: &Backend, row: &QueueRow) -> Result<()> {
    let actor = Actor {
        user: row.creator.clone(),
        project: row.project.clone(),
        role: Role::Member,
    };
    // A console that was killed between the launch and this may find it begun.
    if !backend.store().attempts(&row.experiment).await?.is_empty() {
        backend.store().leave_queue(&row.experiment).await?;
        return changed(backend, &row.project).await;
    }
    let refused = match started(backend, &actor, row).await {
        Ok(true) => return changed(backend, &row.project).await,
        // Something that it needs is on its way.
        Ok(false) => return Ok(()),
        Err(Error::Invalid(findings)) => joined(&findings),
        Err(Error::Conflict(text) | Error::Unavailable(text)) => text,
        Err(error) => return Err(error),
    };
    tracing::info!(experiment.id = %row.experiment, why = %refused, "A queued start was refused");
    backend
        .store()
        .note_refused(&row.experiment, Some(&refused), clock::now())
        .await?;
    changed(backend, &row.project).await
}

fn joined(findings: &[Finding]) -> Text {
    let stops = findings
        .iter()
        .filter(|finding| finding.weight == Weight::Stops);
    let (mut en, mut zh) = (Vec::new(), Vec::new());
    for finding in stops {
        en.push(finding.text.en.as_str());
        zh.push(finding.text.zh.as_str());
    }
    Text::new(en.join(" "), zh.join(""))
}

/// False: not yet.
async fn started(backend: &Backend, actor: &Actor, row: &QueueRow) -> Result<bool> {
    let origin = match (&row.after, row.uses_result) {
        (Some(before), true) => match result_of(backend, actor, before).await? {
            Some(origin) => origin,
            None => return Ok(false),
        },
        _ => Start::Base,
    };
    let experiment = super::find(backend, actor, &row.experiment).await?;
    let form = Form {
        name: experiment.name.clone(),
        ..row.form.clone()
    };
    let (preview, plan) = plan::plan(backend, actor, &form, &origin).await?;
    let Some(plan) = plan else {
        return Err(Error::Invalid(preview.findings));
    };
    let report = preflight::fly(backend, actor, &plan, row.experiment.as_str()).await?;
    let stopping = report.findings();
    if !stopping.is_empty() {
        return Err(Error::Invalid(stopping));
    }
    launch(
        backend,
        actor,
        experiment,
        false,
        plan,
        &format!("queue {}", row.experiment),
    )
    .await?;
    Ok(true)
}

/// The last checkpoint of an experiment that has succeeded, once every node of its cluster holds all of it. None: it is being brought
/// there, or not all of the run was read yet.
async fn result_of(backend: &Backend, actor: &Actor, id: &ExperimentId) -> Result<Option<Start>> {
    let Some((attempt, _)) = newest(backend, id).await? else {
        return Ok(None);
    };
    let open = backend.store().open_attempts().await?;
    if open.iter().any(|one| one.attempt.id == attempt.id) {
        return Ok(None);
    }
    let all = backend.store().checkpoints(id).await?;
    let last = all
        .into_iter()
        .filter(|one| one.attempt_id == attempt.id)
        .max_by_key(|one| one.iteration);
    let Some(checkpoint) = last else {
        return Err(Error::Conflict(Text::new(
            "The run that it starts from has saved no checkpoint.",
            "其所依赖的训练没有保存检查点。",
        )));
    };
    match checkpoints::spread(backend, actor, &checkpoint.id).await? {
        true => Ok(Some(Start::Checkpoint {
            folder: checkpoint.folder.clone(),
            id: checkpoint.id,
        })),
        false => Ok(None),
    }
}
