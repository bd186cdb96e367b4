//! `/v1/*`: the OpenAI gateway. A plain pass-through to deployments that are ready; client gone = upstream dropped.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use backend::{Actor, Backend};
use serde_json::json;

/// An error in the shape that OpenAI clients read.
fn error(status: StatusCode, message: &str, kind: &str) -> axum::response::Response {
    let body = json!({"error": {"message": message, "type": kind, "param": null, "code": status.as_u16()}});
    (status, Json(body)).into_response()
}

fn refuse(problem: backend::Error) -> axum::response::Response {
    match problem {
        backend::Error::NotFound(_) => error(
            StatusCode::NOT_FOUND,
            "The model does not exist, or its deployment is not ready. GET /v1/models lists those that are.",
            "NotFoundError",
        ),
        backend::Error::Invalid(findings) => {
            let text = findings
                .first()
                .map_or("", |finding| finding.text.en.as_str());
            error(StatusCode::BAD_REQUEST, text, "BadRequestError")
        }
        backend::Error::Denied => error(
            StatusCode::FORBIDDEN,
            "Your role does not allow this.",
            "PermissionDeniedError",
        ),
        backend::Error::Conflict(text) | backend::Error::Unavailable(text) => error(
            StatusCode::SERVICE_UNAVAILABLE,
            &text.en,
            "ServiceUnavailableError",
        ),
        problem @ backend::Error::Internal { .. } => {
            tracing::error!(
                error = &problem as &dyn std::error::Error,
                "the gateway failed"
            );
            error(
                StatusCode::INTERNAL_SERVER_ERROR,
                "Something went wrong on our side.",
                "InternalServerError",
            )
        }
    }
}

/// The deployments that answer, under their served names.
pub async fn models(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
) -> axum::response::Response {
    match backend::deployments::list(&backend, &actor).await {
        Ok(deployments) => {
            let ready = deployments
                .iter()
                .filter(|view| view.job.state == domain::jobs::State::Ready);
            let data: Vec<_> = ready
                .map(|view| {
                    json!({
                        "id": view.deployment.served_name,
                        "object": "model",
                        "created": view.deployment.created_at.0 / 1000,
                        "owned_by": "trainyard",
                    })
                })
                .collect();
            Json(json!({"object": "list", "data": data})).into_response()
        }
        Err(problem) => refuse(problem),
    }
}

pub async fn chat_completions(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    body: Bytes,
) -> axum::response::Response {
    pass(&backend, &actor, "/v1/chat/completions", body).await
}

pub async fn completions(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    body: Bytes,
) -> axum::response::Response {
    pass(&backend, &actor, "/v1/completions", body).await
}

/// Hands the body on unchanged, and the answer back piece by piece.
async fn pass(
    backend: &Backend,
    actor: &Actor,
    path: &str,
    body: Bytes,
) -> axum::response::Response {
    let upstream = match backend::chat::passthrough(backend, actor, path, body).await {
        Ok(upstream) => upstream,
        Err(problem) => return refuse(problem),
    };
    let (status, content_type) = (upstream.status, upstream.content_type.clone());
    let pieces = futures::stream::unfold(upstream, |mut upstream| async move {
        let piece = upstream.next().await?;
        Some((piece, upstream))
    });
    Response::builder()
        .status(status)
        .header("content-type", content_type)
        .header("x-accel-buffering", "no")
        .body(Body::from_stream(pieces))
        .unwrap_or_else(|_| StatusCode::BAD_GATEWAY.into_response())
}
