//! Servers as processes of their own, and a small HTTP client.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rehearsal::node::gpu;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A start on a busy machine is slow; whatever takes longer than this hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
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

pub fn base() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("base");
    folder.to_string_lossy().into_owned()
}

/// A server in a process group of its own; the group is killed at the end.
pub struct Server {
    pub folder: TempDir,
    pub port: u16,
    pub child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

pub fn launch(folder: TempDir, port: u16, gpus: &str, extra: &str) -> Server {
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
pub fn serve(extra: &str) -> Server {
    let words = format!(
        "{} --served-model-name yard --max-model-len 1024 {extra}",
        base()
    );
    let mut server = launch(tempfile::tempdir().unwrap(), free_port(), "0", &words);
    server.ready();
    server
}

/// The end of a start that fails: its code and its log.
pub fn refused(words: &str) -> (i32, String) {
    let mut server = launch(tempfile::tempdir().unwrap(), free_port(), "0", words);
    (server.ended().code().unwrap(), server.log())
}

impl Server {
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.folder.path().join("log")).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    pub fn ready(&mut self) {
        wait_for("ready", || {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "ended: {ended:?}\n{}", self.log());
            self.log()
                .contains("Application startup complete.")
                .then_some(())
        });
    }

    pub fn ended(&mut self) -> ExitStatus {
        wait_for("the end", || self.child.try_wait().unwrap())
    }

    pub fn group(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// What holds memory of the first `count` GPUs: GPU, pid and name.
    pub fn holders(&self, count: u32) -> Vec<gpu::Holder> {
        gpu::holders(&self.folder.path().join("state"), count)
    }

    /// Sends a request by HTTP 1.0, where an answer ends with its connection.
    pub fn open(
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

    pub fn get(&self, path: &str) -> (u16, String) {
        let (status, mut reader) = self.open("GET", path, "", "");
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        (status, text)
    }

    pub fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let (status, mut reader) = self.open("POST", path, &body.to_string(), "");
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        (status, serde_json::from_str(&text).unwrap())
    }

    pub fn chat(&self, more: Value) -> Value {
        let (status, answer) = self.post("/v1/chat/completions", &ask(more));
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// The data of every event until the connection ends.
    pub fn stream(&self, more: Value) -> Vec<String> {
        let mut body = ask(more);
        body["stream"] = json!(true);
        let (status, mut reader) = self.open("POST", "/v1/chat/completions", &body.to_string(), "");
        assert_eq!(status, 200);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        events(&text)
    }

    pub fn running(&self) -> f64 {
        let (_, page) = self.get("/metrics");
        let line = page
            .lines()
            .find(|line| line.starts_with("vllm:num_requests_running{"))
            .unwrap();
        line.rsplit_once(' ').unwrap().1.parse().unwrap()
    }
}

/// A chat request with `more` in it.
pub fn ask(more: Value) -> Value {
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

pub fn events(text: &str) -> Vec<String> {
    let data = text
        .split("\n\n")
        .filter_map(|event| event.strip_prefix("data: "));
    data.map(str::to_owned).collect()
}

pub fn content(answer: &Value) -> &str {
    answer["choices"][0]["message"]["content"].as_str().unwrap()
}

/// Keys and kinds of values without the values; of a list the first.
pub fn shape(value: &Value) -> Value {
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
pub fn shapes(events: &[String]) -> Vec<Value> {
    let read = |event: &String| match event.as_str() {
        "[DONE]" => json!("[DONE]"),
        json => shape(&serde_json::from_str(json).unwrap()),
    };
    let mut shapes: Vec<Value> = events.iter().map(read).collect();
    shapes.dedup();
    shapes
}
