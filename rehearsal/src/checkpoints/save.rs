//! Writing an iteration: every rank its own files, the first rank the index, after all have written.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use candle_core::{DType, Tensor};

use super::archive::{save_tensor, save_value};
use super::cut::{Group, pieces};
use super::load::iteration_folder;
use super::metadata::{DTypeName, Index, Item};
use super::pickle::Value;
use super::{METADATA, MOMENTS, RUN_CLASSES};
use crate::model::Tensors;
use crate::training::collective::Collective;

/// All that one iteration consists of. Every rank holds all of it and writes its part.
pub struct Contents<'a> {
    /// Of the model, by which pipeline stages are cut.
    pub layers: usize,
    pub weights: &'a Tensors,
    /// Type of the stored weights; moments are always f32.
    pub dtype: DType,
    /// First and second moments and the f32 weights; None: not saved.
    pub moments: Option<[&'a Tensors; 3]>,
    /// Steps that the optimizer has made.
    pub steps: u64,
    pub iteration: u64,
    /// Rows consumed so far.
    pub consumed: u64,
    /// What the order of rows follows from; None: not saved.
    pub seed: Option<u64>,
    /// 3.x keeps objects of its own classes among the arguments in `common.pt`; 4.x plain data.
    pub keeps_classes: bool,
    /// Files of a rank: 2 in training, `--thread_count` in a conversion.
    pub writers: usize,
}

impl Contents<'_> {
    /// Every tensor with the name and type under which it is stored.
    fn tensors(&self) -> BTreeMap<String, (DType, &Tensor)> {
        let mut all: BTreeMap<String, (DType, &Tensor)> = self
            .weights
            .iter()
            .map(|(name, tensor)| (name.clone(), (self.dtype, tensor)))
            .collect();
        for (prefix, moments) in MOMENTS.iter().zip(self.moments.iter().flatten()) {
            all.extend(
                moments
                    .iter()
                    .map(|(name, tensor)| (format!("{prefix}{name}"), (DType::F32, tensor))),
            );
        }
        all
    }
}

/// Saves below `folder` and returns when every rank has. The tracker is the caller's, after this.
pub fn save(
    folder: &Path,
    group: &Group,
    collective: &mut Collective,
    contents: &Contents<'_>,
) -> Result<()> {
    let own = write_own(folder, group, contents)?;
    let said = collective.gather(own)?;
    if group.rank == 0 {
        write_index(folder, group, contents, &said)?;
    }
    collective.barrier()
}

/// The same for a program of one process.
pub fn save_alone(folder: &Path, contents: &Contents<'_>) -> Result<()> {
    let group = Group {
        rank: 0,
        size: 1,
        tensor_parallel: 1,
        pipeline_parallel: 1,
    };
    let own = write_own(folder, &group, contents)?;
    write_index(folder, &group, contents, &[own])
}

/// Writes this rank's files; answers what lies where in them, as JSON.
pub(super) fn write_own(folder: &Path, group: &Group, contents: &Contents<'_>) -> Result<Vec<u8>> {
    let folder = iteration_folder(folder, contents.iteration);
    std::fs::create_dir_all(&folder).context("create the iteration's folder")?;
    let tensors = contents.tensors();
    let shapes = tensors
        .iter()
        .map(|(name, (_, tensor))| (name.as_str(), tensor.dims()));
    let mut items = Vec::new();
    let mut packed: Vec<(Item, Vec<u8>)> = Vec::new();
    for piece in pieces(group, contents.layers, shapes)
        .into_iter()
        .filter(|piece| piece.owner == group.rank)
    {
        let (dtype, tensor) = tensors[&piece.name];
        let mut slice = tensor.clone();
        for (dimension, (from, length)) in piece.offsets.iter().zip(&piece.sizes).enumerate() {
            slice = slice.narrow(dimension, *from, *length)?;
        }
        let bytes = save_tensor(&slice.to_dtype(dtype)?.contiguous()?)?;
        let item = Item {
            name: piece.name,
            offsets: Some(piece.offsets),
            sizes: piece.sizes,
            file: String::new(),
            offset: 0,
            length: bytes.len() as u64,
        };
        packed.push((item, bytes));
    }
    if let Some(seed) = contents.seed {
        let state = Value::dict([
            ("seed", Value::Int(seed as i64)),
            (
                "consumed_train_samples",
                Value::Int(contents.consumed as i64),
            ),
        ]);
        let bytes = save_value(&Value::List(vec![state]))?;
        let name = format!("rng_state/shard_0.{}_1.{}", group.rank, group.size);
        let item = Item {
            name,
            offsets: None,
            sizes: Vec::new(),
            file: String::new(),
            offset: 0,
            length: bytes.len() as u64,
        };
        packed.push((item, bytes));
    }
    // Each to the writer with least to write so far, the larger pieces first.
    packed.sort_by_key(|(item, _)| std::cmp::Reverse(item.length));
    let mut files: Vec<Vec<u8>> = vec![Vec::new(); contents.writers.max(1)];
    for (mut item, bytes) in packed {
        let writer = (0..files.len())
            .min_by_key(|writer| files[*writer].len())
            .unwrap_or(0);
        item.file = format!("__{}_{writer}.distcp", group.rank);
        item.offset = files[writer].len() as u64;
        files[writer].extend(bytes);
        items.push(item);
    }
    for (writer, bytes) in files
        .iter()
        .enumerate()
        .filter(|(_, bytes)| !bytes.is_empty())
    {
        std::fs::write(
            folder.join(format!("__{}_{writer}.distcp", group.rank)),
            bytes,
        )
        .context("write a shard")?;
    }
    Ok(serde_json::to_vec(&items)?)
}

/// Writes what the first rank writes, from what all ranks said.
pub(super) fn write_index(
    folder: &Path,
    group: &Group,
    contents: &Contents<'_>,
    said: &[Vec<u8>],
) -> Result<()> {
    let mut index = Index {
        tensors: contents
            .tensors()
            .into_iter()
            .map(|(name, (dtype, tensor))| (name, (DTypeName::of(dtype), tensor.dims().to_vec())))
            .collect(),
        items: Vec::new(),
    };
    for items in said {
        index.items.extend(
            serde_json::from_slice::<Vec<Item>>(items).context("read what a rank has written")?,
        );
    }
    index
        .items
        .sort_by(|a, b| (&a.name, &a.offsets).cmp(&(&b.name, &b.offsets)));
    save_common(folder, group, contents)?;
    let folder = iteration_folder(folder, contents.iteration);
    std::fs::write(
        folder.join("metadata.json"),
        r#"{"sharded_backend": "torch_dist", "sharded_backend_version": 1, "common_backend": "torch", "common_backend_version": 1}"#,
    )?;
    // Last: a folder without it is a save that was broken off.
    std::fs::write(folder.join(METADATA), index.write()).context("write .metadata")
}

/// `common.pt` of an iteration: what is no tensor.
pub fn save_common(folder: &Path, group: &Group, contents: &Contents<'_>) -> Result<()> {
    let folder = iteration_folder(folder, contents.iteration);
    std::fs::create_dir_all(&folder).context("create the iteration's folder")?;
    let mut arguments = Value::dict([
        (
            "tensor_model_parallel_size",
            Value::Int(group.tensor_parallel as i64),
        ),
        (
            "pipeline_model_parallel_size",
            Value::Int(group.pipeline_parallel as i64),
        ),
        ("world_size", Value::Int(group.size as i64)),
        ("no_save_optim", Value::Bool(contents.moments.is_none())),
        ("no_save_rng", Value::Bool(contents.seed.is_none())),
        (
            "consumed_train_samples",
            Value::Int(contents.consumed as i64),
        ),
    ]);
    if let (true, Value::Dict(pairs)) = (contents.keeps_classes, &mut arguments) {
        let [(module, name)] = RUN_CLASSES;
        let info = Value::dict([("model_type", Value::text("qwen3"))]);
        let info = Value::Object(module, name, Some(Box::new(info)));
        pairs.push((Value::text("model_info"), info));
    }
    let groups = Value::List(vec![Value::dict([(
        "step",
        Value::Int(contents.steps as i64),
    )])]);
    let common = Value::dict([
        (
            "args",
            Value::Object("argparse", "Namespace", Some(Box::new(arguments))),
        ),
        ("checkpoint_version", Value::Float(3.0)),
        ("iteration", Value::Int(contents.iteration as i64)),
        (
            "optimizer",
            Value::dict([("optimizer", Value::dict([("param_groups", groups)]))]),
        ),
    ]);
    std::fs::write(folder.join("common.pt"), save_value(&common)?).context("write common.pt")
}
