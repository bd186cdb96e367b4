//! `/pkg/*`: wasm, its JavaScript and the stylesheet, compressed at build time.

use std::collections::HashMap;
use std::io::Read;
use std::sync::OnceLock;

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use leptos::WasmSplitManifest;
use leptos::prelude::ArcStoredValue;
use rust_embed::RustEmbed;

// A release build holds the files, compressed ones only in that form; a dev build reads them from disk.
#[derive(RustEmbed)]
#[folder = "../target/site/pkg"]
#[include = "*.br"]
#[include = "*.json"]
#[include = "*.svg"]
struct Assets;

/// Sends a file, in brotli where it is kept so and the browser takes it, 304 where it already has it.
pub async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let takes_brotli = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            value
                .split(',')
                .any(|coding| coding.trim().starts_with("br"))
        });
    let compressed = Assets::get(&format!("{name}.br"));
    let encoding = (compressed.is_some() && takes_brotli).then_some("br");
    let is_plain = compressed.is_none() || takes_brotli;
    let Some(file) = compressed.or_else(|| Assets::get(&name)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let form = if is_plain { "" } else { "-plain" };
    let tag = format!("\"{}{form}\"", hex(&file.metadata.sha256_hash()[..12]));
    if headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|known| known.as_bytes() == tag.as_bytes())
    {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response();
    }
    let kind = match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("wasm") => "application/wasm",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let body = if is_plain {
        Body::from(file.data.into_owned())
    } else {
        // curl, or a browser over a plain address: those that take brotli only over https.
        match unpacked(&file.data) {
            Ok(bytes) => Body::from(bytes),
            Err(_) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    };
    let mut answer = (
        [
            (header::CONTENT_TYPE, kind.to_owned()),
            (header::ETAG, tag),
            // The names do not carry a hash, so a browser asks each time and mostly hears 304.
            (header::CACHE_CONTROL, "no-cache".to_owned()),
            (header::VARY, "accept-encoding".to_owned()),
        ],
        body,
    )
        .into_response();
    if let Some(encoding) = encoding {
        answer.headers_mut().insert(
            header::CONTENT_ENCODING,
            header::HeaderValue::from_static(encoding),
        );
    }
    answer
}

/// Which pieces of the wasm a page needs, so that its answer can name them before the browser has read the first piece.
pub fn pieces() -> WasmSplitManifest {
    static PIECES: OnceLock<HashMap<String, Vec<String>>> = OnceLock::new();
    let pieces = PIECES.get_or_init(|| {
        // Without it pages load all the same, one round later.
        Assets::get("pieces.json")
            .and_then(|file| serde_json::from_slice(&file.data).ok())
            .unwrap_or_default()
    });
    WasmSplitManifest(ArcStoredValue::new((
        "/pkg".to_owned(),
        pieces.clone(),
        "__wasm_split.js".to_owned(),
    )))
}

fn unpacked(brotli: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    brotli_decompressor::Decompressor::new(brotli, 1 << 16).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
