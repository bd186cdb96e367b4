//! Which experiments have got points since somebody looked, without asking the database.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::ids::ExperimentId;

use super::{Store, failed, parsed};
use crate::error::Result;

/// What this process, which is the only one that writes to its database, knows of an experiment.
#[derive(Debug, Clone, Copy)]
struct Growth {
    /// How often points were added.
    generation: u64,
    at: Instant,
    is_packed: bool,
}

#[derive(Default)]
struct All {
    experiments: HashMap<ExperimentId, Growth>,
    /// What an earlier process left has been looked for.
    is_searched: bool,
}

#[derive(Clone, Default)]
pub(super) struct Grew(Arc<Mutex<All>>);

impl Grew {
    fn all(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn note(&self, experiment: &ExperimentId) {
        let mut all = self.all();
        let known = all.experiments.get(experiment);
        let growth = Growth {
            generation: known.map_or(0, |known| known.generation) + 1,
            at: Instant::now(),
            is_packed: false,
        };
        all.experiments.insert(experiment.clone(), growth);
    }

    /// Those with points that are not packed and whose newest came before `before`.
    fn quiet(&self, before: Instant) -> Vec<ExperimentId> {
        let all = self.all();
        let quiet = all
            .experiments
            .iter()
            .filter(|(_, growth)| !growth.is_packed && growth.at <= before);
        quiet.map(|(experiment, _)| experiment.clone()).collect()
    }
}

impl Store {
    /// Rises whenever points of the experiment were stored. Read before what depends on it: what is read then is at least as new.
    pub fn generation(&self, experiment: &ExperimentId) -> u64 {
        let all = self.grew.all();
        let known = all.experiments.get(experiment);
        known.map_or(0, |growth| growth.generation)
    }

    /// Experiments whose points may lie in small pieces and that got none for `quiet`. The first call also tells of those that an
    /// earlier process left so.
    pub async fn unpacked_experiments(&self, quiet: Duration) -> Result<Vec<ExperimentId>> {
        let mut found = Vec::new();
        if !std::mem::replace(&mut self.grew.all().is_searched, true) {
            let left: Vec<String> = sqlx::query_scalar(
                "select distinct experiment_id from series where id in \
                 (select series_id from series_tails group by series_id having count(*) > 1 union select series_id from series_chunks)",
            )
            .fetch_all(&self.reader)
            .await
            .map_err(failed("look for small pieces"))?;
            for id in left {
                found.push(parsed(id)?);
            }
        }
        if let Some(before) = Instant::now().checked_sub(quiet) {
            found.extend(self.grew.quiet(before));
        }
        Ok(found)
    }

    /// The points that an experiment had at a generation are packed.
    pub fn note_packed(&self, experiment: &ExperimentId, generation: u64) {
        let mut all = self.grew.all();
        if let Some(growth) = all.experiments.get_mut(experiment)
            && growth.generation == generation
        {
            growth.is_packed = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::fresh;
    use super::*;
    use crate::clock;

    #[tokio::test]
    async fn an_experiment_is_packed_once_after_it_grew() {
        let (store, _folder) = fresh().await;
        let id: ExperimentId = clock::new_id();
        let unpacked = async || {
            store
                .unpacked_experiments(Duration::ZERO)
                .await
                .expect("read")
        };
        assert_eq!((store.generation(&id), unpacked().await), (0, vec![]));
        store.grew.note(&id);
        assert_eq!(
            (store.generation(&id), unpacked().await),
            (1, vec![id.clone()])
        );
        let hour = Duration::from_secs(3600);
        assert_eq!(store.unpacked_experiments(hour).await.expect("read"), []);
        // It grew while it was packed: once more.
        store.grew.note(&id);
        store.note_packed(&id, 1);
        assert_eq!(unpacked().await, vec![id.clone()]);
        store.note_packed(&id, 2);
        assert_eq!(unpacked().await, []);
    }
}
