//! Nodes for pages.

use crate::wire::Json;
use domain::nodes::{Cluster, NodeView};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::AppError;

/// A node as typed: all text, so that nothing is lost.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NodeForm {
    /// Empty: a new cluster with the name below.
    pub cluster: String,
    pub cluster_name: String,
    pub name: String,
    pub host: String,
    pub port: String,
    pub user: String,
    pub private_key: String,
    /// The host key that the person confirmed, in OpenSSH form.
    pub host_key: String,
    pub work_folder: String,
}

/// A host key as it is shown for confirmation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedKey {
    pub openssh: String,
    pub fingerprint: String,
}

#[server(prefix = "/fn", endpoint = "nodes/list", input = Json, output = Json)]
pub async fn list_nodes() -> Result<Vec<(Cluster, Vec<NodeView>)>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::nodes::list(&backend, &actor).await?)
}

#[server(prefix = "/fn", endpoint = "nodes/get", input = Json, output = Json)]
pub async fn get_node(id: String) -> Result<NodeView, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::nodes::get(&backend, &actor, &id.parse()?).await?)
}

#[server(prefix = "/fn", endpoint = "nodes/probe", input = Json, output = Json)]
pub async fn probe_node(id: String) -> Result<(), AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    backend::nodes::probe_now(&backend, &actor, &id.parse()?).await?;
    Ok(())
}

#[server(prefix = "/fn", endpoint = "nodes/remove", input = Json, output = Json)]
pub async fn remove_node(id: String) -> Result<(), AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    backend::nodes::remove(&backend, &actor, &id.parse()?).await?;
    Ok(())
}

/// Asks a machine for its host key, without logging in.
#[server(prefix = "/fn", endpoint = "nodes/first_contact", input = Json, output = Json)]
pub async fn first_contact(host: String, port: String) -> Result<OfferedKey, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let key = backend::nodes::first_contact(&backend, &actor, &host, parse_port(&port)?).await?;
    Ok(OfferedKey {
        openssh: key.openssh,
        fingerprint: key.fingerprint,
    })
}

/// The pinned host key beside the one that the machine shows now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComparedKeys {
    pub pinned_fingerprint: String,
    pub shown: OfferedKey,
    pub are_same: bool,
}

#[server(prefix = "/fn", endpoint = "nodes/host_keys", input = Json, output = Json)]
pub async fn compare_host_keys(id: String) -> Result<ComparedKeys, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let keys = backend::nodes::host_keys(&backend, &actor, &id.parse()?).await?;
    Ok(ComparedKeys {
        are_same: keys.are_same(),
        pinned_fingerprint: keys.pinned.fingerprint,
        shown: OfferedKey {
            openssh: keys.shown.openssh,
            fingerprint: keys.shown.fingerprint,
        },
    })
}

/// Pins the key that was compared (`ssh-ed25519 AAAA…`).
#[server(prefix = "/fn", endpoint = "nodes/trust_host_key", input = Json, output = Json)]
pub async fn trust_host_key(id: String, key: String) -> Result<(), AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::nodes::trust_host_key(&backend, &actor, &id.parse()?, &key).await?)
}

/// Really connects; the node's id.
#[server(prefix = "/fn", endpoint = "nodes/add", input = Json, output = Json)]
pub async fn add_node(form: NodeForm) -> Result<String, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let port = parse_port(&form.port)?;
    let cluster = match form.cluster.as_str() {
        "" => backend::nodes::InCluster::New(form.cluster_name.clone()),
        id => backend::nodes::InCluster::Known(id.parse()?),
    };
    let new = new_node(form, cluster, port);
    Ok(backend::nodes::add_node(&backend, &actor, new)
        .await?
        .to_string())
}

#[cfg(feature = "ssr")]
fn parse_port(text: &str) -> Result<u16, AppError> {
    text.trim()
        .parse()
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| {
            let finding = domain::finding::Finding::stops(
                "port",
                "Write a number from 1 to 65535.",
                "请填写 1 到 65535 之间的数字。",
            );
            AppError::Invalid(vec![finding])
        })
}

#[cfg(feature = "ssr")]
fn new_node(
    form: NodeForm,
    cluster: backend::nodes::InCluster,
    port: u16,
) -> backend::nodes::NewNode {
    use domain::nodes::{Address, Environment};
    backend::nodes::NewNode {
        cluster,
        name: form.name,
        address: Address {
            host: form.host.trim().to_owned(),
            port,
            user: form.user.trim().to_owned(),
        },
        private_key: form.private_key,
        host_key: form.host_key,
        environment: Environment::Direct,
        work_folder: form.work_folder,
        mounts: Vec::new(),
    }
}
