//! Rows of experiments that wait.

use domain::comparison::config::Config;
use domain::experiments::Experiment;
use domain::experiments::form::Form;
use domain::ids::{ExperimentId, ProjectId, UserId};
use domain::language::Text;
use domain::time::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::profiles::insert_profile_in;
use super::{Store, failed, from_json, parsed, to_json};
use crate::error::Result;

/// An experiment that waits.
#[derive(Debug, Clone)]
pub struct QueueRow {
    pub experiment: ExperimentId,
    pub project: ProjectId,
    pub creator: UserId,
    pub form: Form,
    pub after: Option<ExperimentId>,
    pub uses_result: bool,
    pub sweep: String,
    pub label: String,
    pub refused: Option<(Text, Timestamp)>,
    pub created_at: Timestamp,
}

/// One as it is first stored.
pub struct NewQueueRow<'a> {
    pub experiment: &'a Experiment,
    pub config: &'a Config,
    pub row: &'a QueueRow,
    pub entry_key: &'a str,
}

/// What came of storing some.
#[derive(Debug, PartialEq, Eq)]
pub enum Queued {
    New,
    /// The first key was used before.
    Known,
    /// Another experiment of the project has this name.
    NameTaken(String),
}

fn row(row: &SqliteRow) -> Result<QueueRow> {
    let refused: Option<Text> = row
        .get::<Option<String>, _>("refused")
        .map(from_json)
        .transpose()?;
    let at = row.get::<Option<i64>, _>("refused_at").map(Timestamp);
    Ok(QueueRow {
        experiment: parsed(row.get("experiment_id"))?,
        project: parsed(row.get("project_id"))?,
        creator: parsed(row.get("created_by"))?,
        form: from_json(row.get("form"))?,
        after: row
            .get::<Option<String>, _>("after_id")
            .map(parsed)
            .transpose()?,
        uses_result: row.get::<i64, _>("uses_result") != 0,
        sweep: row.get("sweep"),
        label: row.get("label"),
        refused: refused.zip(at),
        created_at: Timestamp(row.get("created_at")),
    })
}

impl Store {
    /// Stores experiments with their configurations at the end of the queue, all or nothing.
    pub async fn enqueue(&self, new: &[NewQueueRow<'_>]) -> Result<Queued> {
        let mut transaction = self.writer.begin().await.map_err(failed("begin"))?;
        for one in new {
            let NewQueueRow {
                experiment,
                config,
                row,
                entry_key,
            } = one;
            let known: i64 = sqlx::query_scalar("select count(*) from queue where entry_key = $1")
                .bind(entry_key)
                .fetch_one(&mut *transaction)
                .await
                .map_err(failed("look for an entry"))?;
            if known > 0 {
                return Ok(Queued::Known);
            }
            let done = sqlx::query(
                "insert into experiments (id, project_id, created_by, name, setup, created_at) values ($1, $2, $3, $4, $5, $6) \
                 on conflict do nothing",
            )
            .bind(experiment.id.as_str())
            .bind(experiment.project_id.as_str())
            .bind(row.creator.as_str())
            .bind(&experiment.name)
            .bind(experiment.setup.as_ref().map(to_json).transpose()?)
            .bind(experiment.created_at.0)
            .execute(&mut *transaction)
            .await
            .map_err(failed("store an experiment"))?;
            if done.rows_affected() == 0 {
                return Ok(Queued::NameTaken(experiment.name.clone()));
            }
            insert_profile_in(&mut transaction, &experiment.id, config, row.created_at).await?;
            sqlx::query(
                "insert into queue (experiment_id, project_id, created_by, position, form, entry_key, after_id, uses_result, sweep, label, created_at) \
                 select $1, $2, $3, coalesce(max(position), 0) + 1, $4, $5, $6, $7, $8, $9, $10 from queue where project_id = $2",
            )
            .bind(experiment.id.as_str())
            .bind(row.project.as_str())
            .bind(row.creator.as_str())
            .bind(to_json(&row.form)?)
            .bind(entry_key)
            .bind(row.after.as_ref().map(ExperimentId::as_str))
            .bind(i64::from(row.uses_result))
            .bind(&row.sweep)
            .bind(&row.label)
            .bind(row.created_at.0)
            .execute(&mut *transaction)
            .await
            .map_err(failed("store an entry of the queue"))?;
            if !row.sweep.is_empty() {
                sqlx::query(
                    "insert into tags (experiment_id, tag) values ($1, $2) on conflict do nothing",
                )
                .bind(experiment.id.as_str())
                .bind(&row.sweep)
                .execute(&mut *transaction)
                .await
                .map_err(failed("tag a run of a sweep"))?;
            }
        }
        transaction.commit().await.map_err(failed("commit"))?;
        Ok(Queued::New)
    }

    /// The entry that was made with this key.
    pub async fn queue_entry(&self, entry_key: &str) -> Result<Option<ExperimentId>> {
        let id: Option<String> =
            sqlx::query_scalar("select experiment_id from queue where entry_key = $1")
                .bind(entry_key)
                .fetch_optional(&self.reader)
                .await
                .map_err(failed("look for an entry"))?;
        id.map(parsed).transpose()
    }

    /// Everything that waits, of all projects, each project's in its order.
    pub async fn queue(&self) -> Result<Vec<QueueRow>> {
        let rows = sqlx::query("select * from queue order by project_id, position, experiment_id")
            .fetch_all(&self.reader)
            .await
            .map_err(failed("list the queue"))?;
        rows.iter().map(row).collect()
    }

    /// The order of a project's queue. Ids that do not wait (any more) change nothing.
    pub async fn set_queue_order(&self, project: &ProjectId, order: &[ExperimentId]) -> Result<()> {
        let mut transaction = self.writer.begin().await.map_err(failed("begin"))?;
        for (position, id) in (1_i64..).zip(order) {
            sqlx::query(
                "update queue set position = $3 where project_id = $1 and experiment_id = $2",
            )
            .bind(project.as_str())
            .bind(id.as_str())
            .bind(position)
            .execute(&mut *transaction)
            .await
            .map_err(failed("order the queue"))?;
        }
        transaction.commit().await.map_err(failed("commit"))
    }

    /// Why a start was refused, and when; None: it may be tried at once.
    pub async fn note_refused(
        &self,
        id: &ExperimentId,
        why: Option<&Text>,
        now: Timestamp,
    ) -> Result<()> {
        sqlx::query("update queue set refused = $2, refused_at = $3 where experiment_id = $1")
            .bind(id.as_str())
            .bind(why.map(to_json).transpose()?)
            .bind(why.map(|_| now.0))
            .execute(&self.writer)
            .await
            .map_err(failed("note a refused start"))?;
        Ok(())
    }

    pub async fn leave_queue(&self, id: &ExperimentId) -> Result<()> {
        sqlx::query("delete from queue where experiment_id = $1")
            .bind(id.as_str())
            .execute(&self.writer)
            .await
            .map_err(failed("take an entry out of the queue"))?;
        Ok(())
    }
}
