//! Rows of deployments.

use domain::deployments::{Deployment, Engine};
use domain::ids::{DeploymentId, NodeId, ProjectId, UserId};
use domain::time::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::jobs::insert_job_in;
use super::{Inserted, NewJobRow, Store, failed, from_json, parsed, to_json};
use crate::error::Result;

fn deployment(row: &SqliteRow) -> Result<Deployment> {
    Ok(Deployment {
        id: parsed(row.get("id"))?,
        project_id: parsed(row.get("project_id"))?,
        name: row.get("name"),
        engine: match row.get::<String, _>("engine").as_str() {
            "sglang" => Engine::Sglang,
            _ => Engine::Vllm,
        },
        model_id: parsed(row.get("model_id"))?,
        node_id: parsed(row.get("node_id"))?,
        gpus: from_json(row.get("gpus"))?,
        served_name: row.get("served_name"),
        port: u16::try_from(row.get::<i64, _>("port")).unwrap_or_default(),
        max_model_len: row
            .get::<Option<i64>, _>("max_model_len")
            .and_then(|length| u32::try_from(length).ok()),
        job_id: parsed(row.get("job_id"))?,
        created_at: Timestamp(row.get("created_at")),
    })
}

impl Store {
    /// Stores deployment, job and GPU reservations, all or nothing.
    pub async fn insert_deployment(
        &self,
        new: &Deployment,
        creator: &UserId,
        job: NewJobRow<'_>,
    ) -> Result<Inserted> {
        let mut transaction = self.begin().await?;
        let inserted = insert_job_in(&mut transaction, job).await?;
        if inserted != Inserted::New {
            return Ok(inserted);
        }
        let engine = match new.engine {
            Engine::Vllm => "vllm",
            Engine::Sglang => "sglang",
        };
        sqlx::query(
            "insert into deployments (id, project_id, created_by, name, engine, model_id, node_id, gpus, served_name, port, \
             max_model_len, job_id, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        )
        .bind(new.id.as_str())
        .bind(new.project_id.as_str())
        .bind(creator.as_str())
        .bind(&new.name)
        .bind(engine)
        .bind(new.model_id.as_str())
        .bind(new.node_id.as_str())
        .bind(to_json(&new.gpus)?)
        .bind(&new.served_name)
        .bind(i64::from(new.port))
        .bind(new.max_model_len.map(i64::from))
        .bind(new.job_id.as_str())
        .bind(new.created_at.0)
        .execute(&mut *transaction)
        .await
        .map_err(failed("store a deployment"))?;
        transaction.commit().await.map_err(failed("commit"))?;
        Ok(Inserted::New)
    }

    pub async fn deployment_of_launch(&self, launch_key: &str) -> Result<Option<DeploymentId>> {
        let id: Option<String> = sqlx::query_scalar(
            "select deployments.id from deployments join jobs on jobs.id = deployments.job_id where jobs.launch_key = $1",
        )
        .bind(launch_key)
        .fetch_optional(&self.reader)
        .await
        .map_err(failed("look for an earlier launch"))?;
        id.map(parsed).transpose()
    }

    pub async fn deployments(&self, project: &ProjectId) -> Result<Vec<Deployment>> {
        let rows = sqlx::query("select * from deployments where project_id = $1 order by id desc")
            .bind(project.as_str())
            .fetch_all(&self.reader)
            .await
            .map_err(failed("list deployments"))?;
        rows.iter().map(deployment).collect()
    }

    pub async fn deployment(
        &self,
        project: &ProjectId,
        id: &DeploymentId,
    ) -> Result<Option<Deployment>> {
        let row = sqlx::query("select * from deployments where project_id = $1 and id = $2")
            .bind(project.as_str())
            .bind(id.as_str())
            .fetch_optional(&self.reader)
            .await
            .map_err(failed("read a deployment"))?;
        row.as_ref().map(deployment).transpose()
    }

    /// Deployments whose job is in this state.
    pub async fn deployments_in_state(&self, state: &'static str) -> Result<Vec<Deployment>> {
        let rows = sqlx::query(
            "select deployments.* from deployments join jobs on jobs.id = deployments.job_id where jobs.state = $1 order by deployments.id",
        )
        .bind(state)
        .fetch_all(&self.reader)
        .await
        .map_err(failed("list deployments"))?;
        rows.iter().map(deployment).collect()
    }

    /// The deployment of a project that answers under this name.
    pub async fn ready_deployment(
        &self,
        project: &ProjectId,
        served_name: &str,
    ) -> Result<Option<Deployment>> {
        let row = sqlx::query(
            "select deployments.* from deployments join jobs on jobs.id = deployments.job_id \
             where deployments.project_id = $1 and served_name = $2 and jobs.state = 'ready' order by deployments.id desc limit 1",
        )
        .bind(project.as_str())
        .bind(served_name)
        .fetch_optional(&self.reader)
        .await
        .map_err(failed("find a deployment"))?;
        row.as_ref().map(deployment).transpose()
    }

    /// Ports of engines that have not ended on a node.
    pub async fn deployment_ports(&self, node: &NodeId) -> Result<Vec<u16>> {
        let ports: Vec<i64> = sqlx::query_scalar(
            "select port from deployments join jobs on jobs.id = deployments.job_id \
             where deployments.node_id = $1 and jobs.state not in ('succeeded', 'failed', 'stopped', 'lost')",
        )
        .bind(node.as_str())
        .fetch_all(&self.reader)
        .await
        .map_err(failed("list ports"))?;
        Ok(ports
            .into_iter()
            .filter_map(|port| u16::try_from(port).ok())
            .collect())
    }
}
