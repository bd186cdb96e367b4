//! One look at an import: new runs and files are taken in, and what was added to files is read.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use domain::ids::ExperimentId;
use domain::imports::{
    DEEPEST, FILES_LIMIT, Import, ImportedFile, ImportedRun, RUNS_LIMIT, began_at, config,
    experiment_name,
};
use domain::language::Text;
use domain::metrics::tfevents::{Known, Reader, runs};
use domain::metrics::{Batch, SeriesKey, Source as PointSource};
use domain::people::Role;
use domain::time::Timestamp;
use domain::tracking::RunState;

use super::announce;
use super::source::{Listed, Source, uploads};
use crate::models::wrong;
use crate::store::ImportProgress;
use crate::tracking::{self, NewRun};
use crate::{Actor, Backend, Error, Result, clock};

/// Read at once, and stored in one transaction.
const PIECE: u64 = 4 << 20;
/// A folder in which nothing was added for this long is followed no more.
const QUIET_MILLIS: i64 = 60 * 60 * 1000;

/// Refuses what is no folder of runs, but perhaps a whole disk.
pub(super) fn within_limits(found: &[Listed]) -> Result<()> {
    let count = runs(found.iter().map(|listed| listed.file.clone())).len();
    if found.len() <= FILES_LIMIT && count <= RUNS_LIMIT {
        return Ok(());
    }
    Err(wrong(
        "path",
        format!(
            "More than {FILES_LIMIT} event files or {RUNS_LIMIT} runs lie within {DEEPEST} levels of folders; choose a folder further down."
        ),
        format!(
            "{DEEPEST} 层目录内的事件文件超过 {FILES_LIMIT} 个或运行超过 {RUNS_LIMIT} 个，请选择更下层的目录。"
        ),
    ))
}

/// Looks once. Repeated, it goes on where the store stands.
pub(crate) async fn look(backend: &Backend, import: &Import) -> Result<()> {
    match look_at(backend, import).await {
        Err(Error::Unavailable(text)) => in_trouble(backend, import, text).await,
        Err(Error::Invalid(findings)) => {
            let text = findings.first().map(|finding| finding.text.clone());
            let unsaid = || Text::new("It cannot be read.", "无法读取。");
            in_trouble(backend, import, text.unwrap_or_else(unsaid)).await
        }
        result => result,
    }
}

async fn in_trouble(backend: &Backend, import: &Import, text: Text) -> Result<()> {
    if import.trouble.as_ref() != Some(&text) {
        let store = backend.store();
        store
            .note_import(&import.id, true, Some(&text), None)
            .await?;
        announce(backend, &import.project_id, &import.id).await?;
    }
    Ok(())
}

async fn look_at(backend: &Backend, import: &Import) -> Result<()> {
    let source = Source::of(backend, import).await?;
    let Some(found) = source.list().await? else {
        let folder = &import.folder;
        return Err(Error::Unavailable(Text::new(
            format!("{folder} is not there any more; what was read of it stays."),
            format!("{folder} 已不存在，已读取的数据予以保留。"),
        )));
    };
    within_limits(&found)?;
    take_in(backend, import, &found).await?;
    let files = backend.store().import_files(&import.id).await?;
    let mut has_grown = false;
    for run in backend.store().import_runs(&import.id).await? {
        let own = files.iter().filter(|file| file.run == run.run);
        let own: Vec<ImportedFile> = own.cloned().collect();
        if own.iter().any(ImportedFile::is_behind) {
            has_grown = true;
            read_run(backend, import, &source, run, own).await?;
        }
    }
    let now = clock::now();
    // A clock that is ahead must not keep it open for ever.
    let changed_at = found.iter().map(|listed| listed.changed_at.min(now)).max();
    let grown_at = changed_at.unwrap_or_default().max(import.grown_at);
    let is_open = import.node_id.is_some() && now.millis_since(grown_at) < QUIET_MILLIS;
    if has_grown || import.trouble.is_some() || !is_open {
        let store = backend.store();
        store
            .note_import(&import.id, is_open, None, Some(grown_at))
            .await?;
    }
    if !is_open {
        end(backend, import).await?;
    }
    if has_grown || import.trouble.is_some() || !is_open {
        announce(backend, &import.project_id, &import.id).await?;
    }
    Ok(())
}

/// Makes an experiment for each run that is new, and notes files and sizes.
async fn take_in(backend: &Backend, import: &Import, found: &[Listed]) -> Result<()> {
    let known: Vec<String> = backend
        .store()
        .import_runs(&import.id)
        .await?
        .into_iter()
        .map(|run| run.run)
        .collect();
    let of_runs = runs(found.iter().map(|listed| listed.file.clone()));
    let actor = Actor {
        user: import.created_by.clone(),
        project: import.project_id.clone(),
        role: Role::Member,
    };
    for (run, files) in &of_runs {
        if known.contains(run) {
            continue;
        }
        let began = files.iter().filter_map(|file| began_at(file)).min();
        let new = NewRun {
            name: &experiment_name(&import.name, run),
            slug: Some(&format!("tfevents {} {run}", import.id)),
            origin: "tfevents",
            state: RunState::Running,
            started_at: began.unwrap_or_else(clock::now),
            finished_at: None,
        };
        let (experiment, _) = tracking::find_or_create(backend, &actor, new).await?;
        let store = backend.store();
        store
            .insert_import_run(&import.id, run, &experiment)
            .await?;
    }
    let sizes: BTreeMap<&str, u64> = found
        .iter()
        .map(|listed| (listed.file.as_str(), listed.size))
        .collect();
    let stored = backend.store().import_files(&import.id).await?;
    let is_news = |file: &str, size: u64| {
        !stored
            .iter()
            .any(|stored| stored.file == file && stored.size_bytes == size)
    };
    let news: Vec<(String, String, u64)> = of_runs
        .into_iter()
        .flat_map(|(run, files)| files.into_iter().map(move |file| (file, run.clone())))
        .filter_map(|(file, run)| {
            let size = *sizes.get(file.as_str())?;
            is_news(&file, size).then_some((file, run, size))
        })
        .collect();
    if !news.is_empty() {
        backend.store().note_import_files(&import.id, &news).await?;
        announce(backend, &import.project_id, &import.id).await?;
    }
    Ok(())
}

/// Reads what was added to a run's files, in the order of their names.
async fn read_run(
    backend: &Backend,
    import: &Import,
    source: &Source,
    mut run: ImportedRun,
    files: Vec<ImportedFile>,
) -> Result<()> {
    let known = known(backend, &run.experiment_id).await?;
    let mut reader = Reader::resumed(Some(crc32c::crc32c), known, &run.notes.others);
    let is_first = files.iter().all(|file| file.offset == 0);
    for mut file in files.into_iter().filter(ImportedFile::is_behind) {
        let id = match file.offset {
            0 => reader.open(),
            offset => reader.reopen(offset, file.attempt),
        };
        let (begun, mut at) = (file.offset, file.offset);
        let (mut earlier, mut count) = (file.damage.clone(), file.damage_count);
        // Found once more if it lies behind where reading begins.
        let named = earlier.len();
        earlier.retain(|damage| damage.offset < begun);
        count -= ((named - earlier.len()) as u64).min(count);
        while let Some(bytes) = source.read(&file.file, at, PIECE).await? {
            at += bytes.len() as u64;
            reader.push(id, &bytes);
            let mut parts: BTreeMap<u32, Batch> = BTreeMap::new();
            let mut newest = None;
            reader.drain(|attempt, tag, points| {
                newest = newest.max(points.iter().map(|point| point.time_millis).max());
                let batch = parts.entry(attempt).or_default();
                batch.0.insert(SeriesKey::plain(tag), points.to_vec());
            });
            let parts: Vec<(u32, Batch)> = parts.into_iter().collect();
            let (damage, damages) = reader.damage(id);
            let from = file.offset;
            file.offset = reader.offset(id);
            file.seen_bytes = at;
            file.size_bytes = file.size_bytes.max(at);
            file.attempt = reader.attempt(id);
            file.is_stopped = reader.is_stopped(id);
            file.damage = earlier.iter().chain(damage).take(100).cloned().collect();
            file.damage_count = count + damages;
            run.notes.last_millis = run.notes.last_millis.max(newest);
            if run.notes.others != *reader.others() {
                run.notes.others = reader.others().clone();
            }
            let progress = ImportProgress {
                import: &import.id,
                experiment: &run.experiment_id,
                from,
                file: &file,
                parts: &parts,
                notes: Some(&run.notes),
            };
            if !backend.store().append_import(&progress).await? {
                // Read on by somebody else: the next look begins where the store stands.
                return Ok(());
            }
            say(backend, import, &run.experiment_id, &parts).await?;
            if file.is_stopped || (bytes.len() as u64) < PIECE {
                break;
            }
        }
    }
    // Arguments and hyperparameters are written before the first point.
    let config = config(reader.hparams(), reader.others());
    if is_first && !config.is_empty() {
        let (store, now) = (backend.store(), clock::now());
        store
            .insert_profile(&run.experiment_id, &config, now)
            .await?;
    }
    Ok(())
}

/// Where the run's series stand, in the order of their attempts.
async fn known(backend: &Backend, experiment: &ExperimentId) -> Result<Vec<Known>> {
    let summaries = backend.store().summaries(experiment).await?;
    let mut known: Vec<Known> = summaries
        .into_iter()
        .filter(|summary| summary.source == PointSource::Tfevents)
        .map(|summary| Known {
            attempt: summary.attempt,
            tag: summary.key.name,
            count: summary.count,
            first_step: summary.first_step,
            last_step: summary.last_step,
        })
        .collect();
    known.sort_by_key(|known| known.attempt);
    Ok(known)
}

/// Tells open pages how far it is.
async fn say(
    backend: &Backend,
    import: &Import,
    experiment: &ExperimentId,
    parts: &[(u32, Batch)],
) -> Result<()> {
    let store = backend.store();
    let now = clock::now();
    store
        .note_run_state(experiment, RunState::Running, None, now)
        .await?;
    if let Some((attempt, batch)) = parts.last() {
        let step = batch
            .0
            .values()
            .filter_map(|points| points.last())
            .map(|point| point.step)
            .max();
        let detail = serde_json::json!({"attempt": attempt, "step": step});
        backend
            .announce(&import.project_id, "series", experiment.as_str(), detail)
            .await?;
    }
    announce(backend, &import.project_id, &import.id).await
}

/// Nothing more will come.
async fn end(backend: &Backend, import: &Import) -> Result<()> {
    let store = backend.store();
    for run in store.import_runs(&import.id).await? {
        let last = run.notes.last_millis.map(Timestamp);
        let now = clock::now();
        store
            .note_run_state(
                &run.experiment_id,
                RunState::Finished,
                last.or(Some(now)),
                now,
            )
            .await?;
        backend
            .announce(
                &import.project_id,
                "experiment",
                run.experiment_id.as_str(),
                serde_json::json!({"state": "finished"}),
            )
            .await?;
    }
    if import.node_id.is_none() {
        delete_upload(backend, import.id.as_str()).await;
    }
    Ok(())
}

async fn delete_upload(backend: &Backend, folder: &str) {
    let path = uploads(backend).join(folder);
    match tokio::fs::remove_dir_all(&path).await {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(%error, "An upload that was read could not be deleted"),
    }
}

/// Deletes what uploads of a killed process left; once.
pub(crate) async fn sweep(backend: &Backend, open: &[Import]) -> Result<()> {
    if backend.imports().is_swept.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    let Ok(mut entries) = tokio::fs::read_dir(uploads(backend)).await else {
        return Ok(());
    };
    let failed = || Error::internal("list uploads");
    while let Some(entry) = entries.next_entry().await.map_err(failed())? {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !open.iter().any(|import| import.id.as_str() == name) {
            delete_upload(backend, &name).await;
        }
    }
    Ok(())
}
