//! Where a run reads its model and where it writes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::programs::arguments::Arguments;
use crate::training::collective::Collective;
use crate::training::python::Moment;
use crate::training::settings::{Refused, Settings};

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
    let Some(folder) = settings.model.clone().or_else(from_mcore) else {
        return Err(Refused("ValueError: You did not pass `--mcore_model/--model`".into()).into());
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

/// `<output_dir>/v<N>-<date>`, decided by rank 0's disk and clock and made on every node.
pub(super) fn run_folder(
    arguments: &Arguments,
    model: &Path,
    collective: &mut Collective,
) -> Result<PathBuf> {
    let name = model.file_name().unwrap_or_default();
    let output = arguments
        .text("output_dir")
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
