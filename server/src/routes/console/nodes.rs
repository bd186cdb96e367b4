//! Clusters and their nodes, as last seen.

use axum::extract::{Path, State};
use axum::{Extension, Json};
use backend::{Actor, Backend, nodes};
use domain::ids::NodeId;
use domain::nodes::{Cluster, NodeView};
use serde::Serialize;

use super::Answer;

#[derive(Serialize)]
pub struct ClusterWithNodes {
    cluster: Cluster,
    /// In rank order, the main node first.
    nodes: Vec<NodeView>,
}

pub async fn list(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
) -> Answer<Vec<ClusterWithNodes>> {
    let clusters = nodes::list(&backend, &actor).await?;
    Ok(Json(
        clusters
            .into_iter()
            .map(|(cluster, nodes)| ClusterWithNodes { cluster, nodes })
            .collect(),
    ))
}

pub async fn get(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<NodeId>,
) -> Answer<NodeView> {
    Ok(Json(nodes::get(&backend, &actor, &id).await?))
}

pub async fn probe(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<NodeId>,
) -> Answer<NodeView> {
    Ok(Json(nodes::probe_now(&backend, &actor, &id).await?))
}
