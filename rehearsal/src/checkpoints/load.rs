//! Reading an iteration back as whole tensors, as carefully as the release does it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use candle_core::pickle::Object;
use candle_core::{DType, Device, Tensor};

use super::archive::{load_tensor, load_value, names_class};
use super::metadata::{Index, Item};
use super::{METADATA, MOMENTS, RUN_CLASSES};
use crate::model::Tensors;
use crate::release::{Generation, Release};

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
    /// Pieces of tensors that were read, and how many there are: what the bar shows.
    pub read: (usize, usize),
}

/// How a release reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reader {
    /// 3.9.3 to 4.5.2 never look at the errors of their reading threads: what a thread cannot read stays as it was.
    pub ignores_errors: bool,
    /// `torch.load` takes plain data only, which `common.pt` of 3.x is not.
    pub weights_only: bool,
    /// Whether the moments are asked for besides the weights.
    pub moments: bool,
}

impl Reader {
    /// Everything, and nothing may be missing: as 4.6.0 reads.
    pub const STRICT: Self = Self {
        ignores_errors: false,
        weights_only: false,
        moments: true,
    };

    pub fn of(release: &Release) -> Self {
        Self {
            ignores_errors: release.generation() == Generation::Three,
            weights_only: release.loads_weights_only(),
            moments: true,
        }
    }

    /// The same without the optimizer's part.
    pub fn weights(self) -> Self {
        Self {
            moments: false,
            ..self
        }
    }
}

/// Threads that share the pieces of a checkpoint (`MCORE_READER_MAX_WORKERS`).
const THREADS: usize = 16;

/// `iter_0000020`, below the folder that holds the tracker.
pub fn iteration_folder(folder: &Path, iteration: u64) -> PathBuf {
    folder.join(format!("iter_{iteration:07}"))
}

/// The iteration that a folder's tracker names; none without a tracker.
pub fn tracked(folder: &Path) -> Result<Option<u64>> {
    match std::fs::read_to_string(folder.join(super::TRACKER)) {
        Ok(text) => Ok(Some(
            text.trim()
                .parse()
                .context("the tracker holds no iteration")?,
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).context("read the tracker"),
    }
}

/// The same, 0 without a tracker, as in 4.x, so that loading fails on `iter_0000000`.
pub fn tracker(folder: &Path) -> Result<u64> {
    Ok(tracked(folder)?.unwrap_or(0))
}

/// The iteration of a folder's tracker and the rows consumed by then, without looking at its weights: how 4.x goes on from
/// Hugging Face's files.
pub fn begun(folder: &Path) -> Result<Option<(u64, u64)>> {
    let Some(iteration) = tracked(folder)? else {
        return Ok(None);
    };
    let common = iteration_folder(folder, iteration).join("common.pt");
    let consumed = match std::fs::read(common) {
        Ok(bytes) => found(&load_value(&bytes)?, "consumed_train_samples").unwrap_or(0),
        Err(_) => 0,
    };
    Ok(Some((iteration, consumed)))
}

/// Loads the iteration that the tracker of `folder` names; whatever is missing or cut short is an error.
pub fn load(folder: &Path) -> Result<Loaded> {
    load_as(Reader::STRICT, folder)
}

/// The same in the way of a release.
pub fn load_as(reader: Reader, folder: &Path) -> Result<Loaded> {
    let iteration = tracker(folder)?;
    let folder = iteration_folder(folder, iteration);
    let common = folder.join("common.pt");
    let common = std::fs::read(&common)
        .ok()
        .filter(|_| folder.join("metadata.json").exists());
    let not_one = || {
        anyhow::anyhow!(
            "megatron.core.dist_checkpointing.core.CheckpointingException: {} is not a distributed checkpoint",
            folder.display()
        )
    };
    let common = common.ok_or_else(not_one)?;
    if reader.weights_only
        && let Some(class) = RUN_CLASSES
            .iter()
            .find(|(module, name)| names_class(&common, module, name))
    {
        bail!(refused_class(class.0, class.1));
    }
    let common = load_value(&common)?;
    let bytes = std::fs::read(folder.join(METADATA)).map_err(|_| not_one())?;
    let index = Index::read(&bytes).context("read .metadata")?;
    let is_moment = |name: &str| MOMENTS.iter().any(|prefix| name.starts_with(prefix));
    let wanted: Vec<&Item> = index
        .items
        .iter()
        .filter(|item| item.offsets.is_some() && (reader.moments || !is_moment(&item.name)))
        .collect();
    let pieces = read(reader, &folder, &index, &wanted)?;
    let mut all: BTreeMap<String, Tensor> = BTreeMap::new();
    for (name, (_, shape)) in &index.tensors {
        if !reader.moments && is_moment(name) {
            continue;
        }
        let mut whole = Tensor::zeros(shape.as_slice(), DType::F32, &Device::Cpu)?;
        let mut covered = 0;
        for (item, piece) in wanted
            .iter()
            .zip(&pieces)
            .filter(|(item, _)| item.name == *name)
        {
            covered += item.sizes.iter().product::<usize>();
            let Some(piece) = piece else {
                // Nobody filled it; fresh memory of a GPU is zero as a rule.
                continue;
            };
            let ranges: Vec<std::ops::Range<usize>> = item
                .offsets
                .iter()
                .flatten()
                .zip(&item.sizes)
                .map(|(from, length)| *from..from + length)
                .collect();
            whole = if item.sizes == *shape {
                piece.clone()
            } else {
                whole.slice_assign(&ranges, piece)?
            };
        }
        if covered != shape.iter().product::<usize>() {
            bail!(failed(&format!(
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
    let has_moments = !first.is_empty();
    Ok(Loaded {
        iteration,
        consumed: found(&common, "consumed_train_samples").unwrap_or(0),
        steps: found(&common, "step").filter(|_| has_moments),
        moments: has_moments.then_some([first, second, master]),
        weights,
        read: (pieces.iter().flatten().count(), pieces.len()),
    })
}

/// The pieces in their order. Each thread takes every sixteenth, file by file, and stops at its first error.
fn read(
    reader: Reader,
    folder: &Path,
    index: &Index,
    wanted: &[&Item],
) -> Result<Vec<Option<Tensor>>> {
    let mut files: BTreeMap<&str, std::io::Result<Vec<u8>>> = BTreeMap::new();
    let mut pieces: Vec<Option<Tensor>> = vec![None; wanted.len()];
    for thread in 0..THREADS {
        let mut own: Vec<usize> = (thread..wanted.len()).step_by(THREADS).collect();
        // By file, the files in the order in which they are first met.
        let met: Vec<&str> = own.iter().map(|at| wanted[*at].file.as_str()).collect();
        own.sort_by_key(|at| met.iter().position(|file| *file == wanted[*at].file));
        for at in own {
            let item = wanted[at];
            let path = folder.join(&item.file);
            let file = files
                .entry(&item.file)
                .or_insert_with(|| std::fs::read(&path));
            let dtype = index.tensors[&item.name].0.dtype();
            let piece = match file {
                Ok(bytes) => piece(item, bytes, dtype),
                Err(_) => Err(failed(&format!(
                    "FileNotFoundError: [Errno 2] No such file or directory: '{}'",
                    path.display()
                ))),
            };
            match piece {
                Ok(piece) => pieces[at] = Some(piece),
                Err(_) if reader.ignores_errors => break,
                Err(error) => return Err(error),
            }
        }
    }
    Ok(pieces)
}

fn piece(item: &Item, file: &[u8], dtype: DType) -> Result<Tensor> {
    let range = usize::try_from(item.offset)?..usize::try_from(item.offset + item.length)?;
    let bytes = file.get(range).ok_or_else(|| {
        failed(&format!(
            "RuntimeError: PytorchStreamReader failed reading zip archive: {} is too short",
            item.file
        ))
    })?;
    let tensor = load_tensor(bytes, dtype, &item.sizes)
        .map_err(|error| failed(&format!("RuntimeError: {error:#}")))?;
    Ok(tensor.to_dtype(DType::F32)?)
}

fn failed(why: &str) -> anyhow::Error {
    anyhow::anyhow!(
        "torch.distributed.checkpoint.api.CheckpointException: CheckpointException ranks:dict_keys([0])\n{why}"
    )
}

/// torch's words for a class it does not know, as captured (ms-swift 3.9.3 with megatron-core 0.14.1, torch 2.8).
fn refused_class(module: &str, name: &str) -> String {
    let full = format!("{module}.{name}");
    format!(
        "_pickle.UnpicklingError: Weights only load failed. This file can still be loaded, to do so you have two options, \u{1b}[1mdo those steps only if you trust the source of the checkpoint\u{1b}[0m. \n\
         \t(1) In PyTorch 2.6, we changed the default value of the `weights_only` argument in `torch.load` from `False` to `True`. Re-running `torch.load` with `weights_only` set to `False` will likely succeed, but it can result in arbitrary code execution. Do it only if you got the file from a trusted source.\n\
         \t(2) Alternatively, to load with `weights_only=True` please check the recommended steps in the following error message.\n\
         \tWeightsUnpickler error: Unsupported global: GLOBAL {full} was not an allowed global by default. Please use `torch.serialization.add_safe_globals([{full}])` or the `torch.serialization.safe_globals([{full}])` context manager to allowlist this global if you trust this class/function.\n\n\
         Check the documentation of torch.load to learn more about types accepted by default with weights_only https://pytorch.org/docs/stable/generated/torch.load.html."
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

/// `sys.exit()`: Megatron-LM's way out of 3.x when there is no checkpoint. The process ends with 0 in the middle of its work.
#[derive(Debug, thiserror::Error)]
#[error("exited")]
pub struct Left;

impl Left {
    /// Says why, as the first rank does.
    pub fn without(tracker: &Path) -> Self {
        println!(
            "WARNING: could not find the metadata file {}",
            tracker.display()
        );
        println!("    will not load any checkpoints and will start from random");
        println!(">> '--exit-on-missing-checkpoint' set ... exiting. <<");
        Self
    }
}
