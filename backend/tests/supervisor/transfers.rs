//! Copies from node to node: over whose wire the bytes go, what is left when one side goes away, what a key may do.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use backend::models;
use domain::ids::{JobId, NodeId};
use domain::jobs::State;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Console, Sshd, wait_until};

/// Size of the shard that is copied.
const SHARD: usize = 6 << 20;

/// A wire to a server that counts what comes from it, and stands still once `limit` bytes have.
struct Wire {
    port: u16,
    bytes: Arc<AtomicU64>,
    limit: Arc<AtomicU64>,
}

impl Wire {
    async fn to(target: u16) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (bytes, limit) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicU64::new(u64::MAX)),
        );
        let (counted, most) = (bytes.clone(), limit.clone());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(("127.0.0.1", target)).await else {
                    continue;
                };
                let (counted, most) = (counted.clone(), most.clone());
                tokio::spawn(async move {
                    let (mut from_near, mut to_near) = near.into_split();
                    let (mut from_far, mut to_far) = far.into_split();
                    let there = tokio::spawn(async move {
                        let _ = tokio::io::copy(&mut from_near, &mut to_far).await;
                    });
                    let mut buffer = vec![0; 16 << 10];
                    while let Ok(read @ 1..) = from_far.read(&mut buffer).await {
                        let sum = counted.fetch_add(read as u64, Ordering::Relaxed) + read as u64;
                        while sum > most.load(Ordering::Relaxed) {
                            // Until the limit is lifted, or the server is gone: then there is nothing to wait for.
                            if TcpStream::connect(("127.0.0.1", target)).await.is_err() {
                                return;
                            }
                            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                        }
                        if to_near.write_all(&buffer[..read]).await.is_err() {
                            break;
                        }
                    }
                    there.abort();
                });
            }
        });
        Wire { port, bytes, limit }
    }

    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// A model in MCore form on the first node, with one shard of bytes that do not compress.
fn lay_model(work: &Path) -> String {
    let folder = work.join("node-0/models/it's mcore");
    let iteration = folder.join("iter_0000001");
    std::fs::create_dir_all(&iteration).expect("made");
    let mut state = 88_172_645_463_325_252_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    })
    .take(SHARD)
    .collect();
    std::fs::write(iteration.join("__0_0.distcp"), noise).expect("written");
    std::fs::write(iteration.join(".metadata"), b"__0_0.distcp").expect("written");
    std::fs::write(folder.join("latest_checkpointed_iteration.txt"), "1").expect("written");
    folder.display().to_string()
}

async fn copy(console: &Console, nodes: &[NodeId], path: &str) -> JobId {
    let (backend, actor) = (&console.backend, &console.actor);
    let known = models::list(backend, actor).await.expect("listed");
    let model = match known.first() {
        Some(model) => model.id.clone(),
        None => models::register(backend, actor, &nodes[0], path, "mcore")
            .await
            .expect("registered"),
    };
    models::copy(backend, actor, &model, &nodes[1])
        .await
        .expect("submitted")
}

/// Neither the receiver's folder nor the database holds the copy's private key.
fn no_key_is_left(console: &Console, work: &Path, job: &JobId) {
    let folder = work.join(format!("node-1/.trainyard/jobs/{job}/0"));
    assert!(
        folder.join("known_hosts").exists(),
        "the files were laid down"
    );
    assert!(!folder.join("key").exists(), "the receiver keeps the key");
    for file in std::fs::read_dir(&console.folder)
        .expect("listed")
        .flatten()
    {
        let bytes = std::fs::read(file.path()).expect("read");
        let text = b"PRIVATE KEY";
        let is_in = bytes.windows(text.len()).any(|window| window == text);
        assert!(!is_in, "{} holds a private key", file.path().display());
    }
}

#[tokio::test]
async fn the_bytes_go_from_sender_to_receiver_and_the_key_is_gone_afterwards() {
    let (sender, receiver) = (Sshd::start(), Sshd::start());
    let (sender_wire, receiver_wire) = (Wire::to(sender.port).await, Wire::to(receiver.port).await);
    let work = tempfile::tempdir().expect("a folder");
    let path = lay_model(work.path());
    let console = Console::start().await;
    let nodes = console
        .nodes_at(
            &[(&sender, sender_wire.port), (&receiver, receiver_wire.port)],
            work.path(),
        )
        .await;
    let job = copy(&console, &nodes, &path).await;
    let ended = console.until_ended(&job).await;
    assert_eq!(
        ended.state,
        State::Succeeded,
        "{}",
        console.log(&job, 0).await
    );
    let copied = work.path().join("node-1/models/it's mcore");
    for file in [
        "iter_0000001/__0_0.distcp",
        "iter_0000001/.metadata",
        "latest_checkpointed_iteration.txt",
    ] {
        let (from, to) = (
            std::fs::read(Path::new(&path).join(file)),
            std::fs::read(copied.join(file)),
        );
        assert_eq!(from.expect("there"), to.expect("copied"), "{file}");
    }
    assert!(
        sender_wire.bytes() > SHARD as u64,
        "{} through the sender's server",
        sender_wire.bytes()
    );
    // The receiver's own server carries the console's looks only: nothing went through the console.
    assert!(
        receiver_wire.bytes() < SHARD as u64 / 4,
        "{} through the receiver's server",
        receiver_wire.bytes()
    );
    assert!(
        !sender.authorized_keys().contains("trainyard-"),
        "{}",
        sender.authorized_keys()
    );
    no_key_is_left(&console, work.path(), &job);
    // Again: everything is there, nothing is sent.
    let before = sender_wire.bytes();
    let job = copy(&console, &nodes, &path).await;
    assert_eq!(console.until_ended(&job).await.state, State::Succeeded);
    assert!(sender_wire.bytes() - before < SHARD as u64 / 4);
}

#[tokio::test]
async fn a_sender_that_goes_away_in_mid_copy_fails_it_and_nothing_looks_loadable() {
    let (mut sender, receiver) = (Sshd::start(), Sshd::start());
    let wire = Wire::to(sender.port).await;
    let work = tempfile::tempdir().expect("a folder");
    let path = lay_model(work.path());
    let console = Console::start().await;
    let nodes = console
        .nodes_at(
            &[(&sender, wire.port), (&receiver, receiver.port)],
            work.path(),
        )
        .await;
    wire.limit.store(SHARD as u64 / 2, Ordering::Relaxed);
    let job = copy(&console, &nodes, &path).await;
    console
        .until(&job, "it runs", |view| view.state == State::Running)
        .await;
    wait_until("half of the shard went over the wire", || {
        wire.bytes() > SHARD as u64 / 2
    })
    .await;
    sender.stop();
    let copied = work.path().join("node-1/models/it's mcore");
    console
        .until(&job, "the receiver noticed", |view| {
            view.processes[0].exit_code.is_some()
        })
        .await;
    assert!(!copied.join("latest_checkpointed_iteration.txt").exists());
    // The sender's node is back: what offered the folder is ended, and its key taken out.
    wire.limit.store(u64::MAX, Ordering::Relaxed);
    sender.resume();
    let State::Failed { cause } = console.until_ended(&job).await.state else {
        panic!("a broken copy is no success")
    };
    assert!(cause.en.contains("broke off"), "{cause}");
    no_key_is_left(&console, work.path(), &job);
    assert!(
        !sender.authorized_keys().contains("trainyard-"),
        "{}",
        sender.authorized_keys()
    );
}

#[tokio::test]
async fn a_file_with_another_content_stops_a_copy() {
    let sshd = Sshd::start();
    let work = tempfile::tempdir().expect("a folder");
    let path = lay_model(work.path());
    let other = work.path().join("node-1/models/it's mcore");
    std::fs::create_dir_all(&other).expect("made");
    std::fs::write(other.join("latest_checkpointed_iteration.txt"), "2").expect("written");
    let console = Console::start().await;
    let nodes = console.nodes(&sshd, work.path(), 2).await;
    let job = copy(&console, &nodes, &path).await;
    let State::Failed { cause } = console.until_ended(&job).await.state else {
        panic!("two runs are not mixed")
    };
    assert!(
        cause.en.contains("differs from the one that is here"),
        "{cause}"
    );
    no_key_is_left(&console, work.path(), &job);
    assert_eq!(
        std::fs::read_to_string(other.join("latest_checkpointed_iteration.txt")).expect("there"),
        "2"
    );
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Lines(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("unpoisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_stopped_copy_leaves_no_key_and_nothing_that_was_logged_is_secret() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .finish();
    // Of the whole process, so also of the tests beside this one.
    tracing_subscriber::util::SubscriberInitExt::try_init(subscriber).expect("the only subscriber");
    let (sender, receiver) = (Sshd::start(), Sshd::start());
    let wire = Wire::to(sender.port).await;
    let work = tempfile::tempdir().expect("a folder");
    let path = lay_model(work.path());
    let console = Console::start().await;
    let nodes = console
        .nodes_at(
            &[(&sender, wire.port), (&receiver, receiver.port)],
            work.path(),
        )
        .await;
    wire.limit.store(SHARD as u64 / 2, Ordering::Relaxed);
    let job = copy(&console, &nodes, &path).await;
    console
        .until(&job, "it runs", |view| view.state == State::Running)
        .await;
    wait_until("half of the shard went over the wire", || {
        wire.bytes() > SHARD as u64 / 2
    })
    .await;
    let key = work
        .path()
        .join(format!("node-1/.trainyard/jobs/{job}/0/key"));
    let of_this_copy = std::fs::read_to_string(key).expect("the key is there meanwhile");
    wire.limit.store(u64::MAX, Ordering::Relaxed);
    backend::jobs::stop(&console.backend, &console.actor, &job)
        .await
        .expect("asked");
    console.until_ended(&job).await;
    no_key_is_left(&console, work.path(), &job);
    let logged = lines.0.lock().expect("unpoisoned").clone();
    let logged = String::from_utf8_lossy(&logged);
    let moved = |line: &str| line.contains("A job moved on") && line.contains(job.as_str());
    assert!(logged.lines().any(moved));
    for (name, secret) in [
        ("the copy's", of_this_copy),
        ("the node's", sender.private_key()),
    ] {
        // The line of the key that tells one from another.
        let body = secret.lines().nth(3).expect("an OpenSSH key");
        assert!(
            body.len() > 60 && !logged.contains(body),
            "{name} key was logged"
        );
    }
    assert!(!logged.contains("PRIVATE KEY") && !logged.contains("a long password"));
}
