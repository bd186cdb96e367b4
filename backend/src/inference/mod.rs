//! The only engine HTTP: one connection per request, through the engine's node.
//!
//! The connection is a channel to a port on the node's loopback, so that no other user of the console's machine could open it.
//! Dropping an answer closes the channel, and the engine stops generating.

use std::time::Duration;

use bytes::Bytes;
use domain::language::Text;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::time::timeout;

use crate::hosts::{Host, HostError};

/// Until the engine accepts and answers with its headers. A long prompt is read before the first byte.
const FIRST_BYTE: Duration = Duration::from_secs(600);
/// Between two pieces of an answer; engines send comments while they wait.
const IDLE: Duration = Duration::from_secs(120);
/// Of an answer that is read whole.
const BODY_LIMIT: usize = 8 << 20;

/// Why an engine gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EngineError {
    #[error(transparent)]
    Host(#[from] HostError),
    #[error("the engine's connection broke: {0}")]
    Broken(String),
    #[error("no answer from the engine within {} s", .0.as_secs())]
    TimedOut(Duration),
}

impl EngineError {
    /// A fragment for a person; what a program said itself is quoted.
    pub fn text(&self) -> Text {
        let zh = match self {
            EngineError::Host(error) => error.text().zh,
            EngineError::Broken(why) => format!("与推理引擎的连接中断（{why}）"),
            EngineError::TimedOut(after) => {
                format!("推理引擎在 {} 秒内没有响应", after.as_secs())
            }
        };
        Text::new(self.to_string(), zh)
    }
}

/// An answer whose body comes piece by piece.
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    body: Incoming,
}

impl Answer {
    /// The next piece; None at the end.
    pub async fn next(&mut self) -> Option<Result<Bytes, EngineError>> {
        loop {
            let frame = match timeout(IDLE, self.body.frame()).await {
                Err(_) => return Some(Err(EngineError::TimedOut(IDLE))),
                Ok(None) => return None,
                Ok(Some(Err(error))) => return Some(Err(EngineError::Broken(error.to_string()))),
                Ok(Some(Ok(frame))) => frame,
            };
            if let Ok(data) = frame.into_data() {
                return Some(Ok(data));
            }
        }
    }

    /// The whole body, at most 8 MiB of it.
    pub async fn text(mut self) -> Result<String, EngineError> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.next().await {
            bytes.extend_from_slice(&piece?);
            if bytes.len() > BODY_LIMIT {
                break;
            }
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Asks the engine at `port` of `host`. With a body it is a POST of JSON.
pub async fn ask(
    host: &dyn Host,
    port: u16,
    path: &str,
    body: Option<Bytes>,
    limit: Duration,
) -> Result<Answer, EngineError> {
    let asked = async {
        let wire = host.connect(port).await?;
        let broken = |error: hyper::Error| EngineError::Broken(error.to_string());
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(wire)).await.map_err(broken)?;
        // Ends with the answer: nothing else holds the connection.
        tokio::spawn(connection);
        let mut request = http::Request::builder()
            .uri(path)
            .header(http::header::HOST, format!("127.0.0.1:{port}"));
        if body.is_some() {
            request = request
                .method(http::Method::POST)
                .header(http::header::CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(Full::new(body.unwrap_or_default()))
            .map_err(|error| EngineError::Broken(error.to_string()))?;
        let response = sender.send_request(request).await.map_err(broken)?;
        let content_type = response
            .headers()
            .get(http::header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        Ok(Answer {
            status: response.status().as_u16(),
            content_type,
            body: response.into_body(),
        })
    };
    timeout(limit, asked)
        .await
        .unwrap_or(Err(EngineError::TimedOut(limit)))
}

/// Sends a chat request; the answer streams.
pub async fn chat(host: &dyn Host, port: u16, body: Bytes) -> Result<Answer, EngineError> {
    ask(host, port, "/v1/chat/completions", Some(body), FIRST_BYTE).await
}

/// Whether the engine is healthy and serves `name`.
pub async fn is_ready(host: &dyn Host, port: u16, name: &str) -> bool {
    const PROBE: Duration = Duration::from_secs(5);
    let Ok(health) = ask(host, port, "/health", None, PROBE).await else {
        return false;
    };
    if health.status != 200 {
        return false;
    }
    let Ok(models) = ask(host, port, "/v1/models", None, PROBE).await else {
        return false;
    };
    let text = match models.status {
        200 => models.text().await.unwrap_or_default(),
        _ => return false,
    };
    let Ok(list) = serde_json::from_str::<serde_json::Value>(&text) else {
        return false;
    };
    list["data"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|model| model["id"] == name)
}
