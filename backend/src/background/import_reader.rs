//! Reads imports to their end, and follows those on nodes while they grow.
//!
//! An activation begins one look for each open import whose turn it is: soon while it grows, once a minute when it has been quiet for
//! long. Where a look stands is in the store, so a look that is cut off, by whatever, is simply repeated.

use std::time::Duration;

use tokio::time::Instant;

use super::underway::begin;
use crate::{Backend, Result, clock, imports};

const SOONEST: Duration = Duration::from_secs(2);
const LATEST: Duration = Duration::from_secs(60);

pub async fn activate(backend: Backend) -> Result<()> {
    let open = backend.store().open_imports().await?;
    imports::sweep(&backend, &open).await?;
    let (now, at) = (Instant::now(), clock::now());
    // Held only for looking: nothing waits inside.
    let mut due = backend
        .imports()
        .due
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    due.retain(|id, _| open.iter().any(|import| import.id == *id));
    for import in open {
        if due.get(&import.id).is_some_and(|due| *due > now) {
            continue;
        }
        let quiet = u64::try_from(at.millis_since(import.grown_at)).unwrap_or(0);
        let pause = Duration::from_millis(quiet / 20).clamp(SOONEST, LATEST);
        due.insert(import.id.clone(), now + pause);
        let own = backend.clone();
        begin(&backend, format!("import {}", import.id), async move {
            imports::look(&own, &import).await
        });
    }
    Ok(())
}
