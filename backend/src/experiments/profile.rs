//! What a run says of itself and what people say of it: configuration, notes, tags, name, archive.

use domain::comparison::config::{self, Config};
use domain::experiments::{Extent, Setup};
use domain::finding::Finding;
use domain::ids::{ExperimentId, ProjectId};
use domain::jobs::ProcessSpec;
use domain::language::Text;
use domain::models::Origin;
use domain::people::Role;

use super::{find, name_taken};
use crate::store::Profile;
use crate::{Actor, Backend, Error, Result, clock, nodes, tracking};

/// A tag is a word or two.
const LONGEST_TAG: usize = 64;
const MOST_TAGS: usize = 64;
/// Notes are text, not files.
const LONGEST_NOTES: usize = 256 * 1024;
/// SQLite and every page carry a name whole.
const LONGEST_NAME: usize = 8 * 1024;

/// The configuration of a launch, for the table and for comparing.
pub(super) async fn config_of(
    backend: &Backend,
    project: &ProjectId,
    setup: &Setup,
    processes: &[ProcessSpec],
) -> Result<Config> {
    let mut names = Vec::with_capacity(processes.len());
    for process in processes {
        names.push(nodes::stored(backend, &process.node_id).await?.name);
    }
    let model = backend.store().model(project, &setup.model_id).await?;
    let dataset = backend.store().dataset(project, &setup.dataset_id).await?;
    Ok(config::of_setup(
        setup,
        &model.map(|model| model.name).unwrap_or_default(),
        &dataset.map(|dataset| dataset.name).unwrap_or_default(),
        &names,
    ))
}

/// Writes down the configuration of experiments that were launched before that was kept. Run at start; a second run finds nothing to do.
pub async fn fill_in_configs(backend: &Backend) -> Result<usize> {
    let missing = backend.store().launched_without_profile().await?;
    for (project, id) in &missing {
        let stored = backend.store().experiment(project, id).await?;
        let Some(setup) = stored.and_then(|experiment| experiment.setup) else {
            continue;
        };
        let attempts = backend.store().attempts(id).await?;
        let job = match attempts.last() {
            Some(attempt) => backend.store().job(&attempt.job_id).await?,
            None => None,
        };
        let processes = job.map(|job| job.spec.processes).unwrap_or_default();
        let config = config_of(backend, project, &setup, &processes).await?;
        backend
            .store()
            .insert_profile(id, &config, clock::now())
            .await?;
    }
    Ok(missing.len())
}

/// Puts a tag on an experiment or takes it off.
pub async fn set_tag(
    backend: &Backend,
    actor: &Actor,
    id: &ExperimentId,
    tag: &str,
    is_on: bool,
) -> Result<()> {
    actor.needs(Role::Member)?;
    find(backend, actor, id).await?;
    let tag = tag.trim().trim_start_matches('#').trim();
    if is_on {
        let has = backend.store().tags_of(id).await?.len();
        let problem =
            |en: String, zh: String| Err(Error::Invalid(vec![Finding::stops("tag", en, zh)]));
        if tag.is_empty() || tag.chars().count() > LONGEST_TAG || tag.chars().any(char::is_control)
        {
            return problem(
                format!("A tag has 1 to {LONGEST_TAG} characters on one line."),
                format!("标签须为一行内的 1 至 {LONGEST_TAG} 个字符。"),
            );
        }
        if has >= MOST_TAGS {
            return problem(
                format!("It has {MOST_TAGS} tags already; take one off first."),
                format!("已有 {MOST_TAGS} 个标签，请先移除一个。"),
            );
        }
    }
    backend.store().set_tag(id, tag, is_on).await?;
    changed(backend, actor, id).await
}

/// The notes as they were typed.
pub async fn notes(backend: &Backend, actor: &Actor, id: &ExperimentId) -> Result<String> {
    find(backend, actor, id).await?;
    backend.store().notes(id).await
}

pub async fn set_notes(
    backend: &Backend,
    actor: &Actor,
    id: &ExperimentId,
    notes: &str,
) -> Result<()> {
    actor.needs(Role::Member)?;
    find(backend, actor, id).await?;
    if notes.len() > LONGEST_NOTES {
        return Err(Error::Invalid(vec![Finding::stops(
            "notes",
            format!(
                "The notes have {} KiB; at most {} KiB are kept.",
                notes.len() >> 10,
                LONGEST_NOTES >> 10
            ),
            format!(
                "备注有 {} KiB，最多 {} KiB。",
                notes.len() >> 10,
                LONGEST_NOTES >> 10
            ),
        )]));
    }
    backend.store().set_notes(id, notes).await?;
    changed(backend, actor, id).await
}

pub async fn tags(backend: &Backend, actor: &Actor, id: &ExperimentId) -> Result<Vec<String>> {
    find(backend, actor, id).await?;
    backend.store().tags_of(id).await
}

/// Another name; the run folder on the nodes keeps the old one.
pub async fn rename(backend: &Backend, actor: &Actor, id: &ExperimentId, name: &str) -> Result<()> {
    actor.needs(Role::Member)?;
    find(backend, actor, id).await?;
    let name = name.trim();
    if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(Error::Invalid(vec![Finding::stops(
            "name",
            "Write a name on one line.",
            "请填写一行以内的名称。",
        )]));
    }
    if !backend.store().rename_experiment(id, name).await? {
        return Err(Error::Invalid(vec![name_taken(name)]));
    }
    changed(backend, actor, id).await
}

/// Takes an experiment out of the table, or back into it. Nothing is lost.
pub async fn set_archived(
    backend: &Backend,
    actor: &Actor,
    id: &ExperimentId,
    is_archived: bool,
) -> Result<()> {
    actor.needs(Role::Member)?;
    find(backend, actor, id).await?;
    backend
        .store()
        .set_archived(id, is_archived.then(clock::now))
        .await?;
    changed(backend, actor, id).await
}

async fn changed(backend: &Backend, actor: &Actor, id: &ExperimentId) -> Result<()> {
    backend
        .announce(
            &actor.project,
            "experiment",
            id.as_str(),
            serde_json::json!({}),
        )
        .await
}

/// What the run said of itself; empty for one that said nothing.
pub async fn profile(backend: &Backend, actor: &Actor, id: &ExperimentId) -> Result<Profile> {
    find(backend, actor, id).await?;
    Ok(backend.store().profile_of(id).await?.unwrap_or_default())
}

/// Who launched or pushed it, and whether it is archived.
pub async fn standing(
    backend: &Backend,
    actor: &Actor,
    id: &ExperimentId,
) -> Result<(String, bool)> {
    find(backend, actor, id).await?;
    backend.store().standing_of(id).await
}

/// What the console holds of an experiment that would be gone with it.
pub async fn extent(backend: &Backend, actor: &Actor, id: &ExperimentId) -> Result<Extent> {
    find(backend, actor, id).await?;
    let extent = backend.store().extent(id).await?;
    let count = |name| extent.get(name).copied().unwrap_or_default();
    Ok(Extent {
        points: count("points"),
        series: count("series"),
        checkpoints: count("checkpoints"),
    })
}

/// Removes an experiment with its points, notes and list of checkpoints for good. `name`: typed, as a sign that this one is meant. Files on
/// the nodes stay.
pub async fn delete(backend: &Backend, actor: &Actor, id: &ExperimentId, name: &str) -> Result<()> {
    actor.needs(Role::Member)?;
    let view = super::get(backend, actor, id).await?;
    if view.job().is_some_and(|job| !job.state.is_terminal()) {
        return Err(Error::Conflict(Text::new(
            "It is still running. Stop it first.",
            "实验仍在运行，请先停止。",
        )));
    }
    if view.experiment.name.trim() != name.trim() {
        return Err(Error::Invalid(vec![Finding::stops(
            "typed_name",
            "This is not its name. Write the name as it stands above.",
            "与实验名称不符，请照原样填写名称。",
        )]));
    }
    let checkpoints = backend.store().checkpoints(id).await?;
    let models = backend.store().models(&actor.project).await?;
    let from_it: Vec<&str> = models
        .iter()
        .filter(|model| matches!(&model.origin, Origin::Exported { checkpoint, .. } if checkpoints.iter().any(|own| own.id == *checkpoint)))
        .map(|model| model.name.as_str())
        .collect();
    if !from_it.is_empty() {
        let names = from_it.join(", ");
        return Err(Error::Conflict(Text::new(
            format!("These models were exported from it and say so: {names}. Archive it instead."),
            format!("以下模型由其导出并记录了来源：{names}。请改为归档。"),
        )));
    }
    if let Some(import) = backend.store().open_import_of(id).await? {
        return Err(Error::Conflict(Text::new(
            format!(
                "The import \"{import}\" still follows its files and would make it again. It ends an hour after they were last written to."
            ),
            format!(
                "导入“{import}”仍在跟踪其文件，删除后会再次生成。文件停止写入一小时后导入结束，届时可删除。"
            ),
        )));
    }
    let files = backend.store().files_of_no_other(id).await?;
    backend.store().delete_experiment(id).await?;
    tracking::files::forget(backend, &files).await;
    changed(backend, actor, id).await
}
