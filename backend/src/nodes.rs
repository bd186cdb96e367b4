//! Nodes and clusters.

use std::sync::Arc;

use domain::ids::NodeId;
use domain::language::Text;
use domain::nodes::Node;

use crate::hosts::{Host, HostError, Login};
use crate::{Backend, Error, Result, secrets};

/// A node by id, for work that was already authorised.
pub(crate) async fn stored(backend: &Backend, id: &NodeId) -> Result<Node> {
    backend
        .store()
        .node(id)
        .await?
        .ok_or(Error::NotFound("node"))
}

/// The machine behind a node; connects when first used.
pub(crate) async fn host(backend: &Backend, node: &Node) -> Result<Arc<dyn Host>> {
    if let Some(host) = backend
        .hosts()
        .known(&node.id, &node.address, &node.host_key)
    {
        return Ok(host);
    }
    let private_key = secrets::reveal(backend, &node.key).await?;
    let login = Login {
        address: node.address.clone(),
        private_key,
        host_key: node.host_key.clone(),
    };
    Ok(backend.hosts().open(&node.id, login))
}

/// How an unanswered call reads to a person.
pub(crate) fn unreachable(node: &Node, error: &HostError) -> Error {
    let name = &node.name;
    Error::Unavailable(Text::new(
        format!("{name} does not answer: {error}. What runs there goes on."),
        format!("无法连接 {name}：{error}。其上的任务不受影响。"),
    ))
}
