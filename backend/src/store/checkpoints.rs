//! Rows of checkpoints and of the files that each node holds of them.

use std::collections::HashMap;

use domain::checkpoints::{Checkpoint, HeldFile, complete_on};
use domain::ids::{AttemptId, CheckpointId, ExperimentId, ProjectId};
use domain::jobs::Kind;
use domain::time::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{JobRow, Store, failed, from_json, parsed, to_json};
use crate::error::Result;

impl Store {
    /// Replaces what is known of an iteration by what was just seen. True: something is new.
    pub async fn note_checkpoint(&self, seen: &Checkpoint) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let demanded = to_json(&seen.demanded)?;
        let known = sqlx::query(
            "select id, demanded from checkpoints where attempt_id = $1 and iteration = $2",
        )
        .bind(seen.attempt_id.as_str())
        .bind(i64::try_from(seen.iteration).unwrap_or(i64::MAX))
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failed("look for a checkpoint"))?;
        let id = known
            .as_ref()
            .map_or_else(|| seen.id.to_string(), |row| row.get("id"));
        let before: Vec<(String, String, i64)> = sqlx::query(
            "select node_id, path, size_bytes from checkpoint_files where checkpoint_id = $1 order by node_id, path",
        )
        .bind(&id)
        .fetch_all(&mut *transaction)
        .await
        .map_err(failed("list a checkpoint's files"))?
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect();
        let mut now: Vec<(String, String, i64)> = seen
            .files
            .iter()
            .map(|file| {
                let size = i64::try_from(file.size_bytes).unwrap_or(i64::MAX);
                (file.node_id.to_string(), file.path.clone(), size)
            })
            .collect();
        now.sort();
        if known.is_some_and(|row| row.get::<String, _>("demanded") == demanded) && before == now {
            return Ok(false);
        }
        sqlx::query(
            "insert into checkpoints (id, attempt_id, iteration, folder, demanded, seen_at) values ($1, $2, $3, $4, $5, $6) \
             on conflict (attempt_id, iteration) do update set demanded = excluded.demanded, seen_at = excluded.seen_at",
        )
        .bind(&id)
        .bind(seen.attempt_id.as_str())
        .bind(i64::try_from(seen.iteration).unwrap_or(i64::MAX))
        .bind(&seen.folder)
        .bind(demanded)
        .bind(seen.seen_at.0)
        .execute(&mut *transaction)
        .await
        .map_err(failed("store a checkpoint"))?;
        sqlx::query("delete from checkpoint_files where checkpoint_id = $1")
            .bind(&id)
            .execute(&mut *transaction)
            .await
            .map_err(failed("forget a checkpoint's files"))?;
        for (node, path, size) in now {
            sqlx::query("insert into checkpoint_files (checkpoint_id, node_id, path, size_bytes) values ($1, $2, $3, $4)")
                .bind(&id)
                .bind(node)
                .bind(path)
                .bind(size)
                .execute(&mut *transaction)
                .await
                .map_err(failed("store a checkpoint's file"))?;
        }
        transaction.commit().await.map_err(failed("commit"))?;
        Ok(true)
    }

    /// Jobs of a kind that work on checkpoints and ended after the last look at theirs.
    pub async fn jobs_succeeded_after_look(&self, kind: Kind) -> Result<Vec<JobRow>> {
        let mut jobs = self.jobs_succeeded(kind).await?;
        let rows = sqlx::query("select id, seen_at from checkpoints")
            .fetch_all(&self.reader)
            .await
            .map_err(failed("list looks at checkpoints"))?;
        let seen: HashMap<String, i64> = rows
            .iter()
            .map(|row| (row.get("id"), row.get("seen_at")))
            .collect();
        jobs.retain(|job| {
            let ended = job.ended_at.map_or(i64::MAX, |at| at.0);
            seen.get(&job.subject).is_some_and(|seen| *seen <= ended)
        });
        Ok(jobs)
    }

    /// Notes that a checkpoint was looked at, whether or not anything was new.
    pub async fn note_checkpoint_look(&self, id: &CheckpointId, at: Timestamp) -> Result<()> {
        sqlx::query("update checkpoints set seen_at = $2 where id = $1")
            .bind(id.as_str())
            .bind(at.0)
            .execute(&self.writer)
            .await
            .map_err(failed("note a look at a checkpoint"))?;
        Ok(())
    }

    /// The checkpoints of all attempts of an experiment, newest attempt first, by iteration.
    pub async fn checkpoints(&self, experiment: &ExperimentId) -> Result<Vec<Checkpoint>> {
        let rows = sqlx::query(
            "select checkpoints.* from checkpoints join attempts on attempts.id = checkpoints.attempt_id \
             where attempts.experiment_id = $1 order by attempts.number desc, iteration",
        )
        .bind(experiment.as_str())
        .fetch_all(&self.reader)
        .await
        .map_err(failed("list checkpoints"))?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            found.push(self.with_files(row).await?);
        }
        Ok(found)
    }

    pub async fn checkpoints_of(&self, attempt: &AttemptId) -> Result<Vec<Checkpoint>> {
        let rows =
            sqlx::query("select * from checkpoints where attempt_id = $1 order by iteration")
                .bind(attempt.as_str())
                .fetch_all(&self.reader)
                .await
                .map_err(failed("list an attempt's checkpoints"))?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            found.push(self.with_files(row).await?);
        }
        Ok(found)
    }

    pub async fn checkpoint(
        &self,
        project: &ProjectId,
        id: &CheckpointId,
    ) -> Result<Option<Checkpoint>> {
        let row = sqlx::query(
            "select checkpoints.* from checkpoints join attempts on attempts.id = checkpoints.attempt_id \
             join experiments on experiments.id = attempts.experiment_id where experiments.project_id = $1 and checkpoints.id = $2",
        )
        .bind(project.as_str())
        .bind(id.as_str())
        .fetch_optional(&self.reader)
        .await
        .map_err(failed("read a checkpoint"))?;
        match row {
            Some(row) => Ok(Some(self.with_files(&row).await?)),
            None => Ok(None),
        }
    }

    async fn with_files(&self, row: &SqliteRow) -> Result<Checkpoint> {
        let id: CheckpointId = parsed(row.get("id"))?;
        let files = sqlx::query(
            "select node_id, path, size_bytes from checkpoint_files where checkpoint_id = $1 order by node_id, path",
        )
        .bind(id.as_str())
        .fetch_all(&self.reader)
        .await
        .map_err(failed("list a checkpoint's files"))?
        .iter()
        .map(|row| {
            Ok(HeldFile {
                node_id: parsed(row.get("node_id"))?,
                path: row.get("path"),
                size_bytes: u64::try_from(row.get::<i64, _>("size_bytes")).unwrap_or_default(),
            })
        })
        .collect::<Result<Vec<_>>>()?;
        let demanded: Vec<String> = from_json(row.get("demanded"))?;
        let iteration = u64::try_from(row.get::<i64, _>("iteration")).unwrap_or_default();
        Ok(Checkpoint {
            id,
            attempt_id: parsed(row.get("attempt_id"))?,
            iteration,
            folder: row.get("folder"),
            complete_on: complete_on(iteration, &files, &demanded),
            files,
            demanded,
            seen_at: Timestamp(row.get("seen_at")),
        })
    }
}
