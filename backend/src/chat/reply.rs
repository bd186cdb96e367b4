//! A reply being written: owned by the server, followed by whoever listens, kept in the database as it grows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::chat::reply::{Reader, ReplyEvent};
use domain::chat::{Turn, TurnState};
use domain::deployments::Deployment;
use domain::ids::{ProjectId, TurnId};
use domain::language::Text;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{Backend, Result, inference, nodes};

/// How often what was said is kept, and whether anybody listens is looked at.
const KEEP_EVERY: Duration = Duration::from_millis(500);
/// Text and thinking of one reply; a model that repeats itself for ever ends here.
const LONGEST: usize = 4 << 20;

/// The replies that are being written.
#[derive(Default)]
pub struct Replies(Mutex<HashMap<TurnId, Arc<Live>>>);

/// One of them.
struct Live {
    events: Mutex<Vec<ReplyEvent>>,
    /// Number of events; closed when the reply has ended.
    count: watch::Sender<usize>,
    stop: CancellationToken,
}

/// Somebody who listens; counted for as long as it lives.
pub struct Follower {
    live: Arc<Live>,
    count: watch::Receiver<usize>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Replies {
    pub(super) fn find(&self, id: &TurnId) -> Option<Follower> {
        let live = locked(&self.0).get(id)?.clone();
        let count = live.count.subscribe();
        Some(Follower { live, count })
    }

    pub(super) fn stop(&self, id: &TurnId) {
        if let Some(live) = locked(&self.0).get(id) {
            live.stop.cancel();
        }
    }
}

impl Follower {
    /// The event with this number; waits for it. None: the reply has ended before.
    pub(super) async fn event(&self, at: usize) -> Option<ReplyEvent> {
        let mut count = self.count.clone();
        loop {
            if let Some(event) = locked(&self.live.events).get(at) {
                return Some(event.clone());
            }
            if self.live.stop.is_cancelled() || count.changed().await.is_err() {
                // What came between the look and the end is still told.
                return locked(&self.live.events).get(at).cloned();
            }
        }
    }
}

impl Live {
    fn say(&self, event: ReplyEvent) {
        let mut events = locked(&self.events);
        events.push(event);
        let length = events.len();
        drop(events);
        self.count.send_replace(length);
    }
}

/// Lets the engine write; returns at once.
pub(super) fn begin(
    backend: &Backend,
    project: ProjectId,
    reply: Turn,
    engine: Deployment,
    body: String,
) {
    let live = Arc::new(Live {
        events: Mutex::new(Vec::new()),
        count: watch::Sender::new(0),
        stop: CancellationToken::new(),
    });
    locked(&backend.replies().0).insert(reply.id.clone(), live.clone());
    let backend = backend.clone();
    tokio::spawn(async move {
        let mut writer = Writer {
            backend: &backend,
            live: &live,
            turn: reply,
            sent: Instant::now(),
            heard: Instant::now(),
        };
        let state = writer.write(&engine, body).await;
        writer.turn.state = state;
        writer.turn.usage.total_millis = Some(millis(writer.sent.elapsed()));
        let (id, conversation) = (writer.turn.id.clone(), writer.turn.conversation_id.clone());
        if let Err(error) = writer.keep().await {
            tracing::error!(turn.id = %id, error = &error as &dyn std::error::Error, "A reply could not be kept");
        }
        // First kept, then forgotten: whoever asks in between finds it in one of the two places.
        locked(&backend.replies().0).remove(&id);
        live.stop.cancel();
        live.count.send_modify(|_| {});
        let detail = serde_json::json!({"turn": id});
        if let Err(error) = backend
            .announce(&project, "conversation", conversation.as_str(), detail)
            .await
        {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "A reply's end was not announced"
            );
        }
    });
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

struct Writer<'a> {
    backend: &'a Backend,
    live: &'a Live,
    turn: Turn,
    sent: Instant,
    /// When somebody was last seen to listen.
    heard: Instant,
}

impl Writer<'_> {
    async fn write(&mut self, engine: &Deployment, body: String) -> TurnState {
        let stopping = self.backend.stopping();
        let mut ticks = tokio::time::interval(KEEP_EVERY);
        let asked = {
            let backend = self.backend;
            async move {
                let node = nodes::stored(backend, &engine.node_id).await?;
                let host = nodes::host(backend, &node).await?;
                Ok::<_, crate::Error>(inference::chat(&*host, engine.port, Bytes::from(body)).await)
            }
        };
        let cut = |why: &str| TurnState::CutOff {
            why: why.to_owned(),
        };
        let failed = |why: Text| TurnState::Failed { why };
        // A long prompt is read, or other requests come first: nothing is said yet, but somebody has to wait for it.
        tokio::pin!(asked);
        let answer = loop {
            tokio::select! {
                answer = &mut asked => break answer,
                _ = ticks.tick() => if self.is_unheard() {
                    return cut("unheard");
                },
                () = self.live.stop.cancelled() => return cut("stopped"),
                () = stopping.cancelled() => return cut("restarted"),
            }
        };
        let mut answer = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return failed(error.text()),
            Err(crate::Error::Conflict(why) | crate::Error::Unavailable(why)) => {
                return failed(why);
            }
            Err(error) => {
                tracing::error!(turn.id = %self.turn.id, error = &error as &dyn std::error::Error, "A reply could not be asked for");
                return failed(Text::new(
                    "the console failed at this; its log says why",
                    "控制台处理失败，原因见其日志",
                ));
            }
        };
        if answer.status != 200 {
            return failed(super::refused(answer).await);
        }
        let mut reader = Reader::default();
        loop {
            tokio::select! {
                piece = answer.next() => match piece {
                    Some(Ok(bytes)) => {
                        let events = reader.push(&bytes);
                        if let Some(message) = self.take(events) {
                            return failed(message);
                        }
                        if self.turn.text.len() + self.turn.reasoning.len() > LONGEST {
                            return cut("length");
                        }
                        if reader.is_done {
                            return self.ended();
                        }
                    }
                    Some(Err(error)) => {
                        tracing::debug!(turn.id = %self.turn.id, %error, "An engine's answer broke off");
                        return cut("engine");
                    }
                    None => {
                        let events = reader.end();
                        return self.take(events).map_or_else(|| self.ended(), failed);
                    }
                },
                _ = ticks.tick() => {
                    if self.is_unheard() {
                        return cut("unheard");
                    }
                    if let Err(error) = self.keep().await {
                        tracing::warn!(turn.id = %self.turn.id, error = &error as &dyn std::error::Error, "A reply could not be kept yet");
                    }
                }
                () = self.live.stop.cancelled() => return cut("stopped"),
                () = stopping.cancelled() => return cut("restarted"),
            }
        }
    }

    /// Whether nobody has listened for too long; looked at twice a second.
    fn is_unheard(&mut self) -> bool {
        if self.live.count.receiver_count() > 0 {
            self.heard = Instant::now();
        }
        self.heard.elapsed() > self.backend.settings().unheard
    }

    /// Complete with a finish reason only: a stream that just ends was cut off by the engine.
    fn ended(&self) -> TurnState {
        match self.turn.usage.finish_reason {
            Some(_) => TurnState::Complete,
            None => TurnState::CutOff {
                why: "engine".to_owned(),
            },
        }
    }

    /// Adds what was said; answers the message of a failure.
    fn take(&mut self, events: Vec<ReplyEvent>) -> Option<Text> {
        let mut failure = None;
        for event in events {
            let usage = &mut self.turn.usage;
            match &event {
                ReplyEvent::Text { text } => {
                    let thought = !self.turn.reasoning.is_empty();
                    if thought && usage.reasoning_millis.is_none() {
                        usage.reasoning_millis = Some(millis(self.sent.elapsed()));
                    }
                    usage
                        .first_token_millis
                        .get_or_insert_with(|| millis(self.sent.elapsed()));
                    self.turn.text.push_str(text);
                }
                ReplyEvent::Reasoning { text } => {
                    usage
                        .first_token_millis
                        .get_or_insert_with(|| millis(self.sent.elapsed()));
                    self.turn.reasoning.push_str(text);
                }
                ReplyEvent::Usage {
                    prompt_tokens,
                    completion_tokens,
                } => {
                    (usage.prompt_tokens, usage.completion_tokens) =
                        (Some(*prompt_tokens), Some(*completion_tokens));
                }
                ReplyEvent::Finished { reason } => usage.finish_reason = Some(reason.clone()),
                ReplyEvent::Failed { message } => {
                    failure = Some(Text::verbatim(message));
                }
            }
            self.live.say(event);
        }
        failure
    }

    async fn keep(&self) -> Result<()> {
        let turn = &self.turn;
        let store = self.backend.store();
        store
            .update_reply(
                &turn.id,
                &turn.text,
                &turn.reasoning,
                &turn.state,
                &turn.usage,
            )
            .await
    }
}
