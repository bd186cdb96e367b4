//! Experiments: preview, launch, relaunch, stop, list.

mod earlier;
mod notes;
mod plan;
mod preflight;
mod profile;
pub mod queue;
mod reports;
mod scripts;

pub use notes::html as notes_html;
pub use preflight::{Flights, mend, progress as preflight_progress};
pub use profile::{
    delete, extent, fill_in_configs, notes, profile, rename, set_archived, set_notes, set_tag,
    standing, tags,
};
pub use reports::keep_secret;
pub use scripts::{
    Against, Change, ScriptRead, arguments, changes, follow_script, mend_script, read_script,
    take_reports,
};

use domain::experiments::form::{Form, Preview};
use domain::experiments::{Experiment, ExperimentView, Setup};
use domain::finding::Finding;
use domain::ids::{CheckpointId, ExperimentId};
use domain::jobs::{JobSpec, Kind, Success};
use domain::people::Role;
use domain::recipes::{extra, fields};

use crate::store::{Inserted, Launched, NewJobRow, NewLaunch};
use crate::{Actor, Backend, Error, Result, checkpoints, clock, jobs, metrics, nodes, tracking};
use plan::Plan;

/// The weights that a run begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// The model's own.
    Base,
    /// A checkpoint of another run, which every node of the cluster holds whole: its adapter, or all its weights.
    Checkpoint { folder: String, id: CheckpointId },
}

impl Start {
    async fn of(backend: &Backend, actor: &Actor, id: &CheckpointId) -> Result<Start> {
        let checkpoint = checkpoints::get(backend, actor, id).await?;
        if !checkpoints::spread(backend, actor, id).await? {
            return Err(Error::Conflict(domain::language::Text::new(
                "The checkpoint it starts from is being brought together on every node. Launch again when that is done.",
                "其起始检查点正在各节点归集，完成后请再次启动。",
            )));
        }
        Ok(Start::Checkpoint {
            folder: checkpoint.folder,
            id: checkpoint.id,
        })
    }
}

fn setup_of(experiment: &Experiment) -> Result<&Setup> {
    experiment.setup.as_ref().ok_or(Error::NotFound("recipe"))
}

/// What a launch would do: scripts, iterations, and everything that stands against it. Looks at the nodes; changes nothing.
pub async fn preview(backend: &Backend, actor: &Actor, form: &Form) -> Result<Preview> {
    let (mut preview, _) = plan::plan(backend, actor, form, &Start::Base).await?;
    preview
        .findings
        .extend(name_findings(backend, actor, &form.name).await?);
    Ok(preview)
}

/// Stores experiment and first attempt and submits the job. The same `launch_key` twice is one launch.
///
/// Findings are on the form's fields; a GPU that is held is a conflict.
pub async fn create_and_launch(
    backend: &Backend,
    actor: &Actor,
    form: &Form,
    launch_key: &str,
) -> Result<ExperimentId> {
    actor.needs(Role::Member)?;
    // A second click finds what the first one made, before its own name stands in its way.
    let key = format!("experiment {launch_key}");
    if let Some(known) = backend.store().experiment_of_launch(&key).await? {
        return Ok(known);
    }
    let findings = name_findings(backend, actor, &form.name).await?;
    let plan = match cleared(backend, actor, form, &Start::Base, findings, launch_key).await {
        Ok(plan) => plan,
        // While this click was looked at, its twin may have launched and taken the GPUs.
        Err(refusal) => {
            let known = backend.store().experiment_of_launch(&key).await?;
            return known.ok_or(refusal);
        }
    };
    let experiment = Experiment {
        id: clock::new_id(),
        project_id: actor.project.clone(),
        name: form.name.trim().to_owned(),
        setup: None,
        created_at: clock::now(),
    };
    launch(backend, actor, experiment, true, plan, &key).await
}

/// Looks at every node at once and says what stands against a launch, without making it. Its progress is kept under `key`.
pub async fn preflight(
    backend: &Backend,
    actor: &Actor,
    form: &Form,
    key: &str,
) -> Result<domain::experiments::preflight::Report> {
    actor.needs(Role::Member)?;
    let (preview, plan) = plan::plan(backend, actor, form, &Start::Base).await?;
    match plan {
        Some(plan) => preflight::fly(backend, actor, &plan, key).await,
        None => Err(Error::Invalid(preview.findings)),
    }
}

/// A plan that the pre-flight let through: no launch goes another way. A port that was taken since it was chosen is chosen anew.
async fn cleared(
    backend: &Backend,
    actor: &Actor,
    form: &Form,
    origin: &Start,
    mut findings: Vec<Finding>,
    key: &str,
) -> Result<Plan> {
    for is_last in [false, false, true] {
        let (preview, plan) = plan::plan(backend, actor, form, origin).await?;
        let Some(mut plan) = plan else {
            findings.extend(preview.findings);
            return Err(Error::Invalid(findings));
        };
        plan.ground.findings.extend(findings.clone());
        let report = preflight::fly(backend, actor, &plan, key).await?;
        let stopping = report.findings();
        if stopping.is_empty() {
            return Ok(plan);
        }
        if is_last || !report.only_lacks_a_port() {
            return Err(Error::Invalid(stopping));
        }
    }
    unreachable!("the last round returns")
}

/// Another attempt of the same setup, from the start.
pub async fn relaunch(
    backend: &Backend,
    actor: &Actor,
    id: &ExperimentId,
    launch_key: &str,
) -> Result<ExperimentId> {
    actor.needs(Role::Member)?;
    let key = format!("experiment {id} again {launch_key}");
    if let Some(known) = backend.store().experiment_of_launch(&key).await? {
        return Ok(known);
    }
    let view = get(backend, actor, id).await?;
    if view.job().is_some_and(|job| !job.state.is_terminal()) {
        return Err(Error::Conflict(domain::language::Text::new(
            "It is still running. Stop it first.",
            "实验仍在运行，请先停止。",
        )));
    }
    // Its name says where it writes.
    let form = Form {
        name: view.experiment.name.clone(),
        ..form_of(&view.experiment)?
    };
    let origin = match &setup_of(&view.experiment)?.start_from {
        Some(id) => Start::of(backend, actor, id).await?,
        None => Start::Base,
    };
    let plan = cleared(backend, actor, &form, &origin, Vec::new(), launch_key).await?;
    launch(backend, actor, view.experiment, false, plan, &key).await
}

async fn launch(
    backend: &Backend,
    actor: &Actor,
    mut experiment: Experiment,
    is_new: bool,
    plan: Plan,
    launch_key: &str,
) -> Result<ExperimentId> {
    let config = profile::config_of(backend, &actor.project, &plan.setup, &plan.processes).await?;
    experiment.setup = Some(plan.setup);
    let spec = JobSpec {
        kind: Kind::Train,
        processes: plan.processes,
        success: Success::of_swift(),
    };
    let (job, attempt) = (clock::new_id(), clock::new_id());
    let new = NewLaunch {
        experiment: &experiment,
        is_new,
        config: &config,
        creator: &actor.user,
        attempt: &attempt,
        job: NewJobRow {
            id: &job,
            project: &actor.project,
            creator: &actor.user,
            title: &experiment.name,
            subject: experiment.id.as_str(),
            launch_key,
            spec: &spec,
            now: clock::now(),
        },
    };
    match backend.store().insert_launch(new).await? {
        Launched::New => {
            for (kind, subject) in [
                ("experiment", experiment.id.as_str()),
                ("job", job.as_str()),
            ] {
                let detail = serde_json::json!({"state": "pending"});
                backend
                    .announce(&actor.project, kind, subject, detail)
                    .await?;
            }
            backend.wake();
            Ok(experiment.id)
        }
        Launched::Known(id) => Ok(id),
        Launched::NameTaken => Err(Error::Invalid(vec![name_taken(&experiment.name)])),
        Launched::Refused(Inserted::GpuTaken {
            node,
            gpu,
            holder_title,
            ..
        }) => Err(jobs::gpu_taken(backend, &node, gpu, &holder_title).await?),
        Launched::Refused(_) => Err(Error::internal("launch")(
            "the job was refused without a reason",
        )),
    }
}

/// Ends the newest attempt.
pub async fn stop(backend: &Backend, actor: &Actor, id: &ExperimentId) -> Result<()> {
    let view = get(backend, actor, id).await?;
    match view.job() {
        Some(job) => jobs::stop(backend, actor, &job.id).await,
        None => Ok(()),
    }
}

/// How many experiments the project has.
pub async fn count(backend: &Backend, actor: &Actor) -> Result<u64> {
    backend.store().count_experiments(&actor.project).await
}

/// A start page shows no more of what trains.
const MOST_RUNNING: u32 = 50;

/// What trains now, newest first.
pub async fn running(backend: &Backend, actor: &Actor) -> Result<Vec<ExperimentView>> {
    let all = backend
        .store()
        .running_experiments(&actor.project, MOST_RUNNING)
        .await?;
    let mut views = Vec::with_capacity(all.len());
    for experiment in all {
        views.push(view(backend, actor, experiment).await?);
    }
    Ok(views)
}

/// All experiments of the project, newest first.
pub async fn list(backend: &Backend, actor: &Actor) -> Result<Vec<ExperimentView>> {
    let experiments = backend.store().experiments(&actor.project).await?;
    let mut views = Vec::with_capacity(experiments.len());
    for experiment in experiments {
        views.push(view(backend, actor, experiment).await?);
    }
    Ok(views)
}

pub async fn get(backend: &Backend, actor: &Actor, id: &ExperimentId) -> Result<ExperimentView> {
    let experiment = find(backend, actor, id).await?;
    view(backend, actor, experiment).await
}

pub(crate) async fn find(
    backend: &Backend,
    actor: &Actor,
    id: &ExperimentId,
) -> Result<Experiment> {
    backend
        .store()
        .experiment(&actor.project, id)
        .await?
        .ok_or(Error::NotFound("experiment"))
}

/// The form that leads to this experiment's setup again, its name left out.
pub fn form_of(experiment: &Experiment) -> Result<Form> {
    let setup = setup_of(experiment)?;
    Ok(Form {
        name: String::new(),
        cluster_id: setup.cluster_id.to_string(),
        model_id: setup.model_id.to_string(),
        dataset_id: setup.dataset_id.to_string(),
        preset: setup.preset.clone(),
        gpus_per_node: setup.gpus_per_node.to_string(),
        recipe: fields::write(&setup.recipe),
        extra: extra::write(&setup.recipe.extra),
        script: setup.script.clone(),
        reports: setup.reports.clone(),
        variables: setup.variables.clone(),
    })
}

async fn view(backend: &Backend, actor: &Actor, experiment: Experiment) -> Result<ExperimentView> {
    let mut attempts = Vec::new();
    for attempt in backend.store().attempts(&experiment.id).await? {
        let job = jobs::get(backend, actor, &attempt.job_id).await?;
        attempts.push((attempt, job));
    }
    let (progress, spark) = match attempts.last() {
        Some((attempt, _)) => metrics::progress(backend, &experiment.id, attempt).await?,
        None => tracking::progress(backend, &experiment.id).await?,
    };
    let tracked = match attempts.last() {
        Some(_) => None,
        None => backend.store().tracked_run(&experiment.id).await?,
    };
    let mut names = Vec::new();
    if let Some((_, job)) = attempts.last() {
        for process in &job.processes {
            names.push(nodes::stored(backend, &process.node_id).await?.name);
        }
    }
    let Setup {
        model_id,
        dataset_id,
        ..
    } = match &experiment.setup {
        Some(setup) => setup.clone(),
        None => {
            return Ok(ExperimentView {
                experiment,
                attempts,
                progress,
                spark,
                nodes: names,
                model_name: String::new(),
                dataset_name: String::new(),
                tracked,
            });
        }
    };
    let model = backend.store().model(&actor.project, &model_id).await?;
    let dataset = backend.store().dataset(&actor.project, &dataset_id).await?;
    Ok(ExperimentView {
        experiment,
        attempts,
        progress,
        spark,
        nodes: names,
        model_name: model.map(|model| model.name).unwrap_or_default(),
        dataset_name: dataset.map(|dataset| dataset.name).unwrap_or_default(),
        tracked,
    })
}

async fn name_findings(backend: &Backend, actor: &Actor, name: &str) -> Result<Vec<Finding>> {
    let name = name.trim();
    if name.is_empty() {
        return Ok(vec![Finding::stops(
            "name",
            "Write a name, by which you will find the experiment again.",
            "请填写实验名称。",
        )]);
    }
    if backend
        .store()
        .has_experiment_named(&actor.project, name)
        .await?
    {
        return Ok(vec![name_taken(name)]);
    }
    Ok(Vec::new())
}

fn name_taken(name: &str) -> Finding {
    Finding::stops(
        "name",
        format!("There is an experiment \"{name}\" already; choose another name."),
        format!("名为“{name}”的实验已存在，请换一个名称。"),
    )
}
