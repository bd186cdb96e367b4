//! What is refused, and servers that break.

use std::io::{BufRead, Read};
use std::net::TcpStream;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::{Value, json};

use crate::support::*;

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
