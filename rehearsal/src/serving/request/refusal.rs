//! Refusals in vLLM's words.

use serde_json::{Value, json};

/// A refusal in vLLM's body.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    pub status: u16,
    kind: &'static str,
    pub message: String,
    param: Option<&'static str>,
}

impl Refusal {
    /// 400 over a value that cannot be.
    pub fn bad(message: impl Into<String>, param: Option<&'static str>) -> Self {
        Self {
            status: 400,
            kind: "BadRequestError",
            message: message.into(),
            param,
        }
    }

    /// 400 over a body that is not what the schema says; `kind` and `text` are pydantic's.
    pub(super) fn schema(kind: &str, place: &str, text: &str) -> Self {
        Self {
            status: 400,
            kind: "Bad Request",
            message: format!("[{{'type': '{kind}', 'loc': ('body', {place}), 'msg': '{text}'}}]"),
            param: None,
        }
    }

    pub fn unknown_model(name: &str) -> Self {
        Self {
            status: 404,
            kind: "NotFoundError",
            message: format!("The model `{name}` does not exist."),
            param: Some("model"),
        }
    }

    pub fn internal(message: impl Into<String>) -> Self {
        Self {
            status: 500,
            kind: "InternalServerError",
            message: message.into(),
            param: None,
        }
    }

    pub fn body(&self) -> Value {
        json!({"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.status}})
    }
}
