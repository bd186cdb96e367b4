//! `VLLM::EngineCore`: holds the weights and the GPUs, and takes turns over the running requests.
//!
//! Its title is all of its command line, and of its environment only the node's mark is left, by which `rehearsal down`
//! finds it: the real one erases both. It talks over its standard input, a socket. When the API server is gone without a word it stays and keeps its memory, as the real
//! one does: whoever stops a server has to end the whole group.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode};
use std::sync::mpsc;
use std::time::Instant;

use anyhow::{Context, Result};
use candle_core::IndexOp;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};

use super::errors::Failure;
use super::lines::{Log, gib, grouped};
use super::memory::{self, BLOCK};
use super::protocol::{Finish, FromEngine, Load, Output, Sampling, Step, ToEngine};
use crate::model::hf::{self, Cache, Qwen3};
use crate::node::gpu;

/// The title of the engine's process.
pub const TITLE: &str = "VLLM::EngineCore";

/// The titles of its workers begin so; the rank follows.
pub const WORKER_TITLE: &str = "VLLM::Worker_TP";

/// Starts this binary under a title of its own with one end of a socket pair as its standard input.
pub fn spawn(title: &str) -> Result<(Command, UnixStream)> {
    let (ours, theirs) = UnixStream::pair().context("a socket pair")?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg0(title).env_clear().stdin(OwnedFd::from(theirs));
    if let Some(state) = gpu::state_folder() {
        command.env(gpu::STATE_VARIABLE, state);
    }
    Ok((command, ours))
}

fn standard_input() -> Result<UnixStream> {
    let input = std::io::stdin().as_fd().try_clone_to_owned()?;
    Ok(UnixStream::from(input))
}

fn say(mut stream: &UnixStream, message: &impl Serialize) -> Result<()> {
    let line = serde_json::to_string(message)? + "\n";
    Ok(stream.write_all(line.as_bytes())?)
}

/// The engine's process.
pub fn run() -> ExitCode {
    let log = Log::new("EngineCore");
    let outcome = standard_input().and_then(|stream| serve(&log, stream));
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    log.error("core.py:1290", "EngineCore failed to start.");
    let text = match error.downcast_ref::<Failure>() {
        Some(Failure::Raised(exception)) => exception.clone(),
        _ => format!("RuntimeError: {error:#}"),
    };
    log.error(
        "core.py:1290",
        &format!("Traceback (most recent call last):\n{text}"),
    );
    ExitCode::FAILURE
}

/// What a worker is told: it holds this much of that GPU until the engine is gone.
#[derive(Serialize, Deserialize)]
struct Hold {
    state: PathBuf,
    gpu: u32,
    bytes: u64,
}

/// A worker's process: it only holds memory, the arithmetic is the engine's.
pub fn run_worker() -> ExitCode {
    let hold = || -> Result<()> {
        let stream = standard_input()?;
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        let line = lines.next().context("told what to hold")??;
        let told: Hold = serde_json::from_str(&line)?;
        gpu::register(&told.state, told.gpu, told.bytes)?;
        say(&stream, &true)?;
        lines.next();
        Ok(())
    };
    match hold() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Workers and the sockets that keep them alive.
type Workers = Vec<(Child, UnixStream)>;

/// Registers `bytes` on each of the engine's GPUs: itself on one, by workers on several.
fn claim(load: &Load, bytes: u64) -> Result<Workers> {
    let (Some(state), [first, rest @ ..]) = (&load.state, load.gpus.as_slice()) else {
        return Ok(Vec::new());
    };
    if rest.is_empty() {
        gpu::register(state, *first, bytes)?;
        return Ok(Vec::new());
    }
    let worker = |(rank, gpu): (usize, &u32)| -> Result<(Child, UnixStream)> {
        let (mut command, stream) = spawn(&format!("{WORKER_TITLE}{rank}"))?;
        let child = command.spawn().context("start a worker")?;
        let hold = Hold {
            state: state.clone(),
            gpu: *gpu,
            bytes,
        };
        say(&stream, &hold)?;
        let mut answer = String::new();
        BufReader::new(stream.try_clone()?).read_line(&mut answer)?;
        Ok((child, stream))
    };
    load.gpus.iter().enumerate().map(worker).collect()
}

fn serve(log: &Log, stream: UnixStream) -> Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().context("told what to load")??;
    let ToEngine::Load(load) = serde_json::from_str(&first)? else {
        anyhow::bail!("the first word of the server is what to load");
    };
    let started = Instant::now();
    let (model, blocks, _workers) = start(log, &load)?;
    log.info(
        "core.py:402",
        &format!(
            "init engine (profile, create kv cache, warmup model) took {:.2} s",
            started.elapsed().as_secs_f64()
        ),
    );

    let (sender, commands) = mpsc::channel();
    std::thread::spawn(move || {
        let known = lines.map_while(|line| serde_json::from_str(&line.ok()?).ok());
        for command in known {
            if sender.send(command).is_err() {
                return;
            }
        }
        // Dropping the sender is how the loop learns that the server is gone.
    });
    let ready = FromEngine::Ready {
        blocks,
        tokens: blocks * BLOCK,
    };
    let mut scheduler = Scheduler {
        model,
        load,
        blocks,
        running: Vec::new(),
        waiting: VecDeque::new(),
    };
    if say(&stream, &ready).is_err() || scheduler.run(&stream, &commands).is_err() {
        loop {
            std::thread::park();
        }
    }
    Ok(())
}

/// Takes memory, loads the weights, lays out the cache; the number of its blocks.
fn start(log: &Log, load: &Load) -> Result<(Qwen3, u64, Workers)> {
    let path = load.model.display();
    log.info("core.py:133", &format!(
        "Initializing a V1 LLM engine (v{}) with config: model='{path}', speculative_config=None, tokenizer='{path}', dtype=torch.{}, max_seq_len={}, tensor_parallel_size={}, pipeline_parallel_size=1, data_parallel_size=1, enforce_eager={}, kv_cache_dtype=auto, device_config=cuda, seed={}, served_model_name={}",
        super::VERSION, load.dtype, load.max_model_len, load.gpus.len(), if load.enforce_eager { "True" } else { "False" }, load.seed, load.served_model_name
    ));
    let config = crate::model::Config::read(&load.model)?;
    let weights = std::fs::read_dir(&load.model)?
        .flatten()
        .filter(|entry| {
            entry
                .path()
                .extension()
                .is_some_and(|kind| kind == "safetensors")
        })
        .filter_map(|entry| entry.metadata().ok())
        .map(|file| file.len())
        .sum();
    if weights == 0 {
        anyhow::bail!(Failure::raised(format!(
            "RuntimeError: Cannot find any model weights with `{path}`"
        )));
    }
    let share = memory::share(load, &config, weights, memory::free(load))?;
    log.info(
        "gpu_model_runner.py:4103",
        &format!("Starting to load model {path}..."),
    );
    let began = Instant::now();
    eprint!("\rLoading safetensors checkpoint shards:   0% Completed | 0/1 [00:00<?, ?it/s]");
    let model = Qwen3::load(&load.model)?;
    let seconds = began.elapsed().as_secs_f64();
    eprintln!(
        "\rLoading safetensors checkpoint shards: 100% Completed | 1/1 [00:{:02.0}<00:00, {seconds:5.2}s/it]\n",
        seconds
    );
    log.info(
        "default_loader.py:501",
        &format!("Loading weights took {seconds:.2} seconds"),
    );
    let ranks = load.gpus.len().max(1) as u64;
    log.info(
        "gpu_model_runner.py:4128",
        &format!(
            "Model loading took {} GiB memory and {seconds:.6} seconds",
            gib(weights / ranks, 4)
        ),
    );
    let workers = claim(load, share.requested)?;
    log.info(
        "gpu_worker.py:391",
        &format!("Available KV cache memory: {} GiB", gib(share.cache, 2)),
    );
    let tokens = share.blocks * BLOCK;
    log.info(
        "kv_cache_utils.py:2327",
        &format!(
            "GPU KV cache size: {} tokens, Maximum concurrency for {} tokens per request: {:.2}x",
            grouped(tokens),
            grouped(load.max_model_len as u64),
            tokens as f64 / load.max_model_len as f64
        ),
    );
    // One token through the model: what does not run is an error of the start.
    model.forward(&[0], &mut Cache::default())?;
    Ok((model, share.blocks, workers))
}

/// A request in the engine.
struct Request {
    id: u64,
    prompt: Vec<u32>,
    said: Vec<u32>,
    sampling: Sampling,
    random: StdRng,
    cache: Cache,
    arrived: Instant,
}

struct Scheduler {
    model: Qwen3,
    load: Load,
    blocks: u64,
    running: Vec<Request>,
    waiting: VecDeque<Request>,
}

impl Scheduler {
    /// Ends only with an error: the server is gone.
    fn run(&mut self, stream: &UnixStream, commands: &mpsc::Receiver<ToEngine>) -> Result<()> {
        loop {
            if self.running.is_empty() && self.waiting.is_empty() {
                self.take(commands.recv()?);
            }
            loop {
                match commands.try_recv() {
                    Ok(command) => self.take(command),
                    Err(mpsc::TryRecvError::Empty) => break,
                    Err(gone) => return Err(gone.into()),
                }
            }
            self.admit();
            let outputs = self.round();
            let step = Step {
                outputs,
                running: self.running.len(),
                waiting: self.waiting.len(),
                cache_usage: self.used() as f64 / self.blocks as f64,
            };
            say(stream, &FromEngine::Step(step))?;
        }
    }

    fn take(&mut self, command: ToEngine) {
        match command {
            ToEngine::Load(_) => {}
            ToEngine::Add {
                id,
                prompt,
                sampling,
            } => self.waiting.push_back(Request {
                id,
                prompt,
                said: Vec::new(),
                random: StdRng::seed_from_u64(sampling.seed),
                sampling,
                cache: Cache::default(),
                arrived: Instant::now(),
            }),
            ToEngine::Abort(id) => {
                self.running.retain(|request| request.id != id);
                self.waiting.retain(|request| request.id != id);
            }
        }
    }

    fn used(&self) -> u64 {
        self.running.iter().map(Request::blocks_now).sum()
    }

    /// Lets requests in, first come first served, as long as the cache has room for all they may become.
    fn admit(&mut self) {
        let mut promised: u64 = self.running.iter().map(Request::blocks_at_most).sum();
        while self.running.len() < self.load.max_num_seqs {
            let Some(next) = self.waiting.front() else {
                return;
            };
            promised += next.blocks_at_most();
            if promised > self.blocks && !self.running.is_empty() {
                return;
            }
            self.running.extend(self.waiting.pop_front());
        }
    }

    /// One token for each running request.
    fn round(&mut self) -> Vec<Output> {
        let (model, longest) = (&self.model, self.load.max_model_len);
        let outputs: Vec<Output> = self
            .running
            .iter_mut()
            .map(|request| {
                let id = request.id;
                request.step(model, longest).unwrap_or(Output {
                    id,
                    token: 0,
                    logprobs: Vec::new(),
                    finish: Some(Finish::Error),
                    queued: None,
                })
            })
            .collect();
        self.running.retain(|request| {
            !outputs
                .iter()
                .any(|output| output.id == request.id && output.finish.is_some())
        });
        outputs
    }
}

impl Request {
    fn blocks_now(&self) -> u64 {
        ((self.prompt.len() + self.said.len()) as u64).div_ceil(BLOCK)
    }

    fn blocks_at_most(&self) -> u64 {
        ((self.prompt.len() + self.sampling.max_tokens) as u64).div_ceil(BLOCK)
    }

    fn step(&mut self, model: &Qwen3, longest: usize) -> Result<Output> {
        let queued = self
            .said
            .is_empty()
            .then(|| self.arrived.elapsed().as_secs_f64());
        let next = match self.said.last() {
            Some(last) => std::slice::from_ref(last),
            None => &self.prompt,
        };
        let logits = model.forward(next, &mut self.cache)?;
        let logits = logits.i(logits.dim(0)? - 1)?.to_vec1::<f32>()?;
        let sampling = hf::Sampling {
            temperature: self.sampling.temperature,
            top_p: self.sampling.top_p,
            top_k: self.sampling.top_k,
            presence_penalty: self.sampling.presence_penalty,
            ..hf::Sampling::default()
        };
        let chances = self
            .sampling
            .logprobs
            .map(|count| (count, log_softmax(&logits)));
        let token = hf::choose(
            self.adjusted(logits),
            &self.said,
            &sampling,
            &mut self.random,
        );
        self.said.push(token);
        let stops = self.sampling.stop_token_ids.contains(&token);
        let full = self.said.len() >= self.sampling.max_tokens
            || self.prompt.len() + self.said.len() >= longest;
        Ok(Output {
            id: self.id,
            token,
            logprobs: chances.map_or_else(Vec::new, |(count, chances)| {
                likeliest(&chances, token, count)
            }),
            finish: match (stops, full) {
                (true, _) => Some(Finish::Stop),
                (false, true) => Some(Finish::Length),
                (false, false) => None,
            },
            queued,
        })
    }

    /// The logits after all penalties but presence, which the choice itself takes off.
    fn adjusted(&self, mut logits: Vec<f32>) -> Vec<f32> {
        let sampling = &self.sampling;
        if sampling.repetition_penalty != 1.0 {
            let mut seen: Vec<u32> = self.prompt.iter().chain(&self.said).copied().collect();
            seen.sort_unstable();
            seen.dedup();
            let penalty = sampling.repetition_penalty as f32;
            for token in seen {
                let logit = &mut logits[token as usize];
                *logit = if *logit > 0.0 {
                    *logit / penalty
                } else {
                    *logit * penalty
                };
            }
        }
        for token in &self.said {
            logits[*token as usize] -= sampling.frequency_penalty as f32;
        }
        if self.said.len() < sampling.min_tokens {
            for token in &sampling.stop_token_ids {
                if let Some(logit) = logits.get_mut(*token as usize) {
                    *logit = f32::NEG_INFINITY;
                }
            }
        }
        if sampling.min_p > 0.0 && sampling.temperature > 0.0 {
            let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let least = most + (sampling.min_p.ln() * sampling.temperature) as f32;
            for logit in &mut logits {
                if *logit < least {
                    *logit = f32::NEG_INFINITY;
                }
            }
        }
        logits
    }
}

fn log_softmax(logits: &[f32]) -> Vec<f32> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|logit| (logit - most).exp()).sum();
    logits.iter().map(|logit| logit - most - sum.ln()).collect()
}

fn likeliest(chances: &[f32], token: u32, count: usize) -> Vec<(u32, f32)> {
    let mut order: Vec<u32> = (0..chances.len() as u32).collect();
    order.sort_by(|a, b| chances[*b as usize].total_cmp(&chances[*a as usize]));
    let chosen = std::iter::once(token);
    chosen
        .chain(order.into_iter().take(count))
        .map(|token| (token, chances[token as usize]))
        .collect()
}
