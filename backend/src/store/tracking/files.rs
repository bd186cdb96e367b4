//! Media that runs logged, and the files behind them.

use domain::ids::ExperimentId;
use domain::time::Timestamp;
use domain::tracking::posts::MediaItem;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::super::{Store, failed};
use crate::error::Result;

/// A file a client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRow {
    /// As the client named it.
    pub path: String,
    pub sha256: String,
    pub size_bytes: u64,
    pub content_type: String,
    pub is_saved: bool,
    pub at: Timestamp,
}

/// One logged item, with its file if that has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaRow {
    pub item: MediaItem,
    /// As the client said of the series; empty: it has not.
    pub kind: String,
    pub file: Option<FileRow>,
}

fn file(row: &SqliteRow) -> Option<FileRow> {
    Some(FileRow {
        path: row.get::<Option<String>, _>("path")?,
        sha256: row.get("sha256"),
        size_bytes: u64::try_from(row.get::<i64, _>("size_bytes")).unwrap_or_default(),
        content_type: row.get("content_type"),
        is_saved: row.get::<i64, _>("is_saved") != 0,
        at: Timestamp(row.get("file_at")),
    })
}

impl Store {
    /// SHA-256 of the files that only this experiment has.
    pub async fn files_of_no_other(&self, experiment: &ExperimentId) -> Result<Vec<String>> {
        sqlx::query_scalar(
            "select distinct sha256 from client_files own where experiment_id = $1 and not exists (select 1 from client_files other \
             where other.sha256 = own.sha256 and other.experiment_id <> own.experiment_id)",
        )
        .bind(experiment.as_str())
        .fetch_all(&self.reader)
        .await
        .map_err(failed("list an experiment's files"))
    }

    /// Stores media items; one that is sent again is there once.
    pub async fn insert_media(&self, experiment: &ExperimentId, items: &[MediaItem]) -> Result<()> {
        let mut transaction = self.begin().await?;
        for item in items {
            sqlx::query(
                "insert into media (experiment_id, name, step, position, said, caption, at) values ($1, $2, $3, $4, $5, $6, $7) \
                 on conflict (experiment_id, name, step, position) do update set said = excluded.said, caption = excluded.caption, \
                 at = excluded.at",
            )
            .bind(experiment.as_str())
            .bind(&item.name)
            .bind(item.step)
            .bind(i64::from(item.position))
            .bind(&item.said)
            .bind(&item.caption)
            .bind(item.time_millis)
            .execute(&mut *transaction)
            .await
            .map_err(failed("store media"))?;
        }
        transaction.commit().await.map_err(failed("commit"))
    }

    /// A file of the run; sent again under the same path it takes the earlier one's place.
    pub async fn insert_file(&self, experiment: &ExperimentId, new: &FileRow) -> Result<()> {
        sqlx::query(
            "insert into client_files (experiment_id, path, sha256, size_bytes, content_type, is_saved, at) \
             values ($1, $2, $3, $4, $5, $6, $7) on conflict (experiment_id, path) do update set sha256 = excluded.sha256, \
             size_bytes = excluded.size_bytes, content_type = excluded.content_type, at = excluded.at",
        )
        .bind(experiment.as_str())
        .bind(&new.path)
        .bind(&new.sha256)
        .bind(i64::try_from(new.size_bytes).unwrap_or(i64::MAX))
        .bind(&new.content_type)
        .bind(i64::from(new.is_saved))
        .bind(new.at.0)
        .execute(&self.writer)
        .await
        .map_err(failed("store a file"))?;
        Ok(())
    }

    pub async fn file(&self, experiment: &ExperimentId, path: &str) -> Result<Option<FileRow>> {
        let row = sqlx::query(
            "select path, sha256, size_bytes, content_type, is_saved, at as file_at from client_files \
             where experiment_id = $1 and path = $2",
        )
        .bind(experiment.as_str())
        .bind(path)
        .fetch_optional(&self.reader)
        .await
        .map_err(failed("read a file's row"))?;
        Ok(row.as_ref().and_then(file))
    }

    /// Files that a person asked the client to keep, by path.
    pub async fn saved_files(&self, experiment: &ExperimentId, limit: u32) -> Result<Vec<FileRow>> {
        let rows = sqlx::query(
            "select path, sha256, size_bytes, content_type, is_saved, at as file_at from client_files \
             where experiment_id = $1 and is_saved = 1 order by path limit $2",
        )
        .bind(experiment.as_str())
        .bind(i64::from(limit))
        .fetch_all(&self.reader)
        .await
        .map_err(failed("list files"))?;
        Ok(rows.iter().filter_map(file).collect())
    }

    /// (name, kind, steps at which it was logged in order) of all media of a run.
    pub async fn media_steps(
        &self,
        experiment: &ExperimentId,
    ) -> Result<Vec<(String, String, i64)>> {
        let rows = sqlx::query(
            "select distinct media.name, coalesce(kind, '') as kind, step from media \
             left join tracked_columns on tracked_columns.experiment_id = media.experiment_id and tracked_columns.name = media.name \
             where media.experiment_id = $1 order by media.name, step",
        )
        .bind(experiment.as_str())
        .fetch_all(&self.reader)
        .await
        .map_err(failed("list media"))?;
        Ok(rows
            .iter()
            .map(|row| (row.get("name"), row.get("kind"), row.get("step")))
            .collect())
    }

    /// What was logged under a name at a step, at most `limit` items.
    pub async fn media_at(
        &self,
        experiment: &ExperimentId,
        name: &str,
        step: i64,
        limit: u32,
    ) -> Result<Vec<MediaRow>> {
        let rows = sqlx::query(
            "select media.*, coalesce(kind, '') as kind, path, sha256, size_bytes, content_type, is_saved, client_files.at as file_at \
             from media left join tracked_columns on tracked_columns.experiment_id = media.experiment_id \
             and tracked_columns.name = media.name \
             left join client_files on client_files.experiment_id = media.experiment_id and client_files.path = media.said \
             where media.experiment_id = $1 and media.name = $2 and step = $3 order by position limit $4",
        )
        .bind(experiment.as_str())
        .bind(name)
        .bind(step)
        .bind(i64::from(limit))
        .fetch_all(&self.reader)
        .await
        .map_err(failed("read media"))?;
        Ok(rows
            .iter()
            .map(|row| MediaRow {
                item: MediaItem {
                    name: row.get("name"),
                    step: row.get("step"),
                    position: u32::try_from(row.get::<i64, _>("position")).unwrap_or_default(),
                    said: row.get("said"),
                    caption: row.get("caption"),
                    time_millis: row.get("at"),
                },
                kind: row.get("kind"),
                file: file(row),
            })
            .collect())
    }
}
