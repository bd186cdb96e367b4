//! An OpenAI-compatible server over a model that really answers, in the JSON of vLLM.

mod chunks;
mod engine;
mod http;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::model::Tokenizer;
use crate::model::hf::Qwen3;
use engine::Engine;

/// Under which names and limits a model is served.
#[derive(Debug, Clone)]
pub struct Served {
    pub names: Vec<String>,
    /// The model's folder, as the command named it.
    pub root: String,
    pub max_model_len: usize,
    /// Thinking is told apart from the answer.
    pub splits_thinking: bool,
    pub api_key: Option<String>,
    pub version: String,
}

/// A model in memory.
pub struct Loaded {
    model: Qwen3,
    tokenizer: Tokenizer,
}

pub fn load(folder: &Path) -> Result<Loaded> {
    Ok(Loaded {
        model: Qwen3::load(folder)?,
        tokenizer: Tokenizer::load(folder)?,
    })
}

/// Takes the port, so that a taken one fails before the model is loaded. Whoever connects meanwhile waits unanswered, where the real one
/// would refuse.
pub fn bind(host: &str, port: u16) -> std::io::Result<std::net::TcpListener> {
    // Every node of a machine has a loopback address of its own.
    let own = std::env::var("TRAINYARD_REHEARSAL_ADDRESS");
    let host = match &own {
        Ok(own) if matches!(host, "127.0.0.1" | "0.0.0.0" | "localhost") => own,
        _ => host,
    };
    let address: SocketAddr = format!("{host}:{port}")
        .parse()
        .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidInput, error))?;
    std::net::TcpListener::bind(address)
}

/// Serves until SIGTERM or SIGINT.
pub fn run(socket: std::net::TcpListener, served: Served, loaded: Loaded) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        socket.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(socket).context("listen")?;
        let engine = Arc::new(Engine::new(served, loaded));
        eprintln!("INFO:     Started server process [{}]", std::process::id());
        eprintln!("INFO:     Waiting for application startup.");
        eprintln!("INFO:     Application startup complete.");
        let router = http::router(engine);
        tokio::select! {
            served = axum::serve(listener, router) => served.context("serve")?,
            // Requests under way are aborted, as vLLM does without --shutdown-timeout.
            signal = asked_to_stop() => signal?,
        }
        crate::programs::vllm::say(
            "APIServer",
            "launcher.py:120",
            "Shutting down FastAPI HTTP server.",
        );
        eprintln!("INFO:     Shutting down\nINFO:     Application shutdown complete.");
        Ok::<(), anyhow::Error>(())
    })?;
    // Blocking work of aborted requests ends with the process.
    runtime.shutdown_background();
    Ok(())
}

async fn asked_to_stop() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
