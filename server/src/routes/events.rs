//! Server-sent events: what changed (`/events`), and a reply as it is written (`/events/turns/{id}`).

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use axum::{Extension, http::HeaderMap};
use backend::{Actor, Backend};
use domain::ids::TurnId;
use futures::{Stream, StreamExt};
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;

use crate::http_error::HttpError;

/// Proxies and browsers give up on silent connections; a comment line keeps this one.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// One stream per browser, shared by its tabs: small facts, no data. A message is a `backend::changes::Change` as JSON, or the word
/// `back`: this listener fell behind or was away, and should read again what it shows.
pub async fn changes(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut receiver = backend.changes().subscribe();
    let was_away = headers.contains_key("last-event-id");
    let stopping = backend.stopping();
    let stream = async_stream(move |mut send| async move {
        if was_away && !send.event(missed()).await {
            return;
        }
        loop {
            let next = tokio::select! {
                next = receiver.recv() => next,
                () = stopping.cancelled() => return,
            };
            let event = match next {
                Ok(change) if change.project == actor.project.as_str() => Event::default()
                    .id(change.number.to_string())
                    .json_data(&change)
                    .unwrap_or_else(|_| missed()),
                Ok(_) => continue,
                Err(RecvError::Lagged(_)) => missed(),
                Err(RecvError::Closed) => return,
            };
            if !send.event(event).await {
                return;
            }
        }
    });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

/// Something was missed.
fn missed() -> Event {
    Event::default().data("back")
}

/// Hands events to one slow reader; a bound of 64 makes a stuck browser wait instead of filling memory.
struct Sender(tokio::sync::mpsc::Sender<Event>);

impl Sender {
    /// False when the browser has gone.
    async fn event(&mut self, event: Event) -> bool {
        self.0.send(event).await.is_ok()
    }
}

fn async_stream<F, Fut>(body: F) -> impl Stream<Item = Result<Event, Infallible>>
where
    F: FnOnce(Sender) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let (sender, receiver) = tokio::sync::mpsc::channel(64);
    tokio::spawn(body(Sender(sender)));
    tokio_stream::wrappers::ReceiverStream::new(receiver).map(Ok)
}

#[derive(Deserialize)]
pub struct Offset {
    /// Events to skip: a browser that comes back names how many it has.
    #[serde(default)]
    from: usize,
}

/// A reply from an offset until its end: each message is one `domain::chat::reply::ReplyEvent` as JSON, the last one is `end`.
pub async fn turn(
    State(backend): State<Backend>,
    Extension(actor): Extension<Actor>,
    Path(turn): Path<TurnId>,
    Query(offset): Query<Offset>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, HttpError> {
    let stopping = backend.stopping();
    let events = backend::chat::subscribe(&backend, &actor, &turn, offset.from).await?;
    let told = events
        .map(|event| serde_json::to_string(&event).unwrap_or_default())
        .chain(futures::stream::once(async { "end".to_owned() }))
        .take_until(stopping.cancelled_owned())
        .map(|text| Ok(Event::default().data(text)));
    Ok(Sse::new(told).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}
