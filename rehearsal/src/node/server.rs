//! The SSH server of a node: public keys only, one shell command per session, connections to the node's own loopback.

use std::collections::HashMap;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PrivateKey, PublicKey};
use russh::server::{self, Auth, ChannelOpenHandle, Msg, Session};
use russh::{Channel, ChannelId, ChannelMsg, Sig};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use super::home::{Home, Identity};

/// As many sessions as OpenSSH allows on a connection by default.
const SESSIONS: usize = 10;

/// Serves the node until the process is ended.
pub async fn serve(home: Home) -> anyhow::Result<()> {
    let identity = home.identity()?;
    let config = server::Config {
        keys: vec![host_key(&home.join(".node/host_key"))?],
        auth_rejection_time: Duration::from_millis(200),
        auth_rejection_time_initial: Some(Duration::ZERO),
        inactivity_timeout: None,
        keepalive_interval: Some(Duration::from_secs(30)),
        nodelay: true,
        ..server::Config::default()
    };
    let listener = TcpListener::bind((identity.address, identity.port))
        .await
        .with_context(|| format!("listen on {}:{}", identity.address, identity.port))?;
    let mut node = Node {
        home: Arc::new(home),
        identity: Arc::new(identity),
    };
    server::Server::run_on_socket(&mut node, Arc::new(config), &listener).await?;
    Ok(())
}

/// Reads the host key, or makes it at the first start.
pub fn host_key(file: &Path) -> anyhow::Result<PrivateKey> {
    if let Ok(text) = std::fs::read_to_string(file) {
        return Ok(PrivateKey::from_openssh(&text)?);
    }
    let mut seed = [0_u8; 32];
    rand::RngCore::fill_bytes(&mut rand::rng(), &mut seed);
    let key = PrivateKey::from(russh::keys::ssh_key::private::Ed25519Keypair::from_seed(
        &seed,
    ));
    debug_assert_eq!(key.algorithm(), Algorithm::Ed25519);
    let text = key.to_openssh(LineEnding::LF)?;
    let new = file.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    std::io::Write::write_all(
        &mut options.write(true).create(true).truncate(true).open(&new)?,
        text.as_bytes(),
    )?;
    std::fs::rename(new, file)?;
    Ok(key)
}

struct Node {
    home: Arc<Home>,
    identity: Arc<Identity>,
}

impl server::Server for Node {
    type Handler = Connection;

    fn new_client(&mut self, peer: Option<std::net::SocketAddr>) -> Connection {
        Connection {
            peer,
            home: self.home.clone(),
            identity: self.identity.clone(),
            waiting: HashMap::new(),
            sessions: Arc::new(AtomicUsize::new(0)),
            grant: Grant::default(),
        }
    }
}

struct Connection {
    /// Where the client is.
    peer: Option<std::net::SocketAddr>,
    home: Arc<Home>,
    identity: Arc<Identity>,
    /// Opened sessions whose command has not arrived yet, with the environment they sent.
    waiting: HashMap<ChannelId, Waiting>,
    sessions: Arc<AtomicUsize>,
    /// How the key that logged in is limited.
    grant: Grant,
}

/// An opened session and the variables it sent.
type Waiting = (Channel<Msg>, Vec<(String, String)>);

/// What a line of authorized_keys allows.
#[derive(Debug, Clone, Default)]
struct Grant {
    /// Runs instead of whatever was asked for, which it finds in SSH_ORIGINAL_COMMAND.
    forced_command: Option<String>,
    /// No forwarding.
    is_restricted: bool,
}

impl server::Handler for Connection {
    type Error = anyhow::Error;

    async fn auth_publickey_offered(
        &mut self,
        _user: &str,
        key: &PublicKey,
    ) -> Result<Auth, Self::Error> {
        Ok(if self.grant_of(key).is_some() {
            Auth::Accept
        } else {
            Auth::reject()
        })
    }

    async fn auth_publickey(&mut self, _user: &str, key: &PublicKey) -> Result<Auth, Self::Error> {
        match self.grant_of(key) {
            Some(grant) => {
                self.grant = grant;
                Ok(Auth::Accept)
            }
            None => Ok(Auth::reject()),
        }
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        // Dropping `reply` refuses the channel.
        if self.sessions.load(Ordering::Relaxed) < SESSIONS {
            self.sessions.fetch_add(1, Ordering::Relaxed);
            self.waiting.insert(channel.id(), (channel, Vec::new()));
            reply.accept().await;
        }
        Ok(())
    }

    async fn channel_close(
        &mut self,
        channel: ChannelId,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        // A session that never ran a command counts until it is closed.
        if self.waiting.remove(&channel).is_some() {
            self.sessions.fetch_sub(1, Ordering::Relaxed);
        }
        Ok(())
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        value: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        // sshd takes LANG and LC_* by default and nothing else.
        if (name == "LANG" || name.starts_with("LC_"))
            && let Some((_, environment)) = self.waiting.get_mut(&channel)
        {
            environment.push((name.to_owned(), value.to_owned()));
            session.channel_success(channel)?;
        } else {
            session.channel_failure(channel)?;
        }
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let Some((open, environment)) = self.waiting.remove(&channel) else {
            session.channel_failure(channel)?;
            return Ok(());
        };
        let command = String::from_utf8_lossy(command).into_owned();
        let mut child = match &self.grant.forced_command {
            Some(forced) => {
                let mut child = self.shell(forced, environment);
                child.env("SSH_ORIGINAL_COMMAND", &command);
                child
            }
            None => self.shell(&command, environment),
        };
        session.channel_success(channel)?;
        let handle = session.handle();
        let sessions = self.sessions.clone();
        tokio::spawn(async move {
            if let Err(error) = attend(&mut child, open, channel, &handle).await {
                tracing::debug!(%error, "a session broke off");
            }
            sessions.fetch_sub(1, Ordering::Relaxed);
        });
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        _originator: &str,
        _originator_port: u32,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        let is_own = matches!(host, "127.0.0.1" | "localhost" | "::1")
            || host == self.identity.address.to_string();
        let (true, Ok(port)) = (is_own && !self.grant.is_restricted, u16::try_from(port)) else {
            return Ok(());
        };
        // Each node has a loopback address of its own; "127.0.0.1 as the node sees it" is that one.
        if let Ok(mut target) = TcpStream::connect((self.identity.address, port)).await {
            reply.accept().await;
            tokio::spawn(async move {
                let mut channel = channel.into_stream();
                let _ = tokio::io::copy_bidirectional(&mut channel, &mut target).await;
            });
        }
        Ok(())
    }
}

impl Connection {
    /// What authorized_keys, read at each log-in, says of a key.
    fn grant_of(&self, key: &PublicKey) -> Option<Grant> {
        let file =
            std::fs::read_to_string(self.home.join(".ssh/authorized_keys")).unwrap_or_default();
        file.lines().find_map(|line| {
            let (options, public_key) = split_options(line.trim());
            // A line that cannot be read opens nothing.
            let known = PublicKey::from_openssh(public_key).ok()?;
            (known.key_data() == key.key_data()).then(|| Grant {
                forced_command: options
                    .iter()
                    .find_map(|option| option.strip_prefix("command=\"")?.strip_suffix('"'))
                    .map(|text| text.replace("\\\"", "\"")),
                is_restricted: options
                    .iter()
                    .any(|option| option == "restrict" || option == "no-port-forwarding"),
            })
        })
    }

    fn shell(&self, command: &str, environment: Vec<(String, String)>) -> Command {
        let mut child = Command::new("/bin/sh");
        child
            .arg("-c")
            .arg(command)
            .env_clear()
            .env("HOME", self.home.path())
            .env(
                "PATH",
                format!(
                    "{}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
                    self.home.tools().display()
                ),
            )
            // As sshd(8) sets it: client address and port, own address and port.
            .env(
                "SSH_CONNECTION",
                self.peer.map_or_else(String::new, |peer| {
                    format!(
                        "{} {} {} {}",
                        peer.ip(),
                        peer.port(),
                        self.identity.address,
                        self.identity.port
                    )
                }),
            )
            .env("USER", "rehearsal")
            .env("SHELL", "/bin/sh")
            .env("TRAINYARD_REHEARSAL_STATE", self.home.state())
            .env(
                "TRAINYARD_REHEARSAL_ADDRESS",
                self.identity.address.to_string(),
            )
            .envs(
                self.identity
                    .ms_swift
                    .starts_with("3.")
                    .then(|| ("MEGATRON_LM_PATH", self.home.megatron_lm())),
            )
            .envs(environment)
            .current_dir(self.home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        child
    }
}

/// Splits a line of authorized_keys (sshd(8)) into its options and the key. Options are separated by commas; quoted ones may hold
/// spaces, commas and `\"`, which the parser of ssh-key 0.7 does not take.
fn split_options(line: &str) -> (Vec<String>, &str) {
    if line.starts_with("ssh-") || line.starts_with("ecdsa-") || line.starts_with("sk-") {
        return (Vec::new(), line);
    }
    let (mut options, mut option, mut is_quoted, mut before) =
        (Vec::new(), String::new(), false, ' ');
    for (at, c) in line.char_indices() {
        match c {
            '"' if before != '\\' => {
                is_quoted = !is_quoted;
                option.push(c);
            }
            ',' if !is_quoted => options.push(std::mem::take(&mut option)),
            ' ' | '\t' if !is_quoted => {
                options.push(option);
                return (options, line[at..].trim_start());
            }
            _ => option.push(c),
        }
        before = c;
    }
    (options, "")
}

/// Carries a session's bytes until the command has ended. The command's own process group is not ended with the connection: what
/// was started with setsid lives on, as under sshd.
async fn attend(
    child: &mut Command,
    channel: Channel<Msg>,
    id: ChannelId,
    handle: &server::Handle,
) -> anyhow::Result<()> {
    let gone = |()| anyhow::anyhow!("the connection is gone");
    let mut child = child.spawn()?;
    let (mut stdin, mut stdout, mut stderr) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (mut incoming, outgoing) = channel.split();
    let pid = child
        .id()
        .and_then(|pid| i32::try_from(pid).ok())
        .and_then(rustix::process::Pid::from_raw);
    // Taken off the channel at once, whatever the program does: while a channel's queue is full, russh's session stands still in both
    // directions, and a program that waits for its output to be read (`cat`) would never read its input.
    let (queue, mut queued) = tokio::sync::mpsc::unbounded_channel::<Bytes>();
    let mut queue = Some(queue);
    tokio::spawn(async move {
        while let Some(data) = queued.recv().await {
            let Some(pipe) = &mut stdin else { return };
            if pipe.write_all(&data).await.is_err() {
                return; // the program reads no more
            }
        }
    });
    let feed = tokio::spawn(async move {
        while let Some(message) = incoming.wait().await {
            match message {
                ChannelMsg::Data { data } => {
                    if let Some(queue) = &queue {
                        let _ = queue.send(data);
                    }
                }
                ChannelMsg::Eof => queue = None,
                ChannelMsg::Signal { signal } => {
                    if let (Some(pid), Some(signal)) = (pid, signal_number(&signal)) {
                        rustix::process::kill_process(pid, signal).ok();
                    }
                }
                ChannelMsg::Close => return,
                _ => {}
            }
        }
    });
    let (mut out, mut err) = (outgoing.make_writer(), outgoing.make_writer_ext(Some(1)));
    let copies = async {
        let stdout = async {
            if let Some(pipe) = &mut stdout {
                let _ = tokio::io::copy(pipe, &mut out).await;
            }
        };
        let stderr = async {
            if let Some(pipe) = &mut stderr {
                let _ = tokio::io::copy(pipe, &mut err).await;
            }
        };
        tokio::join!(stdout, stderr);
    };
    let ((), status) = tokio::join!(copies, child.wait());
    let status = status?;
    feed.abort();
    match (status.code(), status.signal()) {
        (Some(code), _) => handle
            .exit_status_request(id, code.unsigned_abs())
            .await
            .map_err(gone)?,
        (None, number) => {
            let signal = signal_name(number.unwrap_or(0));
            handle
                .exit_signal_request(id, signal, false, String::new(), String::new())
                .await
                .map_err(gone)?;
        }
    }
    handle.eof(id).await.map_err(gone)?;
    handle.close(id).await.map_err(gone)
}

fn signal_number(signal: &Sig) -> Option<rustix::process::Signal> {
    use rustix::process::Signal;
    Some(match signal {
        Sig::HUP => Signal::HUP,
        Sig::INT => Signal::INT,
        Sig::KILL => Signal::KILL,
        Sig::TERM => Signal::TERM,
        Sig::USR1 => Signal::USR1,
        _ => return None,
    })
}

fn signal_name(number: i32) -> Sig {
    match number {
        1 => Sig::HUP,
        2 => Sig::INT,
        3 => Sig::QUIT,
        4 => Sig::ILL,
        6 => Sig::ABRT,
        8 => Sig::FPE,
        9 => Sig::KILL,
        10 => Sig::USR1,
        11 => Sig::SEGV,
        13 => Sig::PIPE,
        14 => Sig::ALRM,
        15 => Sig::TERM,
        other => Sig::Custom(other.to_string()),
    }
}
