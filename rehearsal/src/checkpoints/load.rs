//! Reading an iteration back as whole tensors. As in 4.6.0, whatever is missing or cut short is an error.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use candle_core::pickle::Object;
use candle_core::{DType, Device, Tensor};

use super::archive::{load_tensor, load_value};
use super::metadata::{Index, Item};
use super::{METADATA, MOMENTS};
use crate::model::Tensors;

/// What an iteration holds.
pub struct Loaded {
    pub iteration: u64,
    /// Rows consumed when it was saved.
    pub consumed: u64,
    /// f32, whatever type they are stored in.
    pub weights: Tensors,
    /// First and second moments and the f32 weights.
    pub moments: Option<[Tensors; 3]>,
    pub steps: Option<u64>,
}

/// `iter_0000020`, below the folder that holds the tracker.
pub fn iteration_folder(folder: &Path, iteration: u64) -> PathBuf {
    folder.join(format!("iter_{iteration:07}"))
}

/// The iteration that a folder's tracker names; 0 without a tracker, as in 4.x, so that loading fails on `iter_0000000`.
pub fn tracker(folder: &Path) -> Result<u64> {
    match std::fs::read_to_string(folder.join("latest_checkpointed_iteration.txt")) {
        Ok(text) => text
            .trim()
            .parse()
            .context("the tracker holds no iteration"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error).context("read the tracker"),
    }
}

/// Loads the iteration that the tracker of `folder` names.
pub fn load(folder: &Path) -> Result<Loaded> {
    let iteration = tracker(folder)?;
    let folder = iteration_folder(folder, iteration);
    let bytes = std::fs::read(folder.join(METADATA))
        .map_err(|_| anyhow::anyhow!("megatron.core.dist_checkpointing.core.CheckpointingException: {} is not a distributed checkpoint", folder.display()))?;
    let index = Index::read(&bytes).context("read .metadata")?;
    let mut files: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    for item in &index.items {
        if !files.contains_key(item.file.as_str()) {
            let path = folder.join(&item.file);
            let read = std::fs::read(&path).map_err(|_| {
                failed(format!(
                    "FileNotFoundError: [Errno 2] No such file or directory: '{}'",
                    path.display()
                ))
            })?;
            files.insert(&item.file, read);
        }
    }
    let mut all: BTreeMap<String, Tensor> = BTreeMap::new();
    for (name, (dtype, shape)) in &index.tensors {
        let mut whole = Tensor::zeros(shape.as_slice(), DType::F32, &Device::Cpu)?;
        let mut covered = 0;
        for item in index.items.iter().filter(|item| item.name == *name) {
            let piece = piece(item, &files, dtype.dtype())?.to_dtype(DType::F32)?;
            covered += piece.elem_count();
            let ranges: Vec<std::ops::Range<usize>> = item
                .offsets
                .iter()
                .flatten()
                .zip(&item.sizes)
                .map(|(from, length)| *from..from + length)
                .collect();
            whole = if item.sizes == *shape {
                piece
            } else {
                whole.slice_assign(&ranges, &piece)?
            };
        }
        if covered != shape.iter().product::<usize>() {
            bail!(failed(format!(
                "Missing key in checkpoint state_dict: {name}."
            )));
        }
        all.insert(name.clone(), whole);
    }
    let [mut first, mut second, mut master] = [Tensors::new(), Tensors::new(), Tensors::new()];
    let mut weights = Tensors::new();
    for (name, tensor) in all {
        let kept = [&mut first, &mut second, &mut master];
        match MOMENTS
            .iter()
            .zip(kept)
            .find_map(|(prefix, kept)| Some((name.strip_prefix(prefix)?, kept)))
        {
            Some((own, kept)) => kept.insert(own.to_owned(), tensor),
            None => weights.insert(name, tensor),
        };
    }
    let common = load_value(&std::fs::read(folder.join("common.pt")).context("read common.pt")?)?;
    let has_moments = !first.is_empty();
    Ok(Loaded {
        iteration,
        consumed: found(&common, "consumed_train_samples").unwrap_or(0),
        steps: found(&common, "step").filter(|_| has_moments),
        moments: has_moments.then_some([first, second, master]),
        weights,
    })
}

fn piece(item: &Item, files: &BTreeMap<&str, Vec<u8>>, dtype: DType) -> Result<Tensor> {
    let file = &files[item.file.as_str()];
    let range = usize::try_from(item.offset)?..usize::try_from(item.offset + item.length)?;
    let bytes = file.get(range).ok_or_else(|| {
        failed(format!(
            "RuntimeError: PytorchStreamReader failed reading zip archive: {} is too short",
            item.file
        ))
    })?;
    load_tensor(bytes, dtype, &item.sizes)
        .map_err(|error| failed(format!("RuntimeError: {error:#}")))
}

fn failed(why: String) -> anyhow::Error {
    anyhow::anyhow!(
        "torch.distributed.checkpoint.api.CheckpointException: CheckpointException ranks:dict_keys([0])\n{why}"
    )
}

/// The first number under a key, anywhere in a value.
fn found(object: &Object, key: &str) -> Option<u64> {
    match object {
        Object::Dict(pairs) => pairs.iter().find_map(|(name, value)| match (name, value) {
            (Object::Unicode(name), Object::Int(number)) if name == key => {
                u64::try_from(*number).ok()
            }
            (Object::Unicode(name), Object::Long(number)) if name == key => {
                u64::try_from(*number).ok()
            }
            (_, value) => found(value, key),
        }),
        Object::List(values) | Object::Tuple(values) => {
            values.iter().find_map(|value| found(value, key))
        }
        Object::Build { args, .. } => found(args, key),
        _ => None,
    }
}
