//! What a run says of itself, and what people say of it: profile, notes, tags, name, archive.

use std::collections::BTreeMap;

use domain::comparison::config::Config;
use domain::ids::{ExperimentId, ProjectId};
use domain::time::Timestamp;
use sqlx::{Row, Sqlite, Transaction};

use super::{Store, failed, from_json, parsed, to_json};
use crate::error::Result;

/// A run's profile as it is stored.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Profile {
    pub config: Config,
    /// JSON as the run reported it; empty object: nothing.
    pub metadata: serde_json::Value,
    /// `pip freeze`.
    pub requirements: String,
    pub conda: String,
}

pub(super) async fn insert_profile_in(
    transaction: &mut Transaction<'_, Sqlite>,
    experiment: &ExperimentId,
    config: &Config,
    now: Timestamp,
) -> Result<()> {
    sqlx::query(
        "insert into profiles (experiment_id, config, updated_at) values ($1, $2, $3) on conflict (experiment_id) do nothing",
    )
    .bind(experiment.as_str())
    .bind(to_json(config)?)
    .bind(now.0)
    .execute(&mut **transaction)
    .await
    .map_err(failed("store a configuration"))?;
    Ok(())
}

impl Store {
    /// Writes down a configuration where there is no profile yet.
    pub async fn insert_profile(
        &self,
        experiment: &ExperimentId,
        config: &Config,
        now: Timestamp,
    ) -> Result<()> {
        let mut transaction = self.begin().await?;
        insert_profile_in(&mut transaction, experiment, config, now).await?;
        transaction.commit().await.map_err(failed("commit"))
    }

    pub async fn profile_of(&self, experiment: &ExperimentId) -> Result<Option<Profile>> {
        let row = sqlx::query(
            "select config, metadata, requirements, conda from profiles where experiment_id = $1",
        )
        .bind(experiment.as_str())
        .fetch_optional(&self.reader)
        .await
        .map_err(failed("read a profile"))?;
        row.map(|row| {
            Ok(Profile {
                config: from_json(row.get("config"))?,
                metadata: from_json(row.get("metadata"))?,
                requirements: row.get("requirements"),
                conda: row.get("conda"),
            })
        })
        .transpose()
    }

    /// Replaces what is known of where a run runs; nothing while it has no profile.
    pub async fn set_metadata(
        &self,
        experiment: &ExperimentId,
        metadata: &serde_json::Value,
        now: Timestamp,
    ) -> Result<()> {
        sqlx::query("update profiles set metadata = $2, updated_at = $3 where experiment_id = $1")
            .bind(experiment.as_str())
            .bind(to_json(metadata)?)
            .bind(now.0)
            .execute(&self.writer)
            .await
            .map_err(failed("store where a run runs"))?;
        Ok(())
    }

    /// Experiments that were launched here before their configuration was written down.
    pub async fn launched_without_profile(&self) -> Result<Vec<(ProjectId, ExperimentId)>> {
        let rows = sqlx::query(
            "select project_id, id from experiments where setup is not null \
             and not exists (select 1 from profiles where profiles.experiment_id = experiments.id) order by id",
        )
        .fetch_all(&self.reader)
        .await
        .map_err(failed("look for missing configurations"))?;
        rows.iter()
            .map(|row| Ok((parsed(row.get("project_id"))?, parsed(row.get("id"))?)))
            .collect()
    }

    /// The name of who made an experiment, and whether it is archived.
    pub async fn standing_of(&self, experiment: &ExperimentId) -> Result<(String, bool)> {
        let row = sqlx::query(
            "select users.name, experiments.archived_at from experiments join users on users.id = experiments.created_by \
             where experiments.id = $1",
        )
        .bind(experiment.as_str())
        .fetch_one(&self.reader)
        .await
        .map_err(failed("read who made an experiment"))?;
        Ok((
            row.get("name"),
            row.get::<Option<i64>, _>("archived_at").is_some(),
        ))
    }

    pub async fn notes(&self, experiment: &ExperimentId) -> Result<String> {
        sqlx::query_scalar("select notes from experiments where id = $1")
            .bind(experiment.as_str())
            .fetch_one(&self.reader)
            .await
            .map_err(failed("read notes"))
    }

    pub async fn set_notes(&self, experiment: &ExperimentId, notes: &str) -> Result<()> {
        sqlx::query("update experiments set notes = $2 where id = $1")
            .bind(experiment.as_str())
            .bind(notes)
            .execute(&self.writer)
            .await
            .map_err(failed("store notes"))?;
        Ok(())
    }

    pub async fn tags_of(&self, experiment: &ExperimentId) -> Result<Vec<String>> {
        sqlx::query_scalar("select tag from tags where experiment_id = $1 order by tag")
            .bind(experiment.as_str())
            .fetch_all(&self.reader)
            .await
            .map_err(failed("read tags"))
    }

    /// Puts a tag on an experiment, or takes it off; doing it twice changes nothing.
    pub async fn set_tag(&self, experiment: &ExperimentId, tag: &str, is_on: bool) -> Result<()> {
        let query = if is_on {
            "insert into tags (experiment_id, tag) values ($1, $2) on conflict do nothing"
        } else {
            "delete from tags where experiment_id = $1 and tag = $2"
        };
        sqlx::query(query)
            .bind(experiment.as_str())
            .bind(tag)
            .execute(&self.writer)
            .await
            .map_err(failed("change a tag"))?;
        Ok(())
    }

    /// False: another experiment of the project has the name.
    pub async fn rename_experiment(&self, experiment: &ExperimentId, name: &str) -> Result<bool> {
        let done = sqlx::query(
            "update experiments set name = $2 where id = $1 and not exists (select 1 from experiments as other \
             where other.project_id = experiments.project_id and other.name = $2 and other.id <> $1)",
        )
        .bind(experiment.as_str())
        .bind(name)
        .execute(&self.writer)
        .await
        .map_err(failed("rename an experiment"))?;
        Ok(done.rows_affected() > 0)
    }

    /// None: it is taken out of the archive.
    pub async fn set_archived(
        &self,
        experiment: &ExperimentId,
        at: Option<Timestamp>,
    ) -> Result<()> {
        sqlx::query("update experiments set archived_at = $2 where id = $1")
            .bind(experiment.as_str())
            .bind(at.map(|at| at.0))
            .execute(&self.writer)
            .await
            .map_err(failed("archive an experiment"))?;
        Ok(())
    }

    /// Points and checkpoints that would be lost with it.
    pub async fn extent(&self, experiment: &ExperimentId) -> Result<BTreeMap<&'static str, u64>> {
        let row = sqlx::query(
            "select (select coalesce(sum(count), 0) from series where experiment_id = $1) as points, \
             (select count(*) from series where experiment_id = $1) as series, \
             (select count(*) from checkpoints join attempts on attempts.id = checkpoints.attempt_id \
              where attempts.experiment_id = $1) as checkpoints",
        )
        .bind(experiment.as_str())
        .fetch_one(&self.reader)
        .await
        .map_err(failed("measure an experiment"))?;
        let count = |name| u64::try_from(row.get::<i64, _>(name)).unwrap_or_default();
        Ok(["points", "series", "checkpoints"]
            .map(|name| (name, count(name)))
            .into())
    }

    /// Removes an experiment and every row that hangs on it, however far: the schema's own references are followed, so that a table which
    /// comes later cannot be forgotten. Jobs stay, they are the nodes' history.
    pub async fn delete_experiment(&self, experiment: &ExperimentId) -> Result<()> {
        let mut transaction = self.begin().await?;
        // Where its files were read to is forgotten with it: whoever looks at the import again reads them from the beginning.
        sqlx::query(
            "delete from import_files where exists (select 1 from import_runs where import_runs.import_id = import_files.import_id \
             and import_runs.run = import_files.run and import_runs.experiment_id = $1)",
        )
        .bind(experiment.as_str())
        .execute(&mut *transaction)
        .await
        .map_err(failed("forget an experiment's files"))?;
        let references = sqlx::query(
            "select m.name as child, f.\"from\" as place, f.\"table\" as parent, f.\"to\" as own from sqlite_master m \
             join pragma_foreign_key_list(m.name) f where m.type = 'table' order by m.name",
        )
        .fetch_all(&mut *transaction)
        .await
        .map_err(failed("read what hangs on an experiment"))?;
        let references: Vec<[String; 4]> = references
            .iter()
            .map(|row| ["child", "place", "parent", "own"].map(|name| row.get(name)))
            .collect();
        let mut deletions = Vec::new();
        hanging_on(&references, "experiments", "id = $1", &mut deletions);
        for words in deletions {
            // Names of tables and columns out of our own schema; the id is bound.
            sqlx::query(sqlx::AssertSqlSafe(words))
                .bind(experiment.as_str())
                .execute(&mut *transaction)
                .await
                .map_err(failed("delete an experiment"))?;
        }
        transaction.commit().await.map_err(failed("commit"))
    }
}

#[cfg(test)]
impl Store {
    /// An experiment without anything.
    pub(crate) async fn insert_for_tests(
        &self,
        actor: &crate::Actor,
        id: &ExperimentId,
        name: &str,
    ) {
        sqlx::query("insert into experiments (id, project_id, created_by, name, created_at) values ($1, $2, $3, $4, 0)")
            .bind(id.as_str())
            .bind(actor.project.as_str())
            .bind(actor.user.as_str())
            .bind(name)
            .execute(&self.writer)
            .await
            .expect("stored");
    }
}

/// The deletions that take rows of `table` with all that refers to them, what refers first.
fn hanging_on(references: &[[String; 4]], table: &str, which: &str, deletions: &mut Vec<String>) {
    for [child, place, parent, own] in references {
        if parent == table && child != table {
            let theirs = format!("{place} in (select {own} from {table} where {which})");
            hanging_on(references, child, &theirs, deletions);
        }
    }
    deletions.push(format!("delete from {table} where {which}"));
}

#[cfg(test)]
mod tests {
    use super::super::tests::{first_admin, fresh};
    use super::*;
    use crate::clock;
    use domain::metrics::{Batch, Point, SeriesKey, Source};

    #[tokio::test]
    async fn a_deleted_experiment_leaves_nothing_and_takes_no_other_with_it() {
        let (store, _folder) = fresh().await;
        let (user, project) = first_admin(&store).await;
        let insert = async |name: &str| {
            let id: ExperimentId = clock::new_id();
            sqlx::query("insert into experiments (id, project_id, created_by, name, created_at) values ($1, $2, $3, $4, 0)")
                .bind(id.as_str())
                .bind(project.as_str())
                .bind(user.as_str())
                .bind(name)
                .execute(&store.writer)
                .await
                .expect("stored");
            let config = [("lr".to_owned(), 1e-4.into())].into();
            store
                .insert_profile(&id, &config, Timestamp(0))
                .await
                .expect("stored");
            store
                .set_metadata(&id, &serde_json::json!({"hostname": "a"}), Timestamp(1))
                .await
                .expect("stored");
            let profile = store.profile_of(&id).await.expect("read").expect("there");
            assert_eq!(profile.metadata["hostname"], "a");
            assert_eq!(profile.config, config, "what it was set up with stays");
            store.set_tag(&id, "t", true).await.expect("tagged");
            let batch: Batch = (0..5000)
                .map(|step| {
                    (
                        SeriesKey::plain("loss"),
                        Point {
                            step,
                            time_millis: step,
                            value: 1.0,
                        },
                    )
                })
                .collect();
            let origin = super::super::Origin {
                experiment: &id,
                attempt: 1,
                source: Source::Client,
            };
            store
                .append_points(&origin, &batch, None)
                .await
                .expect("stored");
            id
        };
        let (gone, stays) = (insert("gone").await, insert("stays").await);
        assert_eq!(store.extent(&gone).await.expect("measured")["points"], 5000);
        store.delete_experiment(&gone).await.expect("deleted");
        assert!(
            store
                .experiment(&project, &gone)
                .await
                .expect("read")
                .is_none()
        );
        assert_eq!(store.summaries(&gone).await.expect("read").len(), 0);
        assert_eq!(store.profile_of(&gone).await.expect("read"), None);
        let rows: i64 = sqlx::query_scalar("select (select count(*) from experiment_rows) + (select count(*) from experiment_values)")
            .fetch_one(&store.reader)
            .await
            .expect("counted");
        assert_eq!(rows, 3, "a row and two values of the one that stays");
        assert_eq!(store.summaries(&stays).await.expect("read")[0].count, 5000);
        assert_eq!(store.tags_of(&stays).await.expect("read"), ["t"]);
        let broken: i64 = sqlx::query_scalar("select count(*) from pragma_foreign_key_check")
            .fetch_one(&store.reader)
            .await
            .expect("checked");
        assert_eq!(broken, 0);
    }

    #[tokio::test]
    async fn a_name_is_changed_unless_another_has_it() {
        let (store, _folder) = fresh().await;
        let (user, project) = first_admin(&store).await;
        let mut ids: Vec<ExperimentId> = Vec::new();
        for name in ["a", "b"] {
            ids.push(clock::new_id());
            sqlx::query("insert into experiments (id, project_id, created_by, name, created_at) values ($1, $2, $3, $4, 0)")
                .bind(ids[ids.len() - 1].as_str())
                .bind(project.as_str())
                .bind(user.as_str())
                .bind(name)
                .execute(&store.writer)
                .await
                .expect("stored");
        }
        assert!(!store.rename_experiment(&ids[0], "b").await.expect("asked"));
        assert!(
            store.rename_experiment(&ids[0], "a").await.expect("asked"),
            "its own name is no other's"
        );
        assert!(store.rename_experiment(&ids[0], "c").await.expect("asked"));
    }
}
