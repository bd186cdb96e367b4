//! Imports: event files on a node, or uploaded, become experiments; on a node they are followed while they grow.

mod read;
mod source;
mod upload;

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use domain::ids::{ImportId, NodeId};
use domain::imports::{Import, ImportView};
use domain::people::Role;
use tokio::time::Instant;

pub(crate) use read::{look, sweep};
use source::Source;
pub use upload::Upload;

use crate::models::{absolute, wrong};
use crate::{Actor, Backend, Error, Result, clock, experiments, nodes};

/// When each import is looked at next, and whether what a killed process left was swept away.
#[derive(Default)]
pub struct Looks {
    pub(crate) due: Mutex<HashMap<ImportId, Instant>>,
    pub(crate) is_swept: AtomicBool,
}

impl Looks {
    fn forget(&self, id: &ImportId) {
        let mut due = self
            .due
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        due.remove(id);
    }
}

/// All imports of the project, newest first.
pub async fn list(backend: &Backend, actor: &Actor) -> Result<Vec<ImportView>> {
    let mut views = Vec::new();
    for import in backend.store().imports(&actor.project).await? {
        views.push(view(backend, actor, import).await?);
    }
    Ok(views)
}

pub async fn get(backend: &Backend, actor: &Actor, id: &ImportId) -> Result<ImportView> {
    let import = find(backend, actor, id).await?;
    view(backend, actor, import).await
}

async fn find(backend: &Backend, actor: &Actor, id: &ImportId) -> Result<Import> {
    let import = backend.store().import(id).await?;
    import
        .filter(|import| import.project_id == actor.project)
        .ok_or(Error::NotFound("import"))
}

async fn view(backend: &Backend, actor: &Actor, import: Import) -> Result<ImportView> {
    let node_name = match &import.node_id {
        Some(node) => Some(nodes::stored(backend, node).await?.name),
        None => None,
    };
    let mut runs = Vec::new();
    for run in backend.store().import_runs(&import.id).await? {
        let experiment = experiments::find(backend, actor, &run.experiment_id).await?;
        runs.push((run, experiment.name));
    }
    Ok(ImportView {
        files: backend.store().import_files(&import.id).await?,
        node_name,
        runs,
        import,
    })
}

/// Imports a folder of a node, or one event file, and follows it. The same folder again is looked at again. Findings are on `path`.
pub async fn from_node(
    backend: &Backend,
    actor: &Actor,
    node: &NodeId,
    path: &str,
    name: &str,
) -> Result<ImportId> {
    actor.needs(Role::Member)?;
    let node = nodes::get(backend, actor, node).await?.node;
    let folder = absolute("path", path)?;
    let last = folder.rsplit('/').find(|part| !part.is_empty());
    let name = match name.trim() {
        "" => last.unwrap_or(&node.name),
        name => name,
    };
    let now = clock::now();
    let mut import = Import {
        id: clock::new_id(),
        project_id: actor.project.clone(),
        created_by: actor.user.clone(),
        name: name.to_owned(),
        node_id: Some(node.id.clone()),
        folder,
        is_open: true,
        trouble: None,
        created_at: now,
        grown_at: now,
    };
    // Said now, beside the field, rather than by the first look.
    let found = Source::of(backend, &import).await?.list().await?;
    let Some(found) = found else {
        return Err(wrong(
            "path",
            format!(
                "There is no folder {} on {}. Check the spelling.",
                import.folder, node.name
            ),
            format!("{} 上没有目录 {}。请检查拼写。", node.name, import.folder),
        ));
    };
    read::within_limits(&found)?;
    if found.is_empty() {
        return Err(wrong(
            "path",
            format!(
                "No tfevents file lies in {} on {} or in the {} levels of folders below it.",
                import.folder,
                node.name,
                domain::imports::DEEPEST
            ),
            format!(
                "{} 上的 {} 及其下 {} 层目录中没有 tfevents 文件。",
                node.name,
                import.folder,
                domain::imports::DEEPEST
            ),
        ));
    }
    // An old run is read and done with; one that was written to just now is followed.
    let changed_at = found.iter().map(|listed| listed.changed_at).max();
    import.grown_at = changed_at.unwrap_or(now).min(now);
    let id = match backend.store().insert_import(&import).await? {
        Some(known) => {
            look_again(backend, actor, &known).await?;
            known
        }
        None => import.id,
    };
    announce(backend, &import.project_id, &id).await?;
    backend.wake();
    Ok(id)
}

/// Looks at an import's folder now, and follows it from now on.
pub async fn look_again(backend: &Backend, actor: &Actor, id: &ImportId) -> Result<()> {
    actor.needs(Role::Member)?;
    let import = find(backend, actor, id).await?;
    if import.node_id.is_none() {
        return Err(Error::Conflict(domain::language::Text::new(
            "It was uploaded and read to its end. Upload the files again to read them anew.",
            "该导入来自上传，已读取完毕。如需重新读取，请再次上传文件。",
        )));
    }
    backend
        .store()
        .note_import(id, true, None, Some(clock::now()))
        .await?;
    backend.imports().forget(id);
    announce(backend, &import.project_id, id).await?;
    backend.wake();
    Ok(())
}

async fn announce(
    backend: &Backend,
    project: &domain::ids::ProjectId,
    id: &ImportId,
) -> Result<()> {
    backend
        .announce(project, "import", id.as_str(), serde_json::json!({}))
        .await
}
