//! `backend::Error` as an HTTP answer of the console API; the only such place for plain routes.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::finding::Finding;
use domain::language::Text;
use serde::Serialize;

/// The body of every refusal: `{"error": {"kind", "message": {"en", "zh"}, "findings": […]}}`.
#[derive(Debug, Serialize)]
struct Body {
    error: Refusal,
}

#[derive(Debug, Serialize)]
struct Refusal {
    kind: &'static str,
    message: Text,
    /// One per field that is wrong: what was found and what to write.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<Finding>,
}

pub struct HttpError(pub backend::Error);

impl From<backend::Error> for HttpError {
    fn from(error: backend::Error) -> Self {
        HttpError(error)
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let (status, kind, message, findings) = match self.0 {
            backend::Error::NotFound(what) => (
                StatusCode::NOT_FOUND,
                "not_found",
                Text::new(format!("There is no such {what}."), "找不到所请求的对象。"),
                Vec::new(),
            ),
            backend::Error::Invalid(findings) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid",
                Text::new("Some values cannot be used.", "部分取值无法使用。"),
                findings,
            ),
            backend::Error::Conflict(text) => (StatusCode::CONFLICT, "conflict", text, Vec::new()),
            backend::Error::Unavailable(text) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                text,
                Vec::new(),
            ),
            backend::Error::Denied => (
                StatusCode::FORBIDDEN,
                "denied",
                Text::new("Your role does not allow this.", "你的角色没有此权限。"),
                Vec::new(),
            ),
            error @ backend::Error::Internal { .. } => {
                tracing::error!(error = &error as &dyn std::error::Error, "a request failed");
                (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "internal",
                    Text::new(
                        "Something went wrong on our side; the server's log says what. Try again.",
                        "服务端出错，详情见服务日志，请重试。",
                    ),
                    Vec::new(),
                )
            }
        };
        (
            status,
            Json(Body {
                error: Refusal {
                    kind,
                    message,
                    findings,
                },
            }),
        )
            .into_response()
    }
}
