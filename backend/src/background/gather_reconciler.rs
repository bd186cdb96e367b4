//! After a gather, the nodes hold other files than before: look again, once.

use domain::jobs::Kind;

use crate::{Backend, Error, Result, checkpoints};

pub async fn activate(backend: Backend) -> Result<()> {
    for job in backend
        .store()
        .jobs_succeeded_after_look(Kind::Gather)
        .await?
    {
        let looked = async {
            let id = job
                .subject
                .parse()
                .map_err(Error::internal("read a job's subject"))?;
            let checkpoint = backend
                .store()
                .checkpoint(&job.project, &id)
                .await?
                .ok_or(Error::NotFound("checkpoint"))?;
            let attempt = backend
                .store()
                .attempt(&checkpoint.attempt_id)
                .await?
                .ok_or(Error::NotFound("attempt"))?;
            checkpoints::look_again(&backend, &attempt).await?;
            backend
                .store()
                .note_checkpoint_look(&id, crate::clock::now())
                .await
        };
        match looked.await {
            Ok(()) => {}
            Err(Error::Unavailable(text)) => {
                tracing::debug!(job.id = %job.id, %text, "A node gave no answer")
            }
            Err(error) => {
                tracing::warn!(job.id = %job.id, error = &error as &dyn std::error::Error, "A gathered checkpoint could not be listed")
            }
        }
    }
    Ok(())
}
