//! The API server's side of the engine: starts its process, hands requests over, brings tokens back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};

use super::engine;
use super::metrics::Metrics;
use super::protocol::{Finish, FromEngine, Load, Output, Sampling, ToEngine};

/// The running engine.
pub struct Engine {
    shared: Arc<Shared>,
    /// Turns true when the engine's process is gone.
    dead: watch::Receiver<bool>,
}

struct Shared {
    commands: mpsc::UnboundedSender<ToEngine>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: u64,
    routes: HashMap<u64, Route>,
    metrics: Metrics,
}

/// Where the tokens of a request go, and its times.
struct Route {
    outputs: mpsc::UnboundedSender<Output>,
    prompt: usize,
    arrived: Instant,
    queued: f64,
    first: Option<Instant>,
    last: Instant,
    said: usize,
    max_tokens: usize,
}

/// A request in the engine. Dropped before its end, it is aborted there.
pub struct Ticket {
    id: u64,
    outputs: mpsc::UnboundedReceiver<Output>,
    shared: Arc<Shared>,
}

/// What an engine said of itself when it was ready.
#[derive(Clone, Copy, Debug)]
pub struct Capacity {
    pub blocks: u64,
    pub tokens: u64,
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // Nothing in here panics half way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// Starts the process and waits until it is loaded. None when it ended instead; it has said why.
    pub async fn start(load: Load) -> Result<Option<(Self, Child, Capacity)>> {
        let (command, stream) = engine::spawn(engine::TITLE)?;
        let mut command = Command::from(command);
        let mut child = command
            .kill_on_drop(true)
            .spawn()
            .context("start the engine")?;
        // The child has its own copy of its end; ours goes with the command, or its death would not show.
        drop(command);
        stream.set_nonblocking(true)?;
        let (reader, mut writer) = UnixStream::from_std(stream)?.into_split();
        let line = serde_json::to_string(&ToEngine::Load(load))? + "\n";
        let mut lines = BufReader::new(reader).lines();
        let ready = match writer.write_all(line.as_bytes()).await {
            Ok(()) => lines.next_line().await.ok().flatten(),
            Err(_) => None,
        };
        let Some(ready) = ready else {
            child.wait().await?;
            return Ok(None);
        };
        let FromEngine::Ready { blocks, tokens } = serde_json::from_str(&ready)? else {
            anyhow::bail!("the first word of the engine is that it is ready");
        };
        let (commands, mut queue) = mpsc::unbounded_channel::<ToEngine>();
        tokio::spawn(async move {
            while let Some(command) = queue.recv().await {
                let Ok(line) = serde_json::to_string(&command) else {
                    continue;
                };
                if writer.write_all((line + "\n").as_bytes()).await.is_err() {
                    return;
                }
            }
        });
        let shared = Arc::new(Shared {
            commands,
            state: Mutex::default(),
        });
        let (gone, dead) = watch::channel(false);
        let reading = shared.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Ok(message) = serde_json::from_str(&line) {
                    reading.state().take(message);
                }
            }
            // Dropping the routes tells every request that there is nothing more.
            reading.state().routes.clear();
            gone.send_replace(true);
        });
        Ok(Some((
            Self { shared, dead },
            child,
            Capacity { blocks, tokens },
        )))
    }

    /// Hands a request over.
    pub fn add(&self, prompt: Vec<u32>, sampling: Sampling) -> Ticket {
        let (outputs, receiver) = mpsc::unbounded_channel();
        let mut state = self.shared.state();
        state.next += 1;
        let id = state.next;
        let now = Instant::now();
        state.routes.insert(
            id,
            Route {
                outputs,
                prompt: prompt.len(),
                arrived: now,
                queued: 0.0,
                first: None,
                last: now,
                said: 0,
                max_tokens: sampling.max_tokens,
            },
        );
        // A dead engine shows as an end without a token.
        let sent = self.shared.commands.send(ToEngine::Add {
            id,
            prompt,
            sampling,
        });
        if sent.is_err() || *self.dead.borrow() {
            state.routes.remove(&id);
        }
        drop(state);
        Ticket {
            id,
            outputs: receiver,
            shared: self.shared.clone(),
        }
    }

    pub fn is_dead(&self) -> bool {
        *self.dead.borrow()
    }

    /// Waits until the engine's process is gone.
    pub async fn died(&self) {
        let mut dead = self.dead.clone();
        // An error means that the reader is gone, which is the same.
        let _ = dead.wait_for(|dead| *dead).await;
    }

    /// Looks at the counters.
    pub fn metrics<T>(&self, look: impl FnOnce(&Metrics) -> T) -> T {
        look(&self.shared.state().metrics)
    }
}

impl State {
    fn take(&mut self, message: FromEngine) {
        let FromEngine::Step(step) = message else {
            return;
        };
        let metrics = &mut self.metrics;
        (metrics.running, metrics.waiting, metrics.cache_usage) =
            (step.running, step.waiting, step.cache_usage);
        for output in step.outputs {
            let Some(route) = self.routes.get_mut(&output.id) else {
                continue;
            };
            let now = Instant::now();
            route.said += 1;
            metrics.generated += 1;
            match route.first {
                None => {
                    route.first = Some(now);
                    route.queued = output.queued.unwrap_or(0.0);
                    metrics.prompted += route.prompt as u64;
                    metrics.first_token.add(now - route.arrived);
                }
                Some(_) => metrics.between_tokens.add(now - route.last),
            }
            route.last = now;
            let (id, finish) = (output.id, output.finish);
            // Nobody listens any more: the abort is on its way.
            let _ = route.outputs.send(output);
            if let Some(finish) = finish
                && let Some(route) = self.routes.remove(&id)
            {
                route.finish(metrics, finish);
            }
        }
    }
}

impl Route {
    fn finish(&self, metrics: &mut Metrics, finish: Finish) {
        let count = match finish {
            Finish::Stop => &mut metrics.stopped,
            Finish::Length => &mut metrics.cut,
            Finish::Error => &mut metrics.failed,
        };
        *count += 1;
        let whole = self.last - self.arrived;
        let queued = Duration::try_from_secs_f64(self.queued)
            .unwrap_or_default()
            .min(whole);
        let first = self.first.map_or(whole, |first| first - self.arrived);
        let decode = whole.saturating_sub(first);
        metrics.whole_request.add(whole);
        metrics.queue.add(queued);
        metrics.inference.add(whole - queued);
        metrics.prefill.add(first.saturating_sub(queued));
        metrics.decode.add(decode);
        if self.said > 1 {
            metrics.per_token.add(decode / (self.said as u32 - 1));
        }
        metrics.prompt_tokens.add_value(self.prompt as f64);
        metrics.answer_tokens.add_value(self.said as f64);
        metrics.max_tokens.add_value(self.max_tokens as f64);
    }
}

impl Ticket {
    /// The next token; none after the last, or when the engine died.
    pub async fn next(&mut self) -> Option<Output> {
        self.outputs.recv().await
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.shared.state().routes.remove(&self.id).is_some() {
            // A dead engine has nothing to abort.
            let _ = self.shared.commands.send(ToEngine::Abort(self.id));
        }
    }
}
