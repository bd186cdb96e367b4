//! Rows of `secrets`: sealed bytes only.

use domain::ids::{ProjectId, SecretId, UserId};
use domain::time::Timestamp;
use sqlx::SqliteExecutor;

use super::{Store, failed};
use crate::error::Result;

/// A secret as it is first stored.
pub struct NewSecretRow<'a> {
    pub id: &'a SecretId,
    pub project: &'a ProjectId,
    pub creator: &'a UserId,
    pub name: &'a str,
    pub sealed: &'a [u8],
    pub now: Timestamp,
}

impl Store {
    pub async fn insert_secret(&self, new: NewSecretRow<'_>) -> Result<()> {
        insert_secret_by(&self.writer, new).await
    }

    pub async fn secret(&self, id: &SecretId) -> Result<Option<Vec<u8>>> {
        sqlx::query_scalar("select sealed from secrets where id = $1")
            .bind(id.as_str())
            .fetch_optional(&self.reader)
            .await
            .map_err(failed("read a secret"))
    }

    /// One of a project by its id, if it was stored under this name: what a form names is no key to other secrets.
    pub async fn secret_named(
        &self,
        project: &ProjectId,
        id: &SecretId,
        name: &str,
    ) -> Result<Option<Vec<u8>>> {
        sqlx::query_scalar(
            "select sealed from secrets where id = $1 and project_id = $2 and name = $3",
        )
        .bind(id.as_str())
        .bind(project.as_str())
        .bind(name)
        .fetch_optional(&self.reader)
        .await
        .map_err(failed("read a secret"))
    }

    pub async fn count_secrets(&self, project: &ProjectId) -> Result<i64> {
        sqlx::query_scalar("select count(*) from secrets where project_id = $1")
            .bind(project.as_str())
            .fetch_one(&self.reader)
            .await
            .map_err(failed("count secrets"))
    }
}

pub(super) async fn insert_secret_by(
    executor: impl SqliteExecutor<'_>,
    new: NewSecretRow<'_>,
) -> Result<()> {
    sqlx::query(
        "insert into secrets (id, project_id, created_by, name, sealed, created_at) values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(new.id.as_str())
    .bind(new.project.as_str())
    .bind(new.creator.as_str())
    .bind(new.name)
    .bind(new.sealed)
    .bind(new.now.0)
    .execute(executor)
    .await
    .map_err(failed("store a secret"))?;
    Ok(())
}
