//! The API server: from the first line to the last, and the routes in between.

use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpSocket;
use tokio::process::Child;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::chat::{self, Shape, refuse};
use super::client::{Capacity, Engine};
use super::errors::Failure;
use super::lines::{Log, uvicorn};
use super::metrics::About;
use super::options::Options;
use super::request::{self, Refusal, Rules};
use super::start;
use crate::model::Tokenizer;

/// A server that is ready.
pub struct Serving {
    pub engine: Engine,
    pub tokenizer: Arc<Tokenizer>,
    pub rules: Rules,
    /// The release and a hash of what it was started with.
    pub fingerprint: String,
    /// Comments keep a silent stream open this often.
    pub keep_alive: Option<Duration>,
    /// Whether the last chunk tells the request's times.
    pub request_metrics: bool,
    capacity: Capacity,
    utilization: f64,
    root: String,
    api_keys: Vec<String>,
    access_log: bool,
    log: Log,
}

/// Seconds since 1970.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

/// Sixteen random digits, the tail of an id.
pub fn hexadecimal() -> String {
    format!("{:016x}", rand::random::<u64>())
}

fn os_error(error: &std::io::Error) -> Failure {
    Failure::raised(match error.raw_os_error() {
        Some(98) => "OSError: [Errno 98] Address already in use".into(),
        Some(code) => format!("OSError: [Errno {code}] {error}"),
        None => format!("OSError: {error}"),
    })
}

/// Binds without listening: until the engine is loaded, whoever connects is refused.
fn bind(options: &Options) -> Result<(TcpSocket, SocketAddr), Failure> {
    let host = options.text("host").unwrap_or_else(|| "0.0.0.0".into());
    let host = match std::env::var("TRAINYARD_REHEARSAL_ADDRESS") {
        // Every node of a machine has a loopback address of its own.
        Ok(own) if matches!(host.as_str(), "127.0.0.1" | "0.0.0.0" | "localhost") => own,
        _ if host == "localhost" => "127.0.0.1".to_owned(),
        _ => host,
    };
    let ip: IpAddr = host
        .parse()
        .map_err(|_| Failure::raised("socket.gaierror: [Errno -2] Name or service not known"))?;
    let port = options
        .integer("port")
        .and_then(|port| u16::try_from(port).ok());
    let port =
        port.ok_or_else(|| Failure::raised("OverflowError: bind(): port must be 0-65535."))?;
    let address = SocketAddr::new(ip, port);
    let socket = match ip {
        IpAddr::V4(_) => TcpSocket::new_v4(),
        IpAddr::V6(_) => TcpSocket::new_v6(),
    };
    let bind = socket.and_then(|socket| {
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(socket)
    });
    Ok((bind.map_err(|error| os_error(&error))?, address))
}

/// The signals that end a server.
struct Signals(Signal, Signal);

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let on = |kind| signal(kind).map_err(|error| os_error(&error));
        Ok(Self(
            on(SignalKind::terminate())?,
            on(SignalKind::interrupt())?,
        ))
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

/// Serves until a signal (0) or the engine's death (1).
pub async fn run(options: &Options) -> Result<ExitCode, Failure> {
    let mut signals = Signals::listen()?;
    let log = Log::new("APIServer");
    start::banner(&log, options);
    start::check_parsers(options)?;
    let (socket, address) = bind(options)?;
    let start::Prepared {
        load,
        rules,
        tokenizer,
    } = start::prepare(&log, options)?;
    let utilization = load.gpu_memory_utilization;
    let started = tokio::select! {
        started = Engine::start(load) => started.map_err(|error| Failure::raised(format!("RuntimeError: {error:#}")))?,
        // The engine is killed with the future that started it.
        () = signals.any() => return Err(Failure::raised("KeyboardInterrupt: terminated")),
    };
    let Some((engine, mut child, capacity)) = started else {
        return Err(Failure::raised(
            "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}",
        ));
    };
    log.info("entry.py:136", "Supported tasks: ['generate']");
    let mut api_keys = options.list("api-key");
    if api_keys.is_empty() {
        api_keys.extend(
            std::env::var("VLLM_API_KEY")
                .ok()
                .filter(|key| !key.is_empty()),
        );
    }
    let hash = hex::encode(&Sha256::digest(options.non_default().repr())[..4]);
    let serving = Arc::new(Serving {
        engine,
        tokenizer: Arc::new(tokenizer),
        rules,
        fingerprint: format!("vllm-{}-{hash}", super::VERSION),
        keep_alive: options
            .number("sse-keep-alive-interval")
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .filter(|time| !time.is_zero()),
        request_metrics: options.flag("enable-per-request-metrics"),
        capacity,
        utilization,
        root: options.model().to_owned(),
        api_keys,
        access_log: !options.flag("disable-uvicorn-access-log"),
        log: log.clone(),
    });
    let listener = socket.listen(2048).map_err(|error| os_error(&error))?;
    let host = options.text("host").unwrap_or_else(|| "0.0.0.0".into());
    log.info(
        "entry.py:140",
        &format!("Starting vLLM server on http://{host}:{}", address.port()),
    );
    let app = router(&log, serving.clone());
    uvicorn(&format!("Started server process [{}]", std::process::id()));
    uvicorn("Waiting for application startup.");
    uvicorn("Application startup complete.");
    if !options.flag("disable-log-stats") {
        tokio::spawn(statistics(serving.clone()));
    }
    let served = axum::serve(
        listener,
        app.into_make_service_with_connect_info::<SocketAddr>(),
    );
    let died = tokio::select! {
        served = served => return served.map(|()| ExitCode::SUCCESS).map_err(|error| os_error(&error)),
        () = signals.any() => false,
        // A signal to the whole group may reach the engine first.
        () = serving.engine.died() => tokio::time::timeout(Duration::from_millis(300), signals.any()).await.is_err(),
    };
    if died {
        log.error("async_llm.py:906", "AsyncLLM output_handler failed.\nTraceback (most recent call last):\nvllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root cause.");
    } else {
        log.info(
            "launcher.py:254",
            "[shutdown] API server: shutdown triggered",
        );
        log.info(
            "launcher.py:270",
            "[shutdown] API server: stopping engine client mode=abort timeout=0s",
        );
    }
    end(&log, &mut child).await;
    log.info(
        "launcher.py:304",
        "[shutdown] API server: shutting down FastAPI HTTP server",
    );
    uvicorn("Shutting down");
    uvicorn("Waiting for application shutdown.");
    uvicorn("Application shutdown complete.");
    Ok(if died {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Ends the engine, and its workers with it.
async fn end(log: &Log, child: &mut Child) {
    log.info(
        "utils.py:628",
        "[shutdown] Process manager: send sigterm to process EngineCore",
    );
    if let Some(pid) = child
        .id()
        .and_then(|pid| rustix::process::Pid::from_raw(pid.try_into().ok()?))
    {
        // It may have ended by itself.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
    if tokio::time::timeout(Duration::from_secs(5), child.wait())
        .await
        .is_err()
    {
        log.warning(
            "utils.py:648",
            "[shutdown] Process manager: force killing remaining processes count=1",
        );
        let _ = child.kill().await;
    }
    log.info("core_client.py:777", "[shutdown] MPClient: complete");
}

/// The line about throughput, every ten seconds in which something happened.
async fn statistics(serving: Arc<Serving>) {
    const EVERY: Duration = Duration::from_secs(10);
    let mut clock = tokio::time::interval(EVERY);
    let mut before = (0, 0, 0);
    loop {
        clock.tick().await;
        let (prompted, generated, running, waiting, usage) = serving
            .engine
            .metrics(|m| (m.prompted, m.generated, m.running, m.waiting, m.cache_usage));
        let state = (prompted, generated, running);
        if state == before && running == 0 {
            continue;
        }
        let rate = |now: u64, before: u64| (now - before) as f64 / EVERY.as_secs_f64();
        serving.log.info("loggers.py:271", &format!(
            "Engine 000: Avg prompt throughput: {:.1} tokens/s, Avg generation throughput: {:.1} tokens/s, Running: {running} reqs, Waiting: {waiting} reqs, GPU KV cache usage: {:.1}%, Prefix cache hit rate: 0.0%",
            rate(prompted, before.0), rate(generated, before.1), usage * 100.0
        ));
        before = state;
    }
}

/// The routes that are there, and a line of log for each.
fn router(log: &Log, serving: Arc<Serving>) -> Router {
    let mut router = Router::new();
    log.info("launcher.py:186", "Available routes are:");
    let mut add = |method: &str, path: &str, handler| {
        log.info(
            "launcher.py:195",
            &format!("Route: {path}, Methods: {method}"),
        );
        router = std::mem::take(&mut router).route(path, handler);
    };
    add(
        "GET",
        "/version",
        get(async || Json(json!({"version": super::VERSION}))),
    );
    add("GET", "/health", get(health));
    add("GET", "/metrics", get(metrics));
    add("POST", "/tokenize", post(tokenize));
    add("POST", "/detokenize", post(detokenize));
    add("GET", "/v1/models", get(models));
    add("GET", "/ping", get(health));
    add("POST", "/v1/chat/completions", post(chat_completions));
    add("POST", "/v1/completions", post(completions));
    router
        .fallback(async || {
            let body = json!({"error": {"message": "Not Found", "type": "NotFoundError", "param": null, "code": 404}});
            (StatusCode::NOT_FOUND, Json(body))
        })
        .layer(middleware::from_fn_with_state(serving.clone(), around))
        .with_state(serving)
}

/// Key, access log and uvicorn's own header, around every request.
async fn around(
    State(serving): State<Arc<Serving>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let key = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    let known = serving.api_keys.is_empty()
        || key.is_some_and(|key| serving.api_keys.iter().any(|known| known == key));
    let mut response = match known || !path.starts_with("/v1") {
        true => next.run(request).await,
        false => (
            StatusCode::UNAUTHORIZED,
            Json(json!({"error": "Unauthorized"})),
        )
            .into_response(),
    };
    response
        .headers_mut()
        .insert(header::SERVER, HeaderValue::from_static("uvicorn"));
    if serving.access_log {
        uvicorn(&format!(
            "{peer} - \"{method} {path} HTTP/1.1\" {}",
            response.status()
        ));
    }
    response
}

async fn health(State(serving): State<Arc<Serving>>) -> StatusCode {
    match serving.engine.is_dead() {
        true => StatusCode::SERVICE_UNAVAILABLE,
        false => StatusCode::OK,
    }
}

async fn metrics(State(serving): State<Arc<Serving>>) -> Response {
    let about = About {
        model: &serving.rules.names[0],
        capacity: serving.capacity,
        gpu_memory_utilization: serving.utilization,
        max_model_len: serving.rules.max_model_len,
    };
    let text = serving.engine.metrics(|metrics| metrics.render(&about));
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        text,
    )
        .into_response()
}

async fn models(State(serving): State<Arc<Serving>>) -> Json<Value> {
    let created = now();
    let model = |name: &String| {
        json!({
            "id": name, "object": "model", "created": created, "owned_by": "vllm", "root": serving.root, "parent": null,
            "max_model_len": serving.rules.max_model_len,
            "permission": [{
                "id": format!("modelperm-{}", hexadecimal()), "object": "model_permission", "created": created,
                "allow_create_engine": false, "allow_sampling": true, "allow_logprobs": true, "allow_search_indices": false,
                "allow_view": true, "allow_fine_tuning": false, "organization": "*", "group": null, "is_blocking": false,
            }],
        })
    };
    let data: Vec<Value> = serving.rules.names.iter().map(model).collect();
    Json(json!({"object": "list", "data": data}))
}

async fn chat_completions(State(serving): State<Arc<Serving>>, body: Bytes) -> Response {
    let ask = request::object(&body).and_then(|body| serving.rules.chat(&body, &serving.tokenizer));
    go(serving, Shape::Chat, ask).await
}

async fn completions(State(serving): State<Arc<Serving>>, body: Bytes) -> Response {
    let ask =
        request::object(&body).and_then(|body| serving.rules.completion(&body, &serving.tokenizer));
    go(serving, Shape::Completion, ask).await
}

async fn go(serving: Arc<Serving>, shape: Shape, ask: Result<request::Ask, Refusal>) -> Response {
    match ask {
        Err(refusal) => refuse(&refusal),
        Ok(ask) => {
            if !ask.ignored.is_empty() {
                let names = ask.ignored.join("', '");
                serving.log.warning("protocol.py:117", &format!("The following fields were present in the request but ignored: {{'{names}'}}"));
            }
            chat::answer(serving, shape, ask).await
        }
    }
}

async fn tokenize(State(serving): State<Arc<Serving>>, body: Bytes) -> Response {
    let read = || -> Result<Value, Refusal> {
        let body = request::object(&body)?;
        let model = serving.rules.served(&body)?;
        let text = match body.get("prompt").and_then(Value::as_str) {
            Some(prompt) => prompt.to_owned(),
            None => serving.rules.rendered(&body, &model)?,
        };
        let tokens = serving
            .tokenizer
            .encode(&text)
            .map_err(|error| Refusal::internal(error.to_string()))?;
        let strings = body
            .get("return_token_strs")
            .and_then(Value::as_bool)
            .unwrap_or(false);
        let strings: Option<Vec<String>> = strings.then(|| {
            tokens
                .iter()
                .map(|token| {
                    serving
                        .tokenizer
                        .decode(&[*token], false)
                        .unwrap_or_default()
                })
                .collect()
        });
        Ok(
            json!({"count": tokens.len(), "max_model_len": serving.rules.max_model_len, "tokens": tokens, "token_strs": strings}),
        )
    };
    read().map_or_else(
        |refusal| refuse(&refusal),
        |body| Json(body).into_response(),
    )
}

async fn detokenize(State(serving): State<Arc<Serving>>, body: Bytes) -> Response {
    let read = || -> Result<Value, Refusal> {
        let body = request::object(&body)?;
        let tokens: Vec<u32> = body
            .get("tokens")
            .and_then(|tokens| serde_json::from_value(tokens.clone()).ok())
            .unwrap_or_default();
        let text = serving
            .tokenizer
            .decode(&tokens, false)
            .map_err(|error| Refusal::internal(error.to_string()))?;
        Ok(json!({"prompt": text}))
    };
    read().map_or_else(
        |refusal| refuse(&refusal),
        |body| Json(body).into_response(),
    )
}
