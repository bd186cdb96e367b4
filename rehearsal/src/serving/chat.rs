//! `/v1/chat/completions` and `/v1/completions`: bodies, chunks and the end of a stream.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use futures::stream::{self, SelectAll};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::answer::{Kind, Said, Speech};
use super::client::Ticket;
use super::protocol::{Output, Sampling};
use super::request::{Ask, Refusal};
use super::server::{Serving, hexadecimal, now};

/// Which of the two interfaces an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Chat,
    Completion,
}

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_fingerprint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<Value>,
    /// Only the first chunk has these two, mostly null.
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_token_ids: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_text: Option<Value>,
}

const DEAD: &str = "EngineCore encountered an issue. See stack trace (above) for the root cause.";

/// The answers to one request, all choices in one stream.
type Outputs = SelectAll<stream::BoxStream<'static, (usize, Option<Output>)>>;

fn outputs(serving: &Serving, ask: &Ask) -> Outputs {
    let add = |(index, sampling): (usize, &Sampling)| {
        let ticket = serving.engine.add(ask.prompt.clone(), sampling.clone());
        let state = (ticket, false);
        stream::unfold(
            state,
            move |(mut ticket, ended): (Ticket, bool)| async move {
                if ended {
                    return None;
                }
                let output = ticket.next().await;
                let ended = output.as_ref().is_none_or(|output| output.finish.is_some());
                Some(((index, output), (ticket, ended)))
            },
        )
        .boxed()
    };
    stream::select_all(ask.samplings.iter().enumerate().map(add))
}

/// One request from its parts to its answer.
struct Turn {
    serving: Arc<Serving>,
    shape: Shape,
    ask: Ask,
    id: String,
    created: u64,
    speeches: Vec<Speech>,
    /// Choices that have ended.
    ended: Vec<bool>,
    began: Instant,
    first: Option<Instant>,
    /// Seconds until the first token's turn came.
    queued: f64,
}

/// Answers a request that was understood.
pub async fn answer(serving: Arc<Serving>, shape: Shape, ask: Ask) -> Response {
    if serving.engine.is_dead() {
        return refuse(&Refusal::internal(DEAD));
    }
    let head = if shape == Shape::Chat {
        "chatcmpl"
    } else {
        "cmpl"
    };
    let speeches = ask
        .samplings
        .iter()
        .map(|_| Speech::new(serving.tokenizer.clone(), &ask));
    let turn = Turn {
        speeches: speeches.collect(),
        ended: vec![false; ask.samplings.len()],
        id: format!("{head}-{}", hexadecimal()),
        created: now(),
        began: Instant::now(),
        first: None,
        queued: 0.0,
        serving,
        shape,
        ask,
    };
    let outputs = outputs(&turn.serving, &turn.ask);
    if !turn.ask.stream {
        return turn.whole(outputs).await;
    }
    let (sender, body) = mpsc::channel::<Bytes>(16);
    // The engine's side ends with this task, and this task ends when nobody reads the body any more.
    tokio::spawn(turn.stream(outputs, sender));
    let body = Body::from_stream(ReceiverStream::new(body).map(Ok::<_, Infallible>));
    ([("content-type", "text/event-stream; charset=utf-8")], body).into_response()
}

/// A refusal as a response.
pub fn refuse(refusal: &Refusal) -> Response {
    let status = axum::http::StatusCode::from_u16(refusal.status)
        .unwrap_or(axum::http::StatusCode::BAD_REQUEST);
    (status, axum::Json(refusal.body())).into_response()
}

fn event(value: &impl Serialize) -> Bytes {
    // Strings, numbers and maps with string keys always serialise.
    let json = serde_json::to_string(value).unwrap_or_default();
    Bytes::from(format!("data: {json}\n\n"))
}

impl Turn {
    async fn stream(mut self, mut outputs: Outputs, sender: mpsc::Sender<Bytes>) {
        let quiet = self
            .serving
            .keep_alive
            .unwrap_or(Duration::from_secs(86_400));
        let mut opened = false;
        loop {
            let next = tokio::select! {
                () = sender.closed() => return,
                next = tokio::time::timeout(quiet, outputs.next()) => next,
            };
            let events = match next {
                Err(_) => vec![Bytes::from_static(b": keep-alive\n\n")],
                Ok(None) => break,
                Ok(Some((_, None))) => {
                    let dead = event(&Refusal::internal(DEAD).body());
                    for last in [dead, Bytes::from_static(b"data: [DONE]\n\n")] {
                        if sender.send(last).await.is_err() {
                            return;
                        }
                    }
                    return;
                }
                Ok(Some((index, Some(output)))) => {
                    let mut events = Vec::new();
                    // The first token, not the acceptance, opens a stream.
                    if !std::mem::replace(&mut opened, true) {
                        events.extend(self.opening());
                    }
                    events.extend(self.events(index, &output));
                    events
                }
            };
            for event in events {
                if sender.send(event).await.is_err() {
                    return;
                }
            }
            if self.ended.iter().all(|ended| *ended) {
                break;
            }
        }
        if self.ask.usage {
            let mut chunk = self.chunk(Vec::new());
            chunk.usage = Some(self.usage(true));
            chunk.system_fingerprint = Some(&self.serving.fingerprint);
            chunk.metrics = self.serving.request_metrics.then(|| self.timings());
            if sender.send(event(&chunk)).await.is_err() {
                return;
            }
        }
        // Whoever left now has everything but the mark.
        let _ = sender.send(Bytes::from_static(b"data: [DONE]\n\n")).await;
    }

    fn chunk(&self, choices: Vec<Value>) -> Chunk<'_> {
        Chunk {
            id: &self.id,
            object: match self.shape {
                Shape::Chat => "chat.completion.chunk",
                Shape::Completion => "text_completion",
            },
            created: self.created,
            model: &self.ask.model,
            choices,
            usage: None,
            system_fingerprint: None,
            metrics: None,
            prompt_token_ids: None,
            prompt_text: None,
        }
    }

    /// A chat begins with a chunk for each choice that only says who speaks.
    fn opening(&self) -> Vec<Bytes> {
        if self.shape == Shape::Completion {
            return Vec::new();
        }
        let open = |index: usize| {
            let choice = json!({"index": index, "delta": {"role": "assistant", "content": ""}, "logprobs": null, "finish_reason": null});
            let mut chunk = self.chunk(vec![choice]);
            chunk.usage = self.ask.usage_always.then(|| self.usage(false));
            chunk.prompt_token_ids =
                Some(self.ask.token_ids.then(|| json!(self.ask.prompt)).into());
            chunk.prompt_text = Some(
                self.ask
                    .tell_prompt
                    .then(|| json!(self.ask.prompt_text))
                    .into(),
            );
            event(&chunk)
        };
        (0..self.speeches.len()).map(open).collect()
    }

    /// Takes a token; what it lets be said, and whether the choice ends with it.
    fn take(&mut self, index: usize, output: &Output) -> Said {
        self.first.get_or_insert_with(Instant::now);
        self.queued = output.queued.unwrap_or(self.queued);
        if self.ended[index] {
            return Said::default();
        }
        let said = self.speeches[index].push(output).unwrap_or(Said {
            finish: Some("error"),
            ..Said::default()
        });
        self.ended[index] = said.finish.is_some();
        said
    }

    fn events(&mut self, index: usize, output: &Output) -> Vec<Bytes> {
        let was_ended = self.ended[index];
        let said = self.take(index, output);
        let logprobs = self.logprobs(output);
        let ids = if self.ask.token_ids {
            json!([output.token])
        } else {
            Value::Null
        };
        let mut events = Vec::new();
        let last = said.pieces.len().saturating_sub(1);
        let mut pieces: Vec<Option<(Kind, String)>> = said.pieces.into_iter().map(Some).collect();
        if pieces.is_empty() && !was_ended && (said.finish.is_some() || !output.logprobs.is_empty())
        {
            pieces.push(None);
        }
        for (place, piece) in pieces.into_iter().enumerate() {
            let finish = if place == last { said.finish } else { None };
            let mut choice = Map::new();
            choice.insert("index".into(), json!(index));
            if self.shape == Shape::Chat {
                let delta = match piece {
                    Some((Kind::Content, text)) => json!({"content": text}),
                    Some((Kind::Reasoning, text)) => json!({"reasoning": text}),
                    None => json!({}),
                };
                choice.insert("delta".into(), delta);
            } else {
                choice.insert(
                    "text".into(),
                    json!(piece.map(|piece| piece.1).unwrap_or_default()),
                );
            }
            choice.insert(
                "logprobs".into(),
                if place == last {
                    logprobs.clone()
                } else {
                    Value::Null
                },
            );
            choice.insert("finish_reason".into(), json!(finish));
            if finish.is_some() {
                choice.insert("stop_reason".into(), json!(said.stop));
            }
            choice.insert("token_ids".into(), ids.clone());
            let mut chunk = self.chunk(vec![Value::Object(choice)]);
            chunk.usage = self.ask.usage_always.then(|| self.usage(false));
            let over = finish.is_some() && self.ended.iter().all(|ended| *ended);
            chunk.system_fingerprint =
                (over && !self.ask.usage).then_some(self.serving.fingerprint.as_str());
            events.push(event(&chunk));
        }
        events
    }

    /// The chances of a token in the interface's shape; null when not asked for.
    fn logprobs(&self, output: &Output) -> Value {
        let Some(((token, chance), top)) = output.logprobs.split_first() else {
            return Value::Null;
        };
        let text = |token: u32| {
            self.serving
                .tokenizer
                .decode(&[token], false)
                .unwrap_or_default()
        };
        if self.shape == Shape::Completion {
            let top: Map<String, Value> = top
                .iter()
                .map(|(token, chance)| (text(*token), json!(chance)))
                .collect();
            return json!({"text_offset": [0], "token_logprobs": [chance], "tokens": [text(*token)], "top_logprobs": [top]});
        }
        let entry = |token: u32, chance: f32| {
            let text = text(token);
            json!({"token": text, "logprob": chance, "bytes": text.as_bytes()})
        };
        let mut own = entry(*token, *chance);
        own["top_logprobs"] = top
            .iter()
            .map(|(token, chance)| entry(*token, *chance))
            .collect();
        json!({"content": [own]})
    }

    fn usage(&self, whole: bool) -> Value {
        let said: usize = self.speeches.iter().map(|speech| speech.tokens).sum();
        let prompt = self.ask.prompt.len();
        let mut usage = json!({"prompt_tokens": prompt, "total_tokens": prompt + said, "completion_tokens": said});
        let thought: usize = self
            .speeches
            .iter()
            .map(|speech| speech.reasoning_tokens)
            .sum();
        match (
            whole,
            self.serving.rules.reasoning && self.shape == Shape::Chat,
        ) {
            (false, _) => usage["completion_tokens_details"] = Value::Null,
            (true, reasoning) => {
                usage["prompt_tokens_details"] =
                    json!({"cached_tokens": 0, "created_cache_tokens": 0});
                if reasoning {
                    usage["completion_tokens_details"] = json!({"reasoning_tokens": thought});
                }
            }
        }
        usage
    }

    fn timings(&self) -> Value {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let whole = self.began.elapsed();
        let first = self.first.map_or(whole, |first| first - self.began);
        let said: usize = self.speeches.iter().map(|speech| speech.tokens).sum();
        let decode = whole.saturating_sub(first);
        json!({
            "time_to_first_token_ms": ms(first),
            "generation_time_ms": ms(decode),
            "queue_time_ms": self.queued * 1e3,
            "mean_itl_ms": ms(decode) / (said.max(2) - 1) as f64,
            "tokens_per_second": said as f64 / whole.as_secs_f64().max(1e-9),
        })
    }

    async fn whole(mut self, mut outputs: Outputs) -> Response {
        let count = self.speeches.len();
        let mut texts = vec![(String::new(), String::new()); count];
        let mut ends = vec![(None, None); count];
        let mut chances: Vec<Vec<Value>> = vec![Vec::new(); count];
        let mut ids: Vec<Vec<u32>> = vec![Vec::new(); count];
        while let Some((index, output)) = outputs.next().await {
            let Some(output) = output else {
                return refuse(&Refusal::internal(DEAD));
            };
            let said = self.take(index, &output);
            ids[index].push(output.token);
            let logprobs = self.logprobs(&output);
            if !logprobs.is_null() {
                chances[index].push(logprobs);
            }
            for (kind, text) in said.pieces {
                match kind {
                    Kind::Reasoning => texts[index].0 += &text,
                    Kind::Content => texts[index].1 += &text,
                }
            }
            if said.finish.is_some() {
                ends[index] = (said.finish, said.stop);
            }
            if self.ended.iter().all(|ended| *ended) {
                break;
            }
        }
        let mut choices = Vec::new();
        for (index, ((thought, content), (finish, stop))) in texts.into_iter().zip(ends).enumerate()
        {
            let logprobs = join_logprobs(&chances[index]);
            let ids = if self.ask.token_ids {
                json!(ids[index])
            } else {
                Value::Null
            };
            choices.push(match self.shape {
                Shape::Chat => {
                    let thought = Some(thought).filter(|thought| !thought.is_empty());
                    let content = Some(content).filter(|content| thought.is_none() || !content.is_empty());
                    json!({
                        "index": index,
                        "message": {"role": "assistant", "content": content, "refusal": null, "annotations": null, "audio": null,
                                    "function_call": null, "tool_calls": [], "reasoning": thought},
                        "logprobs": logprobs, "finish_reason": finish, "stop_reason": stop, "token_ids": ids,
                    })
                }
                Shape::Completion => json!({
                    "index": index, "text": content, "logprobs": logprobs, "finish_reason": finish, "stop_reason": stop,
                    "token_ids": ids, "prompt_logprobs": null, "prompt_token_ids": null,
                }),
            });
        }
        let mut body = json!({
            "id": self.id,
            "object": if self.shape == Shape::Chat { "chat.completion" } else { "text_completion" },
            "created": self.created,
            "model": self.ask.model,
            "choices": choices,
            "service_tier": null,
            "system_fingerprint": self.serving.fingerprint,
            "usage": self.usage(true),
            "prompt_logprobs": null,
            "prompt_token_ids": self.ask.token_ids.then_some(&self.ask.prompt),
            "prompt_text": self.ask.tell_prompt.then_some(&self.ask.prompt_text),
            "kv_transfer_params": null,
        });
        if self.serving.request_metrics {
            body["metrics"] = self.timings();
        }
        axum::Json(body).into_response()
    }
}

/// The chances of single tokens as those of the whole answer: lists under the same keys put one behind the other.
fn join_logprobs(single: &[Value]) -> Value {
    let mut whole = Map::new();
    for (key, list) in single.iter().filter_map(Value::as_object).flatten() {
        let joined = whole.entry(key.clone()).or_insert_with(|| json!([]));
        if let (Some(joined), Some(list)) = (joined.as_array_mut(), list.as_array()) {
            joined.extend(list.iter().cloned());
        }
    }
    if whole.is_empty() {
        Value::Null
    } else {
        Value::Object(whole)
    }
}
