//! Answers as the client reads them.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::language::Language;
use serde_json::{Value, json};

pub type Answer = Result<Response, Refusal>;

pub fn json(value: Value) -> Response {
    Json(value).into_response()
}

/// `{"code": "Not_Found", "message": "…"}`: new clients print both.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Refusal {
        Refusal {
            status,
            code,
            message: message.into(),
        }
    }

    pub fn not_found(what: &str) -> Refusal {
        Refusal::new(
            StatusCode::NOT_FOUND,
            "Not_Found",
            format!("There is no such {what} here, or this key may not see it."),
        )
    }
}

/// The key or session is not (any more) good.
pub fn unknown_key() -> Refusal {
    Refusal::new(
        StatusCode::UNAUTHORIZED,
        "Unauthorized",
        "This console does not know the API key, or it was revoked. Make one on the console's page /experiments/send.",
    )
}

impl From<backend::Error> for Refusal {
    fn from(error: backend::Error) -> Refusal {
        match error {
            backend::Error::NotFound(what) => Refusal::not_found(what),
            backend::Error::Invalid(findings) => {
                let texts: Vec<&str> = findings
                    .iter()
                    .map(|finding| finding.text.in_language(Language::En))
                    .collect();
                Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", texts.join(" "))
            }
            backend::Error::Denied => Refusal::new(
                StatusCode::FORBIDDEN,
                "Forbidden",
                "The role of this key's owner in the project does not allow it.",
            ),
            backend::Error::Conflict(text) | backend::Error::Unavailable(text) => Refusal::new(
                StatusCode::CONFLICT,
                "Conflict",
                text.in_language(Language::En),
            ),
            error @ backend::Error::Internal { .. } => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a tracker's request failed"
                );
                // Both generations keep what they have and try again.
                Refusal::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "Unavailable",
                    "Something went wrong on the console's side; its log says what.",
                )
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({"code": self.code, "message": self.message});
        (self.status, Json(body)).into_response()
    }
}
