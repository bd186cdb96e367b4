//! Rows of experiments and their attempts.

use domain::comparison::config::Config;
use domain::experiments::{Attempt, Experiment};
use domain::ids::{AttemptId, ExperimentId, JobId, ProjectId, UserId};
use domain::jobs::State;
use domain::time::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::jobs::insert_job_in;
use super::profiles::insert_profile_in;
use super::{Inserted, NewJobRow, Store, failed, from_json, parsed, to_json};
use crate::error::Result;

/// A launch as it is first stored.
pub struct NewLaunch<'a> {
    /// With `is_new`, stored with the launch; else it is there already.
    pub experiment: &'a Experiment,
    pub is_new: bool,
    /// What it was set up with, flat; kept with a new experiment.
    pub config: &'a Config,
    pub creator: &'a UserId,
    pub attempt: &'a AttemptId,
    pub job: NewJobRow<'a>,
}

/// What came of storing one.
#[derive(Debug, PartialEq, Eq)]
pub enum Launched {
    New,
    /// The launch key was used before, for this experiment.
    Known(ExperimentId),
    /// Another experiment of the project has this name.
    NameTaken,
    /// Nothing was stored; why is the job's.
    Refused(Inserted),
}

/// An attempt whose metrics and checkpoints are not read to their end.
#[derive(Debug, Clone)]
pub struct OpenAttempt {
    pub attempt: Attempt,
    pub project: ProjectId,
    pub state: State,
}

fn experiment(row: &SqliteRow) -> Result<Experiment> {
    Ok(Experiment {
        id: parsed(row.get("id"))?,
        project_id: parsed(row.get("project_id"))?,
        name: row.get("name"),
        setup: row
            .get::<Option<String>, _>("setup")
            .map(from_json)
            .transpose()?,
        created_at: Timestamp(row.get("created_at")),
    })
}

fn attempt(row: &SqliteRow) -> Result<Attempt> {
    Ok(Attempt {
        id: parsed(row.get("id"))?,
        experiment_id: parsed(row.get("experiment_id"))?,
        number: u32::try_from(row.get::<i64, _>("number")).unwrap_or_default(),
        job_id: parsed(row.get("job_id"))?,
        run_folder: row.get("run_folder"),
        last_run_folder: row.get("last_run_folder"),
        iterations: row
            .get::<Option<i64>, _>("iterations")
            .and_then(|count| u64::try_from(count).ok()),
        created_at: Timestamp(row.get("created_at")),
    })
}

impl Store {
    /// Stores experiment, attempt, job and GPU reservations, all or nothing.
    pub async fn insert_launch(&self, new: NewLaunch<'_>) -> Result<Launched> {
        let mut transaction = self.begin().await?;
        let job_id = new.job.id.clone();
        let now = new.job.now;
        match insert_job_in(&mut transaction, new.job).await? {
            Inserted::New => {}
            Inserted::Known(job) => {
                let known: String =
                    sqlx::query_scalar("select experiment_id from attempts where job_id = $1")
                        .bind(job.as_str())
                        .fetch_one(&mut *transaction)
                        .await
                        .map_err(failed("find an earlier launch"))?;
                return Ok(Launched::Known(parsed(known)?));
            }
            refused @ Inserted::GpuTaken { .. } => return Ok(Launched::Refused(refused)),
        }
        if new.is_new {
            let done = sqlx::query(
                "insert into experiments (id, project_id, created_by, name, setup, created_at) values ($1, $2, $3, $4, $5, $6) \
                 on conflict do nothing",
            )
            .bind(new.experiment.id.as_str())
            .bind(new.experiment.project_id.as_str())
            .bind(new.creator.as_str())
            .bind(&new.experiment.name)
            .bind(new.experiment.setup.as_ref().map(to_json).transpose()?)
            .bind(new.experiment.created_at.0)
            .execute(&mut *transaction)
            .await
            .map_err(failed("store an experiment"))?;
            if done.rows_affected() == 0 {
                return Ok(Launched::NameTaken);
            }
            insert_profile_in(&mut transaction, &new.experiment.id, new.config, now).await?;
        } else {
            // One that waited begins with what it was found to start from.
            sqlx::query("update experiments set setup = $2 where id = $1")
                .bind(new.experiment.id.as_str())
                .bind(new.experiment.setup.as_ref().map(to_json).transpose()?)
                .execute(&mut *transaction)
                .await
                .map_err(failed("store an experiment's setup"))?;
        }
        sqlx::query(
            "insert into attempts (id, experiment_id, number, job_id, created_at) \
             select $1, $2, coalesce(max(number), 0) + 1, $3, $4 from attempts where experiment_id = $2",
        )
        .bind(new.attempt.as_str())
        .bind(new.experiment.id.as_str())
        .bind(job_id.as_str())
        .bind(now.0)
        .execute(&mut *transaction)
        .await
        .map_err(failed("store an attempt"))?;
        // What has begun waits no more.
        sqlx::query("delete from queue where experiment_id = $1")
            .bind(new.experiment.id.as_str())
            .execute(&mut *transaction)
            .await
            .map_err(failed("take an entry out of the queue"))?;
        transaction.commit().await.map_err(failed("commit"))?;
        Ok(Launched::New)
    }

    pub async fn experiments(&self, project: &ProjectId) -> Result<Vec<Experiment>> {
        let rows = sqlx::query("select * from experiments where project_id = $1 order by id desc")
            .bind(project.as_str())
            .fetch_all(&self.reader)
            .await
            .map_err(failed("list experiments"))?;
        rows.iter().map(experiment).collect()
    }

    pub async fn count_experiments(&self, project: &ProjectId) -> Result<u64> {
        let count: i64 =
            sqlx::query_scalar("select count(*) from experiments where project_id = $1")
                .bind(project.as_str())
                .fetch_one(&self.reader)
                .await
                .map_err(failed("count experiments"))?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Those whose newest attempt, or whose writer, has not ended; newest first, at most `most`.
    pub async fn running_experiments(
        &self,
        project: &ProjectId,
        most: u32,
    ) -> Result<Vec<Experiment>> {
        let rows = sqlx::query(
            "select e.* from experiment_rows r join experiments e on e.id = r.experiment_id where r.project_id = $1 \
             and r.state in ('pending', 'starting', 'running', 'ready', 'stopping') order by r.row_id desc limit $2",
        )
        .bind(project.as_str())
        .bind(most)
        .fetch_all(&self.reader)
        .await
        .map_err(failed("list what is training"))?;
        rows.iter().map(experiment).collect()
    }

    pub async fn experiment(
        &self,
        project: &ProjectId,
        id: &ExperimentId,
    ) -> Result<Option<Experiment>> {
        let row = sqlx::query("select * from experiments where project_id = $1 and id = $2")
            .bind(project.as_str())
            .bind(id.as_str())
            .fetch_optional(&self.reader)
            .await
            .map_err(failed("read an experiment"))?;
        row.as_ref().map(experiment).transpose()
    }

    pub async fn has_experiment_named(&self, project: &ProjectId, name: &str) -> Result<bool> {
        let count: i64 = sqlx::query_scalar(
            "select count(*) from experiments where project_id = $1 and name = $2",
        )
        .bind(project.as_str())
        .bind(name)
        .fetch_one(&self.reader)
        .await
        .map_err(failed("look for a name"))?;
        Ok(count > 0)
    }

    /// All launches of an experiment, oldest first.
    pub async fn attempts(&self, experiment: &ExperimentId) -> Result<Vec<Attempt>> {
        let rows = sqlx::query("select * from attempts where experiment_id = $1 order by number")
            .bind(experiment.as_str())
            .fetch_all(&self.reader)
            .await
            .map_err(failed("list attempts"))?;
        rows.iter().map(attempt).collect()
    }

    pub async fn attempt(&self, id: &AttemptId) -> Result<Option<Attempt>> {
        let row = sqlx::query("select * from attempts where id = $1")
            .bind(id.as_str())
            .fetch_optional(&self.reader)
            .await
            .map_err(failed("read an attempt"))?;
        row.as_ref().map(attempt).transpose()
    }

    /// Attempts that are still to be read, oldest first.
    pub async fn open_attempts(&self) -> Result<Vec<OpenAttempt>> {
        let rows = sqlx::query(
            "select attempts.*, jobs.project_id, jobs.detail from attempts join jobs on jobs.id = attempts.job_id \
             where attempts.is_read = 0 and jobs.state <> 'pending' order by attempts.id",
        )
        .fetch_all(&self.reader)
        .await
        .map_err(failed("list open attempts"))?;
        rows.iter()
            .map(|row| {
                Ok(OpenAttempt {
                    attempt: attempt(row)?,
                    project: parsed(row.get("project_id"))?,
                    state: from_json(row.get("detail"))?,
                })
            })
            .collect()
    }

    /// Notes where a run writes, on the node of its first and of its last rank.
    pub async fn note_run_folders(&self, id: &AttemptId, first: &str, last: &str) -> Result<()> {
        sqlx::query("update attempts set run_folder = $2, last_run_folder = $3 where id = $1")
            .bind(id.as_str())
            .bind(first)
            .bind(last)
            .execute(&self.writer)
            .await
            .map_err(failed("note a run's folders"))?;
        Ok(())
    }

    pub async fn note_iterations(&self, id: &AttemptId, iterations: i64) -> Result<()> {
        sqlx::query("update attempts set iterations = $2 where id = $1 and iterations is not $2")
            .bind(id.as_str())
            .bind(iterations)
            .execute(&self.writer)
            .await
            .map_err(failed("note a run's iterations"))?;
        Ok(())
    }

    /// The attempt has ended and everything of it was read.
    pub async fn note_read(&self, id: &AttemptId) -> Result<()> {
        sqlx::query("update attempts set is_read = 1 where id = $1")
            .bind(id.as_str())
            .execute(&self.writer)
            .await
            .map_err(failed("close an attempt"))?;
        Ok(())
    }

    /// The experiment that was launched with this key.
    pub async fn experiment_of_launch(&self, launch_key: &str) -> Result<Option<ExperimentId>> {
        let id: Option<String> = sqlx::query_scalar(
            "select attempts.experiment_id from attempts join jobs on jobs.id = attempts.job_id where jobs.launch_key = $1",
        )
        .bind(launch_key)
        .fetch_optional(&self.reader)
        .await
        .map_err(failed("look for an earlier launch"))?;
        id.map(parsed).transpose()
    }

    /// The attempt that a job is.
    pub async fn attempt_of_job(&self, job: &JobId) -> Result<Option<Attempt>> {
        let row = sqlx::query("select * from attempts where job_id = $1")
            .bind(job.as_str())
            .fetch_optional(&self.reader)
            .await
            .map_err(failed("read a job's attempt"))?;
        row.as_ref().map(attempt).transpose()
    }
}
