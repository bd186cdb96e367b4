//! Doing it: everything that touches database, machines and engines; no HTTP server, no pages.
//!
//! Rooms (`experiments`, `jobs` …) are the verbs people have; they and the `background` loops use `store` (the only SQL),
//! `hosts` (the only remote execution) and `inference` (the only engine HTTP), which never see one another.

pub mod changes;
pub mod clock;
pub mod error;
pub mod store;

use std::sync::Arc;

pub use error::{Error, Result};

/// The one handle that every verb takes first. Cheap to clone.
#[derive(Clone)]
pub struct Backend {
    inner: Arc<Inner>,
}

struct Inner {
    store: store::Store,
    changes: changes::Changes,
}

impl Backend {
    pub fn new(store: store::Store) -> Self {
        let changes = changes::Changes::new();
        Backend {
            inner: Arc::new(Inner { store, changes }),
        }
    }

    pub fn store(&self) -> &store::Store {
        &self.inner.store
    }

    /// What changed, for open browsers and waiting loops.
    pub fn changes(&self) -> &changes::Changes {
        &self.inner.changes
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
