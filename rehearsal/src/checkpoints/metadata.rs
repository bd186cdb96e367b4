//! `.metadata`: torch's `Metadata` as a pickle, and back.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use candle_core::DType;
use candle_core::pickle::Object;
use serde::{Deserialize, Serialize};

use super::archive::unpickle;
use super::pickle::{self, Value};

const MODULE: &str = "torch.distributed.checkpoint.metadata";
const FILES: &str = "torch.distributed.checkpoint.filesystem";

/// One item of a file: a slice of a tensor, or bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    pub name: String,
    /// Where the slice begins in the tensor; None: not a tensor.
    pub offsets: Option<Vec<usize>>,
    pub sizes: Vec<usize>,
    pub file: String,
    /// In bytes.
    pub offset: u64,
    pub length: u64,
}

/// The whole index.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Index {
    /// (dtype, shape) by name.
    pub tensors: BTreeMap<String, (DTypeName, Vec<usize>)>,
    pub items: Vec<Item>,
}

/// The types that are saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DTypeName {
    F32,
    Bf16,
}

impl DTypeName {
    pub fn of(dtype: DType) -> DTypeName {
        if dtype == DType::BF16 {
            DTypeName::Bf16
        } else {
            DTypeName::F32
        }
    }

    pub fn dtype(self) -> DType {
        match self {
            DTypeName::F32 => DType::F32,
            DTypeName::Bf16 => DType::BF16,
        }
    }

    fn name(self) -> &'static str {
        match self {
            DTypeName::F32 => "float32",
            DTypeName::Bf16 => "bfloat16",
        }
    }
}

impl Index {
    pub fn write(&self) -> Vec<u8> {
        let mut described = Vec::new();
        for (name, (dtype, shape)) in &self.tensors {
            described.push((Value::text(name), self.tensor(name, *dtype, shape)));
        }
        let others = self.items.iter().filter(|item| item.offsets.is_none());
        for item in others.clone() {
            described.push((
                Value::text(&item.name),
                Value::Object(MODULE, "BytesStorageMetadata", None),
            ));
        }
        let names = self.tensors.keys().chain(others.map(|item| &item.name));
        let flat = names
            .map(|name| (Value::text(name), Value::Tuple(vec![Value::text(name)])))
            .collect();
        let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
        let mut places = Vec::new();
        for item in &self.items {
            let number = counts.entry(&item.name).or_default();
            let (offset, index) = match &item.offsets {
                Some(offsets) => (Value::size(offsets), Value::Int(*number)),
                None => (Value::None, Value::None),
            };
            *number += 1;
            let key = Value::dict([
                ("fqn", Value::text(&item.name)),
                ("offset", offset),
                ("index", index),
            ]);
            let place = Value::dict([
                ("relative_path", Value::text(&item.file)),
                ("offset", Value::Int(item.offset as i64)),
                ("length", Value::Int(item.length as i64)),
            ]);
            places.push((
                Value::Object(MODULE, "MetadataIndex", Some(Box::new(key))),
                Value::Object(FILES, "_StorageInfo", Some(Box::new(place))),
            ));
        }
        let state = Value::dict([
            ("state_dict_metadata", Value::Dict(described)),
            ("planner_data", Value::Dict(flat)),
            ("storage_data", Value::Dict(places)),
            ("storage_meta", Value::None),
        ]);
        pickle::write(&Value::Object(MODULE, "Metadata", Some(Box::new(state))))
    }

    fn tensor(&self, name: &str, dtype: DTypeName, shape: &[usize]) -> Value {
        let encoding = Value::Call(
            Box::new(Value::Global(MODULE, "_MEM_FORMAT_ENCODING")),
            vec![Value::Int(0)],
        );
        let layout = Value::Call(
            Box::new(Value::Global("torch.serialization", "_get_layout")),
            vec![Value::text("torch.strided")],
        );
        let properties = Value::Tuple(vec![
            Value::Global("torch", dtype.name()),
            layout,
            Value::Bool(false),
            encoding,
            Value::Bool(false),
        ]);
        let chunks = self
            .items
            .iter()
            .filter(|item| item.name == name)
            .map(|item| {
                let state = Value::dict([
                    (
                        "offsets",
                        Value::size(item.offsets.as_deref().unwrap_or_default()),
                    ),
                    ("sizes", Value::size(&item.sizes)),
                ]);
                Value::Object(MODULE, "ChunkStorageMetadata", Some(Box::new(state)))
            });
        let state = Value::dict([
            (
                "properties",
                Value::Object(MODULE, "TensorProperties", Some(Box::new(properties))),
            ),
            ("size", Value::size(shape)),
            ("chunks", Value::List(chunks.collect())),
        ]);
        Value::Object(MODULE, "TensorStorageMetadata", Some(Box::new(state)))
    }

    /// Reads what `write` wrote.
    pub fn read(bytes: &[u8]) -> Result<Index> {
        let all = state(unpickle(bytes)?)?;
        let mut index = Index::default();
        let mut sizes: BTreeMap<(String, Vec<usize>), Vec<usize>> = BTreeMap::new();
        for (name, described) in take(&all, "state_dict_metadata")?
            .clone()
            .dict()
            .map_err(wrong)?
        {
            let name = name.unicode().map_err(wrong)?;
            let Ok(described) = state(described) else {
                continue;
            };
            let Ok(properties) = take(&described, "properties") else {
                continue;
            };
            let Object::Build { args, .. } = properties else {
                bail!("no properties of {name}")
            };
            let dtype = match (**args).clone().tuple().map_err(wrong)?.first() {
                Some(Object::Class { class_name, .. }) if class_name == "bfloat16" => {
                    DTypeName::Bf16
                }
                Some(Object::Class { class_name, .. }) if class_name == "float32" => DTypeName::F32,
                other => bail!("{name} is of the type {other:?}"),
            };
            let Object::List(chunks) = take(&described, "chunks")? else {
                bail!("no chunks of {name}")
            };
            for chunk in chunks {
                let chunk = state(chunk.clone())?;
                sizes.insert(
                    (name.clone(), numbers(take(&chunk, "offsets")?)?),
                    numbers(take(&chunk, "sizes")?)?,
                );
            }
            index
                .tensors
                .insert(name, (dtype, numbers(take(&described, "size")?)?));
        }
        for (key, place) in take(&all, "storage_data")?.clone().dict().map_err(wrong)? {
            let (key, place) = (state(key)?, state(place)?);
            let name = take(&key, "fqn")?.clone().unicode().map_err(wrong)?;
            let offsets = match take(&key, "offset")? {
                Object::None => None,
                offset => Some(numbers(offset)?),
            };
            let integer = |field: &str| -> Result<u64> {
                let number = take(&place, field)?.clone().int_or_long().map_err(wrong)?;
                u64::try_from(number).context("a negative number")
            };
            index.items.push(Item {
                sizes: offsets
                    .as_ref()
                    .and_then(|at| sizes.get(&(name.clone(), at.clone())).cloned())
                    .unwrap_or_default(),
                file: take(&place, "relative_path")?
                    .clone()
                    .unicode()
                    .map_err(wrong)?,
                offset: integer("offset")?,
                length: integer("length")?,
                name,
                offsets,
            });
        }
        Ok(index)
    }
}

type Pairs = Vec<(Object, Object)>;

fn wrong(object: Object) -> anyhow::Error {
    anyhow::anyhow!("the index holds {object:?} where something else belongs")
}

/// The attributes of an object.
fn state(object: Object) -> Result<Pairs> {
    match object {
        Object::Build { args, .. } => args.dict().map_err(wrong),
        other => Err(wrong(other)),
    }
}

fn take<'a>(pairs: &'a Pairs, name: &str) -> Result<&'a Object> {
    let found = pairs
        .iter()
        .find(|(key, _)| matches!(key, Object::Unicode(text) if text == name));
    found
        .map(|(_, value)| value)
        .with_context(|| format!("no {name}"))
}

/// The numbers of `torch.Size((…))`.
fn numbers(object: &Object) -> Result<Vec<usize>> {
    let Object::Reduce { args, .. } = object else {
        return Err(wrong(object.clone()));
    };
    let outer = (**args).clone().tuple().map_err(wrong)?;
    let inner = outer
        .into_iter()
        .next()
        .context("an empty torch.Size")?
        .tuple()
        .map_err(wrong)?;
    inner
        .into_iter()
        .map(|number| Ok(usize::try_from(number.int_or_long().map_err(wrong)?)?))
        .collect()
}
