//! Rows of `secrets`: sealed bytes only.

use domain::ids::{ProjectId, SecretId, UserId};
use domain::time::Timestamp;

use super::{Store, failed};
use crate::error::Result;

impl Store {
    pub async fn insert_secret(
        &self,
        id: &SecretId,
        project: &ProjectId,
        creator: &UserId,
        name: &str,
        sealed: &[u8],
        now: Timestamp,
    ) -> Result<()> {
        sqlx::query(
            "insert into secrets (id, project_id, created_by, name, sealed, created_at) values ($1, $2, $3, $4, $5, $6)",
        )
        .bind(id.as_str())
        .bind(project.as_str())
        .bind(creator.as_str())
        .bind(name)
        .bind(sealed)
        .bind(now.0)
        .execute(&self.writer)
        .await
        .map_err(failed("store a secret"))?;
        Ok(())
    }

    pub async fn secret(&self, id: &SecretId) -> Result<Option<Vec<u8>>> {
        sqlx::query_scalar("select sealed from secrets where id = $1")
            .bind(id.as_str())
            .fetch_optional(&self.reader)
            .await
            .map_err(failed("read a secret"))
    }
}
