//! `vllm serve` as a process of its own, over HTTP, held to recordings of vLLM 0.32.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are tests too; clippy only knows functions marked as such"
)]

mod refusals;
mod support;

use std::io::{BufRead, Write};
use std::net::TcpStream;

use rustix::process::{Signal, kill_process, kill_process_group};
use serde_json::{Value, json};

use crate::support::*;

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
        shapes(&events(include_str!("../fixtures/vllm_stream.sse")))
    );

    let logprobs = server.stream(json!({
        "max_tokens": 3, "logprobs": true, "top_logprobs": 2, "return_token_ids": true, "return_prompt_text": true,
        "stream_options": {"include_usage": true, "continuous_usage_stats": true},
    }));
    assert_eq!(
        shapes(&logprobs),
        shapes(&events(include_str!("../fixtures/vllm_logprobs.sse")))
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
    let recorded = shapes(&events(include_str!("../fixtures/vllm_reasoning.sse")));
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
