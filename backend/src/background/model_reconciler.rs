//! Turns conversions and exports that have succeeded into models, once each, with the numbers of their precision test.

use domain::ids::ModelId;
use domain::jobs::Kind;
use domain::models::{Model, Origin, precision};

use super::underway::begin;
use crate::store::JobRow;
use crate::{Backend, Error, Result, checkpoints, jobs, models, nodes};

/// The precision block stands at the end of the log.
const LOG_BYTES: u64 = 4 << 20;

pub async fn activate(backend: Backend) -> Result<()> {
    for kind in [Kind::Convert, Kind::Export] {
        for job in backend.store().jobs_succeeded(kind).await? {
            if backend.store().has_model_of(&job.id).await? {
                continue;
            }
            // A node that is away is asked again at the next activation.
            let own = backend.clone();
            begin(&backend, format!("model of job {}", job.id), async move {
                adopt(&own, &job, kind).await
            });
        }
    }
    Ok(())
}

/// The model from which another was made, its name and its origin.
async fn origin(backend: &Backend, job: &JobRow, kind: Kind) -> Result<(Model, String, Origin)> {
    let store = backend.store();
    let model = async |id: &ModelId| {
        store
            .model(&job.project, id)
            .await?
            .ok_or(Error::NotFound("model"))
    };
    if kind == Kind::Convert {
        let from = job
            .subject
            .parse()
            .map_err(Error::internal("read a job's subject"))?;
        let source = model(&from).await?;
        let name = format!("{} (MCore)", source.name);
        let origin = Origin::Converted {
            from,
            job: job.id.clone(),
        };
        return Ok((source, name, origin));
    }
    let id = job
        .subject
        .parse()
        .map_err(Error::internal("read a job's subject"))?;
    let (_, attempt) = checkpoints::with_attempt(backend, &job.project, &id).await?;
    let setup = store
        .experiment(&job.project, &attempt.experiment_id)
        .await?
        .and_then(|experiment| experiment.setup)
        .ok_or(Error::NotFound("recipe"))?;
    let source = model(&setup.model_id).await?;
    let name = store.job_title(&job.id).await?;
    let origin = Origin::Exported {
        checkpoint: id,
        base: setup.model_id,
        job: job.id.clone(),
    };
    Ok((source, name, origin))
}

async fn adopt(backend: &Backend, job: &JobRow, kind: Kind) -> Result<()> {
    let process = job
        .spec
        .processes
        .first()
        .ok_or(Error::NotFound("process"))?;
    let node = nodes::stored(backend, &process.node_id).await?;
    let (source, name, origin) = origin(backend, job, kind).await?;
    let text = jobs::log_end(backend, &node, &job.id, process.rank, LOG_BYTES).await?;
    let path = output_folder(&process.script).ok_or(Error::NotFound("output folder"))?;
    let mut model = models::look(backend, &node, &path, &name, origin).await?;
    model.precision = precision::read(&text);
    if kind == Kind::Convert {
        // The folder of a converted model names neither architecture nor parameters: they are its source's.
        model.facts.architecture = source.facts.architecture;
        model.facts.parameters = source.facts.parameters;
    }
    let creator = backend.store().creator_of(&job.id).await?;
    if backend
        .store()
        .insert_model(&model, &creator, Some(&job.id))
        .await?
    {
        backend
            .announce(
                &job.project,
                "model",
                model.id.as_str(),
                serde_json::json!({}),
            )
            .await?;
    }
    Ok(())
}

/// The folder that the rendered command was told to make. Quoted words are read back by the rule of `shell::quote`.
fn output_folder(script: &str) -> Option<String> {
    let word = script
        .lines()
        .find_map(|line| line.trim().strip_prefix("--output_dir "))?;
    let word = word.trim_end_matches(" \\").trim_end();
    Some(
        match word
            .strip_prefix('\'')
            .and_then(|rest| rest.strip_suffix('\''))
        {
            Some(inner) => inner.replace("'\\''", "'"),
            None => word.to_owned(),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_folder_is_read_back_from_the_script() {
        for folder in ["/models/qwen3-mcore", "/data/it's here"] {
            let script = format!(
                "exec swift export \\\n    --output_dir {} \\\n    --x true\n",
                domain::shell::quote(folder)
            );
            assert_eq!(output_folder(&script).as_deref(), Some(folder));
        }
        assert_eq!(output_folder("exec true"), None);
    }
}
