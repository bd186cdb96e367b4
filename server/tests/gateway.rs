//! The OpenAI gateway of a running console, before an engine that is a few lines of HTTP on the far side of a real OpenSSH server.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are tests too; clippy only knows functions marked as such"
)]

#[expect(
    dead_code,
    reason = "the supervisor's tests use all of it, these a part"
)]
#[path = "../../backend/tests/supervisor/support.rs"]
mod support;

use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use backend::store::NewJobRow;
use backend::{clock, people};
use domain::deployments::{Deployment, Engine};
use domain::jobs::{JobSpec, Kind, ProcessSpec, Success};
use domain::models::{Facts, Format, Model, Origin};
use futures::StreamExt;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

use support::{Console, Sshd, wait_until};

/// What an engine may send, and a gateway that looks into it would spoil: a comment, both line ends, a field nobody knows, a character that
/// is cut in two.
const PIECES: [&[u8]; 4] = [
    b": a comment\r\n\r\ndata: {\"id\":\"1\", \"choices\":[],\"own\":  1}\n\n",
    b"data: {\"choices\":[{\"delta\":{\"content\":\"\xe5\xad",
    b"\x97\"}}]}\n\n",
    b"data: [DONE]\n\n",
];

/// The engine: what it was sent, which pieces it may send, how many of its readers went away in mid-answer.
struct Fake {
    bodies: Mutex<Vec<Vec<u8>>>,
    may_send: Semaphore,
    left_alone: AtomicUsize,
}

impl Fake {
    async fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let (head, body) = read_request(&mut stream).await?;
        if head.starts_with("GET") {
            return said(
                &mut stream,
                "200 OK",
                "application/json",
                br#"{"data":[{"id":"tuned"}]}"#,
            )
            .await;
        }
        self.bodies.lock().unwrap().push(body.clone());
        let body = String::from_utf8_lossy(&body);
        if body.contains("nonsense") {
            return said(
                &mut stream,
                "400 Bad Request",
                "application/json",
                br#"{"error": "its own words"}"#,
            )
            .await;
        }
        said(
            &mut stream,
            "200 OK",
            "text/event-stream; charset=utf-8",
            b"",
        )
        .await?;
        if body.contains("endless") {
            while stream.write_all(b"data: {}\n\n").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            self.left_alone.fetch_add(1, Ordering::SeqCst);
            return Ok(());
        }
        for piece in PIECES {
            self.may_send.acquire().await.unwrap().forget();
            stream.write_all(piece).await?;
        }
        Ok(())
    }
}

async fn said(
    stream: &mut TcpStream,
    status: &str,
    kind: &str,
    body: &[u8],
) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-type: {kind}\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await
}

async fn read_request(stream: &mut TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await?;
    Ok((head, body))
}

/// A console process with a deployment "tuned" that answers.
struct Gateway {
    engine: Arc<Fake>,
    address: String,
    key: String,
    http: reqwest::Client,
    _console: Child,
    _sshd: Sshd,
    _folders: [tempfile::TempDir; 2],
}

impl Gateway {
    async fn open() -> Gateway {
        let (data, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let engine = Arc::new(Fake {
            bodies: Mutex::default(),
            may_send: Semaphore::new(0),
            left_alone: AtomicUsize::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = engine.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let engine = shared.clone();
                tokio::spawn(async move { engine.answer(stream).await });
            }
        });
        let sshd = Sshd::start();
        let console = Console::open(data.path()).await;
        let key = deployed(&console, &sshd, work.path(), port).await;
        console.backend.store().close().await;
        drop(console);
        let mut console = Command::new(env!("CARGO_BIN_EXE_trainyard"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data.path())
            .stdout(Stdio::piped())
            .env("RUST_LOG", "warn")
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(console.stdout.take().unwrap()).lines();
        let address = loop {
            let line = lines
                .next_line()
                .await
                .unwrap()
                .expect("the console listens");
            if let Some(address) = line.trim().strip_prefix("http://") {
                break format!("http://{}", address.trim_end_matches('/'));
            }
        };
        // Whatever it logs is read, so that it never waits for us.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let gateway = Gateway {
            engine,
            address,
            key,
            http: reqwest::Client::new(),
            _console: console,
            _sshd: sshd,
            _folders: [data, work],
        };
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        while gateway.models().await.is_empty() {
            assert!(
                tokio::time::Instant::now() < deadline,
                "the deployment never became ready"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        gateway
    }

    async fn models(&self) -> Vec<String> {
        let request = self.http.get(format!("{}/v1/models", self.address));
        let answer: Value = request
            .bearer_auth(&self.key)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let all = answer["data"].as_array().unwrap().iter();
        all.map(|model| model["id"].as_str().unwrap().to_owned())
            .collect()
    }

    async fn ask(&self, body: impl Into<reqwest::Body>) -> reqwest::Response {
        let request = self
            .http
            .post(format!("{}/v1/chat/completions", self.address));
        request
            .bearer_auth(&self.key)
            .body(body)
            .send()
            .await
            .unwrap()
    }
}

/// Registers a node, a model and its deployment at `port`; answers an API key.
async fn deployed(console: &Console, sshd: &Sshd, work: &std::path::Path, port: u16) -> String {
    let node = console.nodes(sshd, work, 1).await.remove(0);
    let (backend, actor) = (&console.backend, &console.actor);
    let model = Model {
        id: clock::new_id(),
        project_id: actor.project.clone(),
        name: "tuned".to_owned(),
        node_id: node.clone(),
        path: "/models/tuned".to_owned(),
        format: Format::Hf,
        origin: Origin::Registered,
        facts: Facts::default(),
        precision: None,
        created_at: clock::now(),
    };
    assert!(
        backend
            .store()
            .insert_model(&model, &actor.user, None)
            .await
            .unwrap()
    );
    let deployment = Deployment {
        id: clock::new_id(),
        project_id: actor.project.clone(),
        name: "tuned".to_owned(),
        engine: Engine::Vllm,
        model_id: model.id,
        node_id: node.clone(),
        gpus: Vec::new(),
        served_name: "tuned".to_owned(),
        port,
        max_model_len: None,
        job_id: clock::new_id(),
        created_at: clock::now(),
    };
    // The job's process ends with its work folder.
    let script = format!("while [ -e {} ]; do sleep 0.2; done", work.display());
    let spec = JobSpec {
        kind: Kind::Deploy,
        processes: vec![ProcessSpec {
            rank: 0,
            node_id: node,
            gpus: Vec::new(),
            script,
            files: Vec::new(),
        }],
        success: Success::Never,
    };
    let job = NewJobRow {
        id: &deployment.job_id,
        project: &actor.project,
        creator: &actor.user,
        title: "tuned",
        subject: deployment.id.as_str(),
        launch_key: "tuned",
        spec: &spec,
        now: clock::now(),
    };
    backend
        .store()
        .insert_deployment(&deployment, &actor.user, job)
        .await
        .unwrap();
    people::create_api_key(backend, actor, "test")
        .await
        .unwrap()
        .1
}

#[tokio::test]
async fn an_answer_is_handed_on_as_it_comes_and_unchanged() {
    let gateway = Gateway::open().await;
    // Spaces, order and fields that nobody knows are the caller's own.
    let body =
        "{ \"stream\":true,\"model\":\"tuned\" , \"own\": {\"b\":1,\"a\":2}, \"messages\":[]}";
    let answer = gateway.ask(body).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers()["content-type"],
        "text/event-stream; charset=utf-8"
    );
    let mut stream = answer.bytes_stream();
    let (mut got, mut sent) = (Vec::new(), Vec::new());
    for piece in PIECES {
        // The engine sends no further piece before this one has come through: nothing on the way may wait for more.
        gateway.engine.may_send.add_permits(1);
        sent.extend_from_slice(piece);
        while got.len() < sent.len() {
            let next = tokio::time::timeout(Duration::from_secs(20), stream.next());
            got.extend_from_slice(&next.await.expect("held back").expect("cut off").unwrap());
        }
        assert_eq!(got, sent);
    }
    assert!(stream.next().await.is_none());
    assert_eq!(*gateway.engine.bodies.lock().unwrap(), [body.as_bytes()]);

    // A refusal is the engine's own too.
    let answer = gateway
        .ask(json!({"model": "tuned", "nonsense": 1}).to_string())
        .await;
    assert_eq!(answer.status(), 400);
    assert_eq!(
        answer.text().await.unwrap(),
        r#"{"error": "its own words"}"#
    );
    // One for nobody never reaches an engine.
    let answer = gateway.ask(json!({"model": "other"}).to_string()).await;
    assert_eq!(answer.status(), 404);
    assert_eq!(gateway.engine.bodies.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_client_that_goes_away_takes_the_engines_work_with_it() {
    let gateway = Gateway::open().await;
    let answer = gateway
        .ask(json!({"model": "tuned", "endless": true}).to_string())
        .await;
    let mut stream = answer.bytes_stream();
    assert!(!stream.next().await.unwrap().unwrap().is_empty());
    assert_eq!(gateway.engine.left_alone.load(Ordering::SeqCst), 0);
    drop(stream);
    wait_until("the engine noticed", || {
        gateway.engine.left_alone.load(Ordering::SeqCst) == 1
    })
    .await;
}
