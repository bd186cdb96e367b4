//! The only SQL. `Store` is the only type visible outside; pools stay inside.
//!
//! One file per room, each adding methods to `Store`: they store what they are told and hold no rules. SQL stays portable to
//! PostgreSQL: `$1` placeholders, `on conflict`, columns only i64, f64, text and bytes.

mod changes;
mod chat;
mod checkpoints;
mod deployments;
mod experiments;
mod grew;
mod imports;
mod jobs;
mod layouts;
mod metrics;
mod models;
mod nodes;
mod offsets;
mod people;
mod profiles;
mod queue;
mod secrets;
mod table;
mod tracking;

pub use experiments::{Launched, NewLaunch, OpenAttempt};
pub use imports::ImportProgress;
pub use jobs::{Inserted, JobRow, NewJobRow, ProcessRow};
pub use metrics::{Origin, Overview, SeriesRow};
pub use nodes::{NewNodeRow, NodeInserted};
pub use offsets::{Offset, Standing};
pub use profiles::Profile;
pub use queue::{NewQueueRow, QueueRow, Queued};
pub use secrets::NewSecretRow;
pub use table::{GroupRow, Order, ValueColumn, Wanted, Where};
pub use tracking::{FileRow, FoundRun, KeyHolder, MediaRow, NewTrackedRun, StoredLine};

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use crate::error::{Error, Result};

/// The database: one writing connection, a few reading ones (SQLite in WAL mode).
#[derive(Clone)]
pub struct Store {
    writer: SqlitePool,
    reader: SqlitePool,
    grew: grew::Grew,
}

impl Store {
    /// Opens or makes the database file and brings its schema up to date.
    pub async fn open(path: &Path) -> Result<Store> {
        let options = SqliteConnectOptions::from_str("sqlite:")
            .map_err(Error::internal("name the database"))?
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            // What a burst of writes made of the log beside the database goes back to the disk afterwards.
            .pragma("journal_size_limit", "1048576")
            .busy_timeout(Duration::from_secs(5))
            .foreign_keys(true);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options.clone())
            .await
            .map_err(Error::internal("open the database"))?;
        sqlx::migrate!("../migrations")
            .run(&writer)
            .await
            .map_err(Error::internal("migrate the database"))?;
        let reader = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options.read_only(true).create_if_missing(false))
            .await
            .map_err(Error::internal("open the database for reading"))?;
        Ok(Store {
            writer,
            reader,
            grew: grew::Grew::default(),
        })
    }

    /// A transaction that writes. It takes the lock when it begins and waits for another program that has it (a backup, a script): one
    /// that took it at its first write would be refused at once after it had read.
    async fn begin(&self) -> Result<sqlx::Transaction<'static, sqlx::Sqlite>> {
        self.writer
            .begin_with("begin immediate")
            .await
            .map_err(failed("begin"))
    }

    /// Waits for running queries and closes the file.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

/// An id as it stands in a row. Rows are written by us, so a bad one is damage, not input.
fn parsed<Id: FromStr<Err = domain::ids::NotAnId>>(text: String) -> Result<Id> {
    text.parse().map_err(Error::internal("read an id"))
}

/// A JSON column. Rows are written by us, so one that does not read is damage.
fn from_json<T: serde::de::DeserializeOwned>(text: String) -> Result<T> {
    serde_json::from_str(&text).map_err(Error::internal("read a JSON column"))
}

pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(Error::internal("write a JSON column"))
}

/// How a failed query leaves the store.
fn failed(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Error {
    Error::internal(doing)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A migrated database of its own, gone with the returned folder.
    pub(crate) async fn fresh() -> (Store, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(&folder.path().join("trainyard.sqlite"))
            .await
            .expect("the schema applies");
        (store, folder)
    }

    /// A first admin and their project.
    pub(crate) async fn first_admin(
        store: &Store,
    ) -> (domain::ids::UserId, domain::ids::ProjectId) {
        let (user, project) = (crate::clock::new_id(), crate::clock::new_id());
        let now = domain::time::Timestamp(0);
        store.replace_setup_link("link", now).await.expect("stored");
        assert!(
            store
                .insert_first_admin("link", &user, "ada", "hash", &project, "default", now)
                .await
                .expect("made")
        );
        (user, project)
    }

    /// An experiment in the first admin's project.
    pub(crate) async fn experiment(
        store: &Store,
        setup: Option<&domain::experiments::Setup>,
    ) -> (crate::Actor, domain::ids::ExperimentId) {
        let (user, project) = first_admin(store).await;
        let id: domain::ids::ExperimentId = crate::clock::new_id();
        sqlx::query("insert into experiments (id, project_id, created_by, name, setup, created_at) values ($1, $2, $3, 'run', $4, 0)")
            .bind(id.as_str())
            .bind(domain::ids::ProjectId::as_str(&project))
            .bind(domain::ids::UserId::as_str(&user))
            .bind(setup.map(to_json).transpose().expect("JSON"))
            .execute(&store.writer)
            .await
            .expect("stored");
        let role = domain::people::Role::Admin;
        (
            crate::Actor {
                user,
                project,
                role,
            },
            id,
        )
    }

    #[tokio::test]
    async fn the_schema_applies_to_an_empty_file_and_again() {
        let (store, folder) = fresh().await;
        store.close().await;
        Store::open(&folder.path().join("trainyard.sqlite"))
            .await
            .expect("a second start finds it migrated");
    }

    #[tokio::test]
    async fn a_writer_waits_for_another_program() {
        use sqlx::Connection;
        let (store, folder) = fresh().await;
        let (actor, id) = experiment(&store, None).await;
        let _ = actor;
        let file = folder.path().join("trainyard.sqlite");
        let options = SqliteConnectOptions::new().filename(&file);
        let mut other = sqlx::SqliteConnection::connect_with(&options)
            .await
            .expect("opened");
        sqlx::query("begin immediate")
            .execute(&mut other)
            .await
            .expect("begun");
        sqlx::query("update projects set name = name")
            .execute(&mut other)
            .await
            .expect("written");
        let own = store.clone();
        let waiting = tokio::spawn(async move { own.delete_experiment(&id).await });
        tokio::time::sleep(Duration::from_millis(200)).await;
        sqlx::query("commit")
            .execute(&mut other)
            .await
            .expect("committed");
        waiting.await.expect("ended").expect("deleted");
    }
}
