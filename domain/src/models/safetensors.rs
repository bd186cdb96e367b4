//! The header of a safetensors file: eight bytes of length (little endian), then JSON that names each tensor's type, shape and place.
//!
//! The format's own reader refuses a file that is longer or shorter than its header says, and gaps between tensors; so does this.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use thiserror::Error;

/// Longer headers are refused, as by the format's own reader.
pub const LONGEST_HEADER: u64 = 100_000_000;

/// A tensor as a header describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tensor {
    /// `BF16`, `F32` …
    pub dtype: String,
    pub shape: Vec<u64>,
    /// Where its bytes begin and end, counted from the end of the header.
    pub data_offsets: (u64, u64),
}

impl Tensor {
    /// Elements; None: more than can be counted.
    pub fn elements(&self) -> Option<u64> {
        self.shape
            .iter()
            .try_fold(1_u64, |all, one| all.checked_mul(*one))
    }
}

/// A whole header.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Header {
    pub tensors: BTreeMap<String, Tensor>,
    /// `__metadata__`, e.g. `format: pt`.
    pub notes: BTreeMap<String, String>,
    /// Bytes that the whole file has.
    pub file_bytes: u64,
}

impl Header {
    /// Elements of all tensors.
    pub fn parameters(&self) -> u64 {
        let all = self.tensors.values().filter_map(Tensor::elements);
        all.fold(0, u64::saturating_add)
    }

    /// The type of most elements, as the format names it; empty: no tensor.
    pub fn dtype(&self) -> &str {
        let mut types: BTreeMap<&str, u64> = BTreeMap::new();
        for tensor in self.tensors.values() {
            let count = types.entry(&tensor.dtype).or_default();
            *count = count.saturating_add(tensor.elements().unwrap_or(0));
        }
        let most = types.into_iter().max_by_key(|(_, elements)| *elements);
        most.map(|(name, _)| name).unwrap_or_default()
    }
}

/// What is wrong with a header.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoHeader {
    /// The file ends within its header.
    #[error("it ends within its header")]
    CutOff { needed_bytes: u64 },
    #[error("its first eight bytes claim a header of {0} bytes, more than any real one has")]
    TooLong(u64),
    #[error("its header is no JSON of tensors")]
    NoJson,
    #[error("tensor {0:?} has no place that fits its type and shape")]
    Tensor(String),
    #[error("there are gaps or overlaps before tensor {0:?}")]
    Gap(String),
}

/// How long the header is, from the first eight bytes and the file's size.
pub fn header_bytes(first: &[u8], file_bytes: u64) -> Result<u64, NoHeader> {
    let Some(first) = first.first_chunk::<8>() else {
        return Err(NoHeader::CutOff { needed_bytes: 8 });
    };
    let length = u64::from_le_bytes(*first);
    if length > LONGEST_HEADER {
        return Err(NoHeader::TooLong(length));
    }
    let needed_bytes = 8 + length;
    if needed_bytes > file_bytes {
        return Err(NoHeader::CutOff { needed_bytes });
    }
    Ok(length)
}

/// Reads the JSON that follows the first eight bytes.
pub fn read(json: &[u8]) -> Result<Header, NoHeader> {
    let all: BTreeMap<String, &RawValue> =
        serde_json::from_slice(json).map_err(|_| NoHeader::NoJson)?;
    let mut header = Header::default();
    for (name, raw) in all {
        if name == "__metadata__" {
            header.notes = serde_json::from_str(raw.get()).map_err(|_| NoHeader::NoJson)?;
            continue;
        }
        let tensor: Tensor =
            serde_json::from_str(raw.get()).map_err(|_| NoHeader::Tensor(name.clone()))?;
        let (begin, end) = tensor.data_offsets;
        let bits = tensor
            .elements()
            .zip(bits(&tensor.dtype))
            .map(|(elements, bits)| elements.checked_mul(bits));
        let fits = match bits {
            // A type that came later: its size is not known here.
            None => tensor.elements().is_some(),
            Some(bits) => bits.is_some_and(|bits| end.checked_sub(begin) == Some(bits.div_ceil(8))),
        };
        if begin > end || !fits {
            return Err(NoHeader::Tensor(name));
        }
        header.tensors.insert(name, tensor);
    }
    let mut places: Vec<(u64, u64, &String)> = header
        .tensors
        .iter()
        .map(|(name, tensor)| (tensor.data_offsets.0, tensor.data_offsets.1, name))
        .collect();
    places.sort_unstable();
    let mut reached = 0;
    for (begin, end, name) in places {
        if begin != reached {
            return Err(NoHeader::Gap(name.clone()));
        }
        reached = end;
    }
    let file_bytes = (8 + json.len() as u64).checked_add(reached);
    header.file_bytes = file_bytes.ok_or(NoHeader::NoJson)?;
    Ok(header)
}

/// Bits of one element; None: not known.
fn bits(dtype: &str) -> Option<u64> {
    Some(match dtype {
        "F64" | "I64" | "U64" | "C64" => 64,
        "F32" | "I32" | "U32" => 32,
        "BF16" | "F16" | "I16" | "U16" => 16,
        "F8_E4M3" | "F8_E5M2" | "F8_E8M0" | "I8" | "U8" | "BOOL" => 8,
        "F4" => 4,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_how_long_the_file_is() {
        let json = br#"{"__metadata__":{"format":"pt"},"a":{"dtype":"BF16","shape":[3,5],"data_offsets":[0,30]},"b":{"dtype":"F32","shape":[],"data_offsets":[30,34]}}"#;
        let header = read(json).expect("a header");
        assert_eq!(header.file_bytes, 8 + json.len() as u64 + 34);
        assert_eq!(header.parameters(), 16);
        assert_eq!(header.dtype(), "BF16");
        assert_eq!(header.notes["format"], "pt");
    }

    #[test]
    fn lengths_that_lie_are_told_apart_from_cuts() {
        assert_eq!(
            header_bytes(&[0xff; 8], 100),
            Err(NoHeader::TooLong(u64::MAX))
        );
        assert_eq!(
            header_bytes(&[200, 0, 0, 0, 0, 0, 0, 0], 100),
            Err(NoHeader::CutOff { needed_bytes: 208 })
        );
        assert_eq!(
            header_bytes(&[1, 2], 2),
            Err(NoHeader::CutOff { needed_bytes: 8 })
        );
        for json in [
            &br#"{"a":{"dtype":"BF16","shape":[3],"data_offsets":[0,7]}}"#[..],
            br#"{"a":{"dtype":"BF16","shape":[3],"data_offsets":[6,0]}}"#,
            br#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#,
            br#"{"a":{"dtype":"F32","shape":[18446744073709551615,2],"data_offsets":[0,0]}}"#,
            br#"{"a":{"dtype":"new","shape":[1],"data_offsets":[0,18446744073709551615]}}"#,
            br#"{"a":1}"#,
            b"[1]",
            b"",
        ] {
            assert!(read(json).is_err(), "{}", String::from_utf8_lossy(json));
        }
    }

    #[test]
    fn damaged_headers_break_nothing() {
        let seed = br#"{"__metadata__":{"format":"pt"},"a":{"dtype":"BF16","shape":[3,5],"data_offsets":[0,30]},"b":{"dtype":"F32","shape":[],"data_offsets":[30,34]}}"#;
        fuzzing::run("safetensors header", &[seed], |bytes| {
            let length = header_bytes(bytes, bytes.len() as u64);
            if let Ok(header) = read(bytes) {
                assert!(
                    header.file_bytes > bytes.len() as u64
                        || header.tensors.is_empty()
                        || header.parameters() == 0
                );
            }
            drop(length);
        });
    }
}
