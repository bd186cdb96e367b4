//! Checkpoints: what a run has saved where, gathering it on one node, exporting it.

use domain::checkpoints::Checkpoint;
use domain::experiments::queue::RETRY_MILLIS;
use domain::experiments::{Attempt, Experiment, Setup};
use domain::ids::{CheckpointId, ExperimentId, JobId, ProjectId};
use domain::jobs::{JobSpec, JobView, Kind, ProcessSpec, State, Success};
use domain::language::Text;
use domain::nodes::NodeView;
use domain::nodes::place::path_on;
use domain::people::Role;
use domain::recipes::command::{self, Export};
use domain::recipes::launch::folder_name;
use domain::recipes::version::Version;

use crate::models::{absolute, wrong};
use crate::{
    Actor, Backend, Error, Result, background, clock, experiments, jobs, nodes, transfers,
};

/// How an export is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportOptions {
    /// Name of the model that is to come; empty: experiment and iteration.
    pub name: String,
    /// Folder to be made; empty: in the work folder, by the model's name.
    pub output: String,
    pub test_precision: bool,
}

/// A checkpoint with what it belongs to.
pub(crate) struct Owned {
    pub checkpoint: Checkpoint,
    pub attempt: Attempt,
    pub experiment: Experiment,
    pub setup: Setup,
    /// Nodes of the cluster, the main one first.
    pub nodes: Vec<NodeView>,
}

/// All checkpoints of an experiment, newest attempt first, by iteration.
pub async fn list(backend: &Backend, actor: &Actor, id: &ExperimentId) -> Result<Vec<Checkpoint>> {
    experiments::find(backend, actor, id).await?;
    backend.store().checkpoints(id).await
}

/// The newest job that works on each checkpoint of an experiment.
pub async fn jobs(
    backend: &Backend,
    actor: &Actor,
    id: &ExperimentId,
) -> Result<Vec<(CheckpointId, JobView)>> {
    let mut found = Vec::new();
    for checkpoint in list(backend, actor, id).await? {
        if let Some(job) = backend
            .store()
            .newest_job_of(checkpoint.id.as_str())
            .await?
        {
            found.push((checkpoint.id, jobs::get(backend, actor, &job).await?));
        }
    }
    Ok(found)
}

pub async fn get(backend: &Backend, actor: &Actor, id: &CheckpointId) -> Result<Checkpoint> {
    stored(backend, &actor.project, id).await
}

async fn stored(backend: &Backend, project: &ProjectId, id: &CheckpointId) -> Result<Checkpoint> {
    backend
        .store()
        .checkpoint(project, id)
        .await?
        .ok_or(Error::NotFound("checkpoint"))
}

/// A checkpoint with the attempt that saved it.
pub(crate) async fn with_attempt(
    backend: &Backend,
    project: &ProjectId,
    id: &CheckpointId,
) -> Result<(Checkpoint, Attempt)> {
    let checkpoint = stored(backend, project, id).await?;
    let attempt = backend
        .store()
        .attempt(&checkpoint.attempt_id)
        .await?
        .ok_or(Error::NotFound("attempt"))?;
    Ok((checkpoint, attempt))
}

/// Brings the shards of one iteration together on the main node of its cluster, so that the folder loads there.
pub async fn gather(backend: &Backend, actor: &Actor, id: &CheckpointId) -> Result<JobId> {
    actor.needs(Role::Member)?;
    let owned = owned(backend, actor, id).await?;
    let main = owned.nodes.first().ok_or(Error::NotFound("node"))?;
    if owned.checkpoint.complete_on.contains(&main.node.id) {
        return Err(Error::Conflict(Text::new(
            format!(
                "{} holds every shard of this iteration already.",
                main.node.name
            ),
            format!("{} 已拥有该迭代的全部分片。", main.node.name),
        )));
    }
    gather_on(backend, actor, &owned, main).await
}

/// Brings the shards together on every node of its cluster, one after another, as a run that starts from it needs them. True: all have
/// them; false: a copy is under way.
pub(crate) async fn spread(backend: &Backend, actor: &Actor, id: &CheckpointId) -> Result<bool> {
    let owned = owned(backend, actor, id).await?;
    let lacks = |view: &&NodeView| !owned.checkpoint.complete_on.contains(&view.node.id);
    let Some(next) = owned.nodes.iter().find(lacks) else {
        return Ok(true);
    };
    if let Some(job) = backend.store().newest_job_of(id.as_str()).await? {
        let job = backend
            .store()
            .job(&job)
            .await?
            .ok_or(Error::NotFound("job"))?;
        let ended = job.ended_at.map_or(i64::MAX, |at| at.0);
        // What it brought is looked at first.
        if job.state == State::Succeeded && ended >= owned.checkpoint.seen_at.0 {
            return Ok(false);
        }
        if let State::Failed { cause } = &job.state
            && clock::now().0 < ended.saturating_add(RETRY_MILLIS)
        {
            return Err(Error::Conflict(cause.clone()));
        }
    }
    gather_on(backend, actor, &owned, next).await?;
    Ok(false)
}

async fn gather_on(
    backend: &Backend,
    actor: &Actor,
    owned: &Owned,
    receiver: &NodeView,
) -> Result<JobId> {
    let main = owned.nodes.first().ok_or(Error::NotFound("node"))?;
    let on = |view: &NodeView| path_on(&main.node, &view.node, &owned.checkpoint.folder);
    let holds = |view: &&NodeView| {
        let mut files = owned.checkpoint.files.iter();
        view.node.id != receiver.node.id && files.any(|file| file.node_id == view.node.id)
    };
    let holders: Vec<(&NodeView, String)> = owned
        .nodes
        .iter()
        .filter(holds)
        .map(|view| (view, on(view)))
        .collect();
    let processes = transfers::processes(receiver, &on(receiver), &holders, true)?;
    let spec = JobSpec {
        kind: Kind::Gather,
        processes,
        success: Success::ExitCode,
    };
    let title = format!("{} · {}", owned.experiment.name, owned.checkpoint.iteration);
    jobs::submit_once(backend, actor, owned.checkpoint.id.to_string(), title, spec).await
}

/// Merges a LoRA checkpoint into its base, or takes a full one, and writes a Hugging Face folder on the main node. The model appears
/// in the list when the job has succeeded.
pub async fn export(
    backend: &Backend,
    actor: &Actor,
    id: &CheckpointId,
    options: ExportOptions,
) -> Result<JobId> {
    actor.needs(Role::Member)?;
    let owned = owned(backend, actor, id).await?;
    let main = owned.nodes.first().ok_or(Error::NotFound("node"))?;
    if !owned.checkpoint.complete_on.contains(&main.node.id) {
        return Err(Error::Conflict(Text::new(
            format!(
                "{} does not hold every shard of this iteration. Gather it first: a missing shard would be left out without an error.",
                main.node.name
            ),
            format!(
                "{} 没有该迭代的全部分片。请先归集：缺失的分片会被静默忽略。",
                main.node.name
            ),
        )));
    }
    let version = main
        .probe
        .as_ref()
        .and_then(|probe| probe.version_of("ms-swift"))
        .and_then(Version::parse)
        .ok_or_else(|| {
            wrong(
                "output",
                format!("{} has no ms-swift. Install it there, or log in to the environment that has it; then look at the node again.", main.node.name),
                format!("{} 上没有安装 ms-swift。请在该环境中安装，或改为登录已安装的环境，然后重新检查节点。", main.node.name),
            )
        })?;
    let store = backend.store();
    let on_main = async |id: &domain::ids::ModelId| {
        let model = store
            .model(&actor.project, id)
            .await?
            .ok_or(Error::NotFound("model"))?;
        let owner = nodes::stored(backend, &model.node_id).await?;
        Ok::<_, Error>(path_on(&owner, &main.node, &model.path))
    };
    let model = on_main(&owned.setup.model_id).await?;
    let base = on_main(&owned.setup.mcore_model_id).await?;
    let name = exported_name(&owned, &options.name);
    let output = if options.output.trim().is_empty() {
        format!("{}/models/{}", main.node.work_folder, folder_name(&name))
    } else {
        absolute("output", &options.output)?
    };
    let is_lora = owned.setup.recipe.tuner.is_lora();
    let words = Export {
        model: &model,
        mcore_model: if is_lora {
            &base
        } else {
            &owned.checkpoint.folder
        },
        mcore_adapter: is_lora.then_some(owned.checkpoint.folder.as_str()),
        output: &output,
        tests_precision: options.test_precision,
    };
    let command = command::export(&words, version).map_err(Error::Conflict)?;
    let gpu = nodes::one_gpu(main, "output")?;
    let spec = JobSpec {
        kind: Kind::Export,
        processes: vec![ProcessSpec {
            rank: 0,
            node_id: main.node.id.clone(),
            gpus: vec![gpu],
            script: format!(
                "export CUDA_VISIBLE_DEVICES={gpu}\nexec {}\n",
                command.render()
            ),
            files: Vec::new(),
        }],
        success: Success::of_swift(),
    };
    jobs::submit_once(backend, actor, id.to_string(), name, spec).await
}

fn exported_name(owned: &Owned, typed: &str) -> String {
    let typed = typed.trim();
    if typed.is_empty() {
        format!("{}-{}", owned.experiment.name, owned.checkpoint.iteration)
    } else {
        typed.to_owned()
    }
}

async fn owned(backend: &Backend, actor: &Actor, id: &CheckpointId) -> Result<Owned> {
    let (checkpoint, attempt) = with_attempt(backend, &actor.project, id).await?;
    let experiment = experiments::find(backend, actor, &attempt.experiment_id).await?;
    let setup = experiment.setup.clone().ok_or(Error::NotFound("recipe"))?;
    let clusters = nodes::list(backend, actor).await?;
    let nodes = clusters
        .into_iter()
        .find(|(cluster, _)| cluster.id == setup.cluster_id)
        .map(|(_, nodes)| nodes)
        .ok_or(Error::NotFound("cluster"))?;
    Ok(Owned {
        checkpoint,
        attempt,
        experiment,
        setup,
        nodes,
    })
}

/// Looks at the nodes of a checkpoint now: a gather has changed what they hold.
pub async fn look(backend: &Backend, actor: &Actor, id: &CheckpointId) -> Result<()> {
    let owned = owned(backend, actor, id).await?;
    look_again(backend, &owned.attempt).await
}

pub(crate) async fn look_again(backend: &Backend, attempt: &Attempt) -> Result<()> {
    let job = backend
        .store()
        .job(&attempt.job_id)
        .await?
        .ok_or(Error::NotFound("job"))?;
    background::checkpoint_scanner::scan(backend, attempt, &job).await
}
