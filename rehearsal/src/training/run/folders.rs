//! Where a run reads its model and where it writes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::programs::arguments::Arguments;
use crate::release::Generation;
use crate::training::collective::Collective;
use crate::training::python::Moment;
use crate::training::settings::{Names, Refused, Settings};

/// Where config and tokenizer are: `--model`, or what the MCore model's `args.json` names.
pub(super) fn model_folder(settings: &Settings) -> Result<PathBuf> {
    let named = |folder: &Path| -> Option<PathBuf> {
        let text = std::fs::read_to_string(folder.join("args.json")).ok()?;
        let arguments: Value = serde_json::from_str(&text).ok()?;
        Some(
            arguments
                .get("model_dir")
                .or(arguments.get("model"))?
                .as_str()?
                .into(),
        )
    };
    let from_mcore = || named(settings.mcore_model.as_deref()?);
    if settings.generation == Generation::Three
        && let Some(folder) = settings.mcore_model.as_deref().filter(|it| !it.exists())
    {
        let folder = std::path::absolute(folder)?;
        return Err(Refused(format!("FileNotFoundError: path: '{}'", folder.display())).into());
    }
    let Some(folder) = settings.model.clone().or_else(from_mcore) else {
        let words = match settings.generation {
            Generation::Three => "Please set --model <model_id_or_path>`, model: None",
            Generation::Four => "You did not pass `--mcore_model/--model`",
        };
        return Err(Refused(format!("ValueError: {words}")).into());
    };
    if !folder.is_dir() {
        return Err(Refused(format!(
            "ValueError: path: '{}' not found",
            folder.display()
        ))
        .into());
    }
    Ok(folder)
}

/// `<output_dir>/v<N>-<date>` (3.x: `<save>/…`), decided by rank 0's disk and clock and made on every node.
pub(super) fn run_folder(
    names: &Names,
    arguments: &Arguments,
    model: &Path,
    collective: &mut Collective,
) -> Result<PathBuf> {
    let name = model.file_name().unwrap_or_default();
    let output = arguments
        .text(names.output)
        .map_or_else(|| Path::new("megatron_output").join(name), PathBuf::from);
    let output = std::path::absolute(output)?;
    let mut version = String::new();
    if arguments.flag("add_version") {
        let number = |entry: std::io::Result<std::fs::DirEntry>| -> Option<u64> {
            let name = entry.ok()?.file_name().into_string().ok()?;
            let digits = name.strip_prefix('v')?.split('-').next()?;
            digits.parse().ok()
        };
        let entries = std::fs::read_dir(&output).into_iter().flatten();
        let next = entries
            .filter_map(number)
            .max()
            .map_or(0, |highest| highest + 1);
        version = collective.broadcast(format!("v{next}-{}", Moment::now().folder()))?;
    }
    let folder = output.join(version);
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    Ok(folder)
}

/// 3.x: the refusal of a run that has no weights to start from.
pub(super) fn without_weights(arguments: &Arguments) -> Result<(), Refused> {
    let loads = arguments.text("load").is_some();
    if loads || !arguments.flag("no_initialization") {
        return Ok(());
    }
    Err(Refused(
        "ValueError: You did not pass `--load`, so you need to set `--no_initialization false` to allow the model to initialize weights properly.".into(),
    ))
}
