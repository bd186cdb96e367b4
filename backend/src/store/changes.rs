//! The numbered table of changes.

use domain::ids::ProjectId;
use domain::time::Timestamp;

use super::{Store, failed};
use crate::changes::Change;
use crate::error::Result;

impl Store {
    /// Numbers a change and stores it, so that a second instance can follow. Old rows go: a browser that is an hour behind reloads.
    pub async fn record_change(
        &self,
        project: &ProjectId,
        kind: &'static str,
        subject: &str,
        detail: serde_json::Value,
        now: Timestamp,
    ) -> Result<Change> {
        let number: i64 = sqlx::query_scalar(
            "insert into changes (at, project_id, kind, subject, detail) values ($1, $2, $3, $4, $5) returning number",
        )
        .bind(now.0)
        .bind(project.as_str())
        .bind(kind)
        .bind(subject)
        .bind(detail.to_string())
        .fetch_one(&self.writer)
        .await
        .map_err(failed("record a change"))?;
        if number % 1000 == 0 {
            sqlx::query("delete from changes where at < $1")
                .bind(now.plus_millis(-3_600_000).0)
                .execute(&self.writer)
                .await
                .map_err(failed("forget old changes"))?;
        }
        Ok(Change {
            number,
            project: project.to_string(),
            kind,
            subject: subject.to_owned(),
            detail,
        })
    }
}
