//! Rows of imports: which runs and files they have, and how far those were read.

use domain::ids::{ExperimentId, ImportId, ProjectId};
use domain::imports::{Import, ImportedFile, ImportedRun, RunNotes};
use domain::language::Text;
use domain::metrics::{Batch, Source};
use domain::time::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::metrics::{Origin, append};
use super::{Store, failed, from_json, parsed, to_json};
use crate::error::Result;

/// What was read of a file, on its way into the store.
pub struct ImportProgress<'a> {
    pub import: &'a ImportId,
    pub experiment: &'a ExperimentId,
    /// Where reading began: refused when the file's row stands elsewhere.
    pub from: u64,
    /// The file as it stands afterwards.
    pub file: &'a ImportedFile,
    /// Points by attempt.
    pub parts: &'a [(u32, Batch)],
    pub notes: Option<&'a RunNotes>,
}

fn import(row: &SqliteRow) -> Result<Import> {
    let node: Option<String> = row.get("node_id");
    let trouble: Option<String> = row.get("trouble");
    Ok(Import {
        id: parsed(row.get("id"))?,
        project_id: parsed(row.get("project_id"))?,
        created_by: parsed(row.get("created_by"))?,
        name: row.get("name"),
        node_id: node.map(parsed).transpose()?,
        folder: row.get("folder"),
        is_open: row.get::<i64, _>("is_open") != 0,
        trouble: trouble.map(from_json::<Text>).transpose()?,
        created_at: Timestamp(row.get("created_at")),
        grown_at: Timestamp(row.get("grown_at")),
    })
}

fn file(row: &SqliteRow) -> Result<ImportedFile> {
    let number = |column: &str| u64::try_from(row.get::<i64, _>(column)).unwrap_or_default();
    Ok(ImportedFile {
        file: row.get("file"),
        run: row.get("run"),
        size_bytes: number("size_bytes"),
        seen_bytes: number("seen_bytes"),
        offset: number("byte_offset"),
        attempt: u32::try_from(number("attempt")).unwrap_or(1),
        is_stopped: number("is_stopped") != 0,
        damage: from_json(row.get("damage"))?,
        damage_count: number("damage_count"),
    })
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl Store {
    /// None: it is new; else the project's import of the same folder of the same node.
    pub async fn insert_import(&self, new: &Import) -> Result<Option<ImportId>> {
        let node = new.node_id.as_ref().map(|id| id.as_str());
        let done = sqlx::query(
            "insert into imports (id, project_id, created_by, name, node_id, folder, is_open, created_at, grown_at) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing",
        )
        .bind(new.id.as_str())
        .bind(new.project_id.as_str())
        .bind(new.created_by.as_str())
        .bind(&new.name)
        .bind(node)
        .bind(&new.folder)
        .bind(i64::from(new.is_open))
        .bind(new.created_at.0)
        .bind(new.grown_at.0)
        .execute(&self.writer)
        .await
        .map_err(failed("store an import"))?;
        if done.rows_affected() > 0 {
            return Ok(None);
        }
        let known: String = sqlx::query_scalar(
            "select id from imports where project_id = $1 and node_id = $2 and folder = $3",
        )
        .bind(new.project_id.as_str())
        .bind(node)
        .bind(&new.folder)
        .fetch_one(&self.writer)
        .await
        .map_err(failed("find an earlier import"))?;
        parsed(known).map(Some)
    }

    /// All imports of a project, newest first.
    pub async fn imports(&self, project: &ProjectId) -> Result<Vec<Import>> {
        let rows = sqlx::query("select * from imports where project_id = $1 order by id desc")
            .bind(project.as_str())
            .fetch_all(&self.reader)
            .await
            .map_err(failed("list imports"))?;
        rows.iter().map(import).collect()
    }

    pub async fn import(&self, id: &ImportId) -> Result<Option<Import>> {
        let row = sqlx::query("select * from imports where id = $1")
            .bind(id.as_str())
            .fetch_optional(&self.reader)
            .await
            .map_err(failed("read an import"))?;
        row.as_ref().map(import).transpose()
    }

    /// Imports that are still read or followed.
    pub async fn open_imports(&self) -> Result<Vec<Import>> {
        let rows = sqlx::query("select * from imports where is_open = 1 order by id")
            .fetch_all(&self.reader)
            .await
            .map_err(failed("list open imports"))?;
        rows.iter().map(import).collect()
    }

    /// The name of the import that still reads this experiment.
    pub async fn open_import_of(&self, experiment: &ExperimentId) -> Result<Option<String>> {
        sqlx::query_scalar(
            "select imports.name from import_runs join imports on imports.id = import_runs.import_id \
             where import_runs.experiment_id = $1 and imports.is_open = 1",
        )
        .bind(experiment.as_str())
        .fetch_optional(&self.reader)
        .await
        .map_err(failed("look for an experiment's import"))
    }

    pub async fn import_runs(&self, id: &ImportId) -> Result<Vec<ImportedRun>> {
        let rows = sqlx::query("select * from import_runs where import_id = $1 order by run")
            .bind(id.as_str())
            .fetch_all(&self.reader)
            .await
            .map_err(failed("list imported runs"))?;
        rows.iter()
            .map(|row| {
                Ok(ImportedRun {
                    run: row.get("run"),
                    experiment_id: parsed(row.get("experiment_id"))?,
                    notes: from_json(row.get("state"))?,
                })
            })
            .collect()
    }

    /// In the order in which the files of a run are read.
    pub async fn import_files(&self, id: &ImportId) -> Result<Vec<ImportedFile>> {
        let rows = sqlx::query("select * from import_files where import_id = $1 order by file")
            .bind(id.as_str())
            .fetch_all(&self.reader)
            .await
            .map_err(failed("list imported files"))?;
        rows.iter().map(file).collect()
    }

    pub async fn insert_import_run(
        &self,
        id: &ImportId,
        run: &str,
        experiment: &ExperimentId,
    ) -> Result<()> {
        sqlx::query(
            "insert into import_runs (import_id, run, experiment_id, state) values ($1, $2, $3, '{}') on conflict do nothing",
        )
        .bind(id.as_str())
        .bind(run)
        .bind(experiment.as_str())
        .execute(&self.writer)
        .await
        .map_err(failed("store an imported run"))?;
        Ok(())
    }

    /// What a look found: names, runs and sizes. Files that are new are stored, of others only the size.
    pub async fn note_import_files(
        &self,
        id: &ImportId,
        found: &[(String, String, u64)],
    ) -> Result<()> {
        let mut transaction = self.begin().await?;
        for (file, run, size) in found {
            sqlx::query(
                "insert into import_files (import_id, file, run, size_bytes, seen_bytes, byte_offset, attempt, is_stopped, damage, \
                 damage_count) values ($1, $2, $3, $4, 0, 0, 1, 0, '[]', 0) \
                 on conflict (import_id, file) do update set size_bytes = excluded.size_bytes",
            )
            .bind(id.as_str())
            .bind(file)
            .bind(run)
            .bind(signed(*size))
            .execute(&mut *transaction)
            .await
            .map_err(failed("note an imported file"))?;
        }
        transaction.commit().await.map_err(failed("commit"))
    }

    /// Stores points and moves the file's offset, all or nothing. False: the file was read on by somebody else; nothing was done.
    pub async fn append_import(&self, read: &ImportProgress<'_>) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let moved = sqlx::query(
            "update import_files set byte_offset = $4, seen_bytes = $5, attempt = $6, is_stopped = $7, damage = $8, damage_count = $9 \
             where import_id = $1 and file = $2 and byte_offset = $3",
        )
        .bind(read.import.as_str())
        .bind(&read.file.file)
        .bind(signed(read.from))
        .bind(signed(read.file.offset))
        .bind(signed(read.file.seen_bytes))
        .bind(i64::from(read.file.attempt))
        .bind(i64::from(read.file.is_stopped))
        .bind(to_json(&read.file.damage)?)
        .bind(signed(read.file.damage_count))
        .execute(&mut *transaction)
        .await
        .map_err(failed("move an offset"))?;
        if moved.rows_affected() == 0 {
            return Ok(false);
        }
        for (attempt, batch) in read.parts {
            let origin = Origin {
                experiment: read.experiment,
                attempt: *attempt,
                source: Source::Tfevents,
            };
            for (key, points) in &batch.0 {
                append(&mut transaction, &origin, key, points).await?;
            }
        }
        if let Some(notes) = read.notes {
            sqlx::query("update import_runs set state = $3 where import_id = $1 and run = $2")
                .bind(read.import.as_str())
                .bind(&read.file.run)
                .bind(to_json(notes)?)
                .execute(&mut *transaction)
                .await
                .map_err(failed("note what a run says"))?;
        }
        transaction.commit().await.map_err(failed("commit"))?;
        self.grew.note(read.experiment);
        Ok(true)
    }

    /// How the last look went.
    pub async fn note_import(
        &self,
        id: &ImportId,
        is_open: bool,
        trouble: Option<&Text>,
        grown_at: Option<Timestamp>,
    ) -> Result<()> {
        sqlx::query(
            "update imports set is_open = $2, trouble = $3, grown_at = case when $4 > grown_at then $4 else grown_at end where id = $1",
        )
        .bind(id.as_str())
        .bind(i64::from(is_open))
        .bind(trouble.map(to_json).transpose()?)
        .bind(grown_at.map(|at| at.0))
        .execute(&self.writer)
        .await
        .map_err(failed("note how an import stands"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{first_admin, fresh};
    use super::*;
    use crate::clock;
    use crate::store::NewTrackedRun;
    use domain::experiments::Experiment;
    use domain::metrics::{Point, SeriesKey};
    use domain::tracking::{RunState, TrackedRun};

    /// An import of one run with one file of 100 bytes.
    async fn one(store: &Store) -> (Import, ExperimentId) {
        let (user, project) = first_admin(store).await;
        let now = clock::now();
        let import = Import {
            id: clock::new_id(),
            project_id: project.clone(),
            created_by: user.clone(),
            name: "run".to_owned(),
            node_id: None,
            folder: "x".to_owned(),
            is_open: true,
            trouble: None,
            created_at: now,
            grown_at: now,
        };
        assert_eq!(store.insert_import(&import).await.expect("stored"), None);
        let experiment = Experiment {
            id: clock::new_id(),
            project_id: project,
            name: "run".to_owned(),
            setup: None,
            created_at: now,
        };
        let run = TrackedRun {
            public_id: "a".repeat(21),
            slug: "tfevents".to_owned(),
            origin: "tfevents".to_owned(),
            state: RunState::Running,
            started_at: now,
            finished_at: None,
            last_seen_at: now,
            rejected: 0,
        };
        let row = NewTrackedRun {
            experiment: &experiment,
            creator: &user,
            run: &run,
        };
        store.insert_tracked_run(row).await.expect("stored");
        store
            .insert_import_run(&import.id, ".", &experiment.id)
            .await
            .expect("stored");
        let found = [("events".to_owned(), ".".to_owned(), 100)];
        store
            .note_import_files(&import.id, &found)
            .await
            .expect("stored");
        (import, experiment.id)
    }

    #[tokio::test]
    async fn points_of_two_attempts_and_the_offset_are_stored_together_and_once() {
        let (store, _folder) = fresh().await;
        let (import, experiment) = one(&store).await;
        let part = |attempt, steps: std::ops::Range<i64>| {
            let point = |step| Point {
                step,
                time_millis: step,
                value: 0.5,
            };
            let points = steps.map(|step| (SeriesKey::plain("loss"), point(step)));
            (attempt, points.collect::<Batch>())
        };
        let parts = [part(1, 0..10), part(2, 8..12)];
        let mut file = store
            .import_files(&import.id)
            .await
            .expect("read")
            .remove(0);
        assert!(file.is_behind());
        (file.offset, file.seen_bytes, file.attempt) = (90, 100, 2);
        let notes = RunNotes {
            last_millis: Some(7),
            ..RunNotes::default()
        };
        let read = ImportProgress {
            import: &import.id,
            experiment: &experiment,
            from: 0,
            file: &file,
            parts: &parts,
            notes: Some(&notes),
        };
        assert!(store.append_import(&read).await.expect("stored"));
        // Killed after the commit and before it knew: the same bytes come again.
        assert!(!store.append_import(&read).await.expect("asked"));
        let counts: Vec<(u32, u64)> = store
            .summaries(&experiment)
            .await
            .expect("read")
            .iter()
            .map(|summary| (summary.attempt, summary.count))
            .collect();
        assert_eq!(counts, [(1, 10), (2, 4)]);
        assert_eq!(store.import_files(&import.id).await.expect("read"), [file]);
        let runs = store.import_runs(&import.id).await.expect("read");
        assert_eq!(runs[0].notes, notes);
    }

    #[tokio::test]
    async fn a_look_that_failed_says_why_until_one_succeeds() {
        let (store, _folder) = fresh().await;
        let (import, _) = one(&store).await;
        let text = Text::new("away", "离线");
        store
            .note_import(&import.id, true, Some(&text), None)
            .await
            .expect("noted");
        let open = store.open_imports().await.expect("read");
        assert_eq!(open[0].trouble, Some(text));
        store
            .note_import(&import.id, false, None, Some(Timestamp(0)))
            .await
            .expect("noted");
        assert!(store.open_imports().await.expect("read").is_empty());
        let known = store
            .import(&import.id)
            .await
            .expect("read")
            .expect("there");
        assert_eq!((known.trouble, known.grown_at), (None, import.grown_at));
    }

    #[tokio::test]
    async fn a_deleted_run_is_read_from_the_beginning_when_its_import_is_looked_at_again() {
        let (store, _folder) = fresh().await;
        let (import, experiment) = one(&store).await;
        let open = store.open_import_of(&experiment).await.expect("asked");
        assert_eq!(open.as_deref(), Some("run"));
        store
            .note_import(&import.id, false, None, None)
            .await
            .expect("noted");
        assert_eq!(
            store.open_import_of(&experiment).await.expect("asked"),
            None
        );
        let other = [("other/events".to_owned(), "other".to_owned(), 5)];
        store
            .note_import_files(&import.id, &other)
            .await
            .expect("stored");
        store.delete_experiment(&experiment).await.expect("deleted");
        assert!(
            store
                .import_runs(&import.id)
                .await
                .expect("read")
                .is_empty()
        );
        let files = store.import_files(&import.id).await.expect("read");
        assert_eq!(files.len(), 1, "what belongs to another run stays");
        assert_eq!(files[0].run, "other");
        let broken: i64 = sqlx::query_scalar("select count(*) from pragma_foreign_key_check")
            .fetch_one(&store.reader)
            .await
            .expect("checked");
        assert_eq!(broken, 0);
    }
}
