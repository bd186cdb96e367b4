//! After a gather, the nodes hold other files than before: look again, once.

use domain::jobs::Kind;

use super::underway::begin;
use crate::store::JobRow;
use crate::{Backend, Error, Result, checkpoints, clock};

pub async fn activate(backend: Backend) -> Result<()> {
    for job in backend
        .store()
        .jobs_succeeded_after_look(Kind::Gather)
        .await?
    {
        let own = backend.clone();
        begin(&backend, format!("look after job {}", job.id), async move {
            look(&own, &job).await
        });
    }
    Ok(())
}

async fn look(backend: &Backend, job: &JobRow) -> Result<()> {
    let id = job
        .subject
        .parse()
        .map_err(Error::internal("read a job's subject"))?;
    let (_, attempt) = checkpoints::with_attempt(backend, &job.project, &id).await?;
    checkpoints::look_again(backend, &attempt).await?;
    let store = backend.store();
    store.note_checkpoint_look(&id, clock::now()).await
}
