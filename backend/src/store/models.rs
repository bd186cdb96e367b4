//! Rows of models and datasets.

use std::collections::HashMap;

use domain::datasets::Dataset;
use domain::ids::{DatasetId, JobId, ModelId, ProjectId, UserId};
use domain::models::{Format, Model};
use domain::time::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Store, failed, from_json, parsed, to_json};
use crate::error::Result;

fn format_word(format: Format) -> &'static str {
    match format {
        Format::Hf => "hf",
        Format::Mcore => "mcore",
    }
}

fn model(row: &SqliteRow) -> Result<Model> {
    Ok(Model {
        id: parsed(row.get("id"))?,
        project_id: parsed(row.get("project_id"))?,
        name: row.get("name"),
        node_id: parsed(row.get("node_id"))?,
        path: row.get("path"),
        format: if row.get::<String, _>("format") == "mcore" {
            Format::Mcore
        } else {
            Format::Hf
        },
        origin: from_json(row.get("origin"))?,
        facts: from_json(row.get("facts"))?,
        precision: row
            .get::<Option<String>, _>("precision_test")
            .map(from_json)
            .transpose()?,
        created_at: Timestamp(row.get("created_at")),
    })
}

fn dataset(row: &SqliteRow) -> Result<Dataset> {
    let count = |column: &str| u64::try_from(row.get::<i64, _>(column)).unwrap_or_default();
    Ok(Dataset {
        id: parsed(row.get("id"))?,
        project_id: parsed(row.get("project_id"))?,
        name: row.get("name"),
        node_id: parsed(row.get("node_id"))?,
        path: row.get("path"),
        rows: count("row_count"),
        size_bytes: count("size_bytes"),
        sha256: row.get("sha256"),
        created_at: Timestamp(row.get("created_at")),
    })
}

impl Store {
    /// `job`: the job that made it. False: the folder, or the job's model, is there already.
    pub async fn insert_model(
        &self,
        model: &Model,
        creator: &UserId,
        job: Option<&JobId>,
    ) -> Result<bool> {
        let done = sqlx::query(
            "insert into models (id, project_id, created_by, name, node_id, path, format, origin, job_id, facts, precision_test, \
             created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) on conflict do nothing",
        )
        .bind(model.id.as_str())
        .bind(model.project_id.as_str())
        .bind(creator.as_str())
        .bind(&model.name)
        .bind(model.node_id.as_str())
        .bind(&model.path)
        .bind(format_word(model.format))
        .bind(to_json(&model.origin)?)
        .bind(job.map(JobId::as_str))
        .bind(to_json(&model.facts)?)
        .bind(model.precision.as_ref().map(to_json).transpose()?)
        .bind(model.created_at.0)
        .execute(&self.writer)
        .await
        .map_err(failed("store a model"))?;
        Ok(done.rows_affected() > 0)
    }

    pub async fn models(&self, project: &ProjectId) -> Result<Vec<Model>> {
        let rows = sqlx::query("select * from models where project_id = $1 order by id desc")
            .bind(project.as_str())
            .fetch_all(&self.reader)
            .await
            .map_err(failed("list models"))?;
        rows.iter().map(model).collect()
    }

    /// Who brought each model of a project, by name.
    pub async fn creators_of_models(
        &self,
        project: &ProjectId,
    ) -> Result<HashMap<ModelId, String>> {
        let rows = sqlx::query(
            "select models.id, users.name from models join users on users.id = models.created_by where models.project_id = $1",
        )
        .bind(project.as_str())
        .fetch_all(&self.reader)
        .await
        .map_err(failed("list who brought models"))?;
        rows.iter()
            .map(|row| Ok((parsed(row.get("id"))?, row.get("name"))))
            .collect()
    }

    pub async fn model(&self, project: &ProjectId, id: &ModelId) -> Result<Option<Model>> {
        let row = sqlx::query("select * from models where project_id = $1 and id = $2")
            .bind(project.as_str())
            .bind(id.as_str())
            .fetch_optional(&self.reader)
            .await
            .map_err(failed("read a model"))?;
        row.as_ref().map(model).transpose()
    }

    /// Whether a job's model was stored.
    pub async fn has_model_of(&self, job: &JobId) -> Result<bool> {
        let count: i64 = sqlx::query_scalar("select count(*) from models where job_id = $1")
            .bind(job.as_str())
            .fetch_one(&self.reader)
            .await
            .map_err(failed("look for a job's model"))?;
        Ok(count > 0)
    }

    /// False: the file is registered already.
    pub async fn insert_dataset(&self, dataset: &Dataset, creator: &UserId) -> Result<bool> {
        let count = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let done = sqlx::query(
            "insert into datasets (id, project_id, created_by, name, node_id, path, row_count, size_bytes, sha256, created_at) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing",
        )
        .bind(dataset.id.as_str())
        .bind(dataset.project_id.as_str())
        .bind(creator.as_str())
        .bind(&dataset.name)
        .bind(dataset.node_id.as_str())
        .bind(&dataset.path)
        .bind(count(dataset.rows))
        .bind(count(dataset.size_bytes))
        .bind(&dataset.sha256)
        .bind(dataset.created_at.0)
        .execute(&self.writer)
        .await
        .map_err(failed("store a dataset"))?;
        Ok(done.rows_affected() > 0)
    }

    pub async fn datasets(&self, project: &ProjectId) -> Result<Vec<Dataset>> {
        let rows = sqlx::query("select * from datasets where project_id = $1 order by id desc")
            .bind(project.as_str())
            .fetch_all(&self.reader)
            .await
            .map_err(failed("list datasets"))?;
        rows.iter().map(dataset).collect()
    }

    pub async fn dataset(&self, project: &ProjectId, id: &DatasetId) -> Result<Option<Dataset>> {
        let row = sqlx::query("select * from datasets where project_id = $1 and id = $2")
            .bind(project.as_str())
            .bind(id.as_str())
            .fetch_optional(&self.reader)
            .await
            .map_err(failed("read a dataset"))?;
        row.as_ref().map(dataset).transpose()
    }
}
