//! Files of runs: addresses to which a client may send one, and the sending. Bytes are written to disk as they come, without a limit.

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use backend::tracking::{self, files};
use backend::{Actor, Backend, clock};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Refusal, json};

/// The client compares this time as local with a clock of its own; half a day ahead is always enough and never stale.
const CREDENTIALS_SECS: i64 = 12 * 3600;
/// Files of one request, and parts of one file.
const FILES_ASKED: usize = 10_000;

/// The address and the leave that a request for sending a file carries: in its query, or as the session token of an S3 client.
pub fn leave(request: &Request) -> Option<(String, String)> {
    let path = decoded(request.uri());
    let mut parts = path.split('/').skip(2);
    match parts.next()? {
        "uploads" | "saved" | "parts" => {
            let query = request.uri().query()?;
            let leave = query
                .split('&')
                .find_map(|pair| pair.strip_prefix("leave="))?
                .to_owned();
            Some((path, leave))
        }
        "oss" => {
            let token = request.headers().get("x-amz-security-token")?;
            let (bucket, run) = (parts.next()?, parts.next()?);
            Some((
                format!("/api/oss/{bucket}/{run}"),
                token.to_str().ok()?.to_owned(),
            ))
        }
        _ => None,
    }
}

/// The path with `%41` as `A`.
fn decoded(uri: &Uri) -> String {
    let bytes = uri.path().as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let digit = |at: usize| {
        bytes
            .get(at)
            .and_then(|byte| char::from(*byte).to_digit(16))
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                plain.push(high * 16 + low);
                at += 3;
            }
            _ => {
                plain.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// What is not a plain letter becomes `%41`; slashes stay.
fn encoded(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// Under which the client reached us, as it must reach us again.
fn origin(headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = match text("x-forwarded-proto") {
        Some("https") => "https",
        _ => "http",
    };
    format!("{scheme}://{}", text("host").unwrap_or("localhost"))
}

/// A full address that carries its leave.
fn address(
    backend: &Backend,
    actor: &Actor,
    headers: &HeaderMap,
    path: &str,
) -> Result<String, Refusal> {
    let leave = files::leave(backend, actor, path)?;
    Ok(format!(
        "{}{}?leave={leave}",
        origin(headers),
        encoded(path)
    ))
}

#[derive(Deserialize)]
pub struct Paths {
    #[serde(rename = "experimentId")]
    run: String,
    paths: Vec<String>,
}

/// One address per path, in order.
pub async fn presign(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
    Json(asked): Json<Paths>,
) -> Answer {
    let urls = addresses(
        &backend,
        &actor,
        &headers,
        "uploads",
        &asked.run,
        asked.paths,
    )
    .await?;
    Ok(json(json!({ "urls": urls })))
}

async fn addresses(
    backend: &Backend,
    actor: &Actor,
    headers: &HeaderMap,
    room: &str,
    run: &str,
    paths: impl IntoIterator<Item = String>,
) -> Result<Vec<String>, Refusal> {
    if tracking::access::of_run(backend, actor, run)
        .await?
        .is_none()
    {
        return Err(Refusal::not_found("run"));
    }
    paths
        .into_iter()
        .take(FILES_ASKED)
        .map(|path| {
            let path = format!("/api/{room}/{run}/{}", path.trim_start_matches('/'));
            address(backend, actor, headers, &path)
        })
        .collect()
}

/// Credentials for an S3 client of releases up to 0.7.3; the session token is what counts.
pub async fn credentials(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path((_, project, id)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Answer {
    let (actor, run) = super::runs::find(&backend, &actor, &project, &id).await?;
    let id = run.run.public_id;
    let token = files::leave(&backend, &actor, &format!("/api/oss/runs/{id}"))?;
    Ok(json(json!({
        "expiredTime": clock::now().0 / 1000 + CREDENTIALS_SECS,
        "prefix": id,
        "bucket": "runs",
        "region": "local",
        "endPoint": format!("{}/api/oss", origin(&headers)),
        "pathStyle": true,
        "credentials": {"tmpSecretId": "trainyard", "tmpSecretKey": "trainyard", "sessionToken": token},
    })))
}

pub async fn receive(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path((run, path)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    take(&backend, &actor, &run, &path, false, &headers, body).await
}

pub async fn receive_saved(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path((run, path)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    take(&backend, &actor, &run, &path, true, &headers, body).await
}

async fn take(
    backend: &Backend,
    actor: &Actor,
    run: &str,
    path: &str,
    is_saved: bool,
    headers: &HeaderMap,
    body: Body,
) -> Answer {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("application/octet-stream");
    let stream = body.into_data_stream();
    if files::receive(backend, actor, run, path, kind, is_saved, stream).await? {
        Ok(().into_response())
    } else {
        Err(Refusal::not_found("run"))
    }
}

#[derive(Deserialize)]
pub struct Prepare {
    files: Vec<Prepared>,
}

#[derive(Deserialize)]
struct Prepared {
    path: String,
    #[serde(default)]
    count: u32,
}

/// Addresses for files that a person keeps with the run.
pub async fn prepare(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(run): Path<String>,
    headers: HeaderMap,
    Json(asked): Json<Prepare>,
) -> Answer {
    let paths = asked.files.into_iter().map(|file| file.path);
    let urls = addresses(&backend, &actor, &headers, "saved", &run, paths).await?;
    Ok(json(json!({ "urls": urls })))
}

/// A large file comes in parts numbered from 1.
pub async fn prepare_parts(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(run): Path<String>,
    headers: HeaderMap,
    Json(asked): Json<Prepare>,
) -> Answer {
    if tracking::access::of_run(&backend, &actor, &run)
        .await?
        .is_none()
    {
        return Err(Refusal::not_found("run"));
    }
    let mut all: Vec<Value> = Vec::new();
    for file in asked.files {
        let upload = files::begin_parts()?;
        let count = file.count.min(FILES_ASKED as u32);
        let parts: Vec<Value> = (1..=count)
            .map(|number| {
                let path = format!("/api/parts/{run}/{upload}/{number}");
                let url = address(&backend, &actor, &headers, &path)?;
                Ok(json!({"partNumber": number, "url": url}))
            })
            .collect::<Result<_, Refusal>>()?;
        all.push(json!({"path": file.path, "uploadId": upload, "parts": parts}));
    }
    Ok(json(json!({ "files": all })))
}

pub async fn receive_part(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path((_, upload, number)): Path<(String, String, u32)>,
    body: Body,
) -> Answer {
    let stream = body.into_data_stream();
    match files::receive_part(&backend, &actor, &upload, number, stream).await? {
        Some(hash) => {
            let tag = HeaderValue::from_str(&format!("\"{hash}\""))
                .unwrap_or(HeaderValue::from_static("\"\""));
            Ok([(header::ETAG, tag)].into_response())
        }
        None => Err(Refusal::not_found("upload")),
    }
}

#[derive(Deserialize)]
pub struct Complete {
    files: Vec<Completed>,
}

#[derive(Deserialize)]
struct Completed {
    path: String,
    #[serde(rename = "uploadId")]
    upload: String,
    #[serde(default)]
    parts: Vec<Value>,
}

pub async fn complete_parts(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(run): Path<String>,
    Json(done): Json<Complete>,
) -> Answer {
    for file in done.files {
        let count = u32::try_from(file.parts.len()).unwrap_or(u32::MAX);
        let is_joined =
            files::join_parts(&backend, &actor, &run, &file.path, &file.upload, count).await?;
        if !is_joined {
            return Err(Refusal::not_found("upload"));
        }
    }
    Ok(json(json!({})))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_same_decoded_as_it_was_before() {
        let path = "/api/uploads/r/train%2Floss 图/a+b.png";
        let uri: Uri = encoded(path).parse().unwrap();
        assert_eq!(decoded(&uri), path);
    }
}
