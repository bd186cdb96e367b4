//! An experiment's points as a file.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use backend::metrics::files::{Format, Wanted, file};
use backend::{Actor, Backend};
use domain::finding::Finding;
use domain::ids::ExperimentId;
use futures::TryStreamExt;
use serde::Deserialize;

use crate::http_error::HttpError;

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default = "csv")]
    format: String,
    name: Option<String>,
    /// A JSON object.
    labels: Option<String>,
    attempt: Option<u32>,
}

fn csv() -> String {
    "csv".to_owned()
}

pub async fn points(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<ExperimentId>,
    Query(asked): Query<Asked>,
) -> Result<Response, HttpError> {
    let format = Format::named(&asked.format)?;
    let labels = asked.labels.map(|text| serde_json::from_str(&text));
    let wanted = Wanted {
        name: asked.name,
        labels: labels.transpose().map_err(|_| not_labels())?,
        attempt: asked.attempt,
    };
    let file = file(&backend, &actor, &id, &wanted, format).await?;
    let bytes = file.bytes.inspect_err(|error| {
        tracing::warn!(
            error = error as &dyn std::error::Error,
            "A file of points broke off"
        );
    });
    Ok((
        [
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static(format.content_type()),
            ),
            (header::CONTENT_DISPOSITION, attachment(&file.name)),
        ],
        Body::from_stream(bytes),
    )
        .into_response())
}

fn not_labels() -> HttpError {
    HttpError(backend::Error::Invalid(vec![Finding::stops(
        "labels",
        "Write labels as a JSON object of texts, for example {\"gpu\":\"0\"}.",
        "标签请写成文本值的 JSON 对象,例如 {\"gpu\":\"0\"}。",
    )]))
}

/// The name for old readers without what is not ASCII, and in full as RFC 6266 writes it.
fn attachment(name: &str) -> HeaderValue {
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii() { c } else { '_' })
        .collect();
    let full: String = name
        .bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect();
    let text = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{full}");
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chinese_name_is_sent_in_both_forms() {
        assert_eq!(
            attachment("损失.csv"),
            "attachment; filename=\"__.csv\"; filename*=UTF-8''%E6%8D%9F%E5%A4%B1.csv"
        );
    }
}
