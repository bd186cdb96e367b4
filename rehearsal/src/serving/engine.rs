//! The engine: answers requests one after another on a thread of its own each, and counts what it did.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Semaphore, mpsc};

use super::{Loaded, Served};
use crate::model::hf::{Finish, Sampling};
use crate::model::tokenizer::{Message, TextStream};

/// Answers at once; more requests wait. Two cores are what a rehearsal is meant for.
const AT_ONCE: usize = 2;
const THINK: &str = "<think>";
const THINK_END: &str = "</think>";

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    Reasoning(String),
    /// `stop`, `length` or `abort`, and the tokens that were said.
    End {
        reason: &'static str,
        tokens: usize,
    },
    Failed(String),
}

/// What is asked.
pub struct Request {
    pub prompt: Vec<u32>,
    pub sampling: Sampling,
    /// Texts at which the answer ends.
    pub stops: Vec<String>,
}

#[derive(Default)]
pub struct Counters {
    pub running: AtomicU64,
    pub waiting: AtomicU64,
    pub prompt_tokens: AtomicU64,
    pub generation_tokens: AtomicU64,
    pub stopped: AtomicU64,
    pub length: AtomicU64,
    pub aborted: AtomicU64,
}

pub struct Engine {
    pub served: Served,
    pub counters: Counters,
    loaded: Loaded,
    slots: Arc<Semaphore>,
}

impl Engine {
    pub fn new(served: Served, loaded: Loaded) -> Engine {
        Engine {
            served,
            counters: Counters::default(),
            loaded,
            slots: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// The prompt of a conversation, by the template that training used too.
    pub fn prompt(&self, messages: &[Message], thinking: Option<bool>) -> anyhow::Result<Vec<u32>> {
        let tokenizer = &self.loaded.tokenizer;
        tokenizer.encode(&tokenizer.render(messages, true, thinking))
    }

    pub fn encode(&self, text: &str) -> anyhow::Result<Vec<u32>> {
        self.loaded.tokenizer.encode(text)
    }

    /// Answers; dropping the receiver aborts.
    pub fn answer(self: &Arc<Self>, request: Request) -> mpsc::Receiver<Piece> {
        let (sender, receiver) = mpsc::channel(16);
        let engine = self.clone();
        tokio::spawn(async move {
            engine.counters.waiting.fetch_add(1, Ordering::Relaxed);
            let permit = tokio::select! {
                permit = engine.slots.clone().acquire_owned() => permit,
                () = sender.closed() => { engine.counters.waiting.fetch_sub(1, Ordering::Relaxed); return }
            };
            engine.counters.waiting.fetch_sub(1, Ordering::Relaxed);
            engine.counters.running.fetch_add(1, Ordering::Relaxed);
            let worker = engine.clone();
            let done =
                tokio::task::spawn_blocking(move || worker.generate(&request, &sender)).await;
            engine.counters.running.fetch_sub(1, Ordering::Relaxed);
            drop((permit, done));
        });
        receiver
    }

    fn generate(&self, request: &Request, sender: &mpsc::Sender<Piece>) {
        let Loaded { model, tokenizer } = &self.loaded;
        self.counters
            .prompt_tokens
            .fetch_add(request.prompt.len() as u64, Ordering::Relaxed);
        let mut text = TextStream::default();
        let (mut tokens, mut said, mut is_thinking, mut is_stopped) =
            (0, String::new(), false, false);
        let mut failure = None;
        let outcome = model.generate(
            &request.prompt,
            &request.sampling,
            &[tokenizer.turn_end, tokenizer.end_of_text],
            |token| {
                tokens += 1;
                let piece = match text.push(tokenizer, token) {
                    Ok(piece) => piece,
                    Err(error) => {
                        failure = Some(error.to_string());
                        return ControlFlow::Break(());
                    }
                };
                self.counters
                    .generation_tokens
                    .fetch_add(1, Ordering::Relaxed);
                if piece.is_empty() && !sender.is_closed() {
                    return ControlFlow::Continue(());
                }
                if self.served.splits_thinking && (piece == THINK || piece == THINK_END) {
                    is_thinking = piece == THINK;
                    return ControlFlow::Continue(());
                }
                said.push_str(&piece);
                let kind = if is_thinking {
                    Piece::Reasoning(piece)
                } else {
                    Piece::Text(piece)
                };
                is_stopped = request
                    .stops
                    .iter()
                    .any(|stop| said.contains(stop.as_str()));
                // A reader that has gone aborts the answer.
                if is_stopped || sender.blocking_send(kind).is_err() {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            },
        );
        let end = match (outcome, failure) {
            (Err(error), _) => Piece::Failed(error.to_string()),
            (_, Some(message)) => Piece::Failed(message),
            (Ok(finish), None) => {
                let (reason, counter) = match finish {
                    Finish::Stop => ("stop", &self.counters.stopped),
                    Finish::Cancelled if is_stopped => ("stop", &self.counters.stopped),
                    Finish::Length => ("length", &self.counters.length),
                    Finish::Cancelled => ("abort", &self.counters.aborted),
                };
                counter.fetch_add(1, Ordering::Relaxed);
                if let Ok(rest) = text.finish(tokenizer)
                    && !rest.is_empty()
                {
                    let _ = sender.blocking_send(Piece::Text(rest));
                }
                Piece::End { reason, tokens }
            }
        };
        // Nobody may be there to hear it.
        let _ = sender.blocking_send(end);
    }
}
