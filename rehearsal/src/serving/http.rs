//! The routes: health, models, chat, completions, metrics.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive};
use axum::response::{IntoResponse, Response, Sse};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::chunks::{self, Head};
use super::engine::{Engine, Piece, Request};
use crate::model::hf::Sampling;
use crate::model::tokenizer::Message;

type Shared = State<Arc<Engine>>;

pub fn router(engine: Arc<Engine>) -> Router {
    Router::new()
        .route("/health", get(async || ()))
        .route("/ping", get(async || ()))
        .route("/version", get(|State(engine): Shared| async move { Json(json!({"version": engine.served.version})) }))
        .route("/metrics", get(metrics))
        .route("/v1/models", get(models))
        .route("/v1/chat/completions", post(chat))
        .route("/v1/completions", post(completions))
        .route("/tokenize", post(tokenize))
        .with_state(engine)
}

fn refuse(code: StatusCode, message: &str, kind: &str, param: Option<&str>) -> Response {
    (
        code,
        Json(chunks::error(message, kind, param, code.as_u16())),
    )
        .into_response()
}

fn bad(message: &str, param: Option<&str>) -> Response {
    refuse(StatusCode::BAD_REQUEST, message, "BadRequestError", param)
}

/// Only `/v1/*` asks for the key.
fn is_let_in(engine: &Engine, headers: &HeaderMap) -> bool {
    let Some(key) = &engine.served.api_key else {
        return true;
    };
    let sent = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    sent == Some(key)
}

fn unauthorized() -> Response {
    (
        StatusCode::UNAUTHORIZED,
        Json(json!({"error": "Unauthorized"})),
    )
        .into_response()
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

async fn models(State(engine): Shared, headers: HeaderMap) -> Response {
    if !is_let_in(&engine, &headers) {
        return unauthorized();
    }
    let served = &engine.served;
    let data: Vec<Value> = served
        .names
        .iter()
        .map(|name| json!({"id": name, "object": "model", "created": now(), "owned_by": "vllm", "root": served.root, "parent": null, "max_model_len": served.max_model_len}))
        .collect();
    Json(json!({"object": "list", "data": data})).into_response()
}

async fn metrics(State(engine): Shared) -> String {
    let counters = &engine.counters;
    let name = engine.served.names.first().cloned().unwrap_or_default();
    let labels = format!("{{engine=\"0\",model_name=\"{name}\"}}");
    let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let mut text = String::new();
    for (metric, kind, value) in [
        (
            "vllm:num_requests_running",
            "gauge",
            read(&counters.running),
        ),
        (
            "vllm:num_requests_waiting",
            "gauge",
            read(&counters.waiting),
        ),
        ("vllm:kv_cache_usage_perc", "gauge", 0),
        (
            "vllm:prompt_tokens_total",
            "counter",
            read(&counters.prompt_tokens),
        ),
        (
            "vllm:generation_tokens_total",
            "counter",
            read(&counters.generation_tokens),
        ),
    ] {
        text += &format!(
            "# TYPE {} {kind}\n{metric}{labels} {value}.0\n",
            metric.trim_end_matches("_total")
        );
    }
    text += "# TYPE vllm:request_success counter\n";
    for (reason, counter) in [
        ("stop", &counters.stopped),
        ("length", &counters.length),
        ("abort", &counters.aborted),
    ] {
        text += &format!(
            "vllm:request_success_total{{engine=\"0\",finished_reason=\"{reason}\",model_name=\"{name}\"}} {}.0\n",
            read(counter)
        );
    }
    text
}

/// The request's model and sampling, or the refusal.
fn settle(
    engine: &Engine,
    body: &Value,
    prompt: usize,
) -> Result<(String, Sampling, Vec<String>), Box<Response>> {
    let name = body["model"].as_str().map_or_else(
        || engine.served.names.first().cloned().unwrap_or_default(),
        str::to_owned,
    );
    if !engine.served.names.contains(&name) {
        let message = format!("The model `{name}` does not exist.");
        return Err(Box::new(refuse(
            StatusCode::NOT_FOUND,
            &message,
            "NotFoundError",
            Some("model"),
        )));
    }
    let longest = engine.served.max_model_len;
    let wanted = body["max_completion_tokens"]
        .as_u64()
        .or(body["max_tokens"].as_u64())
        .map(|count| count as usize);
    if wanted == Some(0) {
        return Err(Box::new(bad(
            "max_tokens must be at least 1, got 0.",
            Some("max_tokens"),
        )));
    }
    if prompt + wanted.unwrap_or(1) > longest {
        let message = match wanted {
            Some(wanted) => format!(
                "'max_tokens' or 'max_completion_tokens' is too large: {wanted}. This model's maximum context length is {longest} tokens and your request has {prompt} input tokens ({wanted} > {longest} - {prompt})."
            ),
            None => format!(
                "This model's maximum context length is {longest} tokens. However, your request has {prompt} input tokens. Please reduce the length of the input messages."
            ),
        };
        return Err(Box::new(bad(&message, Some("input_tokens"))));
    }
    let number = |key: &str, default: f64| body[key].as_f64().unwrap_or(default);
    let temperature = number("temperature", 1.0);
    if temperature < 0.0 {
        return Err(Box::new(bad(
            &format!("temperature must be non-negative, got {temperature}."),
            Some("temperature"),
        )));
    }
    let top_p = number("top_p", 1.0);
    if !(top_p > 0.0 && top_p <= 1.0) {
        return Err(Box::new(bad(
            &format!("top_p must be in (0, 1], got {top_p}."),
            Some("top_p"),
        )));
    }
    let stops = match &body["stop"] {
        Value::String(text) => vec![text.clone()],
        Value::Array(texts) => texts
            .iter()
            .filter_map(|text| text.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    };
    let sampling = Sampling {
        temperature,
        top_p,
        top_k: body["top_k"]
            .as_i64()
            .filter(|count| *count > 0)
            .map(|count| count as usize),
        presence_penalty: number("presence_penalty", 0.0),
        max_tokens: wanted.unwrap_or(longest - prompt),
        seed: body["seed"].as_u64().unwrap_or_else(|| {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_nanos() as u64)
        }),
    };
    Ok((name, sampling, stops))
}

fn parsed(body: &[u8]) -> Result<Value, Box<Response>> {
    serde_json::from_slice(body).map_err(|error| Box::new(bad(&format!("[{{'type': 'json_invalid', 'msg': 'JSON decode error', 'ctx': {{'error': '{error}'}}}}]"), None)))
}

async fn chat(State(engine): Shared, headers: HeaderMap, body: Bytes) -> Response {
    if !is_let_in(&engine, &headers) {
        return unauthorized();
    }
    match ask_chat(&engine, &body) {
        Ok((head, request, body)) => answer(&engine, head, request, &body, false).await,
        Err(refusal) => *refusal,
    }
}

fn ask_chat(engine: &Engine, body: &[u8]) -> Result<(Head, Request, Value), Box<Response>> {
    let body = parsed(body)?;
    let mut messages = Vec::new();
    for message in body["messages"].as_array().into_iter().flatten() {
        let content = match &message["content"] {
            Value::String(text) => text.clone(),
            Value::Array(parts) => parts
                .iter()
                .filter_map(|part| part["text"].as_str())
                .collect::<Vec<_>>()
                .join("\n"),
            _ => String::new(),
        };
        messages.push(Message {
            role: message["role"].as_str().unwrap_or("user").into(),
            content,
        });
    }
    if messages.is_empty() {
        return Err(Box::new(bad(
            "[{'type': 'missing', 'loc': ('body', 'messages'), 'msg': 'Field required'}]",
            Some("messages"),
        )));
    }
    let thinking = body["chat_template_kwargs"]["enable_thinking"].as_bool();
    let prompt = engine
        .prompt(&messages, thinking)
        .map_err(|error| Box::new(bad(&error.to_string(), None)))?;
    let (model, sampling, stops) = settle(engine, &body, prompt.len())?;
    Ok((
        head(model),
        Request {
            prompt,
            sampling,
            stops,
        },
        body,
    ))
}

fn head(model: String) -> Head {
    let id = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    Head {
        id: format!("chatcmpl-{:016x}", id as u64),
        created: now(),
        model,
    }
}

async fn completions(State(engine): Shared, headers: HeaderMap, body: Bytes) -> Response {
    if !is_let_in(&engine, &headers) {
        return unauthorized();
    }
    let asked = (|| {
        let body = parsed(&body)?;
        let text = body["prompt"].as_str().unwrap_or_default();
        let prompt = engine
            .encode(text)
            .map_err(|error| Box::new(bad(&error.to_string(), None)))?;
        if prompt.is_empty() {
            return Err(Box::new(bad(
                "Either prompt or prompt_embeds must be provided.",
                Some("prompt"),
            )));
        }
        let (model, mut sampling, stops) = settle(&engine, &body, prompt.len())?;
        // The endpoint's own default.
        if body["max_tokens"].is_null() {
            sampling.max_tokens = sampling.max_tokens.min(16);
        }
        Ok((
            head(model),
            Request {
                prompt,
                sampling,
                stops,
            },
            body,
        ))
    })();
    match asked {
        Ok((head, request, body)) => answer(&engine, head, request, &body, true).await,
        Err(refusal) => *refusal,
    }
}

async fn tokenize(State(engine): Shared, body: Bytes) -> Response {
    let body = match parsed(&body) {
        Ok(body) => body,
        Err(refusal) => return *refusal,
    };
    match engine.encode(body["prompt"].as_str().unwrap_or_default()) {
        Ok(tokens) => Json(json!({"count": tokens.len(), "max_model_len": engine.served.max_model_len, "tokens": tokens, "token_strs": null})).into_response(),
        Err(error) => bad(&error.to_string(), None),
    }
}

async fn answer(
    engine: &Arc<Engine>,
    head: Head,
    request: Request,
    body: &Value,
    is_text: bool,
) -> Response {
    let prompt = request.prompt.len();
    let mut pieces = engine.answer(request);
    if body["stream"].as_bool() == Some(true) && !is_text {
        let wants_usage = body["stream_options"]["include_usage"].as_bool() == Some(true);
        return stream(head, pieces, prompt, wants_usage);
    }
    let (mut text, mut reasoning) = (String::new(), String::new());
    while let Some(piece) = pieces.recv().await {
        match piece {
            Piece::Text(more) => text.push_str(&more),
            Piece::Reasoning(more) => reasoning.push_str(&more),
            Piece::Failed(message) => {
                return refuse(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    &message,
                    "InternalServerError",
                    None,
                );
            }
            Piece::End { reason, tokens } => {
                let whole = if is_text {
                    head.completion(&text, reason, prompt, tokens)
                } else {
                    head.message(
                        &text,
                        (!reasoning.is_empty()).then_some(&*reasoning),
                        reason,
                        prompt,
                        tokens,
                    )
                };
                return Json(whole).into_response();
            }
        }
    }
    refuse(
        StatusCode::INTERNAL_SERVER_ERROR,
        "EngineCore encountered an issue.",
        "InternalServerError",
        None,
    )
}

fn stream(head: Head, pieces: mpsc::Receiver<Piece>, prompt: usize, wants_usage: bool) -> Response {
    let event = |value: Value| Event::default().data(value.to_string());
    let first = futures::stream::once(std::future::ready(Ok::<_, Infallible>(event(head.first()))));
    let rest = futures::stream::unfold(
        (head, pieces, false),
        move |(head, mut pieces, is_over)| async move {
            if is_over {
                return None;
            }
            let event = |value: Value| Event::default().data(value.to_string());
            let (events, is_over) = match pieces.recv().await? {
                Piece::Text(text) => (vec![event(head.delta("content", &text))], false),
                Piece::Reasoning(text) => (vec![event(head.delta("reasoning", &text))], false),
                Piece::Failed(message) => (
                    vec![event(chunks::error(
                        &message,
                        "InternalServerError",
                        None,
                        500,
                    ))],
                    true,
                ),
                Piece::End { reason, tokens } => {
                    let mut events = vec![event(head.last(reason))];
                    if wants_usage {
                        events.push(event(head.usage(prompt, tokens)));
                    }
                    events.push(Event::default().data("[DONE]"));
                    (events, true)
                }
            };
            let told = futures::stream::iter(events.into_iter().map(Ok::<_, Infallible>));
            Some((told, (head, pieces, is_over)))
        },
    );
    let all = futures::StreamExt::chain(first, futures::StreamExt::flatten(rest));
    Sse::new(all)
        .keep_alive(
            KeepAlive::new()
                .interval(Duration::from_secs(15))
                .text("keep-alive"),
        )
        .into_response()
}
