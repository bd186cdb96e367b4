//! The real `trainyard serve`: whom it lets in, under which names, and how it starts and ends.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HOST, LOCATION, ORIGIN};
use reqwest::{Client, RequestBuilder, StatusCode, redirect};

/// A console of its own; ended when dropped.
struct Console {
    child: Child,
    port: u16,
    /// What it printed when it listened.
    printed: String,
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

fn serve(data: &Path, listen: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trainyard"));
    command
        .args(["serve", "--listen", listen, "--data"])
        .arg(data);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs a console that is to end by itself.
fn refused(data: &Path, listen: &str) -> Output {
    serve(data, listen).output().expect("it runs")
}

impl Console {
    fn start(data: &Path) -> Console {
        let port = free_port();
        Console::start_at(data, &format!("127.0.0.1:{port}"), port)
    }

    fn start_at(data: &Path, listen: &str, port: u16) -> Console {
        let mut command = serve(data, listen);
        let mut child = command.stderr(Stdio::null()).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let printed = lines
            .find_map(|line| line.ok().filter(|line| line.contains("http://")))
            .expect("it says where it is");
        Console {
            child,
            port,
            printed: printed.trim().to_owned(),
        }
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn get(&self, path: &str) -> RequestBuilder {
        client().get(format!("http://{}{path}", self.address()))
    }

    fn post(&self, path: &str, form: &str) -> RequestBuilder {
        client()
            .post(format!("http://{}{path}", self.address()))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.to_owned())
    }

    /// Makes the admin account by the printed link; the session's cookies.
    async fn admin(&self) -> String {
        let (_, token) = self.printed.split_once("token=").expect("a one-time link");
        let form = format!("token={token}&name=ada&password=a+long+password");
        let answer = self
            .post("/session/setup", &form)
            .send()
            .await
            .expect("an answer");
        let cookies = answer.headers().get_all("set-cookie").iter();
        let cookies = cookies.filter_map(|value| value.to_str().ok()?.split(';').next());
        let cookies: Vec<&str> = cookies.collect();
        assert!(!cookies.is_empty(), "no session: {}", answer.status());
        cookies.join("; ")
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// The exit code of a console that was asked to end.
    fn ended(&mut self) -> Option<i32> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(status) = self.child.try_wait().expect("waited") {
                return status.code();
            }
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn client() -> Client {
    let client = Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy();
    client.build().expect("a client")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn a_second_console_on_the_same_folder_is_refused_with_the_first_ones_number() {
    let data = tempfile::tempdir().expect("a folder");
    let mut first = Console::start(data.path());
    let second = refused(data.path(), &format!("127.0.0.1:{}", free_port()));
    assert_eq!(second.status.code(), Some(1));
    let text = said(&second);
    let number = format!("Another console (process {}) works in", first.child.id());
    assert!(
        text.contains(&number) && text.contains("--data FOLDER"),
        "{text}"
    );
    // However the first one ends, the next one starts.
    first.signal("-KILL");
    first.ended();
    let next = Console::start(data.path());
    assert!(
        next.get("/health")
            .send()
            .await
            .expect("an answer")
            .status()
            .is_success()
    );
}

#[tokio::test]
async fn it_listens_on_loopback_only_until_there_is_an_admin() {
    let data = tempfile::tempdir().expect("a folder");
    let everywhere = format!("0.0.0.0:{}", free_port());
    let text = said(&refused(data.path(), &everywhere));
    assert!(text.contains("listens on loopback only"), "{text}");
    let mut console = Console::start(data.path());
    console.admin().await;
    console.signal("-TERM");
    assert_eq!(console.ended(), Some(0));
    let port = free_port();
    let console = Console::start_at(data.path(), &format!("0.0.0.0:{port}"), port);
    assert!(!console.printed.contains("token="), "{}", console.printed);
    let health = console.get("/health").send().await.expect("an answer");
    assert_eq!(health.status(), StatusCode::OK);
}

#[tokio::test]
async fn other_hosts_and_origins_are_refused_and_strangers_sent_to_log_in() {
    let data = tempfile::tempdir().expect("a folder");
    let console = Console::start(data.path());
    let cookies = console.admin().await;
    let status = async |request: RequestBuilder| request.send().await.expect("an answer").status();
    // A name that was rebound to our address.
    let rebound = console.get("/").header(HOST, "evil.example");
    assert_eq!(status(rebound).await, StatusCode::MISDIRECTED_REQUEST);
    let own = format!("http://{}", console.address());
    for (origin, wanted) in [
        ("http://evil.example", StatusCode::FORBIDDEN),
        ("null", StatusCode::FORBIDDEN),
        (own.as_str(), StatusCode::SEE_OTHER),
    ] {
        let forged = console
            .post("/session/theme", "theme=dark&back=/")
            .header(ORIGIN, origin)
            .header(COOKIE, &cookies);
        assert_eq!(status(forged).await, wanted, "from {origin}");
    }
    let page = console.get("/experiments").send().await.expect("an answer");
    assert_eq!(page.status(), StatusCode::SEE_OTHER);
    assert_eq!(page.headers()[LOCATION], "/login");
    for path in [
        "/fn/jobs/list",
        "/events",
        "/console/v1/jobs",
        "/v1/models",
        "/api/anything",
    ] {
        assert_eq!(
            status(console.get(path)).await,
            StatusCode::UNAUTHORIZED,
            "{path}"
        );
    }
    let known = console.get("/console/v1/jobs").header(COOKIE, &cookies);
    assert_eq!(status(known).await, StatusCode::OK);
}

#[tokio::test]
async fn scripts_run_only_with_the_nonce_of_their_own_answer() {
    let data = tempfile::tempdir().expect("a folder");
    let console = Console::start(data.path());
    let cookies = console.admin().await;
    let mut nonces = Vec::new();
    for path in ["/login", "/", "/jobs"] {
        let page = console
            .get(path)
            .header(COOKIE, &cookies)
            .send()
            .await
            .expect("an answer");
        let policy = page.headers()[CONTENT_SECURITY_POLICY]
            .to_str()
            .expect("text")
            .to_owned();
        let nonce = policy
            .split("'nonce-")
            .nth(1)
            .and_then(|rest| rest.split('\'').next())
            .unwrap_or_else(|| panic!("no nonce in {policy}"))
            .to_owned();
        assert!(nonce.len() >= 16, "{nonce} can be guessed");
        assert!(
            !policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"),
            "{policy}"
        );
        let text = page.text().await.expect("a page");
        let scripts: Vec<&str> = text.split("<script").skip(1).collect();
        assert!(!scripts.is_empty());
        for script in scripts {
            let tag = script.split('>').next().unwrap_or_default();
            assert!(
                tag.contains(&format!("nonce=\"{nonce}\"")),
                "{path}: <script{tag}>"
            );
        }
        nonces.push(nonce);
    }
    nonces.dedup();
    assert_eq!(nonces.len(), 3, "each answer has a nonce of its own");
    let plain = console.get("/health").send().await.expect("an answer");
    let policy = plain.headers()[CONTENT_SECURITY_POLICY]
        .to_str()
        .expect("text");
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
}

#[tokio::test]
async fn asked_to_end_it_ends_open_streams_and_leaves_in_peace() {
    let data = tempfile::tempdir().expect("a folder");
    let mut console = Console::start(data.path());
    let cookies = console.admin().await;
    let events = console.get("/events").header(COOKIE, &cookies).send();
    let mut events = events.await.expect("an answer");
    assert_eq!(events.status(), StatusCode::OK);
    let begun = Instant::now();
    console.signal("-TERM");
    // To its end: a cut connection would be an error here.
    while events.chunk().await.expect("a whole stream").is_some() {}
    assert_eq!(console.ended(), Some(0));
    assert!(
        begun.elapsed() < Duration::from_secs(9),
        "it waited for its time to run out"
    );
    assert!(console.get("/health").send().await.is_err());
}
