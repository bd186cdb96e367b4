//! Rows of runs that were not launched here.

mod files;
mod lines;
mod profiles;
mod projects;
mod sessions;

pub use files::{FileRow, MediaRow};
pub use lines::StoredLine;
pub use sessions::KeyHolder;

use domain::experiments::Experiment;
use domain::ids::{ExperimentId, ProjectId, UserId};
use domain::time::Timestamp;
use domain::tracking::requests::Column;
use domain::tracking::{RunState, TrackedRun};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Store, failed, parsed, to_json};
use crate::error::Result;

/// A run as it is first stored, with its experiment.
pub struct NewTrackedRun<'a> {
    /// A name that is taken gets a number.
    pub experiment: &'a Experiment,
    pub creator: &'a UserId,
    pub run: &'a TrackedRun,
}

/// A run as clients find it.
#[derive(Debug, Clone)]
pub struct FoundRun {
    pub experiment: ExperimentId,
    pub project: ProjectId,
    pub name: String,
    pub run: TrackedRun,
}

fn found_run(row: &SqliteRow) -> Result<FoundRun> {
    Ok(FoundRun {
        experiment: parsed(row.get("experiment_id"))?,
        project: parsed(row.get("project_id"))?,
        name: row.get("name"),
        run: tracked_run(row),
    })
}

fn tracked_run(row: &SqliteRow) -> TrackedRun {
    TrackedRun {
        public_id: row.get("public_id"),
        slug: row.get("slug"),
        origin: row.get("origin"),
        // The column is checked: it holds no other.
        state: RunState::from_name(&row.get::<String, _>("state")).unwrap_or(RunState::Running),
        started_at: Timestamp(row.get("started_at")),
        finished_at: row.get::<Option<i64>, _>("finished_at").map(Timestamp),
        last_seen_at: Timestamp(row.get("last_seen_at")),
        rejected: u64::try_from(row.get::<i64, _>("rejected")).unwrap_or_default(),
    }
}

impl Store {
    /// Stores run and experiment, both or neither. None: it is new; else the experiment that has this slug in the project already.
    pub async fn insert_tracked_run(&self, new: NewTrackedRun<'_>) -> Result<Option<ExperimentId>> {
        let mut transaction = self.begin().await?;
        let project = &new.experiment.project_id;
        let known: Option<String> = sqlx::query_scalar(
            "select experiment_id from tracked_runs where project_id = $1 and slug = $2",
        )
        .bind(project.as_str())
        .bind(&new.run.slug)
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failed("look for a run"))?;
        if let Some(known) = known {
            return Ok(Some(parsed(known)?));
        }
        let mut name = new.experiment.name.clone();
        for number in 2_u64.. {
            let done = sqlx::query(
                "insert into experiments (id, project_id, created_by, name, created_at) values ($1, $2, $3, $4, $5) \
                 on conflict (project_id, name) do nothing",
            )
            .bind(new.experiment.id.as_str())
            .bind(project.as_str())
            .bind(new.creator.as_str())
            .bind(&name)
            .bind(new.experiment.created_at.0)
            .execute(&mut *transaction)
            .await
            .map_err(failed("store an experiment"))?;
            if done.rows_affected() > 0 {
                break;
            }
            name = format!("{} {number}", new.experiment.name);
        }
        sqlx::query(
            "insert into tracked_runs (experiment_id, project_id, public_id, slug, origin, state, started_at, finished_at, \
             last_seen_at, rejected) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(new.experiment.id.as_str())
        .bind(project.as_str())
        .bind(&new.run.public_id)
        .bind(&new.run.slug)
        .bind(&new.run.origin)
        .bind(new.run.state.name())
        .bind(new.run.started_at.0)
        .bind(new.run.finished_at.map(|at| at.0))
        .bind(new.run.last_seen_at.0)
        .bind(i64::try_from(new.run.rejected).unwrap_or(i64::MAX))
        .execute(&mut *transaction)
        .await
        .map_err(failed("store a run"))?;
        transaction.commit().await.map_err(failed("commit"))?;
        Ok(None)
    }

    /// None: it was launched here.
    pub async fn tracked_run(&self, experiment: &ExperimentId) -> Result<Option<TrackedRun>> {
        let row = sqlx::query("select * from tracked_runs where experiment_id = $1")
            .bind(experiment.as_str())
            .fetch_optional(&self.reader)
            .await
            .map_err(failed("read a run"))?;
        Ok(row.as_ref().map(tracked_run))
    }

    /// The run that clients name by its public id.
    pub async fn run_by_public_id(&self, id: &str) -> Result<Option<FoundRun>> {
        let row = sqlx::query(
            "select tracked_runs.*, experiments.name from tracked_runs join experiments on experiments.id = experiment_id \
             where public_id = $1",
        )
        .bind(id)
        .fetch_optional(&self.reader)
        .await
        .map_err(failed("look up a run"))?;
        row.as_ref().map(found_run).transpose()
    }

    /// The run of a project that its client named so, or that has this public id.
    pub async fn run_by_slug(&self, project: &ProjectId, slug: &str) -> Result<Option<FoundRun>> {
        let row = sqlx::query(
            "select tracked_runs.*, experiments.name from tracked_runs join experiments on experiments.id = experiment_id \
             where tracked_runs.project_id = $1 and (slug = $2 or public_id = $2)",
        )
        .bind(project.as_str())
        .bind(slug)
        .fetch_optional(&self.reader)
        .await
        .map_err(failed("look up a run"))?;
        row.as_ref().map(found_run).transpose()
    }

    /// Something came of the run. Data of a run that had ended make it run again; `earliest` (milliseconds) is what its points say, by
    /// which a run that is sent long after began earlier. True: its state is another now.
    pub async fn note_run_seen(
        &self,
        experiment: &ExperimentId,
        has_data: bool,
        earliest: Option<i64>,
        rejected: u64,
        now: Timestamp,
    ) -> Result<bool> {
        sqlx::query(
            "update tracked_runs set last_seen_at = $2, rejected = rejected + $3, \
             started_at = case when $4 < started_at then $4 else started_at end where experiment_id = $1",
        )
        .bind(experiment.as_str())
        .bind(now.0)
        .bind(i64::try_from(rejected).unwrap_or(i64::MAX))
        .bind(earliest)
        .execute(&self.writer)
        .await
        .map_err(failed("note a run"))?;
        if !has_data {
            return Ok(false);
        }
        let done = sqlx::query(
            "update tracked_runs set state = 'running', finished_at = null where experiment_id = $1 and state <> 'running'",
        )
        .bind(experiment.as_str())
        .execute(&self.writer)
        .await
        .map_err(failed("let a run go on"))?;
        Ok(done.rows_affected() > 0)
    }

    /// What a client says of its series; said again without a part, the part stays.
    pub async fn note_columns(&self, experiment: &ExperimentId, columns: &[Column]) -> Result<()> {
        let mut transaction = self.begin().await?;
        for column in columns {
            sqlx::query(
                "insert into tracked_columns (experiment_id, name, kind, detail) values ($1, $2, $3, $4) \
                 on conflict (experiment_id, name) do update set kind = excluded.kind",
            )
            .bind(experiment.as_str())
            .bind(&column.name)
            .bind(&column.kind)
            .bind(to_json(&column.detail)?)
            .execute(&mut *transaction)
            .await
            .map_err(failed("note a column"))?;
        }
        transaction.commit().await.map_err(failed("commit"))
    }

    /// (name, kind) of what a client said of its series.
    pub async fn tracked_columns(
        &self,
        experiment: &ExperimentId,
    ) -> Result<Vec<(String, String)>> {
        let rows = sqlx::query(
            "select name, kind from tracked_columns where experiment_id = $1 order by name",
        )
        .bind(experiment.as_str())
        .fetch_all(&self.reader)
        .await
        .map_err(failed("list columns"))?;
        Ok(rows
            .iter()
            .map(|row| (row.get("name"), row.get("kind")))
            .collect())
    }

    /// Something came of the run: from now on it stands as `state`, ended at `finished_at`.
    pub async fn note_run_state(
        &self,
        experiment: &ExperimentId,
        state: RunState,
        finished_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<()> {
        sqlx::query(
            "update tracked_runs set state = $2, finished_at = $3, last_seen_at = $4 where experiment_id = $1",
        )
        .bind(experiment.as_str())
        .bind(state.name())
        .bind(finished_at.map(|at| at.0))
        .bind(now.0)
        .execute(&self.writer)
        .await
        .map_err(failed("note a run's state"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{first_admin, fresh};
    use super::*;
    use crate::clock;

    #[tokio::test]
    async fn a_run_is_known_by_its_slug_and_a_name_that_is_taken_gets_a_number() {
        let (store, _folder) = fresh().await;
        let (user, project) = first_admin(&store).await;
        let insert = async |slug: &str| {
            let experiment = Experiment {
                id: clock::new_id(),
                project_id: project.clone(),
                name: "fine tuning".to_owned(),
                setup: None,
                created_at: Timestamp(5),
            };
            let run = TrackedRun {
                public_id: format!("{slug:0>21}"),
                slug: slug.to_owned(),
                origin: "push".to_owned(),
                state: RunState::Running,
                started_at: Timestamp(5),
                finished_at: None,
                last_seen_at: Timestamp(5),
                rejected: 0,
            };
            let new = NewTrackedRun {
                experiment: &experiment,
                creator: &user,
                run: &run,
            };
            let known = store.insert_tracked_run(new).await.expect("stored");
            known.unwrap_or(experiment.id)
        };
        let (one, two) = (insert("a").await, insert("b").await);
        assert_eq!(insert("a").await, one);
        let mut names: Vec<String> = store
            .experiments(&project)
            .await
            .expect("read")
            .into_iter()
            .map(|experiment| experiment.name)
            .collect();
        names.sort();
        assert_eq!(names, ["fine tuning", "fine tuning 2"]);
        store
            .note_run_state(&two, RunState::Crashed, Some(Timestamp(9)), Timestamp(10))
            .await
            .expect("noted");
        let run = store.tracked_run(&two).await.expect("read").expect("there");
        assert_eq!(
            (run.state, run.finished_at, run.last_seen_at),
            (RunState::Crashed, Some(Timestamp(9)), Timestamp(10))
        );
    }
}
