//! What a client says of its run's configuration and machine, in the table that all experiments share.

use domain::ids::ExperimentId;
use domain::time::Timestamp;
use domain::tracking::SaidOfItself;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::super::{Store, failed, from_json, to_json};
use crate::error::Result;

fn said(row: &SqliteRow) -> Result<SaidOfItself> {
    Ok(SaidOfItself {
        config: from_json(row.get("config"))?,
        metadata: from_json(row.get("metadata"))?,
        requirements: row.get("requirements"),
        conda: row.get("conda"),
    })
}

impl Store {
    /// Reads a profile, lets `change` lay something over it and stores it, in one transaction.
    pub async fn update_profile(
        &self,
        experiment: &ExperimentId,
        now: Timestamp,
        change: impl FnOnce(&mut SaidOfItself) + Send,
    ) -> Result<()> {
        let mut transaction = self.begin().await?;
        let row = sqlx::query(
            "select config, metadata, requirements, conda from profiles where experiment_id = $1",
        )
        .bind(experiment.as_str())
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failed("read a profile"))?;
        let mut profile = match row {
            Some(row) => said(&row)?,
            None => SaidOfItself::default(),
        };
        let before = profile.clone();
        change(&mut profile);
        if profile == before {
            return Ok(());
        }
        let metadata = if profile.metadata.is_null() {
            "{}".to_owned()
        } else {
            to_json(&profile.metadata)?
        };
        sqlx::query(
            "insert into profiles (experiment_id, config, metadata, requirements, conda, updated_at) values ($1, $2, $3, $4, $5, $6) \
             on conflict (experiment_id) do update set config = excluded.config, metadata = excluded.metadata, \
             requirements = excluded.requirements, conda = excluded.conda, updated_at = excluded.updated_at",
        )
        .bind(experiment.as_str())
        .bind(to_json(&profile.config)?)
        .bind(metadata)
        .bind(&profile.requirements)
        .bind(&profile.conda)
        .bind(now.0)
        .execute(&mut *transaction)
        .await
        .map_err(failed("store a profile"))?;
        transaction.commit().await.map_err(failed("commit"))
    }

    /// What a run said of itself so far.
    pub async fn said_of_itself(&self, experiment: &ExperimentId) -> Result<SaidOfItself> {
        let row = sqlx::query(
            "select config, metadata, requirements, conda from profiles where experiment_id = $1",
        )
        .bind(experiment.as_str())
        .fetch_optional(&self.reader)
        .await
        .map_err(failed("read a profile"))?;
        row.as_ref().map_or_else(|| Ok(Default::default()), said)
    }

    /// Tags and a note that a client gave when it began the run.
    pub async fn note_words(
        &self,
        experiment: &ExperimentId,
        notes: &str,
        tags: &[String],
    ) -> Result<()> {
        let mut transaction = self.begin().await?;
        if !notes.is_empty() {
            sqlx::query("update experiments set notes = $2 where id = $1 and notes = ''")
                .bind(experiment.as_str())
                .bind(notes)
                .execute(&mut *transaction)
                .await
                .map_err(failed("store notes"))?;
        }
        for tag in tags {
            sqlx::query(
                "insert into tags (experiment_id, tag) values ($1, $2) on conflict do nothing",
            )
            .bind(experiment.as_str())
            .bind(tag)
            .execute(&mut *transaction)
            .await
            .map_err(failed("store a tag"))?;
        }
        transaction.commit().await.map_err(failed("commit"))
    }
}
