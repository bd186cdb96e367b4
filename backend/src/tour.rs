//! The whole path, walked for a person who looks on: what it does at this moment.
//!
//! The walking itself is done through the HTTP API, by whoever serves it; here is the board on which it is shown.

use std::sync::{Arc, Mutex, PoisonError};

use domain::language::Text;
use domain::people::Role;
use serde::{Deserialize, Serialize};

use crate::{Actor, Backend, Error, Result};

/// One step of the path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The command line prints the English one.
    pub name: Text,
    /// What came of it, or went wrong.
    pub said: Text,
    pub seconds: f64,
    pub is_done: bool,
    pub has_failed: bool,
}

/// How a walk stands.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Tour {
    pub is_running: bool,
    pub steps: Vec<Step>,
    /// What the two models answered, once they did.
    pub answers: Option<Answers>,
}

/// The same question, before and after training.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    pub question: String,
    pub base: String,
    pub tuned: String,
    /// Where to go on talking: the tuned model's deployment.
    pub deployment: String,
}

type Starter = Arc<dyn Fn(Backend, Actor) + Send + Sync>;

/// The board, and who walks.
#[derive(Default)]
pub struct Board {
    tour: Mutex<Tour>,
    starter: Mutex<Option<Starter>>,
}

impl Board {
    /// Names who walks when a person asks.
    pub fn walked_by(&self, starter: Starter) {
        *self.starter.lock().unwrap_or_else(PoisonError::into_inner) = Some(starter);
    }

    /// Changes what is shown.
    pub fn update(&self, change: impl FnOnce(&mut Tour)) {
        change(&mut self.tour.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn read(&self) -> Tour {
        self.tour
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// How the walk stands; empty: none was begun since the console started.
pub fn get(backend: &Backend) -> Tour {
    backend.board().read()
}

/// Begins a walk; one that is under way goes on.
pub fn start(backend: &Backend, actor: &Actor) -> Result<()> {
    actor.needs(Role::Admin)?;
    let starter = backend
        .board()
        .starter
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let starter = starter.ok_or(Error::NotFound("tour"))?;
    let mut is_new = false;
    backend.board().update(|tour| {
        is_new = !tour.is_running;
        if is_new {
            *tour = Tour {
                is_running: true,
                ..Tour::default()
            };
        }
    });
    if is_new {
        starter(backend.clone(), actor.clone());
    }
    Ok(())
}

/// Tells open pages that the board has changed.
pub async fn announce(backend: &Backend, actor: &Actor) -> Result<()> {
    backend
        .announce(&actor.project, "tour", "tour", serde_json::json!({}))
        .await
}
