//! Doing it: everything that touches database, machines and engines; no HTTP server, no pages.
//!
//! Rooms (`experiments`, `jobs` …) are the verbs people have; they and the `background` loops use `store` (the only SQL),
//! `hosts` (the only remote execution) and `inference` (the only engine HTTP), which never see one another.

pub mod background;
pub mod changes;
pub mod charts;
pub mod chat;
pub mod checkpoints;
pub mod clock;
pub mod comparison;
pub mod datasets;
pub mod deployments;
pub mod error;
pub mod executors;
pub mod experiments;
pub mod folder;
pub mod hosts;
pub mod imports;
mod inference;
pub mod jobs;
pub mod logs;
pub mod metrics;
pub mod models;
pub mod nodes;
pub mod people;
pub mod secrets;
pub mod store;
pub mod tour;
pub mod tracking;
mod transfers;

use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

pub use error::{Error, Result};

/// What the process was started with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Holds the database and the key file.
    pub data_folder: PathBuf,
    /// Description of a rehearsal cluster that the first project adopts.
    pub rehearsal: Option<PathBuf>,
    /// A reply to which nobody listens for this long is dropped.
    pub unheard: std::time::Duration,
}

impl Settings {
    /// Settings for a data folder, everything else as usual.
    pub fn new(data_folder: PathBuf) -> Settings {
        Settings {
            data_folder,
            rehearsal: None,
            unheard: std::time::Duration::from_secs(30),
        }
    }
}

/// The one handle that every verb takes first. Cheap to clone.
#[derive(Clone)]
pub struct Backend {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    instance: String,
    store: store::Store,
    secrets: secrets::Secrets,
    log_ins: people::LogIns,
    changes: changes::Changes,
    hosts: hosts::Hosts,
    underway: background::underway::Underway,
    followers: background::log_follower::Sessions,
    watches: logs::Watches,
    imports: imports::Looks,
    replies: chat::Replies,
    curves: metrics::curves::Curves,
    stages: deployments::Stages,
    flights: experiments::Flights,
    board: tour::Board,
    writers: tracking::ingest::Writers,
    wake: tokio::sync::Notify,
    stopping: CancellationToken,
}

impl Backend {
    /// Reads or makes the key file in the data folder.
    pub fn new(store: store::Store, settings: Settings) -> Result<Self> {
        let secrets = secrets::Secrets::open(&settings.data_folder.join("secrets.key"))?;
        Ok(Backend {
            inner: Arc::new(Inner {
                settings,
                instance: clock::new_instance(),
                store,
                secrets,
                log_ins: people::LogIns::default(),
                changes: changes::Changes::new(),
                hosts: hosts::Hosts::default(),
                underway: background::underway::Underway::default(),
                followers: background::log_follower::Sessions::default(),
                watches: logs::Watches::default(),
                imports: imports::Looks::default(),
                replies: chat::Replies::default(),
                curves: metrics::curves::Curves::default(),
                stages: deployments::Stages::default(),
                flights: experiments::Flights::default(),
                board: tour::Board::default(),
                writers: tracking::ingest::Writers::default(),
                wake: tokio::sync::Notify::new(),
                stopping: CancellationToken::new(),
            }),
        })
    }

    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// Names this process among those that may work on the same database.
    pub(crate) fn instance(&self) -> &str {
        &self.inner.instance
    }

    pub fn store(&self) -> &store::Store {
        &self.inner.store
    }

    pub(crate) fn secrets(&self) -> &secrets::Secrets {
        &self.inner.secrets
    }

    pub(crate) fn log_ins(&self) -> &people::LogIns {
        &self.inner.log_ins
    }

    /// What changed, for open browsers and waiting loops.
    pub fn changes(&self) -> &changes::Changes {
        &self.inner.changes
    }

    /// The machines.
    pub fn hosts(&self) -> &hosts::Hosts {
        &self.inner.hosts
    }

    /// What the background loops have begun.
    pub(crate) fn underway(&self) -> &background::underway::Underway {
        &self.inner.underway
    }

    /// The sessions by which runs are followed.
    pub(crate) fn followers(&self) -> &background::log_follower::Sessions {
        &self.inner.followers
    }

    /// The logs that somebody reads as they grow.
    pub(crate) fn watches(&self) -> &logs::Watches {
        &self.inner.watches
    }

    /// When imports are looked at next.
    pub(crate) fn imports(&self) -> &imports::Looks {
        &self.inner.imports
    }

    /// The replies that are being written.
    pub(crate) fn replies(&self) -> &chat::Replies {
        &self.inner.replies
    }

    /// The curves that are being looked at.
    pub(crate) fn curves(&self) -> &metrics::curves::Curves {
        &self.inner.curves
    }

    /// What a walk of the whole path shows.
    pub fn board(&self) -> &tour::Board {
        &self.inner.board
    }

    /// The runs that clients are writing.
    pub(crate) fn writers(&self) -> &tracking::ingest::Writers {
        &self.inner.writers
    }

    /// How far starting engines have come.
    pub(crate) fn stages(&self) -> &deployments::Stages {
        &self.inner.stages
    }

    /// Pre-flights under way and just ended.
    pub(crate) fn flights(&self) -> &experiments::Flights {
        &self.inner.flights
    }

    /// Wakes the background loops: something is to be done now rather than at the next tick.
    pub fn wake(&self) {
        self.inner.wake.notify_waiters();
    }

    /// Ends at the next `wake`. Made before an activation, so that a call during it is not lost.
    pub(crate) fn woken(&self) -> impl Future<Output = ()> + '_ {
        let mut woken = Box::pin(self.inner.wake.notified());
        woken.as_mut().enable();
        woken
    }

    /// Numbers and stores a change, then tells whoever listens.
    pub(crate) async fn announce(
        &self,
        project: &domain::ids::ProjectId,
        kind: &'static str,
        subject: &str,
        detail: serde_json::Value,
    ) -> Result<()> {
        let change = self
            .store()
            .record_change(project, kind, subject, detail, clock::now())
            .await?;
        self.changes().announce(change);
        Ok(())
    }

    /// Cancelled when the process is asked to stop; every loop and stream selects on it.
    pub fn stopping(&self) -> CancellationToken {
        self.inner.stopping.clone()
    }
}

/// Who asks: passed to every verb that reads or changes what a project owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    pub user: domain::ids::UserId,
    pub project: domain::ids::ProjectId,
    pub role: domain::people::Role,
}

impl Actor {
    /// Refuses when the actor's role is below `role`.
    pub fn needs(&self, role: domain::people::Role) -> Result<()> {
        if self.role >= role {
            Ok(())
        } else {
            Err(Error::Denied)
        }
    }
}
