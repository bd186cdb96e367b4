//! What a run says of itself: its configuration, flat, and its machine. Later words add to earlier ones and take nothing away.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One part of a profile as a client sends it; every part may be missing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// `{"lr": {"value": 0.001, "desc": "", "sort": 0}, …}`; nested objects lie inside `value`.
    pub config: Option<Value>,
    pub metadata: Option<Value>,
    pub requirements: Option<String>,
    pub conda: Option<String>,
}

/// Nesting beyond this is kept as JSON instead of being made flat.
const DEPTH: usize = 16;

/// The configuration of a SwanLab body as plain values: the wrapping around each is taken off.
pub fn unwrapped(config: &Value) -> Map<String, Value> {
    let Value::Object(entries) = config else {
        return Map::new();
    };
    let value = |entry: &Value| match entry {
        Value::Object(entry) if entry.contains_key("value") => {
            entry.get("value").cloned().unwrap_or_default()
        }
        other => other.clone(),
    };
    entries
        .iter()
        .map(|(key, entry)| (key.clone(), value(entry)))
        .collect()
}

/// Nested objects as names joined by `.`; lists stay what they are.
pub fn flat(config: &Map<String, Value>) -> Map<String, Value> {
    let mut all = Map::new();
    for (key, value) in config {
        flatten(key.clone(), value, 0, &mut all);
    }
    all
}

fn flatten(name: String, value: &Value, depth: usize, all: &mut Map<String, Value>) {
    match value {
        // The new client says None as {}.
        Value::Object(inner) if inner.is_empty() => {
            all.insert(name, Value::Null);
        }
        Value::Object(inner) if depth < DEPTH => {
            for (key, value) in inner {
                flatten(format!("{name}.{key}"), value, depth + 1, all);
            }
        }
        other => {
            all.insert(name, other.clone());
        }
    }
}

/// `new` (not yet flat) laid over `stored` (flat), key by key. A client that resumes sends an empty configuration first: that changes
/// nothing.
pub fn merge(stored: &mut Map<String, Value>, new: &Map<String, Value>) {
    let is_said_anew = |name: &str| {
        let mut ends = name.match_indices('.').map(|(at, _)| at);
        new.contains_key(name) || ends.any(|end| new.contains_key(&name[..end]))
    };
    stored.retain(|name, _| !is_said_anew(name));
    for (key, value) in new {
        flatten(key.clone(), value, 0, stored);
    }
}

/// Metadata key by key; null (a resumed client's hardware) takes nothing away.
pub fn merge_metadata(stored: &mut Value, new: &Value) {
    let Value::Object(new) = new else { return };
    if !stored.is_object() {
        *stored = Value::Object(Map::new());
    }
    if let Value::Object(stored) = stored {
        for (key, value) in new {
            if !value.is_null() {
                stored.insert(key.clone(), value.clone());
            }
        }
    }
}

/// The machine that a run says it is on: both generations' forms.
pub fn host(metadata: &Value) -> &str {
    metadata
        .pointer("/runtime/hostname")
        .or_else(|| metadata.get("hostname"))
        .and_then(Value::as_str)
        .unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_resumed_client_takes_nothing_away() {
        let first = unwrapped(&json!({
            "lr": {"value": 0.1, "desc": "", "sort": 0},
            "model": {"value": {"layers": 2, "rope": {"theta": 1e6}, "shape": [1, 2]}, "sort": 1},
            "none": {"value": {}},
        }));
        let mut stored = Map::new();
        merge(&mut stored, &first);
        let whole = json!({
            "lr": 0.1, "model.layers": 2, "model.rope.theta": 1e6, "model.shape": [1, 2], "none": null
        });
        assert_eq!(Value::Object(stored.clone()), whole);
        merge(&mut stored, &unwrapped(&json!({})));
        assert_eq!(Value::Object(stored.clone()), whole);
        merge(
            &mut stored,
            &unwrapped(&json!({"model": {"value": {"layers": 3}}, "mode": {"value": "x"}})),
        );
        assert_eq!(
            Value::Object(stored),
            json!({"lr": 0.1, "model.layers": 3, "none": null, "mode": "x"})
        );
    }

    #[test]
    fn null_hardware_blanks_nothing() {
        let mut stored = Value::Null;
        merge_metadata(
            &mut stored,
            &json!({"hardware": {"cpu": 1}, "runtime": {"hostname": "a"}}),
        );
        merge_metadata(
            &mut stored,
            &json!({"hardware": null, "runtime": {"hostname": "b"}}),
        );
        assert_eq!(stored["hardware"]["cpu"], 1);
        assert_eq!(host(&stored), "b");
        assert_eq!(host(&json!({"hostname": "c"})), "c");
    }

    #[test]
    fn deep_nesting_ends() {
        let mut value = json!(1);
        for _ in 0..100 {
            value = json!({ "a": value });
        }
        let flat = flat(&Map::from_iter([("x".to_owned(), value)]));
        assert_eq!(flat.len(), 1);
    }
}
