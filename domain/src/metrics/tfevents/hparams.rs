//! Hyperparameters: `HParamsPluginData` in a summary's metadata.
//!
//! Field numbers are those of TensorBoard's `plugins/hparams/plugin_data.proto` and protobuf's `struct.proto`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::wire::{self, Wire};

/// Hyperparameters of one run that are kept.
const LIMIT: usize = 5000;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    Number(f64),
    Flag(bool),
    Text(String),
}

/// Adds those of a `session_start_info`; anything else, and what is damaged, adds none.
pub(super) fn read(content: &[u8], all: &mut BTreeMap<String, Value>) {
    let Some(session) = field(content, wire::bytes(3)) else {
        return;
    };
    let mut wire = Wire(session);
    while let Some(key) = wire.varint() {
        if key != wire::bytes(1) {
            if wire.skip(key).is_none() {
                return;
            }
            continue;
        }
        let Some(entry) = wire.bytes() else { return };
        let (Some(name), Some(value)) = (
            field(entry, wire::bytes(1)),
            field(entry, wire::bytes(2)).and_then(value),
        ) else {
            continue;
        };
        if all.len() < LIMIT {
            all.insert(String::from_utf8_lossy(name).into_owned(), value);
        }
    }
}

/// The first length-delimited field with this key.
fn field(message: &[u8], wanted: u64) -> Option<&[u8]> {
    let mut wire = Wire(message);
    while let Some(key) = wire.varint() {
        if key == wanted {
            return wire.bytes();
        }
        wire.skip(key)?;
    }
    None
}

fn value(message: &[u8]) -> Option<Value> {
    let mut wire = Wire(message);
    while let Some(key) = wire.varint() {
        if key == wire::fixed64(2) {
            return wire
                .fixed64()
                .map(|bytes| Value::Number(f64::from_le_bytes(bytes)));
        }
        if key == wire::bytes(3) {
            let text = wire.bytes()?;
            return Some(Value::Text(String::from_utf8_lossy(text).into_owned()));
        }
        if key == wire::varint(4) {
            return wire.varint().map(|bit| Value::Flag(bit != 0));
        }
        wire.skip(key)?;
    }
    None
}
