//! Deployments: start an engine for a model, watch it come up, stop it.

use bytes::Bytes;
use domain::deployments::stage::{self, Stage};
use domain::deployments::{Deployment, Engine, command};
use domain::finding::{Finding, Weight};
use domain::ids::{DeploymentId, ModelId, NodeId};
use domain::jobs::{JobSpec, JobView, Kind, ProcessSpec, State, Success};
use domain::models::Format;
use domain::nodes::place::path_on;
use domain::nodes::{NodeView, holders, ports};
use domain::people::Role;
use domain::recipes::launch::folder_name;

use crate::hosts::Limits;
use crate::models::absolute;
use crate::store::{Inserted, NewJobRow};
use crate::{Actor, Backend, Error, Result, clock, jobs, nodes};

/// Ports of engines; the first that is free on the node is taken.
const PORTS: std::ops::Range<u16> = 18_000..18_100;

/// A deployment as it is asked for, all text, so that nothing typed is lost.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct NewDeployment {
    /// Empty: the served name.
    pub name: String,
    pub model_id: String,
    /// Empty: the model's node.
    pub node_id: String,
    /// `0` or `0,1`; empty: the first that is free.
    pub gpus: String,
    /// Under which clients ask for it; empty: from the model's name.
    pub served_name: String,
    /// Tokens; empty: what the model allows.
    pub max_model_len: String,
    /// vLLM's parser for thinking, e.g. `qwen3`; empty: none.
    pub reasoning_parser: String,
}

/// A deployment with its job, as lists show it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct DeploymentView {
    pub deployment: Deployment,
    pub job: JobView,
    pub model_name: String,
    pub node_name: String,
    /// While it starts.
    pub stage: Option<Stage>,
}

/// Stores the deployment and submits its job. The same launch key twice is one deployment. Findings are on the form's fields.
pub async fn create(
    backend: &Backend,
    actor: &Actor,
    new: &NewDeployment,
    launch_key: &str,
) -> Result<DeploymentId> {
    actor.needs(Role::Member)?;
    let launch_key = format!("deployment {launch_key}");
    if let Some(known) = backend.store().deployment_of_launch(&launch_key).await? {
        return Ok(known);
    }
    let mut findings = Vec::new();
    let models = backend.store().models(&actor.project).await?;
    let model = models
        .iter()
        .find(|model| model.id.as_str() == new.model_id && model.format == Format::Hf);
    let Some(model) = model else {
        return Err(Error::Invalid(vec![Finding::stops(
            "model_id",
            "Choose a model in Hugging Face form; engines do not read MCore.",
            "请选择 Hugging Face 格式的模型，推理引擎无法读取 MCore。",
        )]));
    };
    let node_id: NodeId = match new.node_id.trim() {
        "" => model.node_id.clone(),
        text => text.parse().map_err(|_| Error::NotFound("node"))?,
    };
    let view = nodes::get(backend, actor, &node_id).await?;
    let owner = nodes::stored(backend, &model.node_id).await?;
    let path = absolute("model_id", &path_on(&owner, &view.node, &model.path))?;
    let count = view.probe.as_ref().map_or(0, |probe| {
        u32::try_from(probe.gpus.len()).unwrap_or(u32::MAX)
    });
    let gpus = chosen_gpus(&new.gpus, count, &view).unwrap_or_else(|finding| {
        findings.push(finding);
        Vec::new()
    });
    let max_model_len = match new.max_model_len.trim() {
        "" => None,
        text => match text.parse::<u32>() {
            Ok(length) if length > 0 => Some(length),
            _ => {
                findings.push(Finding::stops(
                    "max_model_len",
                    format!(
                        "\"{text}\" is no number of tokens; write e.g. 4096, or leave it empty."
                    ),
                    format!("“{text}”不是 token 数，请填写例如 4096，或留空。"),
                ));
                None
            }
        },
    };
    if view
        .probe
        .as_ref()
        .and_then(|probe| probe.version_of("vllm"))
        .is_none()
    {
        findings.push(Finding::stops(
            "node_id",
            format!("{} has no vLLM. Choose a node that has it.", view.node.name),
            format!("{} 上没有安装 vLLM，请选择已安装的节点。", view.node.name),
        ));
    }
    let served_name = match new.served_name.trim() {
        "" => folder_name(&model.name),
        text => text.to_owned(),
    };
    let in_use = list(backend, actor)
        .await?
        .into_iter()
        .any(|other| other.deployment.served_name == served_name && !other.job.state.is_terminal());
    if in_use {
        findings.push(Finding::stops(
            "served_name",
            format!(
                "\"{served_name}\" is served already. Stop that deployment, or write another name."
            ),
            format!("“{served_name}”已有部署在运行。请先停止它，或换一个名称。"),
        ));
    }
    let (is_there, taken) = look(backend, &view.node, &path).await?;
    if !is_there {
        findings.push(Finding::stops(
            "node_id",
            format!(
                "{} has no folder {path}. Copy the model there, or choose the node that has it.",
                view.node.name
            ),
            format!(
                "{} 上没有 {path}。请先复制模型，或选择已有该模型的节点。",
                view.node.name
            ),
        ));
    }
    if findings
        .iter()
        .any(|finding| finding.weight == Weight::Stops)
    {
        return Err(Error::Invalid(findings));
    }
    let reserved = backend.store().deployment_ports(&node_id).await?;
    let port = PORTS
        .clone()
        .find(|port| !taken.contains(port) && !reserved.contains(port))
        .unwrap_or(PORTS.start);
    let script = command::vllm(&command::Vllm {
        model: &path,
        served_name: &served_name,
        port,
        gpus: &gpus,
        max_model_len,
        reasoning_parser: new.reasoning_parser.trim(),
    });
    let name = match new.name.trim() {
        "" => served_name.clone(),
        text => text.to_owned(),
    };
    let spec = JobSpec {
        kind: Kind::Deploy,
        processes: vec![ProcessSpec {
            rank: 0,
            node_id: node_id.clone(),
            gpus: gpus.clone(),
            script,
            files: Vec::new(),
        }],
        success: Success::Never,
    };
    let deployment = Deployment {
        id: clock::new_id(),
        project_id: actor.project.clone(),
        name,
        engine: Engine::Vllm,
        model_id: model.id.clone(),
        node_id,
        gpus,
        served_name,
        port,
        max_model_len,
        job_id: clock::new_id(),
        created_at: clock::now(),
    };
    let job = NewJobRow {
        id: &deployment.job_id,
        project: &actor.project,
        creator: &actor.user,
        title: &deployment.name,
        subject: deployment.id.as_str(),
        launch_key: &launch_key,
        spec: &spec,
        now: deployment.created_at,
    };
    match backend
        .store()
        .insert_deployment(&deployment, &actor.user, job)
        .await?
    {
        Inserted::New => {}
        Inserted::Known(_) => {
            return backend
                .store()
                .deployment_of_launch(&launch_key)
                .await?
                .ok_or(Error::NotFound("deployment"));
        }
        Inserted::GpuTaken {
            node,
            gpu,
            holder_title,
            ..
        } => {
            return Err(jobs::gpu_taken(backend, &node, gpu, &holder_title).await?);
        }
    }
    for (kind, subject) in [
        ("deployment", deployment.id.as_str()),
        ("job", deployment.job_id.as_str()),
    ] {
        backend
            .announce(
                &actor.project,
                kind,
                subject,
                serde_json::json!({"state": "pending"}),
            )
            .await?;
    }
    backend.wake();
    Ok(deployment.id)
}

fn chosen_gpus(text: &str, count: u32, view: &NodeView) -> std::result::Result<Vec<u32>, Finding> {
    if text.trim().is_empty() {
        let is_reserved = |gpu: &u32| view.reserved.iter().any(|held| held.gpu == *gpu);
        let ranked = holders::ranked(std::slice::from_ref(view));
        return match ranked.into_iter().find(|gpu| !is_reserved(gpu)) {
            Some(gpu) => Ok(vec![gpu]),
            None => Err(Finding::stops(
                "gpus",
                "Every GPU of this node is held by a job. Stop one, or choose another node.",
                "该节点的 GPU 均被占用。请停止一个任务，或选择其他节点。",
            )),
        };
    }
    let mut gpus = Vec::new();
    for word in text.split(',').map(str::trim) {
        match word.parse::<u32>() {
            Ok(gpu) if gpu < count && !gpus.contains(&gpu) => gpus.push(gpu),
            _ => {
                return Err(Finding::stops(
                    "gpus",
                    format!(
                        "\"{word}\" is no free choice: the node has GPUs 0 … {}. Write them like 0,1.",
                        count.saturating_sub(1)
                    ),
                    format!(
                        "“{word}”不可用：该节点的 GPU 编号为 0 … {}。请写成 0,1 的形式。",
                        count.saturating_sub(1)
                    ),
                ));
            }
        }
    }
    Ok(gpus)
}

/// Whether the model's folder is there, and which ports are listened on.
async fn look(
    backend: &Backend,
    node: &domain::nodes::Node,
    path: &str,
) -> Result<(bool, Vec<u16>)> {
    let command = format!(
        "[ -e {}/config.json ] && echo model; \
         {}; echo end",
        domain::shell::quote(path),
        ports::LISTENING,
    );
    let host = nodes::host(backend, node).await?;
    let output = host
        .run(&command, Bytes::new(), Limits::of_secs(15))
        .await
        .map_err(|error| nodes::unreachable(node, &error))?;
    let text = output.text();
    let is_there = text.lines().any(|line| line == "model");
    Ok((is_there, ports::listening(&text).collect()))
}

/// Where a model can be served: the nodes that hold its folder, its own node first. Nodes that do not answer are not among them; a copy
/// that was deleted there is not either, since each node is asked.
pub async fn places(backend: &Backend, actor: &Actor, model: &ModelId) -> Result<Vec<NodeView>> {
    let store = backend.store();
    let model = store
        .model(&actor.project, model)
        .await?
        .ok_or(Error::NotFound("model"))?;
    let owner = nodes::stored(backend, &model.node_id).await?;
    let views = store.node_views(&actor.project).await?;
    let asked = views.into_iter().map(|view| {
        let path = path_on(&owner, &view.node, &model.path);
        async move {
            let is_there = match holds(backend, &view.node, &path).await {
                Ok(is_there) => is_there,
                Err(error) => {
                    tracing::debug!(node.name = %view.node.name, error = &error as &dyn std::error::Error, "A node could not be asked for a model");
                    false
                }
            };
            (view, is_there)
        }
    });
    let answers = futures::future::join_all(asked).await;
    let mut found: Vec<NodeView> = answers
        .into_iter()
        .filter_map(|(view, is_there)| is_there.then_some(view))
        .collect();
    found.sort_by_key(|view| view.node.id != model.node_id);
    Ok(found)
}

/// Whether a Hugging Face folder is there. A node that hangs is not waited for as long as a job would.
async fn holds(backend: &Backend, node: &domain::nodes::Node, path: &str) -> Result<bool> {
    let command = format!("[ -e {}/config.json ]", domain::shell::quote(path));
    let host = nodes::host(backend, node).await?;
    let output = host
        .run(&command, Bytes::new(), Limits::of_secs(5))
        .await
        .map_err(|error| nodes::unreachable(node, &error))?;
    Ok(output.is_success())
}

/// All deployments of the project, newest first.
pub async fn list(backend: &Backend, actor: &Actor) -> Result<Vec<DeploymentView>> {
    let deployments = backend.store().deployments(&actor.project).await?;
    let mut views = Vec::with_capacity(deployments.len());
    for deployment in deployments {
        views.push(view(backend, actor, deployment).await?);
    }
    Ok(views)
}

pub async fn get(backend: &Backend, actor: &Actor, id: &DeploymentId) -> Result<DeploymentView> {
    let deployment = backend
        .store()
        .deployment(&actor.project, id)
        .await?
        .ok_or(Error::NotFound("deployment"))?;
    view(backend, actor, deployment).await
}

async fn view(backend: &Backend, actor: &Actor, deployment: Deployment) -> Result<DeploymentView> {
    let job = jobs::get(backend, actor, &deployment.job_id).await?;
    let model = backend
        .store()
        .model(&actor.project, &deployment.model_id)
        .await?;
    let node_name = nodes::stored(backend, &deployment.node_id).await?.name;
    let stage = match job.state {
        State::Running => backend.stages().get(&deployment.id),
        _ => None,
    };
    Ok(DeploymentView {
        deployment,
        job,
        model_name: model.map(|model| model.name).unwrap_or_default(),
        node_name,
        stage,
    })
}

/// Ends the engine; its GPUs are free when the node says so.
pub async fn stop(backend: &Backend, actor: &Actor, id: &DeploymentId) -> Result<()> {
    let view = get(backend, actor, id).await?;
    jobs::stop(backend, actor, &view.job.id).await
}

/// Models of the project for a form.
pub async fn servable(backend: &Backend, actor: &Actor) -> Result<Vec<(ModelId, String)>> {
    let models = backend.store().models(&actor.project).await?;
    let hf = models
        .into_iter()
        .filter(|model| model.format == Format::Hf);
    Ok(hf.map(|model| (model.id, model.name)).collect())
}

/// How far engines have come: seen by the reconciler, lost with the process, read again at the next look.
#[derive(Default)]
pub struct Stages(std::sync::Mutex<std::collections::HashMap<DeploymentId, Stage>>);

impl Stages {
    fn get(&self, id: &DeploymentId) -> Option<Stage> {
        let stages = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        stages.get(id).copied()
    }

    /// True: it was another one before.
    pub(crate) fn note(&self, id: &DeploymentId, log: &str) -> bool {
        let stage = stage::read(log);
        let mut stages = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        stages.insert(id.clone(), stage) != Some(stage)
    }
}
