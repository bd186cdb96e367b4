//! Rows of clusters and nodes, with what was last seen of a node.

use domain::ids::{NodeId, ProjectId, UserId};
use domain::language::Text;
use domain::nodes::{Address, Cluster, Node, NodeView, Probe, Reservation, Unreachable};
use domain::time::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteExecutor};

use super::secrets::{NewSecretRow, insert_secret_by};
use super::{Store, failed, from_json, parsed, to_json};
use crate::error::Result;

/// A node as it is first stored.
pub struct NewNodeRow<'a> {
    /// None: it is there already.
    pub cluster: Option<&'a Cluster>,
    pub node: &'a Node,
    pub sealed_key: &'a [u8],
    pub creator: &'a UserId,
}

/// What came of storing one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeInserted {
    New,
    /// The project has a cluster of that name.
    ClusterTaken,
    /// The cluster has a node of that name.
    NameTaken,
}

fn small(row: &SqliteRow, column: &str) -> u32 {
    u32::try_from(row.get::<i64, _>(column)).unwrap_or_default()
}

fn node(row: &SqliteRow) -> Result<Node> {
    Ok(Node {
        id: parsed(row.get("id"))?,
        project_id: parsed(row.get("project_id"))?,
        cluster_id: parsed(row.get("cluster_id"))?,
        rank: small(row, "rank"),
        name: row.get("name"),
        address: Address {
            host: row.get("host"),
            port: u16::try_from(row.get::<i64, _>("port")).unwrap_or_default(),
            user: row.get("login"),
        },
        key: parsed(row.get("key_secret_id"))?,
        host_key: row.get("host_key"),
        environment: from_json(row.get("environment"))?,
        work_folder: row.get("work_folder"),
        mounts: from_json(row.get("mounts"))?,
        is_rehearsal: row.get::<i64, _>("is_rehearsal") != 0,
        created_at: Timestamp(row.get("created_at")),
    })
}

/// JSON; rows from before it had two languages hold the English sentence alone.
fn why(text: String) -> Text {
    serde_json::from_str(&text).unwrap_or_else(|_| Text::verbatim(text))
}

fn view(row: &SqliteRow) -> Result<NodeView> {
    let since: Option<i64> = row.get("unreachable_since");
    Ok(NodeView {
        node: node(row)?,
        probe: row
            .get::<Option<String>, _>("probe")
            .map(from_json::<Probe>)
            .transpose()?,
        probed_at: row.get::<Option<i64>, _>("probed_at").map(Timestamp),
        unreachable: since.map(|since| Unreachable {
            since: Timestamp(since),
            why: why(row
                .get::<Option<String>, _>("unreachable_why")
                .unwrap_or_default()),
        }),
        reserved: Vec::new(),
    })
}

fn cluster(row: &SqliteRow) -> Result<Cluster> {
    Ok(Cluster {
        id: parsed(row.get("id"))?,
        project_id: parsed(row.get("project_id"))?,
        name: row.get("name"),
        is_rehearsal: row.get::<i64, _>("is_rehearsal") != 0,
        created_at: Timestamp(row.get("created_at")),
    })
}

impl Store {
    /// False: the project has a cluster of that name.
    pub async fn insert_cluster(&self, cluster: &Cluster, creator: &UserId) -> Result<bool> {
        insert_cluster_by(&self.writer, cluster, creator).await
    }

    pub async fn clusters(&self, project: &ProjectId) -> Result<Vec<Cluster>> {
        let rows = sqlx::query("select id, project_id, name, is_rehearsal, created_at from clusters where project_id = $1 order by id")
            .bind(project.as_str())
            .fetch_all(&self.reader)
            .await
            .map_err(failed("list clusters"))?;
        rows.iter().map(cluster).collect()
    }

    /// The rank is the next free one of its cluster. False: the cluster has a node of that name.
    pub async fn insert_node(&self, node: &Node, creator: &UserId) -> Result<bool> {
        insert_node_by(&self.writer, node, creator).await
    }

    /// A node with its key and, where it is the first of one, its cluster: all or nothing.
    pub async fn insert_node_with_key(&self, new: NewNodeRow<'_>) -> Result<NodeInserted> {
        let NewNodeRow { node, creator, .. } = new;
        let mut transaction = self.begin().await?;
        if let Some(cluster) = new.cluster
            && !insert_cluster_by(&mut *transaction, cluster, creator).await?
        {
            return Ok(NodeInserted::ClusterTaken);
        }
        let key = NewSecretRow {
            id: &node.key,
            project: &node.project_id,
            creator,
            name: &format!("key of {}", node.name),
            sealed: new.sealed_key,
            now: node.created_at,
        };
        insert_secret_by(&mut *transaction, key).await?;
        if !insert_node_by(&mut *transaction, node, creator).await? {
            return Ok(NodeInserted::NameTaken);
        }
        transaction.commit().await.map_err(failed("commit"))?;
        Ok(NodeInserted::New)
    }

    pub async fn node(&self, id: &NodeId) -> Result<Option<Node>> {
        let row = sqlx::query("select * from nodes where id = $1")
            .bind(id.as_str())
            .fetch_optional(&self.reader)
            .await
            .map_err(failed("read a node"))?;
        row.as_ref().map(node).transpose()
    }

    /// Nodes of a project in the order of cluster and rank, with their held GPUs.
    pub async fn node_views(&self, project: &ProjectId) -> Result<Vec<NodeView>> {
        let rows =
            sqlx::query("select * from nodes where project_id = $1 order by cluster_id, rank")
                .bind(project.as_str())
                .fetch_all(&self.reader)
                .await
                .map_err(failed("list nodes"))?;
        let mut views = rows.iter().map(view).collect::<Result<Vec<_>>>()?;
        for view in &mut views {
            let held = self.reservations_of(&view.node.id).await?;
            view.reserved = held
                .into_iter()
                .map(|(gpu, job)| Reservation { gpu, job })
                .collect();
        }
        Ok(views)
    }

    /// Every node, for the prober.
    pub async fn all_nodes(&self) -> Result<Vec<Node>> {
        let rows = sqlx::query("select * from nodes order by id")
            .fetch_all(&self.reader)
            .await
            .map_err(failed("list all nodes"))?;
        rows.iter().map(node).collect()
    }

    pub async fn note_probe(&self, id: &NodeId, probe: &Probe, now: Timestamp) -> Result<()> {
        sqlx::query(
            "update nodes set probe = $2, probed_at = $3, unreachable_since = null, unreachable_why = null where id = $1",
        )
        .bind(id.as_str())
        .bind(to_json(probe)?)
        .bind(now.0)
        .execute(&self.writer)
        .await
        .map_err(failed("note a probe"))?;
        Ok(())
    }

    /// Pins another host key. False: the pinned one is not `before` any more, so what the person compared has changed.
    pub async fn replace_host_key(&self, id: &NodeId, before: &str, key: &str) -> Result<bool> {
        let done = sqlx::query("update nodes set host_key = $3 where id = $1 and host_key = $2")
            .bind(id.as_str())
            .bind(before)
            .bind(key)
            .execute(&self.writer)
            .await
            .map_err(failed("pin a host key"))?;
        Ok(done.rows_affected() > 0)
    }

    /// False: jobs, models or datasets name the node, so it stays.
    pub async fn delete_node(&self, id: &NodeId) -> Result<bool> {
        let done = sqlx::query(
            "delete from nodes where id = $1 and not exists (select 1 from job_processes where node_id = $1) \
             and not exists (select 1 from models where node_id = $1) and not exists (select 1 from datasets where node_id = $1)",
        )
        .bind(id.as_str())
        .execute(&self.writer)
        .await
        .map_err(failed("delete a node"))?;
        Ok(done.rows_affected() > 0)
    }

    /// Whether the last look at a node failed.
    pub async fn was_unreachable(&self, id: &NodeId) -> Result<bool> {
        let since: Option<Option<i64>> =
            sqlx::query_scalar("select unreachable_since from nodes where id = $1")
                .bind(id.as_str())
                .fetch_optional(&self.reader)
                .await
                .map_err(failed("read a node's reachability"))?;
        Ok(since.flatten().is_some())
    }

    /// Keeps what was seen before; only the age of the last look grows.
    pub async fn note_unreachable(&self, id: &NodeId, why: &Text, now: Timestamp) -> Result<()> {
        sqlx::query(
            "update nodes set unreachable_since = coalesce(unreachable_since, $2), unreachable_why = $3 where id = $1",
        )
        .bind(id.as_str())
        .bind(now.0)
        .bind(to_json(why)?)
        .execute(&self.writer)
        .await
        .map_err(failed("note an unreachable node"))?;
        Ok(())
    }
}

async fn insert_cluster_by(
    executor: impl SqliteExecutor<'_>,
    cluster: &Cluster,
    creator: &UserId,
) -> Result<bool> {
    let done = sqlx::query(
        "insert into clusters (id, project_id, created_by, name, is_rehearsal, created_at) values ($1, $2, $3, $4, $5, $6) \
         on conflict do nothing",
    )
    .bind(cluster.id.as_str())
    .bind(cluster.project_id.as_str())
    .bind(creator.as_str())
    .bind(&cluster.name)
    .bind(i64::from(cluster.is_rehearsal))
    .bind(cluster.created_at.0)
    .execute(executor)
    .await
    .map_err(failed("store a cluster"))?;
    Ok(done.rows_affected() > 0)
}

async fn insert_node_by(
    executor: impl SqliteExecutor<'_>,
    node: &Node,
    creator: &UserId,
) -> Result<bool> {
    let done = sqlx::query(
        "insert into nodes (id, project_id, created_by, cluster_id, rank, name, host, port, login, key_secret_id, host_key, \
         environment, work_folder, mounts, is_rehearsal, created_at) \
         select $1, $2, $3, $4, (select coalesce(max(rank) + 1, 0) from nodes where cluster_id = $4), $5, $6, $7, $8, $9, $10, \
         $11, $12, $13, $14, $15 where true on conflict do nothing",
    )
    .bind(node.id.as_str())
    .bind(node.project_id.as_str())
    .bind(creator.as_str())
    .bind(node.cluster_id.as_str())
    .bind(&node.name)
    .bind(&node.address.host)
    .bind(i64::from(node.address.port))
    .bind(&node.address.user)
    .bind(node.key.as_str())
    .bind(&node.host_key)
    .bind(to_json(&node.environment)?)
    .bind(&node.work_folder)
    .bind(to_json(&node.mounts)?)
    .bind(i64::from(node.is_rehearsal))
    .bind(node.created_at.0)
    .execute(executor)
    .await
    .map_err(failed("store a node"))?;
    Ok(done.rows_affected() > 0)
}
