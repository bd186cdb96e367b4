//! From training on two nodes to an answer: gathered, exported, served. What is served has to say what the model said in training.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rehearsal::checkpoints;
use rehearsal::model::mapping::merged;
use rehearsal::model::mcore::{Batch, Gpt};
use rehearsal::model::tokenizer::Message;
use rehearsal::model::{Config, Tensors, Tokenizer};
use serde_json::{Value, json};

use crate::older::{Older, gathered};
use crate::support::{Venv, base_weights, both, gather, port, shipped, wait_for};

const ANSWER: usize = 24;

fn questions() -> Vec<String> {
    let text = std::fs::read_to_string(shipped("data/questions.jsonl")).unwrap();
    let rows = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.map(|row| row["question"].as_str().unwrap().to_owned())
        .take(6)
        .collect()
}

/// The weights that were trained, as exact as the optimizer holds them.
fn trained(checkpoint: &Path) -> Tensors {
    let [_, _, exact] = checkpoints::load(checkpoint).unwrap().moments.unwrap();
    exact
}

/// What the model says in training, token by token, by the forward pass that trains it.
fn in_training(weights: Tensors) -> Vec<String> {
    let folder = PathBuf::from(shipped("base"));
    let tokenizer = Tokenizer::load(&folder).unwrap();
    let model = Gpt::full(Config::read(&folder).unwrap(), weights).unwrap();
    let answer = |question: &String| {
        let message = Message {
            role: "user".into(),
            content: question.clone(),
        };
        let prompt = tokenizer.render(&[message], true, Some(false));
        let mut tokens = tokenizer.encode(&prompt).unwrap();
        let begun = tokens.len();
        for _ in 0..ANSWER {
            let logits = model.logits(&Batch::of(&tokens)).unwrap();
            let rows: Vec<Vec<f32>> = logits.to_vec2().unwrap();
            let last = rows.last().unwrap().iter().enumerate();
            let next = last.max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0 as u32;
            if next == tokenizer.turn_end {
                break;
            }
            tokens.push(next);
        }
        tokenizer.decode(&tokens[begun..], true).unwrap()
    };
    questions().iter().map(answer).collect()
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.0.wait();
    }
}

/// The answers of `vllm serve` over a folder.
fn served(root: &Path, model: &Path) -> Vec<String> {
    let port = port();
    let path = root.join("serve.log");
    let log = std::fs::File::create(&path).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_rehearsal"))
        .arg0("/opt/venv/bin/python3")
        .args(["/opt/venv/bin/vllm", "serve"])
        .arg(model)
        .args(["--served-model-name", "yard", "--max-model-len", "1024"])
        .args(["--host", "127.0.0.1", "--port", &port.to_string()])
        .env("TRAINYARD_REHEARSAL_STATE", root.join("state"))
        .env("CUDA_VISIBLE_DEVICES", "0")
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .process_group(0)
        .spawn()
        .unwrap();
    let _server = Server(child);
    wait_for(|| {
        let log = std::fs::read_to_string(&path).unwrap();
        log.contains("Application startup complete.").then_some(())
    });
    let ask = |question: &String| {
        let body = json!({
            "model": "yard",
            "messages": [{"role": "user", "content": question}],
            "max_tokens": ANSWER,
            "temperature": 0,
            "chat_template_kwargs": {"enable_thinking": false},
        });
        let body = body.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        write!(
            stream,
            "POST /v1/chat/completions HTTP/1.0\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        while reader.read_line(&mut line).unwrap() > 2 {
            line.clear();
        }
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap();
        answer["choices"][0]["message"]["content"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    questions().iter().map(ask).collect()
}

/// Long enough that the answers are of the dataset and not of the base model.
const TAUGHT: &str = "--train_iters 60 --lora_rank 16 --micro_batch_size 4 --split_dataset_ratio 0";

fn older(tuner: &str) {
    let older = Older::new("0.13.1", "2.6.0");
    let root = older.root.path();
    let nodes = older.both(
        "run",
        &format!("{TAUGHT} --save_interval 60 --eval_interval 60 {tuner}"),
    );
    let run = gathered(&nodes, 60);
    let mut weights = trained(&run);
    let from = if tuner.contains("full") {
        format!("--mcore_model {}", run.display())
    } else {
        weights = merged(&base_weights().1, &weights, 32.0 / 16.0).unwrap();
        let base = older.mcore();
        format!(
            "--mcore_model {} --mcore_adapters {}",
            base.display(),
            run.display()
        )
    };
    let words = format!(
        "--model {} {from} --to_hf true --output_dir hf",
        shipped("base")
    );
    let (code, log) = older.venv.export(root, "swift", &words);
    assert_eq!(code, 0, "{log}");
    let expected = in_training(weights);
    assert_ne!(
        expected,
        in_training(base_weights().1),
        "it learnt something"
    );
    assert_eq!(served(root, &root.join("hf")), expected);
}

fn newer(tuner: &str) {
    let root = tempfile::tempdir().unwrap();
    let extra = format!("{TAUGHT} --save_steps 60 --eval_steps 60 {tuner}");
    let nodes = both(root.path(), &extra);
    let checkpoint = gather(&nodes, "checkpoint-60");
    let mut weights = trained(&checkpoint);
    let from = if tuner.contains("full") {
        format!("--mcore_model {}", checkpoint.display())
    } else {
        weights = merged(&base_weights().1, &weights, 32.0 / 16.0).unwrap();
        format!("--mcore_adapter {}", checkpoint.display())
    };
    let words = format!(
        "--model {} {from} --to_hf true --output_dir hf",
        shipped("base")
    );
    let (code, log) = Venv::newer().export_with(root.path(), "megatron", &words, 2);
    assert_eq!(code, 0, "{log}");
    let expected = in_training(weights);
    assert_ne!(
        expected,
        in_training(base_weights().1),
        "it learnt something"
    );
    assert_eq!(served(root.path(), &root.path().join("hf")), expected);
}

#[test]
fn an_adapter_of_the_older_release_answers_as_in_training() {
    older("");
}

#[test]
fn an_adapter_of_the_newer_release_answers_as_in_training() {
    newer("");
}

#[test]
#[ignore = "about as long as the two above together; part of `make test-full`"]
fn fully_trained_models_of_both_releases_answer_as_in_training() {
    older("--train_type full --lr 1e-3");
    newer("--tuner_type full --lr 1e-3");
}
