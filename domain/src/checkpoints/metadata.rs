//! `.metadata`, the index of a distributed checkpoint: which shards there have to be, and how long each is at least.
//!
//! It is a pickle of torch's `Metadata` (torch/distributed/checkpoint/metadata.py; `_StorageInfo` is in filesystem.py), the same in
//! torch 2.0 to 2.15 as far as it is read here. Each item of `storage_data` lies at `offset` in a file and takes `length` bytes, so a
//! file ends where the last of its items does; real torch's files end exactly there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::pickle::{self, Id, Limits, Pickle, Value};

/// A longer `.metadata` is not read: the largest real ones, of a few hundred thousand slices, are some 60 MB.
pub const LONGEST: u64 = 256 << 20;

/// What `.metadata` demands and describes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Index {
    /// Bytes that each shard has, by its name (`__0_0.distcp`).
    pub shards: BTreeMap<String, u64>,
    /// Slices of tensors, and objects.
    pub items: u64,
    /// Tensors that are no state of the optimizer.
    pub tensors: u64,
    /// Elements of those.
    pub parameters: u64,
    /// The type of most of those, as torch names it (`bfloat16`); empty: there are none.
    pub dtype: String,
    /// The optimizer's state is in it: training can go on where it stopped.
    pub has_optimizer: bool,
    /// The state of the random number generators is in it.
    pub has_rng: bool,
}

/// Why it is no index.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoIndex {
    #[error("{0}")]
    Pickle(#[from] pickle::Unreadable),
    /// A whole pickle, of something else.
    #[error("it is no index of a distributed checkpoint: {0}")]
    Foreign(&'static str),
    /// A shard's name that leads elsewhere.
    #[error("it names the shard {0:?}, which is no plain file name")]
    Name(String),
}

impl NoIndex {
    /// The file ends before it is whole.
    pub fn is_cut_off(&self) -> bool {
        matches!(self, NoIndex::Pickle(pickle::Unreadable::CutOff { .. }))
    }
}

/// Reads the content of `.metadata`. Runs nothing of it.
pub fn read(bytes: &[u8]) -> Result<Index, NoIndex> {
    let pickle = pickle::read(bytes, Limits::INDEX)?;
    let top = pickle.top();
    let Some(Value::Dict(places)) = pickle.attribute(top, "storage_data") else {
        return Err(NoIndex::Foreign("it has no storage_data"));
    };
    let mut index = Index {
        items: places.len() as u64,
        ..Index::default()
    };
    for (_, place) in places {
        let (name, end) = place_of(&pickle, *place)?;
        let known = index.shards.get_mut(name);
        match known {
            Some(bytes) => *bytes = end.max(*bytes),
            None => {
                index.shards.insert(checked(name)?.to_owned(), end);
            }
        }
    }
    if let Some(Value::Dict(described)) = pickle.attribute(top, "state_dict_metadata") {
        describe(&pickle, described, &mut index);
    }
    Ok(index)
}

/// The file of an item and where the item ends in it.
fn place_of<'a>(pickle: &Pickle<'a>, id: Id) -> Result<(&'a str, u64), NoIndex> {
    let place = pickle.get(id);
    let Some(Value::Text(name)) = pickle.attribute(place, "relative_path") else {
        return Err(NoIndex::Foreign("an item of storage_data lies in no file"));
    };
    let number = |field: &str| match pickle.attribute(place, field) {
        Some(Value::Int(number)) => u64::try_from(*number).ok(),
        _ => None,
    };
    let end = number("offset").zip(number("length"));
    let end = end.and_then(|(offset, length)| offset.checked_add(length));
    let end = end.ok_or(NoIndex::Foreign(
        "an item of storage_data has no place in its file",
    ))?;
    Ok((name, end))
}

/// Shards lie beside `.metadata`; nothing else is ever looked for.
fn checked(name: &str) -> Result<&str, NoIndex> {
    let is_plain = !name.is_empty()
        && name != "."
        && name != ".."
        && name.len() <= 255
        && !name.chars().any(|c| c == '/' || c.is_control());
    if is_plain {
        Ok(name)
    } else {
        Err(NoIndex::Name(name.chars().take(100).collect()))
    }
}

/// What is in it. A description that cannot be followed is passed over: completeness does not hang on it.
fn describe(pickle: &Pickle<'_>, described: &[(Id, Id)], index: &mut Index) {
    let mut types: BTreeMap<&str, u64> = BTreeMap::new();
    for (name, tensor) in described {
        let Value::Text(name) = pickle.get(*name) else {
            continue;
        };
        // Megatron's distributed optimizer writes `optimizer.…`; chained ones `chained_0.optimizer.…`.
        if name.split('.').any(|part| part == "optimizer") {
            index.has_optimizer = true;
            continue;
        }
        if name.starts_with("rng_state") {
            index.has_rng = true;
            continue;
        }
        let tensor = pickle.get(*tensor);
        let Some(shape) = pickle
            .attribute(tensor, "size")
            .and_then(|size| shape(pickle, size))
        else {
            continue;
        };
        let elements = shape
            .iter()
            .fold(1_u64, |all, one| all.saturating_mul(*one));
        index.tensors += 1;
        index.parameters = index.parameters.saturating_add(elements);
        if let Some(dtype) = dtype(pickle, tensor) {
            let count = types.entry(dtype).or_default();
            *count = count.saturating_add(elements.max(1));
        }
    }
    let most = types.iter().max_by_key(|(_, elements)| **elements);
    index.dtype = most.map(|(name, _)| (*name).to_owned()).unwrap_or_default();
}

/// The numbers of `torch.Size((…))`.
fn shape(pickle: &Pickle<'_>, size: &Value<'_>) -> Option<Vec<u64>> {
    let Value::Made { arguments, .. } = size else {
        return None;
    };
    let Value::Tuple(outer) = pickle.get(*arguments) else {
        return None;
    };
    let numbers = match pickle.get(*outer.first()?) {
        Value::Tuple(numbers) => &numbers[..],
        Value::List(numbers) => &numbers[..],
        _ => return None,
    };
    let number = |id: &Id| match pickle.get(*id) {
        Value::Int(number) => u64::try_from(*number).ok(),
        _ => None,
    };
    numbers.iter().map(number).collect()
}

/// The first of a tensor's properties: `torch.bfloat16` by name.
fn dtype<'a>(pickle: &Pickle<'a>, tensor: &Value<'a>) -> Option<&'a str> {
    let Some(Value::Made { state, .. }) = pickle.attribute(tensor, "properties") else {
        return None;
    };
    let Value::Tuple(properties) = pickle.get((*state)?) else {
        return None;
    };
    match pickle.get(*properties.first()?) {
        Value::Global(names) if names.0 == "torch" => Some(names.1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// What torch said of the same file (fixtures/checkpoints/write.py).
    #[derive(Deserialize)]
    struct Truth {
        shards: BTreeMap<String, u64>,
        items: u64,
        tensors: BTreeMap<String, Tensor>,
    }

    #[derive(Deserialize)]
    struct Tensor {
        dtype: String,
        shape: Vec<u64>,
    }

    /// Name, index and what torch said of it.
    type Fixture = (&'static str, &'static [u8], &'static [u8]);

    macro_rules! fixtures {
        ($($world:literal $(/ $variant:literal)?),+ $(,)?) => {
            &[$((
                concat!($world $(, $variant)?),
                include_bytes!(concat!("../../fixtures/checkpoints/torch-", $world $(, $variant)?, ".metadata")),
                include_bytes!(concat!("../../fixtures/checkpoints/torch-", $world, ".json")),
            )),+]
        };
    }

    const FIXTURES: &[Fixture] = fixtures![
        "2.4.1-world-1",
        "2.4.1-world-2",
        "2.4.1-world-2" / "-protocol-2",
        "2.4.1-world-2" / "-protocol-3",
        "2.4.1-world-2" / "-protocol-5",
        "2.15.0-world-1",
        "2.15.0-world-2",
        "2.15.0-world-2" / "-protocol-2",
        "2.15.0-world-2" / "-protocol-3",
        "2.15.0-world-2" / "-protocol-5",
        "2.15.0-world-4",
    ];

    #[test]
    fn what_real_torch_wrote_is_read_as_torch_reads_it() {
        for (name, bytes, truth) in FIXTURES {
            let truth: Truth = serde_json::from_slice(truth).expect("JSON");
            let index = read(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(index.shards, truth.shards, "{name}");
            assert_eq!(index.items, truth.items, "{name}");
            let own =
                |name: &str| !name.starts_with("optimizer.") && !name.starts_with("rng_state");
            let tensors: Vec<&Tensor> = truth
                .tensors
                .iter()
                .filter(|(name, _)| own(name))
                .map(|(_, tensor)| tensor)
                .collect();
            assert_eq!(index.tensors, tensors.len() as u64, "{name}");
            let elements: u64 = tensors
                .iter()
                .map(|tensor| tensor.shape.iter().product::<u64>())
                .sum();
            assert_eq!(index.parameters, elements, "{name}");
            assert!(tensors.iter().any(|tensor| tensor.dtype == index.dtype));
            assert_eq!(index.dtype, "bfloat16", "{name}");
            assert!(index.has_optimizer && index.has_rng, "{name}");
        }
    }

    #[test]
    fn an_index_cut_anywhere_is_said_to_be_cut_off() {
        let (name, bytes, _) = FIXTURES[0];
        for end in 0..bytes.len() {
            let error = read(&bytes[..end]).expect_err("cut off");
            assert!(error.is_cut_off(), "{name} at {end}: {error}");
        }
    }

    #[test]
    fn names_and_places_that_lead_astray_are_refused() {
        let (_, bytes, _) = FIXTURES[0];
        let replaced = |from: &[u8], to: &[u8]| {
            let at = bytes.windows(from.len()).position(|part| part == from);
            let at = at.expect("there");
            [&bytes[..at], to, &bytes[at + from.len()..]].concat()
        };
        let error = read(&replaced(b"__0_0.distcp", b"../0_0.distc")).expect_err("leads out");
        assert!(matches!(error, NoIndex::Name(_)), "{error}");
        let error = read(&replaced(b"storage_data", b"storage_date")).expect_err("no index");
        assert!(matches!(error, NoIndex::Foreign(_)), "{error}");
        assert!(read(b"\x80\x04}.").is_err());
    }

    #[test]
    fn damaged_indexes_break_nothing() {
        let seeds: Vec<&[u8]> = FIXTURES.iter().map(|(_, bytes, _)| *bytes).collect();
        fuzzing::run("checkpoint index", &seeds, |bytes| {
            if let Ok(index) = read(bytes) {
                assert!(index.shards.len() as u64 <= index.items);
            }
        });
    }
}
