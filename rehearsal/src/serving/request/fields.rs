//! The fields of a body, by their types.

use serde_json::{Map, Value};

use super::refusal::Refusal;

/// The body as a JSON object.
pub fn object(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Refusal::schema(
            "model_attributes_type",
            "",
            "Input should be a valid dictionary or object to extract fields from",
        )),
        Err(error) => Err(Refusal::schema(
            "json_invalid",
            &error.column().to_string(),
            "JSON decode error",
        )),
    }
}

/// A body whose fields are read by their type; null is not there.
pub(super) struct Fields<'a>(pub(super) &'a Map<String, Value>);

impl Fields<'_> {
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<f64>, Refusal> {
        let read = |value: &Value| {
            value.as_f64().ok_or_else(|| {
                wrong(
                    "float_parsing",
                    name,
                    "number, unable to parse string as a number",
                )
            })
        };
        self.get(name).map(read).transpose()
    }

    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let read = |value: &Value| {
            value.as_i64().ok_or_else(|| {
                wrong(
                    "int_parsing",
                    name,
                    "integer, unable to parse string as an integer",
                )
            })
        };
        self.get(name).map(read).transpose()
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        let read = |value: &Value| {
            value
                .as_bool()
                .ok_or_else(|| wrong("bool_parsing", name, "boolean, unable to interpret input"))
        };
        self.get(name).map(read).transpose()
    }

    pub(super) fn object(&self, name: &str) -> Map<String, Value> {
        self.get(name)
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default()
    }
}

pub(super) fn wrong(kind: &str, name: &str, what: &str) -> Refusal {
    Refusal::schema(
        kind,
        &format!("'{name}'"),
        &format!("Input should be a valid {what}"),
    )
}

pub(super) fn missing(name: &str) -> Refusal {
    Refusal::schema("missing", &format!("'{name}'"), "Field required")
}
