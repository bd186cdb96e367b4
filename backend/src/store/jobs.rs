//! Rows of jobs, their processes, history and GPU reservations. Updates are compare-and-set on (id, epoch, lease, state).

use domain::ids::{JobId, NodeId, ProjectId, UserId};
use domain::jobs::{JobSpec, JobView, Kind, ProcessView, State, Wanted};
use domain::time::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};

use super::{Store, failed, from_json, parsed, to_json};
use crate::error::Result;

/// A job as it is first stored.
pub struct NewJobRow<'a> {
    pub id: &'a JobId,
    pub project: &'a ProjectId,
    pub creator: &'a UserId,
    pub title: &'a str,
    pub subject: &'a str,
    pub launch_key: &'a str,
    pub spec: &'a JobSpec,
    pub now: Timestamp,
}

/// What came of storing one.
#[derive(Debug, PartialEq, Eq)]
pub enum Inserted {
    New,
    /// The launch key was used before, by this job.
    Known(JobId),
    /// A GPU is held by another job.
    GpuTaken {
        node: NodeId,
        gpu: u32,
        holder: JobId,
        holder_title: String,
    },
}

/// A job as the reconciler needs it.
#[derive(Debug, Clone)]
pub struct JobRow {
    pub id: JobId,
    pub project: ProjectId,
    pub subject: String,
    pub spec: JobSpec,
    pub state: State,
    pub wanted: Wanted,
    pub epoch: i64,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

/// What was last seen of a process.
#[derive(Debug, Clone)]
pub struct ProcessRow<'a> {
    pub rank: u32,
    pub phase: &'a str,
    pub exit_code: Option<i32>,
    /// None: the node could not be reached at this look.
    pub seen_at: Option<Timestamp>,
    pub now: Timestamp,
}

fn wanted(word: &str) -> Wanted {
    if word == "stopped" {
        Wanted::Stopped
    } else {
        Wanted::Running
    }
}

fn job(row: &SqliteRow) -> Result<JobRow> {
    Ok(JobRow {
        id: parsed(row.get("id"))?,
        project: parsed(row.get("project_id"))?,
        subject: row.get("subject"),
        spec: from_json(row.get("spec"))?,
        state: from_json(row.get("detail"))?,
        wanted: wanted(row.get("wanted")),
        epoch: row.get("epoch"),
        created_at: Timestamp(row.get("created_at")),
        ended_at: row.get::<Option<i64>, _>("ended_at").map(Timestamp),
    })
}

impl Store {
    /// Job, processes and GPU reservations in one transaction: nothing half-started stays.
    pub async fn insert_job(&self, new: NewJobRow<'_>) -> Result<Inserted> {
        let mut transaction = self.begin().await?;
        let inserted = insert_job_in(&mut transaction, new).await?;
        if inserted == Inserted::New {
            transaction.commit().await.map_err(failed("commit"))?;
        }
        Ok(inserted)
    }

    /// Claims the jobs that are not at rest and that nobody else holds, until `until`; those held already are held on. One process acts
    /// on a job at a time: a lease ends when it is not renewed.
    pub async fn claim_jobs(&self, instance: &str, now: Timestamp, until: Timestamp) -> Result<()> {
        let half = i64::midpoint(now.0, until.0);
        sqlx::query(
            "update jobs set lease = $1, lease_until = $3 where state not in ('succeeded', 'failed', 'stopped', 'lost') \
             and (lease is null or lease_until < $2 or (lease = $1 and lease_until < $4))",
        )
        .bind(instance)
        .bind(now.0)
        .bind(until.0)
        .bind(half)
        .execute(&self.writer)
        .await
        .map_err(failed("claim jobs"))?;
        Ok(())
    }

    /// Ends the leases of every other process. Only for one that knows that there is none: it holds the data folder.
    pub async fn end_other_leases(&self, instance: &str) -> Result<()> {
        sqlx::query("update jobs set lease = null where lease <> $1")
            .bind(instance)
            .execute(&self.writer)
            .await
            .map_err(failed("end leases"))?;
        Ok(())
    }

    /// Jobs in motion that this process holds.
    pub async fn jobs_held(&self, instance: &str) -> Result<Vec<JobRow>> {
        let rows = sqlx::query(
            "select id, project_id, subject, spec, detail, wanted, epoch, created_at, ended_at from jobs \
             where state not in ('succeeded', 'failed', 'stopped', 'lost') and lease = $1 order by id",
        )
        .bind(instance)
        .fetch_all(&self.reader)
        .await
        .map_err(failed("list held jobs"))?;
        rows.iter().map(job).collect()
    }

    /// Jobs that are not at rest, oldest first.
    pub async fn jobs_in_motion(&self) -> Result<Vec<JobRow>> {
        self.job_rows("select id, project_id, subject, spec, detail, wanted, epoch, created_at, ended_at from jobs \
             where state not in ('succeeded', 'failed', 'stopped', 'lost') order by id")
            .await
    }

    /// Jobs of one kind that have succeeded: what reconcilers of other nouns turn into rows of theirs.
    pub async fn jobs_succeeded(&self, kind: Kind) -> Result<Vec<JobRow>> {
        let rows = sqlx::query(
            "select id, project_id, subject, spec, detail, wanted, epoch, created_at, ended_at from jobs \
             where state = 'succeeded' and kind = $1 order by id",
        )
        .bind(kind_word(kind))
        .fetch_all(&self.reader)
        .await
        .map_err(failed("list ended jobs"))?;
        rows.iter().map(job).collect()
    }

    async fn job_rows(&self, query: &'static str) -> Result<Vec<JobRow>> {
        let rows = sqlx::query(query)
            .fetch_all(&self.reader)
            .await
            .map_err(failed("list jobs"))?;
        rows.iter().map(job).collect()
    }

    pub async fn job(&self, id: &JobId) -> Result<Option<JobRow>> {
        let row = sqlx::query(
            "select id, project_id, subject, spec, detail, wanted, epoch, created_at, ended_at from jobs where id = $1",
        )
        .bind(id.as_str())
        .fetch_optional(&self.reader)
        .await
        .map_err(failed("read a job"))?;
        row.as_ref().map(job).transpose()
    }

    /// The newest job that works for a noun.
    pub async fn newest_job_of(&self, subject: &str) -> Result<Option<JobId>> {
        let id: Option<String> =
            sqlx::query_scalar("select id from jobs where subject = $1 order by id desc limit 1")
                .bind(subject)
                .fetch_optional(&self.reader)
                .await
                .map_err(failed("look for a noun's job"))?;
        id.map(parsed).transpose()
    }

    /// What a job works on, for people.
    pub async fn job_title(&self, id: &JobId) -> Result<String> {
        sqlx::query_scalar("select title from jobs where id = $1")
            .bind(id.as_str())
            .fetch_one(&self.reader)
            .await
            .map_err(failed("read a job's title"))
    }

    pub async fn creator_of(&self, id: &JobId) -> Result<UserId> {
        let creator: String = sqlx::query_scalar("select created_by from jobs where id = $1")
            .bind(id.as_str())
            .fetch_one(&self.reader)
            .await
            .map_err(failed("look who launched a job"))?;
        parsed(creator)
    }

    /// Writes a new state if the old one is still there and `instance` holds the job, with one row of history. False: somebody was
    /// faster.
    pub async fn move_job(
        &self,
        instance: &str,
        row: &JobRow,
        to: &State,
        why: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let moved = sqlx::query(
            "update jobs set state = $4, detail = $5, \
             started_at = case when $4 = 'starting' then $6 else started_at end, \
             ended_at = case when $4 in ('succeeded', 'failed', 'stopped', 'lost') then $6 else ended_at end \
             where id = $1 and epoch = $2 and detail = $3 and lease = $7",
        )
        .bind(row.id.as_str())
        .bind(row.epoch)
        .bind(to_json(&row.state)?)
        .bind(to.name())
        .bind(to_json(to)?)
        .bind(now.0)
        .bind(instance)
        .execute(&mut *transaction)
        .await
        .map_err(failed("move a job"))?;
        if moved.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query("insert into job_history (job_id, at, from_state, to_state, why) values ($1, $2, $3, $4, $5)")
            .bind(row.id.as_str())
            .bind(now.0)
            .bind(row.state.name())
            .bind(to.name())
            .bind(why)
            .execute(&mut *transaction)
            .await
            .map_err(failed("write a job's history"))?;
        transaction.commit().await.map_err(failed("commit"))?;
        Ok(true)
    }

    /// A person wants it stopped. False: it had ended already.
    pub async fn want_stopped(&self, id: &JobId) -> Result<bool> {
        let done = sqlx::query(
            "update jobs set wanted = 'stopped' where id = $1 and state not in ('succeeded', 'failed', 'stopped', 'lost')",
        )
        .bind(id.as_str())
        .execute(&self.writer)
        .await
        .map_err(failed("stop a job"))?;
        Ok(done.rows_affected() > 0)
    }

    /// Notes a look at a process. A failed look keeps what was seen before and only starts the clock.
    pub async fn note_process(&self, job: &JobId, seen: &ProcessRow<'_>) -> Result<()> {
        let query = match seen.seen_at {
            Some(at) => sqlx::query(
                "update job_processes set phase = $3, exit_code = $4, seen_at = $5, unreachable_since = null \
                 where job_id = $1 and rank = $2",
            )
            .bind(job.as_str())
            .bind(i64::from(seen.rank))
            .bind(seen.phase)
            .bind(seen.exit_code.map(i64::from))
            .bind(at.0),
            None => sqlx::query(
                "update job_processes set unreachable_since = coalesce(unreachable_since, $3) where job_id = $1 and rank = $2",
            )
            .bind(job.as_str())
            .bind(i64::from(seen.rank))
            .bind(seen.now.0),
        };
        query
            .execute(&self.writer)
            .await
            .map_err(failed("note a process"))?;
        Ok(())
    }

    /// Frees the GPUs of a job on one node.
    pub async fn release_gpus(&self, job: &JobId, node: &NodeId) -> Result<()> {
        sqlx::query("delete from gpu_reservations where job_id = $1 and node_id = $2")
            .bind(job.as_str())
            .bind(node.as_str())
            .execute(&self.writer)
            .await
            .map_err(failed("free GPUs"))?;
        Ok(())
    }

    /// Reservations of jobs that have ended: their GPUs still wait for the node's word that the memory is free.
    pub async fn reservations_of_ended_jobs(&self) -> Result<Vec<(JobId, NodeId)>> {
        let rows = sqlx::query(
            "select distinct gpu_reservations.job_id, gpu_reservations.node_id from gpu_reservations \
             join jobs on jobs.id = gpu_reservations.job_id where jobs.state in ('succeeded', 'failed', 'stopped', 'lost')",
        )
        .fetch_all(&self.reader)
        .await
        .map_err(failed("list held GPUs"))?;
        rows.iter()
            .map(|row| Ok((parsed(row.get("job_id"))?, parsed(row.get("node_id"))?)))
            .collect()
    }

    /// All reservations of a node: (gpu, job).
    pub async fn reservations_of(&self, node: &NodeId) -> Result<Vec<(u32, JobId)>> {
        let rows =
            sqlx::query("select gpu, job_id from gpu_reservations where node_id = $1 order by gpu")
                .bind(node.as_str())
                .fetch_all(&self.reader)
                .await
                .map_err(failed("list a node's held GPUs"))?;
        rows.iter()
            .map(|row| {
                Ok((
                    u32::try_from(row.get::<i64, _>("gpu")).unwrap_or_default(),
                    parsed(row.get("job_id"))?,
                ))
            })
            .collect()
    }

    /// Jobs of a project with their processes, newest first; at most `limit`.
    pub async fn job_views(&self, project: &ProjectId, limit: i64) -> Result<Vec<JobView>> {
        let rows = sqlx::query(
            "select id, project_id, kind, title, detail, wanted, created_at, started_at, ended_at from jobs \
             where project_id = $1 order by id desc limit $2",
        )
        .bind(project.as_str())
        .bind(limit)
        .fetch_all(&self.reader)
        .await
        .map_err(failed("list jobs"))?;
        let mut views = Vec::with_capacity(rows.len());
        for row in &rows {
            views.push(self.view(row).await?);
        }
        Ok(views)
    }

    pub async fn job_view(&self, project: &ProjectId, id: &JobId) -> Result<Option<JobView>> {
        let row = sqlx::query(
            "select id, project_id, kind, title, detail, wanted, created_at, started_at, ended_at from jobs \
             where project_id = $1 and id = $2",
        )
        .bind(project.as_str())
        .bind(id.as_str())
        .fetch_optional(&self.reader)
        .await
        .map_err(failed("read a job"))?;
        match row {
            Some(row) => Ok(Some(self.view(&row).await?)),
            None => Ok(None),
        }
    }

    async fn view(&self, row: &SqliteRow) -> Result<JobView> {
        let id: JobId = parsed(row.get("id"))?;
        let processes = sqlx::query(
            "select rank, node_id, gpus, phase, exit_code, seen_at, unreachable_since from job_processes where job_id = $1 order by rank",
        )
        .bind(id.as_str())
        .fetch_all(&self.reader)
        .await
        .map_err(failed("read a job's processes"))?;
        Ok(JobView {
            project_id: parsed(row.get("project_id"))?,
            kind: from_json(format!("\"{}\"", row.get::<String, _>("kind")))?,
            title: row.get("title"),
            state: from_json(row.get("detail"))?,
            wanted: wanted(row.get("wanted")),
            created_at: Timestamp(row.get("created_at")),
            started_at: row.get::<Option<i64>, _>("started_at").map(Timestamp),
            ended_at: row.get::<Option<i64>, _>("ended_at").map(Timestamp),
            processes: processes
                .iter()
                .map(|row| {
                    Ok(ProcessView {
                        rank: u32::try_from(row.get::<i64, _>("rank")).unwrap_or_default(),
                        node_id: parsed(row.get("node_id"))?,
                        gpus: from_json(row.get("gpus"))?,
                        phase: row.get("phase"),
                        exit_code: row
                            .get::<Option<i64>, _>("exit_code")
                            .and_then(|code| i32::try_from(code).ok()),
                        seen_at: row.get::<Option<i64>, _>("seen_at").map(Timestamp),
                        unreachable_since: row
                            .get::<Option<i64>, _>("unreachable_since")
                            .map(Timestamp),
                    })
                })
                .collect::<Result<_>>()?,
            id,
        })
    }
}

/// Stores a job with its processes and reservations in a transaction that others may add to.
pub(super) async fn insert_job_in(
    transaction: &mut Transaction<'_, Sqlite>,
    new: NewJobRow<'_>,
) -> Result<Inserted> {
    let known: Option<String> = sqlx::query_scalar("select id from jobs where launch_key = $1")
        .bind(new.launch_key)
        .fetch_optional(&mut **transaction)
        .await
        .map_err(failed("look for an earlier launch"))?;
    if let Some(known) = known {
        return Ok(Inserted::Known(parsed(known)?));
    }
    sqlx::query(
            "insert into jobs (id, project_id, created_by, kind, title, subject, launch_key, spec, wanted, state, detail, epoch, \
             created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, 'running', $9, $10, 1, $11)",
        )
        .bind(new.id.as_str())
        .bind(new.project.as_str())
        .bind(new.creator.as_str())
        .bind(kind_word(new.spec.kind))
        .bind(new.title)
        .bind(new.subject)
        .bind(new.launch_key)
        .bind(to_json(new.spec)?)
        .bind(State::Pending.name())
        .bind(to_json(&State::Pending)?)
        .bind(new.now.0)
        .execute(&mut **transaction)
        .await
        .map_err(failed("store a job"))?;
    for process in &new.spec.processes {
        sqlx::query("insert into job_processes (job_id, rank, node_id, gpus, phase) values ($1, $2, $3, $4, 'waiting')")
                .bind(new.id.as_str())
                .bind(i64::from(process.rank))
                .bind(process.node_id.as_str())
                .bind(to_json(&process.gpus)?)
                .execute(&mut **transaction)
                .await
                .map_err(failed("store a process"))?;
        for gpu in &process.gpus {
            let holder = sqlx::query(
                    "select jobs.id, jobs.title from gpu_reservations join jobs on jobs.id = gpu_reservations.job_id \
                     where node_id = $1 and gpu = $2",
                )
                .bind(process.node_id.as_str())
                .bind(i64::from(*gpu))
                .fetch_optional(&mut **transaction)
                .await
                .map_err(failed("look who holds a GPU"))?;
            if let Some(row) = holder {
                return Ok(Inserted::GpuTaken {
                    node: process.node_id.clone(),
                    gpu: *gpu,
                    holder: parsed(row.get("id"))?,
                    holder_title: row.get("title"),
                });
            }
            sqlx::query("insert into gpu_reservations (node_id, gpu, job_id) values ($1, $2, $3)")
                .bind(process.node_id.as_str())
                .bind(i64::from(*gpu))
                .bind(new.id.as_str())
                .execute(&mut **transaction)
                .await
                .map_err(failed("reserve a GPU"))?;
        }
    }
    Ok(Inserted::New)
}

/// The word under which a kind is stored: the same as in JSON.
fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Prepare => "prepare",
        Kind::Convert => "convert",
        Kind::Train => "train",
        Kind::Gather => "gather",
        Kind::Export => "export",
        Kind::Deploy => "deploy",
        Kind::Evaluate => "evaluate",
    }
}
