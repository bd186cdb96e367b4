//! Models: register a folder, convert it, say where it came from.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use domain::finding::Finding;
use domain::ids::{JobId, ModelId, NodeId};
use domain::jobs::{JobSpec, JobView, Kind, ProcessSpec, Success};
use domain::models::folder::{self, Found};
use domain::models::{Format, Model, Origin};
use domain::nodes::Node;
use domain::nodes::place::path_on;
use domain::people::Role;
use domain::recipes::command;
use domain::recipes::version::Version;

use crate::hosts::Limits;
use crate::{Actor, Backend, Error, Result, clock, jobs, nodes, transfers};

/// Headers of many shards may be long.
const LOOK: Limits = Limits {
    time: std::time::Duration::from_secs(60),
    output_bytes: 256 << 20,
};

/// How a conversion is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConvertOptions {
    /// Folder to be made; empty: beside the model, with `-mcore`.
    pub output: String,
    pub test_precision: bool,
}

/// One step of a model's provenance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub text: String,
    /// Where it leads in the console; empty: nowhere.
    pub address: String,
}

/// Where a model came from, one step back, and where it serves now.
#[derive(Debug, Clone, PartialEq)]
pub struct Provenance {
    pub model: Model,
    /// Who registered it, or launched the job that made it.
    pub by: String,
    /// The model it was made of; for an export also the dataset, and the experiment with its iteration.
    pub from: Vec<Step>,
    pub deployed: Vec<Step>,
}

/// A model with what its page shows beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelDetail {
    pub model: Model,
    pub node_name: String,
    pub lineage: Vec<Step>,
    /// Where it serves now.
    pub deployed: Vec<Step>,
    /// The newest job that made it or works on it.
    pub job: Option<JobView>,
}

pub async fn list(backend: &Backend, actor: &Actor) -> Result<Vec<Model>> {
    backend.store().models(&actor.project).await
}

/// All models, each with where it came from and where it serves.
pub async fn provenances(backend: &Backend, actor: &Actor) -> Result<Vec<Provenance>> {
    let creators = backend.store().creators_of_models(&actor.project).await?;
    let mut all = Vec::new();
    for model in list(backend, actor).await? {
        all.push(Provenance {
            by: creators.get(&model.id).cloned().unwrap_or_default(),
            from: origin(backend, actor, &model).await?,
            deployed: deployed(backend, actor, &model.id).await?,
            model,
        });
    }
    Ok(all)
}

pub async fn get(backend: &Backend, actor: &Actor, id: &ModelId) -> Result<ModelDetail> {
    let model = find(backend, actor, id).await?;
    let node_name = nodes::stored(backend, &model.node_id).await?.name;
    let made_by = match &model.origin {
        Origin::Registered => None,
        Origin::Converted { job, .. } | Origin::Exported { job, .. } => Some(job.clone()),
    };
    let working = backend.store().newest_job_of(id.as_str()).await?;
    let job = match working.or(made_by) {
        Some(job) => Some(jobs::get(backend, actor, &job).await?),
        None => None,
    };
    Ok(ModelDetail {
        lineage: lineage(backend, actor, &model).await?,
        deployed: deployed(backend, actor, &model.id).await?,
        model,
        node_name,
        job,
    })
}

/// From the first ancestor to the model itself.
async fn lineage(backend: &Backend, actor: &Actor, model: &Model) -> Result<Vec<Step>> {
    // Each older part stands before what is known already.
    let mut steps = vec![own(model)];
    let mut newest = model.clone();
    loop {
        let mut from = origin(backend, actor, &newest).await?;
        // A model is older than what is made of it; a damaged row must not lead round in circles.
        if from.is_empty() || steps.len() > 100 {
            return Ok(steps);
        }
        from.append(&mut steps);
        steps = from;
        let source = source(&newest.origin).cloned();
        newest = match source {
            Some(id) => match backend.store().model(&actor.project, &id).await? {
                Some(model) => model,
                None => return Ok(steps),
            },
            None => return Ok(steps),
        };
    }
}

fn own(model: &Model) -> Step {
    Step {
        text: model.name.clone(),
        address: format!("/models/{}", model.id),
    }
}

/// The model that another was made of.
fn source(origin: &Origin) -> Option<&ModelId> {
    match origin {
        Origin::Registered => None,
        Origin::Converted { from, .. } => Some(from),
        Origin::Exported { base, .. } => Some(base),
    }
}

/// One step back: what a model was made of, and by which training.
async fn origin(backend: &Backend, actor: &Actor, model: &Model) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    if let Some(id) = source(&model.origin)
        && let Some(source) = backend.store().model(&actor.project, id).await?
    {
        steps.push(own(&source));
    }
    if let Origin::Exported { checkpoint, .. } = &model.origin {
        steps.extend(trained(backend, actor, checkpoint).await?);
    }
    Ok(steps)
}

/// The dataset, the run and the iteration that a model was exported from.
async fn trained(
    backend: &Backend,
    actor: &Actor,
    checkpoint: &domain::ids::CheckpointId,
) -> Result<Vec<Step>> {
    let (store, project) = (backend.store(), &actor.project);
    let Some(checkpoint) = store.checkpoint(project, checkpoint).await? else {
        return Ok(Vec::new());
    };
    let Some(attempt) = store.attempt(&checkpoint.attempt_id).await? else {
        return Ok(Vec::new());
    };
    let Some(experiment) = store.experiment(project, &attempt.experiment_id).await? else {
        return Ok(Vec::new());
    };
    let mut steps = Vec::new();
    if let Some(setup) = &experiment.setup
        && let Some(dataset) = store.dataset(project, &setup.dataset_id).await?
    {
        steps.push(Step {
            text: dataset.name,
            address: format!("/datasets/{}", dataset.id),
        });
    }
    steps.push(Step {
        text: format!("{} · {}", experiment.name, checkpoint.iteration),
        address: format!("/experiments/{}?tab=checkpoints", experiment.id),
    });
    Ok(steps)
}

/// The deployments of a model that have not ended.
async fn deployed(backend: &Backend, actor: &Actor, id: &ModelId) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    for deployment in backend.store().deployments(&actor.project).await? {
        if deployment.model_id != *id {
            continue;
        }
        let job = jobs::get(backend, actor, &deployment.job_id).await?;
        if !job.state.is_terminal() {
            steps.push(Step {
                text: deployment.name,
                address: format!("/deployments/{}", deployment.id),
            });
        }
    }
    Ok(steps)
}

/// Registers a folder on a node after looking into it. Findings are on `path` and `name`.
pub async fn register(
    backend: &Backend,
    actor: &Actor,
    node: &NodeId,
    path: &str,
    name: &str,
) -> Result<ModelId> {
    actor.needs(Role::Member)?;
    let node = nodes::get(backend, actor, node).await?.node;
    let path = absolute("path", path)?;
    let model = look(backend, &node, &path, name, Origin::Registered).await?;
    if !backend
        .store()
        .insert_model(&model, &actor.user, None)
        .await?
    {
        return Err(wrong(
            "path",
            format!("{path} on {} is in the list already.", node.name),
            format!("{} 上的 {path} 已在列表中。", node.name),
        ));
    }
    backend
        .announce(
            &actor.project,
            "model",
            model.id.as_str(),
            serde_json::json!({}),
        )
        .await?;
    Ok(model.id)
}

/// Looks into a folder; the answer is a model that is not stored yet.
pub(crate) async fn look(
    backend: &Backend,
    node: &Node,
    path: &str,
    name: &str,
    origin: Origin,
) -> Result<Model> {
    let host = nodes::host(backend, node).await?;
    let output = host
        .run("sh -s", Bytes::from(folder::look(path)), LOOK)
        .await
        .map_err(|error| nodes::unreachable(node, &error))?;
    let found = folder::read(&output.text(), |text| BASE64_STANDARD.decode(text).ok())
        .map_err(Error::internal("look into a model's folder"))?;
    let (format, facts) = match found {
        Found::Model { format, facts } => (format, facts),
        Found::Nothing => {
            return Err(wrong(
                "path",
                format!(
                    "There is no folder {path} on {}. Check the spelling, or copy the model there first.",
                    node.name
                ),
                format!(
                    "{} 上没有文件夹 {path}。请检查拼写，或先将模型复制到该处。",
                    node.name
                ),
            ));
        }
        Found::NoModel => {
            return Err(wrong(
                "path",
                format!(
                    "{path} holds no model: neither config.json with safetensors files (Hugging Face) nor \
                     latest_checkpointed_iteration.txt (MCore)."
                ),
                format!(
                    "{path} 中没有模型：既没有 config.json 和 safetensors 文件（HF），也没有 latest_checkpointed_iteration.txt（MCore）。"
                ),
            ));
        }
        Found::Damaged { file } => {
            return Err(wrong(
                "path",
                format!("{file} in {path} is cut off or no safetensors file. Copy it again."),
                format!("{path} 中的 {file} 不完整或不是 safetensors 文件，请重新复制。"),
            ));
        }
    };
    let name = name.trim();
    let last = path.rsplit('/').next().unwrap_or(path);
    Ok(Model {
        id: clock::new_id(),
        project_id: node.project_id.clone(),
        name: if name.is_empty() { last } else { name }.to_owned(),
        node_id: node.id.clone(),
        path: path.to_owned(),
        format,
        origin,
        facts,
        precision: None,
        created_at: clock::now(),
    })
}

/// Starts the conversion to MCore on the model's node. The converted model appears in the list when the job has succeeded.
pub async fn convert(
    backend: &Backend,
    actor: &Actor,
    id: &ModelId,
    options: ConvertOptions,
) -> Result<JobId> {
    actor.needs(Role::Member)?;
    let model = find(backend, actor, id).await?;
    if model.format == Format::Mcore {
        return Err(wrong(
            "output",
            "This model is in MCore form already.",
            "该模型已是 MCore 格式。",
        ));
    }
    let node = nodes::get(backend, actor, &model.node_id).await?;
    let version = node
        .probe
        .as_ref()
        .and_then(|probe| probe.version_of("ms-swift"))
        .and_then(Version::parse)
        .ok_or_else(|| {
            wrong(
                "output",
                format!("{} has no ms-swift. Install it there, or log in to the environment that has it; then look at the node again.", node.node.name),
                format!("{} 上没有安装 ms-swift。请在该环境中安装，或改为登录已安装的环境，然后重新检查节点。", node.node.name),
            )
        })?;
    let output = if options.output.trim().is_empty() {
        format!("{}-mcore", model.path)
    } else {
        absolute("output", &options.output)?
    };
    let words = command::Convert {
        model: &model.path,
        output: &output,
        tests_precision: options.test_precision,
    };
    let command = command::convert(&words, version).map_err(Error::Conflict)?;
    let gpu = nodes::one_gpu(&node, "output")?;
    let script = format!(
        "export CUDA_VISIBLE_DEVICES={gpu}\nexec {}\n",
        command.render()
    );
    let process = ProcessSpec {
        rank: 0,
        node_id: model.node_id.clone(),
        gpus: vec![gpu],
        script,
        files: Vec::new(),
    };
    let spec = JobSpec {
        kind: Kind::Convert,
        processes: vec![process],
        success: Success::of_swift(),
    };
    jobs::submit_once(backend, actor, id.to_string(), model.name, spec).await
}

/// Copies a model to another node of its cluster, node to node, at the place that `path_on` names. One job per target.
pub async fn copy(backend: &Backend, actor: &Actor, id: &ModelId, to: &NodeId) -> Result<JobId> {
    actor.needs(Role::Member)?;
    let model = find(backend, actor, id).await?;
    let from = nodes::get(backend, actor, &model.node_id).await?;
    let to = nodes::get(backend, actor, to).await?;
    if from.node.id == to.node.id || from.node.cluster_id != to.node.cluster_id {
        return Err(wrong(
            "to",
            format!("Choose another node of the cluster of {}.", from.node.name),
            format!("请选择 {} 所在集群的另一个节点。", from.node.name),
        ));
    }
    let target = path_on(&from.node, &to.node, &model.path);
    let senders = [(&from, model.path.clone())];
    let spec = JobSpec {
        kind: Kind::Prepare,
        processes: transfers::processes(&to, &target, &senders, false)?,
        success: Success::ExitCode,
    };
    let title = format!("{} → {}", model.name, to.node.name);
    let subject = format!("{id} on {}", to.node.id);
    jobs::submit_once(backend, actor, subject, title, spec).await
}

async fn find(backend: &Backend, actor: &Actor, id: &ModelId) -> Result<Model> {
    backend
        .store()
        .model(&actor.project, id)
        .await?
        .ok_or(Error::NotFound("model"))
}

/// An absolute path without a final slash; the finding stands beside `field`, the form's own name for it.
pub(crate) fn absolute(field: &str, path: &str) -> Result<String> {
    let trimmed = path.trim().trim_end_matches('/');
    if trimmed.starts_with('/') {
        Ok(trimmed.to_owned())
    } else {
        Err(wrong(
            field,
            format!("\"{path}\" is not an absolute path; write one that begins with /."),
            format!("“{path}”不是绝对路径，请填写以 / 开头的路径。"),
        ))
    }
}

pub(crate) fn wrong(field: &str, en: impl Into<String>, zh: impl Into<String>) -> Error {
    Error::Invalid(vec![Finding::stops(field, en, zh)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_folder_is_found_beside_the_field_it_was_typed_in() {
        assert_eq!(absolute("output", " /data/out/ ").unwrap(), "/data/out");
        let Err(Error::Invalid(findings)) = absolute("output", "out") else {
            panic!("a relative folder was taken");
        };
        assert_eq!(findings[0].field, "output");
    }
}
