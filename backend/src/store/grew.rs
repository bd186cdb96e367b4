//! Which experiments have got points since somebody looked, without asking the database.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::ids::ExperimentId;

use super::Store;

/// How often points were added to each experiment by this process, which is the only one that writes to its database.
#[derive(Clone, Default)]
pub(super) struct Grew(Arc<Mutex<HashMap<ExperimentId, u64>>>);

impl Grew {
    pub fn note(&self, experiment: &ExperimentId) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *all.entry(experiment.clone()).or_default() += 1;
    }
}

impl Store {
    /// Rises whenever points of the experiment were stored. Read before what depends on it: what is read then is at least as new.
    pub fn generation(&self, experiment: &ExperimentId) -> u64 {
        let all = self.grew.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(experiment).copied().unwrap_or_default()
    }
}
