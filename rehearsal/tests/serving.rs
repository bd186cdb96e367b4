//! `vllm serve` as a process of its own, over HTTP, held to recordings of vLLM 0.32.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are tests too; clippy only knows functions marked as such"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rehearsal::node::gpu;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A start on a busy machine is slow; whatever takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(60);

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            started.elapsed() < PATIENCE,
            "{what}: nothing after {PATIENCE:?}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn base() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("base");
    folder.to_string_lossy().into_owned()
}

/// A server in a process group of its own; the group is killed at the end.
struct Server {
    folder: TempDir,
    port: u16,
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn launch(folder: TempDir, port: u16, gpus: &str, extra: &str) -> Server {
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_rehearsal"))
        .arg0("/opt/venv/bin/python3")
        .args(["/opt/venv/bin/vllm", "serve"])
        .args(extra.split_whitespace())
        .args(["--host", "127.0.0.1", "--port", &port.to_string()])
        .env("TRAINYARD_REHEARSAL_STATE", folder.path().join("state"))
        .env("CUDA_VISIBLE_DEVICES", gpus)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .process_group(0)
        .spawn()
        .unwrap();
    Server {
        folder,
        port,
        child,
    }
}

/// A ready server of the shipped model, called `yard`.
fn serve(extra: &str) -> Server {
    let words = format!(
        "{} --served-model-name yard --max-model-len 1024 {extra}",
        base()
    );
    let mut server = launch(tempfile::tempdir().unwrap(), free_port(), "0", &words);
    server.ready();
    server
}

/// The end of a start that fails: its code and its log.
fn refused(words: &str) -> (i32, String) {
    let mut server = launch(tempfile::tempdir().unwrap(), free_port(), "0", words);
    (server.ended().code().unwrap(), server.log())
}

impl Server {
    fn log(&self) -> String {
        let bytes = std::fs::read(self.folder.path().join("log")).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    fn ready(&mut self) {
        wait_for("ready", || {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "ended: {ended:?}\n{}", self.log());
            self.log()
                .contains("Application startup complete.")
                .then_some(())
        });
    }

    fn ended(&mut self) -> ExitStatus {
        wait_for("the end", || self.child.try_wait().unwrap())
    }

    fn group(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// What holds memory of the first `count` GPUs: GPU, pid and name.
    fn holders(&self, count: u32) -> Vec<gpu::Holder> {
        gpu::holders(&self.folder.path().join("state"), count)
    }

    /// Sends a request by HTTP 1.0, where an answer ends with its connection.
    fn open(
        &self,
        method: &str,
        path: &str,
        body: &str,
        headers: &str,
    ) -> (u16, BufReader<TcpStream>) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).unwrap();
        }
        (status, reader)
    }

    fn get(&self, path: &str) -> (u16, String) {
        let (status, mut reader) = self.open("GET", path, "", "");
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        (status, text)
    }

    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let (status, mut reader) = self.open("POST", path, &body.to_string(), "");
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        (status, serde_json::from_str(&text).unwrap())
    }

    fn chat(&self, more: Value) -> Value {
        let (status, answer) = self.post("/v1/chat/completions", &ask(more));
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// The data of every event until the connection ends.
    fn stream(&self, more: Value) -> Vec<String> {
        let mut body = ask(more);
        body["stream"] = json!(true);
        let (status, mut reader) = self.open("POST", "/v1/chat/completions", &body.to_string(), "");
        assert_eq!(status, 200);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        events(&text)
    }

    fn running(&self) -> f64 {
        let (_, page) = self.get("/metrics");
        let line = page
            .lines()
            .find(|line| line.starts_with("vllm:num_requests_running{"))
            .unwrap();
        line.rsplit_once(' ').unwrap().1.parse().unwrap()
    }
}

/// A chat request with `more` in it.
fn ask(more: Value) -> Value {
    let mut body = json!({
        "model": "yard",
        "messages": [{"role": "user", "content": "What is the capital of France?"}],
        "max_tokens": 24,
        "temperature": 0,
        "chat_template_kwargs": {"enable_thinking": false},
    });
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

fn events(text: &str) -> Vec<String> {
    let data = text
        .split("\n\n")
        .filter_map(|event| event.strip_prefix("data: "));
    data.map(str::to_owned).collect()
}

fn content(answer: &Value) -> &str {
    answer["choices"][0]["message"]["content"].as_str().unwrap()
}

/// Keys and kinds of values without the values; of a list the first.
fn shape(value: &Value) -> Value {
    match value {
        Value::Null => json!("null"),
        Value::Bool(_) => json!("bool"),
        Value::Number(_) => json!("number"),
        Value::String(_) => json!("string"),
        Value::Array(items) => items.iter().take(1).map(shape).collect(),
        Value::Object(items) => items
            .iter()
            .map(|(key, value)| (key.clone(), shape(value)))
            .collect(),
    }
}

/// The shapes of a stream, each once, in the order in which they come.
fn shapes(events: &[String]) -> Vec<Value> {
    let read = |event: &String| match event.as_str() {
        "[DONE]" => json!("[DONE]"),
        json => shape(&serde_json::from_str(json).unwrap()),
    };
    let mut shapes: Vec<Value> = events.iter().map(read).collect();
    shapes.dedup();
    shapes
}

#[test]
fn a_server_shows_its_stages_its_memory_and_its_model_and_leaves_nothing_behind() {
    let mut server = serve("");
    let log = server.log();
    let stages = [
        "version 0.32.0",
        "non-default args: {'model_tag': ",
        "Resolved architecture: Qwen3ForCausalLM",
        "Using max model len 1024",
        "Initializing a V1 LLM engine (v0.32.0) with config: ",
        "Starting to load model ",
        "Loading safetensors checkpoint shards: 100% Completed | 1/1",
        "Loading weights took ",
        "Model loading took ",
        "GPU KV cache size: ",
        "init engine (profile, create kv cache, warmup model) took ",
        "Starting vLLM server on http://127.0.0.1:",
        "Route: /v1/chat/completions, Methods: POST",
        "INFO:     Application startup complete.",
    ];
    let places = stages.map(|stage| {
        log.find(stage)
            .unwrap_or_else(|| panic!("no {stage:?} in {log}"))
    });
    assert!(places.is_sorted(), "{places:?}\n{log}");

    assert_eq!(server.get("/health"), (200, String::new()));
    let models: Value = serde_json::from_str(&server.get("/v1/models").1).unwrap();
    let model = &models["data"][0];
    assert_eq!(
        (&model["id"], &model["root"], &model["max_model_len"]),
        (&json!("yard"), &json!(base()), &json!(1024))
    );

    let [holder] = server.holders(2).try_into().unwrap();
    assert_eq!((holder.gpu, holder.name.as_str()), (0, "VLLM::EngineCore"));
    // The shipped utilization of 24 GiB.
    assert_eq!(holder.bytes >> 20, 24_576 * 92 / 100);
    let engine = std::fs::read(format!("/proc/{}/cmdline", holder.pid)).unwrap();
    assert_eq!(engine, b"VLLM::EngineCore\0");
    let environment = std::fs::read_to_string(format!("/proc/{}/environ", holder.pid)).unwrap();
    assert!(
        environment.starts_with("TRAINYARD_REHEARSAL_STATE=")
            && environment.matches('\0').count() == 1,
        "{environment}"
    );

    kill_process_group(server.group(), Signal::TERM).unwrap();
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
    assert!(
        server
            .log()
            .trim_end()
            .ends_with("INFO:     Application shutdown complete.")
    );
    wait_for("an empty group", || {
        rustix::process::test_kill_process_group(server.group())
            .is_err()
            .then_some(())
    });
    assert!(server.holders(2).is_empty());
}

#[test]
fn a_signal_to_the_server_alone_ends_engine_and_workers_too() {
    let words = format!(
        "{} --tensor-parallel-size 2 --gpu-memory-utilization 0.5",
        base()
    );
    let mut server = launch(tempfile::tempdir().unwrap(), free_port(), "1,0", &words);
    server.ready();
    let holders = server.holders(2);
    let names: Vec<(u32, &str)> = holders
        .iter()
        .map(|holder| (holder.gpu, holder.name.as_str()))
        .collect();
    assert_eq!(names, [(0, "VLLM::Worker_TP1"), (1, "VLLM::Worker_TP0")]);
    kill_process(server.group(), Signal::TERM).unwrap();
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
    wait_for("an empty group", || {
        rustix::process::test_kill_process_group(server.group())
            .is_err()
            .then_some(())
    });
}

#[test]
fn streams_have_the_shape_of_the_recorded_ones() {
    let server = serve("--enable-per-request-metrics");
    let plain = server.stream(json!({"stream_options": {"include_usage": true}}));
    assert_eq!(
        shapes(&plain),
        shapes(&events(include_str!("fixtures/vllm_stream.sse")))
    );

    let logprobs = server.stream(json!({
        "max_tokens": 3, "logprobs": true, "top_logprobs": 2, "return_token_ids": true, "return_prompt_text": true,
        "stream_options": {"include_usage": true, "continuous_usage_stats": true},
    }));
    assert_eq!(
        shapes(&logprobs),
        shapes(&events(include_str!("fixtures/vllm_logprobs.sse")))
    );

    // The pieces of a stream are the answer, and usage counts its tokens.
    let chunks: Vec<Value> = plain[..plain.len() - 1]
        .iter()
        .map(|event| serde_json::from_str(event).unwrap())
        .collect();
    let said: String = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
        .collect();
    let whole = server.chat(json!({}));
    assert_eq!(said, content(&whole));
    assert!(!said.is_empty());
    assert_eq!(
        chunks.last().unwrap()["usage"]["completion_tokens"],
        whole["usage"]["completion_tokens"]
    );
}

#[test]
fn thoughts_come_as_reasoning_when_a_parser_takes_them_out() {
    let server = serve("--reasoning-parser qwen3");
    let more = json!({"max_tokens": 200, "chat_template_kwargs": {}, "stream_options": {"include_usage": true}});
    let stream = server.stream(more);
    let recorded = shapes(&events(include_str!("fixtures/vllm_reasoning.sse")));
    let reasoning = recorded
        .iter()
        .find(|shape| shape["choices"][0]["delta"].get("reasoning").is_some());
    assert!(shapes(&stream).contains(reasoning.unwrap()), "{stream:?}");
    assert!(!stream.concat().contains("</think>"));
    let usage: Value = serde_json::from_str(&stream[stream.len() - 2]).unwrap();
    assert!(
        usage["usage"]["completion_tokens_details"]["reasoning_tokens"]
            .as_u64()
            .unwrap()
            > 0
    );
    let off = server.chat(json!({}));
    assert_eq!(off["choices"][0]["message"]["reasoning"], Value::Null);
}

#[test]
fn greedy_answers_repeat_and_seeds_decide_the_others() {
    let server = serve("");
    let hot =
        |seed: u64| content(&server.chat(json!({"temperature": 1.5, "seed": seed}))).to_owned();
    assert_eq!(
        content(&server.chat(json!({}))),
        content(&server.chat(json!({})))
    );
    assert_eq!(hot(1), hot(1));
    assert!((2..8).any(|seed| hot(seed) != hot(1)));

    let greedy = server.chat(json!({}));
    let word = content(&greedy).split(' ').nth(1).unwrap().to_owned();
    let cut = server.chat(json!({"stop": [word]}));
    assert_eq!(content(&cut), content(&greedy).split(&word).next().unwrap());
    assert_eq!(
        (
            &cut["choices"][0]["finish_reason"],
            &cut["choices"][0]["stop_reason"]
        ),
        (&json!("stop"), &json!(word))
    );
    let two = server
        .chat(json!({"n": 2, "temperature": 1.5, "seed": 3, "max_tokens": 5, "ignore_eos": true}));
    assert_eq!(two["choices"].as_array().unwrap().len(), 2);
    assert_eq!(two["usage"]["completion_tokens"], 10);

    let (status, text) = server.post(
        "/v1/completions",
        &json!({"model": "yard", "prompt": "The train", "max_tokens": 4, "temperature": 0}),
    );
    assert_eq!(
        (status, &text["usage"]["prompt_tokens"]),
        (200, &json!(2)),
        "{text}"
    );
    let (_, counted) = server.post("/tokenize", &ask(json!({"return_token_strs": true})));
    assert_eq!(counted["count"], greedy["usage"]["prompt_tokens"]);
}

#[test]
fn a_reader_that_leaves_ends_the_work() {
    let server = serve("");
    let mut body = ask(json!({"max_tokens": 900, "ignore_eos": true}));
    body["stream"] = json!(true);
    let (_, mut reader) = server.open("POST", "/v1/chat/completions", &body.to_string(), "");
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert!(line.starts_with("data: "));
    wait_for("a running request", || {
        (server.running() == 1.0).then_some(())
    });
    drop(reader);
    wait_for("no running request", || {
        (server.running() == 0.0).then_some(())
    });
    let (_, page) = server.get("/metrics");
    let said = page.lines().find_map(|line| {
        line.strip_prefix("vllm:generation_tokens_total{engine=\"0\",model_name=\"yard\"} ")
    });
    assert!(
        said.unwrap().parse::<f64>().unwrap() < 900.0,
        "it was said to the end"
    );
    // One that waits for the whole answer and leaves.
    body["stream"] = json!(false);
    let stream = {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
        let body = body.to_string();
        write!(
            stream,
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        stream
    };
    wait_for("a running request", || {
        (server.running() == 1.0).then_some(())
    });
    drop(stream);
    wait_for("no running request", || {
        (server.running() == 0.0).then_some(())
    });
}

#[test]
fn bad_requests_are_refused_in_the_releases_bodies() {
    let server = serve("");
    let refuse = |more: Value| {
        let (status, answer) = server.post("/v1/chat/completions", &ask(more));
        let error = &answer["error"];
        assert_eq!(error["code"], status, "{answer}");
        (
            status,
            error["type"].as_str().unwrap().to_owned(),
            error["message"].as_str().unwrap().to_owned(),
        )
    };
    let expect = |more: Value, status: u16, kind: &str, message: &str| {
        let (got, got_kind, text) = refuse(more);
        assert_eq!((got, got_kind.as_str()), (status, kind), "{text}");
        assert!(text.contains(message), "{text}");
    };
    expect(
        json!({"model": "other"}),
        404,
        "NotFoundError",
        "The model `other` does not exist.",
    );
    expect(
        json!({"max_tokens": 9999}),
        400,
        "BadRequestError",
        "is too large: 9999. This model's maximum context length is 1024 tokens and your request has ",
    );
    let long = "word ".repeat(3000);
    expect(
        json!({"messages": [{"role": "user", "content": long}]}),
        400,
        "BadRequestError",
        "Please reduce the length of the input messages.",
    );
    expect(
        json!({"temperature": -1}),
        400,
        "BadRequestError",
        "temperature must be non-negative, got -1.0.",
    );
    expect(
        json!({"top_p": 0}),
        400,
        "BadRequestError",
        "top_p must be in (0, 1], got 0.0.",
    );
    expect(
        json!({"presence_penalty": 3}),
        400,
        "BadRequestError",
        "presence_penalty must be in [-2, 2], got 3.0.",
    );
    expect(
        json!({"max_tokens": 0}),
        400,
        "BadRequestError",
        "max_tokens must be at least 1, got 0.",
    );
    expect(
        json!({"temperature": "hot"}),
        400,
        "Bad Request",
        "'temperature'",
    );
    expect(
        json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}),
        400,
        "BadRequestError",
        "yard is not a multimodal model",
    );
    let (status, mut reader) = server.open("POST", "/v1/chat/completions", "{no json", "");
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert!(
        status == 400 && text.contains("JSON decode error"),
        "{text}"
    );
    assert_eq!(server.get("/nowhere").0, 404);
}

#[test]
fn a_key_guards_the_interface_but_not_the_health() {
    let server = serve("--api-key secret");
    assert_eq!(server.get("/health").0, 200);
    assert_eq!(
        server.get("/v1/models"),
        (401, r#"{"error":"Unauthorized"}"#.to_owned())
    );
    let (status, _) = server.open("GET", "/v1/models", "", "authorization: Bearer secret\r\n");
    assert_eq!(status, 200);
}

#[test]
fn starts_that_cannot_be_fail_with_the_releases_words() {
    let base = base();
    let expect = |words: &str, code: i32, last: &str| {
        let (got, log) = refused(words);
        assert_eq!(got, code, "{words}: {log}");
        assert!(log.contains(last), "{words}: {log}");
    };
    expect(
        &format!("{base} --foo-bar 3"),
        2,
        "\nvllm: error: unrecognized arguments: --foo-bar 3\n",
    );
    expect(
        "/models/none",
        1,
        "\nhuggingface_hub.errors.HFValidationError: Repo id must be in the form 'repo_name' or 'namespace/repo_name': '/models/none'. Use `repo_type` argument if needed.\n",
    );
    expect(
        &format!("{base} --max-model-len 99999"),
        1,
        "\n  Value error, User-specified max_model_len (99999) is greater than the derived max_model_len (max_position_embeddings=2048.0 ",
    );
    expect(
        &format!("{base} --enable-auto-tool-choice"),
        1,
        "\nTypeError: Error: --enable-auto-tool-choice requires --tool-call-parser\n",
    );
    expect(
        &format!("{base} --enable-auto-tool-choice --tool-call-parser glm4_moe"),
        1,
        "\nKeyError: 'invalid tool call parser: glm4_moe (chose from { apertus,",
    );
    expect(
        &format!("{base} -tp 2"),
        1,
        "World size (2) is larger than the number of available GPUs (1) in this node.",
    );
    expect(
        &format!("{base} -tp 3"),
        1,
        "Total number of attention heads (4) must be divisible by tensor parallel size (3)",
    );
    expect(
        &format!("{base} --kv-cache-memory-bytes 1000000"),
        1,
        "the estimated maximum model length is ",
    );
    let other = tempfile::tempdir().unwrap();
    std::fs::write(
        other.path().join("config.json"),
        r#"{"model_type": "foo", "architectures": ["FooForCausalLM"]}"#,
    )
    .unwrap();
    expect(
        &other.path().display().to_string(),
        1,
        "has model type `foo` but Transformers does not recognize this architecture.",
    );
}

#[test]
fn a_taken_port_and_a_taken_gpu_are_named() {
    let server = serve("");
    let again = |port: u16| {
        let folder = tempfile::tempdir().unwrap();
        // The same node: the state of the first server.
        std::os::unix::fs::symlink(
            server.folder.path().join("state"),
            folder.path().join("state"),
        )
        .unwrap();
        let mut second = launch(folder, port, "0", &base());
        (second.ended().code(), second.log())
    };
    let (code, log) = again(server.port);
    assert!(
        code == Some(1) && log.ends_with("OSError: [Errno 98] Address already in use\n"),
        "{log}"
    );
    let (code, log) = again(free_port());
    assert!(code == Some(1) && log.contains("ValueError: Free memory on device cuda:0 (1.92/24.00 GiB) on startup is less than desired GPU memory utilization (0.92, 22.08 GiB)."), "{log}");
    assert!(log.ends_with("RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}\n"), "{log}");
}

#[test]
fn a_killed_engine_breaks_the_stream_off_with_an_error_and_ends_the_server() {
    let mut server = serve("");
    let mut body = ask(json!({"max_tokens": 900, "ignore_eos": true}));
    body["stream"] = json!(true);
    let (status, mut reader) = server.open("POST", "/v1/chat/completions", &body.to_string(), "");
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let engine = i32::try_from(server.holders(1)[0].pid).unwrap();
    kill_process(Pid::from_raw(engine).unwrap(), Signal::KILL).unwrap();
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    let events = events(&text);
    let [.., error, done] = events.as_slice() else {
        panic!("{text}")
    };
    let error: Value = serde_json::from_str(error).unwrap();
    assert_eq!(
        (status, done.as_str(), &error["error"]["code"]),
        (200, "[DONE]", &json!(500))
    );
    assert_eq!(server.ended().code(), Some(1));
    assert!(
        server
            .log()
            .contains("EngineDeadError: EngineCore encountered an issue.")
    );
}

#[test]
fn a_server_killed_without_a_word_leaves_its_engine_and_its_memory_behind() {
    let mut server = serve("");
    let engine = server.holders(1)[0].pid;
    kill_process(server.group(), Signal::KILL).unwrap();
    server.ended();
    assert!(TcpStream::connect(("127.0.0.1", server.port)).is_err());
    assert_eq!(
        server.holders(1).first().map(|holder| holder.pid),
        Some(engine)
    );
    kill_process_group(server.group(), Signal::TERM).unwrap();
    wait_for("free memory", || server.holders(1).is_empty().then_some(()));
}
