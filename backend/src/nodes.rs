//! Nodes and clusters: first contact, adding, adopting, probing.

use std::sync::Arc;

use bytes::Bytes;
use domain::finding::Finding;
use domain::ids::{ClusterId, NodeId, ProjectId, UserId};
use domain::language::Text;
use domain::nodes::{
    Address, Cluster, Environment, Mount, Node, NodeView, Probe, holders, mounts, probe,
};
use domain::people::Role;
use serde::Deserialize;

use crate::executors::{ContainerExecutor, Executor, SshExecutor};
use crate::hosts::{self, Host, HostError, HostKey, InsideHost, Limits, Login, SshHost};
use crate::store::{NewNodeRow, NodeInserted};
use crate::{Actor, Backend, Error, Result, clock, secrets};

/// Which cluster a new node is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InCluster {
    Known(ClusterId),
    /// Made together with the node, which becomes its main one.
    New(String),
}

/// What a person says of a new node.
#[derive(Debug, Clone)]
pub struct NewNode {
    pub cluster: InCluster,
    pub name: String,
    pub address: Address,
    /// OpenSSH text, unencrypted.
    pub private_key: String,
    /// As shown by `first_contact` and confirmed.
    pub host_key: String,
    pub environment: Environment,
    pub work_folder: String,
    pub mounts: Vec<Mount>,
}

/// Shows the host key of a machine, before anything else is said to it.
pub async fn first_contact(
    _backend: &Backend,
    actor: &Actor,
    host: &str,
    port: u16,
) -> Result<HostKey> {
    actor.needs(Role::Admin)?;
    hosts::first_contact(host, port)
        .await
        .map_err(|error| Error::Invalid(vec![finding(&error)]))
}

/// Clusters with their nodes in rank order, as last seen.
pub async fn list(backend: &Backend, actor: &Actor) -> Result<Vec<(Cluster, Vec<NodeView>)>> {
    let mut views = backend.store().node_views(&actor.project).await?;
    let clusters = backend.store().clusters(&actor.project).await?;
    Ok(clusters
        .into_iter()
        .map(|cluster| {
            let (own, others) = std::mem::take(&mut views)
                .into_iter()
                .partition(|view| view.node.cluster_id == cluster.id);
            views = others;
            (cluster, own)
        })
        .collect())
}

pub async fn get(backend: &Backend, actor: &Actor, id: &NodeId) -> Result<NodeView> {
    let views = backend.store().node_views(&actor.project).await?;
    views
        .into_iter()
        .find(|view| view.node.id == *id)
        .ok_or(Error::NotFound("node"))
}

/// Connects, probes, then stores the node: nothing half-known stays. Findings are on `host`, `port`, `user`, `private_key`,
/// `host_key`, `work_folder`, `name` and `cluster_name`.
pub async fn add_node(backend: &Backend, actor: &Actor, new: NewNode) -> Result<NodeId> {
    actor.needs(Role::Admin)?;
    let findings = written_wrong(&new);
    if !findings.is_empty() {
        return Err(Error::Invalid(findings));
    }
    let (cluster, is_new) = match &new.cluster {
        InCluster::New(name) => (cluster(&actor.project, name.trim(), false), true),
        InCluster::Known(id) => {
            let all = backend.store().clusters(&actor.project).await?;
            let known = all.into_iter().find(|cluster| cluster.id == *id);
            (known.ok_or(Error::NotFound("cluster"))?, false)
        }
    };
    let login = Login {
        address: new.address.clone(),
        private_key: new.private_key.clone(),
        host_key: new.host_key.clone(),
    };
    let probe = ask(&SshHost::new(login), &new.work_folder)
        .await
        .map_err(|error| Error::Invalid(vec![finding(&error)]))?;
    if probe.version_of("ms-swift").is_none() {
        return Err(Error::Invalid(vec![Finding::stops(
            "environment",
            "The login works, but there is no `megatron` or `swift` on its PATH. Log in to the environment that has ms-swift (for a \
             container, its own SSH port), or prepare the node first.",
            "登录成功，但 PATH 中没有 `megatron` 或 `swift`。请登录到装有 ms-swift 的环境（容器请用其 SSH 端口），或先准备节点。",
        )]));
    }
    let (key, sealed_key) = secrets::sealed(backend, &new.private_key)?;
    let node = Node {
        id: clock::new_id(),
        project_id: actor.project.clone(),
        cluster_id: cluster.id.clone(),
        rank: 0,
        name: new.name.trim().to_owned(),
        address: new.address,
        key,
        host_key: new.host_key,
        environment: new.environment,
        work_folder: new.work_folder,
        mounts: new.mounts,
        is_rehearsal: false,
        created_at: clock::now(),
    };
    let row = NewNodeRow {
        cluster: is_new.then_some(&cluster),
        node: &node,
        sealed_key: &sealed_key,
        creator: &actor.user,
    };
    let taken = |field, name| Error::Invalid(vec![name_taken(field, name)]);
    match backend.store().insert_node_with_key(row).await? {
        NodeInserted::New => {}
        NodeInserted::ClusterTaken => return Err(taken("cluster_name", &cluster.name)),
        NodeInserted::NameTaken => return Err(taken("name", &node.name)),
    }
    backend
        .store()
        .note_probe(&node.id, &probe, clock::now())
        .await?;
    backend
        .announce(
            &node.project_id,
            "node",
            node.id.as_str(),
            serde_json::json!({}),
        )
        .await?;
    Ok(node.id)
}

/// The host key that is pinned, and the one that the machine shows now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostKeys {
    pub pinned: HostKey,
    pub shown: HostKey,
}

impl HostKeys {
    pub fn are_same(&self) -> bool {
        self.pinned.fingerprint == self.shown.fingerprint
    }
}

/// Asks a known node for its host key without logging in, to compare it with the pinned one.
pub async fn host_keys(backend: &Backend, actor: &Actor, id: &NodeId) -> Result<HostKeys> {
    let node = get(backend, actor, id).await?.node;
    let pinned = HostKey::from_openssh(&node.host_key).ok_or_else(|| {
        Error::internal("read the pinned host key")("it is no OpenSSH public key")
    })?;
    let Address { host, port, .. } = &node.address;
    let shown = first_contact(backend, actor, host, *port).await?;
    Ok(HostKeys { pinned, shown })
}

/// Pins the host key that a person has compared, in place of the one that was; then looks at the node. Refused when the machine shows
/// another key than the compared one by now.
pub async fn trust_host_key(
    backend: &Backend,
    actor: &Actor,
    id: &NodeId,
    compared: &str,
) -> Result<()> {
    actor.needs(Role::Admin)?;
    let keys = host_keys(backend, actor, id).await?;
    let stale = || {
        Error::Conflict(Text::new(
            "The machine shows yet another key by now. Look at it again before you trust it.",
            "该主机现在出示的又是另一个密钥。请重新核对后再确认。",
        ))
    };
    if keys.shown.openssh != compared
        || !backend
            .store()
            .replace_host_key(id, &keys.pinned.openssh, compared)
            .await?
    {
        return Err(stale());
    }
    backend.hosts().forget(id);
    tracing::warn!(node.id = %id, fingerprint = keys.shown.fingerprint, "A new host key was trusted");
    let node = stored(backend, id).await?;
    look(backend, &node).await
}

/// Takes a node out of the list; nothing is done on it. Refused while jobs, models or datasets name it.
pub async fn remove(backend: &Backend, actor: &Actor, id: &NodeId) -> Result<()> {
    actor.needs(Role::Admin)?;
    let node = get(backend, actor, id).await?.node;
    if !backend.store().delete_node(id).await? {
        return Err(Error::Conflict(Text::new(
            format!(
                "{} is named by jobs, models or datasets, so it stays in the list.",
                node.name
            ),
            format!("{} 仍被任务、模型或数据集引用，不能移除。", node.name),
        )));
    }
    backend.hosts().forget(id);
    backend
        .announce(
            &node.project_id,
            "node",
            id.as_str(),
            serde_json::json!({"removed": true}),
        )
        .await
}

/// Looks at a node now and stores what was seen. An unreachable node is no error: the view says since when, and why.
pub async fn probe_now(backend: &Backend, actor: &Actor, id: &NodeId) -> Result<NodeView> {
    let view = get(backend, actor, id).await?;
    backend.hosts().end_pause(id);
    look(backend, &view.node).await?;
    get(backend, actor, id).await
}

/// Probes one node and notes what came of it.
pub(crate) async fn look(backend: &Backend, node: &Node) -> Result<()> {
    let host = host(backend, node).await?;
    let before = backend.store().was_unreachable(&node.id).await?;
    let is_reached = match ask(&*host, &node.work_folder).await {
        Ok(probe) => {
            backend
                .store()
                .note_probe(&node.id, &probe, clock::now())
                .await?;
            true
        }
        Err(error) => {
            backend
                .store()
                .note_unreachable(&node.id, &error.text(), clock::now())
                .await?;
            false
        }
    };
    if before == is_reached {
        tracing::info!(node.name = %node.name, reached = is_reached, "A node's reachability changed");
    }
    backend
        .announce(
            &node.project_id,
            "node",
            node.id.as_str(),
            serde_json::json!({"reached": is_reached}),
        )
        .await
}

async fn ask(host: &dyn Host, work_folder: &str) -> Result<Probe, HostError> {
    let output = host
        .run(
            "sh -s",
            Bytes::from(probe::script(work_folder)),
            Limits::of_secs(20),
        )
        .await?;
    probe::parse(&output.text()).map_err(HostError::Broken)
}

/// The description of a rehearsal cluster, as `rehearsal describe` prints it.
#[derive(Debug, Deserialize)]
struct Described {
    name: String,
    key: std::path::PathBuf,
    nodes: Vec<DescribedNode>,
}

#[derive(Debug, Deserialize)]
struct DescribedNode {
    name: String,
    host: String,
    port: u16,
    user: String,
    host_key: String,
    work_folder: String,
}

/// Adds the cluster that the process was started with to the first project, once. Without one, nothing happens.
pub(crate) async fn adopt_rehearsal(
    backend: &Backend,
    creator: &UserId,
    project: &ProjectId,
) -> Result<()> {
    let Some(file) = &backend.settings().rehearsal else {
        return Ok(());
    };
    let text = tokio::fs::read(file)
        .await
        .map_err(Error::internal("read the rehearsal's description"))?;
    let described: Described = serde_json::from_slice(&text)
        .map_err(Error::internal("read the rehearsal's description"))?;
    let cluster = cluster(project, &described.name, true);
    if !backend.store().insert_cluster(&cluster, creator).await? {
        return Ok(());
    }
    let private_key = tokio::fs::read_to_string(&described.key)
        .await
        .map_err(Error::internal("read the rehearsal's key"))?;
    for (rank, node) in (0..).zip(described.nodes) {
        let node = Node {
            id: clock::new_id(),
            project_id: project.clone(),
            cluster_id: cluster.id.clone(),
            rank,
            key: secrets::keep(
                backend,
                project,
                creator,
                &format!("key of {}", node.name),
                &private_key,
            )
            .await?,
            name: node.name,
            address: Address {
                host: node.host,
                port: node.port,
                user: node.user,
            },
            host_key: node.host_key,
            environment: Environment::Direct,
            work_folder: node.work_folder,
            mounts: Vec::new(),
            is_rehearsal: true,
            created_at: clock::now(),
        };
        backend.store().insert_node(&node, creator).await?;
        look(backend, &node).await?;
    }
    Ok(())
}

fn cluster(project: &ProjectId, name: &str, is_rehearsal: bool) -> Cluster {
    Cluster {
        id: clock::new_id(),
        project_id: project.clone(),
        name: name.to_owned(),
        is_rehearsal,
        created_at: clock::now(),
    }
}

fn name_taken(field: &str, name: &str) -> Finding {
    Finding::stops(
        field,
        format!("\"{name}\" exists already; choose another name."),
        format!("“{name}”已存在，请换一个名称。"),
    )
}

/// What can be seen without asking the machine.
fn written_wrong(new: &NewNode) -> Vec<Finding> {
    let mut findings = Vec::new();
    if new.name.trim().is_empty() {
        findings.push(Finding::stops(
            "name",
            "Write a name for the node.",
            "请填写节点名称。",
        ));
    }
    if matches!(&new.cluster, InCluster::New(name) if name.trim().is_empty()) {
        findings.push(Finding::stops(
            "cluster_name",
            "Write a name for the cluster.",
            "请填写集群名称。",
        ));
    }
    if new.environment != Environment::Direct {
        findings.push(Finding::stops(
            "environment",
            "Trainyard runs work in the SSH login itself so far. For a container, log in to its own SSH port.",
            "目前任务直接在 SSH 登录环境中运行。若使用容器，请登录该容器自己的 SSH 端口。",
        ));
    }
    if !new.work_folder.starts_with('/') || new.work_folder.ends_with('/') {
        findings.push(Finding::stops(
            "work_folder",
            format!("\"{}\" is not an absolute path without a final slash; write for example /data/trainyard.", new.work_folder),
            format!("“{}”不是末尾不带斜杠的绝对路径；例如请填写 /data/trainyard。", new.work_folder),
        ));
    }
    findings
}

/// A machine's refusal as a finding beside the field that can mend it.
fn finding(error: &HostError) -> Finding {
    match error {
        HostError::UnknownHost(host) => Finding::stops(
            "host",
            format!(
                "There is no machine by the name \"{host}\". Check the spelling, or write its IP address."
            ),
            format!("找不到主机“{host}”。请检查拼写，或直接填写 IP 地址。"),
        ),
        HostError::Refused { address, why } => Finding::stops(
            "port",
            format!(
                "Nothing accepts connections at {address} ({why}). Is the SSH server running on that port?"
            ),
            format!("{address} 拒绝连接（{why}）。SSH 服务是否在该端口上运行？"),
        ),
        HostError::HostKeyChanged => Finding::stops(
            "host_key",
            "The machine shows another host key than the one confirmed. If it was reinstalled, look at the new key and confirm it; if \
             not, somebody may stand in between.",
            "该主机出示的密钥与已确认的不同。若主机重装过，请核对新密钥并确认；否则可能存在中间人。",
        ),
        HostError::KeyRefused(user) => Finding::stops(
            "private_key",
            format!(
                "The machine does not accept this key for user \"{user}\". Add its public half to that user's authorized_keys."
            ),
            format!("主机不接受用户“{user}”使用该密钥。请将其公钥加入该用户的 authorized_keys。"),
        ),
        HostError::KeyUnreadable(why) => Finding::stops(
            "private_key",
            format!(
                "This is not an unencrypted OpenSSH private key ({why}). Paste the whole file, from BEGIN to END."
            ),
            format!("这不是未加密的 OpenSSH 私钥（{why}）。请粘贴从 BEGIN 到 END 的整个文件。"),
        ),
        HostError::TimedOut(after) | HostError::Busy(after) => Finding::stops(
            "host",
            format!(
                "No answer within {} s. Check address and firewall.",
                after.as_secs()
            ),
            format!("{} 秒内没有响应。请检查地址和防火墙。", after.as_secs()),
        ),
        HostError::Broken(why) => Finding::stops(
            "host",
            format!("The connection broke: {why}."),
            format!("连接中断：{why}。"),
        ),
    }
}

/// The GPU for work that needs one: the first that nothing holds, else one whose holder the launch then names.
pub(crate) fn one_gpu(view: &NodeView, field: &str) -> Result<u32> {
    let ranked = holders::ranked(std::slice::from_ref(view));
    ranked.first().copied().ok_or_else(|| {
        let name = &view.node.name;
        Error::Invalid(vec![Finding::stops(
            field,
            format!("{name} shows no GPU. Look at the node again once nvidia-smi works there."),
            format!("{name} 上没有可用的 GPU。请在 nvidia-smi 正常后重新检查该节点。"),
        )])
    })
}

/// A node by id, for work that was already authorised.
pub(crate) async fn stored(backend: &Backend, id: &NodeId) -> Result<Node> {
    backend
        .store()
        .node(id)
        .await?
        .ok_or(Error::NotFound("node"))
}

/// Where the paths and processes of a node are: the machine itself, or the long-lived container on it. Connects when first used.
pub(crate) async fn host(backend: &Backend, node: &Node) -> Result<Arc<dyn Host>> {
    let known = backend
        .hosts()
        .known(&node.id, &node.address, &node.host_key);
    let machine = match known {
        Some(machine) => machine,
        None => {
            let login = Login {
                address: node.address.clone(),
                private_key: secrets::reveal(backend, &node.key).await?,
                host_key: node.host_key.clone(),
            };
            backend.hosts().open(&node.id, login)
        }
    };
    Ok(match &node.environment {
        Environment::Exec { container } => Arc::new(InsideHost::new(machine, container.clone())),
        Environment::Direct | Environment::ContainerPerAttempt { .. } => machine,
    })
}

/// What runs processes on this node.
pub(crate) async fn executor(backend: &Backend, node: &Node) -> Result<Arc<dyn Executor>> {
    let host = host(backend, node).await?;
    Ok(match &node.environment {
        Environment::ContainerPerAttempt { image, options } => Arc::new(ContainerExecutor::new(
            host,
            image.clone(),
            options.clone(),
            node.mounts.clone(),
        )),
        Environment::Direct | Environment::Exec { .. } => Arc::new(SshExecutor::new(host)),
    })
}

/// Where a path of the environment is read through `host`. A path that no mounted folder holds is refused by name.
pub(crate) fn reachable_path(node: &Node, path: &str) -> Result<String> {
    match &node.environment {
        Environment::Direct | Environment::Exec { .. } => Ok(path.to_owned()),
        Environment::ContainerPerAttempt { .. } => {
            mounts::to_host(&node.mounts, path).map_err(|mounts::Unmapped(path)| {
                Error::Unavailable(Text::new(
                    format!("{path} lies in no mounted folder of {}. Mount it, or choose another folder.", node.name),
                    format!("{path} 不在 {} 的任何挂载目录中。请挂载该目录，或选择其他目录。", node.name),
                ))
            })
        }
    }
}

/// How an unanswered call reads to a person.
pub(crate) fn unreachable(node: &Node, error: &HostError) -> Error {
    let (name, Text { en, zh }) = (&node.name, error.text());
    Error::Unavailable(Text::new(
        format!("{name} does not answer: {en}. What runs there goes on."),
        format!("无法连接 {name}：{zh}。其上的任务不受影响。"),
    ))
}
