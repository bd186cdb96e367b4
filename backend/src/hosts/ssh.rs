//! A machine over SSH: one multiplexed connection for commands and one for ports, raw channels, a pinned host key.
//!
//! Channels instead of the library's `execute`: that buffers everything without bound and loses exit signals.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_ssh2_tokio::client::{AuthMethod, Client, ServerCheckMethod};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use domain::nodes::Address;
use russh::{Channel, ChannelMsg, Preferred, cipher, client};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;

use super::{Exit, Host, HostError, Limits, Output, Wire};

/// sshd allows ten sessions on a connection by default; eight leave room for a person's own.
const SESSIONS: usize = 8;
const CONNECT: Duration = Duration::from_secs(10);
/// How long the node may refuse sessions for.
const REFUSED: Duration = Duration::from_secs(2);
const KEEP_ALIVE: Duration = Duration::from_secs(10);
const KEEP_ALIVES_MISSED: usize = 3;

/// How to get in.
#[derive(Clone)]
pub struct Login {
    pub address: Address,
    /// OpenSSH text of the private key, unencrypted.
    pub private_key: String,
    /// Pinned host key in OpenSSH form (`ssh-ed25519 AAAA…`).
    pub host_key: String,
}

/// One node. Connects when first needed and again when the connection broke.
pub struct SshHost {
    login: Login,
    client: Mutex<Option<Client>>,
    /// A connection of their own for engines' answers: while one of them is not read, its connection stands still.
    wires: Mutex<Option<Client>>,
    sessions: Arc<Semaphore>,
}

impl SshHost {
    pub fn new(login: Login) -> Self {
        SshHost {
            login,
            client: Mutex::new(None),
            wires: Mutex::new(None),
            sessions: Arc::new(Semaphore::new(SESSIONS)),
        }
    }

    async fn client(&self) -> Result<Client, HostError> {
        self.opened(&self.client).await
    }

    async fn opened(&self, kept: &Mutex<Option<Client>>) -> Result<Client, HostError> {
        let mut client = kept.lock().await;
        if let Some(open) = client.as_ref().filter(|client| !client.is_closed()) {
            return Ok(open.clone());
        }
        let opened = timeout(CONNECT, connect(&self.login))
            .await
            .map_err(|_| HostError::TimedOut(CONNECT))??;
        Ok(client.insert(opened).clone())
    }

    /// Lets go of a connection that did not answer, so that the next call opens a new one. While somebody connects, it is gone already.
    fn forget(kept: &Mutex<Option<Client>>) {
        if let Ok(mut client) = kept.try_lock() {
            client.take();
        }
    }

    /// One of the sessions, waited for at most `limit`.
    async fn session(&self, limit: Duration) -> Result<OwnedSemaphorePermit, HostError> {
        timeout(limit, self.sessions.clone().acquire_owned())
            .await
            .map_err(|_| HostError::Busy(limit))?
            .map_err(|_| HostError::Broken("closed".to_owned()))
    }

    async fn run_now(
        &self,
        command: &str,
        stdin: Bytes,
        limits: Limits,
    ) -> Result<Output, HostError> {
        let client = self.client().await?;
        let mut channel = timeout(CONNECT, open_channel(&client))
            .await
            .map_err(|_| HostError::TimedOut(CONNECT))??;
        let broken = |error: russh::Error| HostError::Broken(error.to_string());
        channel.exec(true, command).await.map_err(broken)?;
        // Fed beside reading: a command that answers before it has read everything would otherwise stall both sides.
        let mut writer = channel.make_writer();
        let feed = tokio::spawn(async move {
            use tokio::io::AsyncWriteExt;
            let _ = writer.write_all(&stdin).await;
            let _ = writer.shutdown().await;
        });
        let (mut stdout, mut stderr, mut is_cut, mut exit) =
            (BytesMut::new(), BytesMut::new(), false, None);
        while let Some(message) = channel.wait().await {
            match message {
                ChannelMsg::Data { data } => {
                    is_cut |= keep(&mut stdout, &data, limits.output_bytes)
                }
                ChannelMsg::ExtendedData { data, .. } => {
                    is_cut |= keep(&mut stderr, &data, limits.output_bytes)
                }
                ChannelMsg::ExitStatus { exit_status } => {
                    exit = Some(Exit::Code(exit_status.cast_signed()))
                }
                ChannelMsg::ExitSignal { signal_name, .. } => {
                    exit = Some(Exit::Signal(signal_text(&signal_name)))
                }
                ChannelMsg::Failure => {
                    return Err(HostError::Broken(
                        "the server refused to run a command".to_owned(),
                    ));
                }
                _ => {}
            }
        }
        feed.abort();
        // A stream that ends without a status is a broken connection, never "the command has ended".
        let exit = exit.ok_or_else(|| {
            HostError::Broken("the connection closed before the command ended".to_owned())
        })?;
        Ok(Output {
            stdout: stdout.freeze(),
            stderr: stderr.freeze(),
            exit,
            is_cut,
        })
    }
}

#[async_trait]
impl Host for SshHost {
    async fn run(&self, command: &str, stdin: Bytes, limits: Limits) -> Result<Output, HostError> {
        let _session = self.session(limits.time).await?;
        let result = timeout(limits.time, self.run_now(command, stdin, limits))
            .await
            .unwrap_or(Err(HostError::TimedOut(limits.time)));
        if matches!(result, Err(HostError::TimedOut(_) | HostError::Broken(_))) {
            Self::forget(&self.client);
        }
        result
    }

    async fn stream(&self, command: &str) -> Result<mpsc::Receiver<Bytes>, HostError> {
        let session = self.session(CONNECT).await?;
        let open = async {
            let client = self.client().await?;
            let broken = |error: &dyn std::fmt::Display| HostError::Broken(error.to_string());
            let channel = open_channel(&client).await?;
            channel
                .exec(true, command)
                .await
                .map_err(|error| broken(&error))?;
            Ok(channel)
        };
        let opened = timeout(CONNECT, open)
            .await
            .unwrap_or(Err(HostError::TimedOut(CONNECT)));
        let mut channel = match opened {
            Ok(channel) => channel,
            Err(error) => {
                Self::forget(&self.client);
                return Err(error);
            }
        };
        let (sender, receiver) = mpsc::channel(64);
        tokio::spawn(async move {
            // The session counts until it is closed.
            let _session = session;
            loop {
                tokio::select! {
                    message = channel.wait() => match message {
                        Some(ChannelMsg::Data { data }) => if sender.send(data).await.is_err() { break },
                        Some(ChannelMsg::Failure) | None => break,
                        Some(_) => {}
                    },
                    () = sender.closed() => break,
                }
            }
            let _ = channel.close().await;
        });
        Ok(receiver)
    }

    async fn connect(&self, port: u16) -> Result<Box<dyn Wire>, HostError> {
        let target = SocketAddr::from(([127, 0, 0, 1], port));
        let open = async {
            let client = self.opened(&self.wires).await?;
            let channel = client.open_direct_tcpip_channel(target, None).await;
            channel.map_err(|error| HostError::Refused {
                address: format!("port {port} on the node"),
                why: error.to_string(),
            })
        };
        let Ok(opened) = timeout(CONNECT, open).await else {
            // It stands still: the next one is not to wait behind it.
            Self::forget(&self.wires);
            return Err(HostError::TimedOut(CONNECT));
        };
        Ok(Box::new(opened?.into_stream()))
    }
}

/// Opens a session. sshd still counts sessions that have just been closed, so that eight ends and eight beginnings at once look like
/// sixteen to it: what it refuses is asked for again.
async fn open_channel(client: &Client) -> Result<Channel<client::Msg>, HostError> {
    use async_ssh2_tokio::Error::SshError;
    let begun = Instant::now();
    loop {
        match client.get_channel().await {
            Ok(channel) => return Ok(channel),
            Err(SshError(russh::Error::ChannelOpenFailure(_))) => {
                if begun.elapsed() > REFUSED {
                    return Err(HostError::Busy(REFUSED));
                }
                tokio::time::sleep(REFUSED / 40).await;
            }
            Err(error) => return Err(HostError::Broken(error.to_string())),
        }
    }
}

/// True when something had to be dropped.
fn keep(kept: &mut BytesMut, data: &[u8], limit: usize) -> bool {
    let room = limit.saturating_sub(kept.len()).min(data.len());
    kept.extend_from_slice(&data[..room]);
    room < data.len()
}

fn signal_text(signal: &russh::Sig) -> String {
    match signal {
        russh::Sig::Custom(name) => name.clone(),
        other => format!("{other:?}"),
    }
}

/// The transport: AES-GCM first (fastest where the CPU has AES), keep-alives so that a half-open connection is noticed.
pub(super) fn transport() -> client::Config {
    let first = [cipher::AES_128_GCM, cipher::AES_256_GCM];
    let others = Preferred::DEFAULT
        .cipher
        .iter()
        .copied()
        .filter(|name| !first.contains(name));
    let ciphers: Vec<_> = first.into_iter().chain(others).collect();
    client::Config {
        preferred: Preferred {
            cipher: ciphers.into(),
            ..Preferred::DEFAULT
        },
        keepalive_interval: Some(KEEP_ALIVE),
        keepalive_max: KEEP_ALIVES_MISSED,
        nodelay: true,
        ..client::Config::default()
    }
}

/// The addresses of a host, looked up without blocking the async threads.
pub(super) async fn resolve(host: &str, port: u16) -> Result<SocketAddr, HostError> {
    tokio::net::lookup_host((host, port))
        .await
        .ok()
        .and_then(|mut found| found.next())
        .ok_or_else(|| HostError::UnknownHost(host.to_owned()))
}

async fn connect(login: &Login) -> Result<Client, HostError> {
    let Address { host, port, user } = &login.address;
    let address = resolve(host, *port).await?;
    let pinned = login
        .host_key
        .split_whitespace()
        .nth(1)
        .unwrap_or(&login.host_key)
        .to_owned();
    Client::connect_with_config(
        address,
        user,
        AuthMethod::with_key(&login.private_key, None),
        ServerCheckMethod::PublicKey(pinned),
        transport(),
    )
    .await
    .map_err(|error| match error {
        async_ssh2_tokio::Error::KeyAuthFailed => HostError::KeyRefused(user.clone()),
        async_ssh2_tokio::Error::KeyInvalid(why) => HostError::KeyUnreadable(why.to_string()),
        async_ssh2_tokio::Error::ServerCheckFailed
        | async_ssh2_tokio::Error::SshError(russh::Error::UnknownKey) => HostError::HostKeyChanged,
        async_ssh2_tokio::Error::SshError(russh::Error::IO(why)) => HostError::Refused {
            address: address.to_string(),
            why: why.to_string(),
        },
        other => HostError::Broken(other.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_open_connection_is_noticed_within_half_a_minute() {
        // russh's own defaults would wait for ever.
        let config = transport();
        let interval = config.keepalive_interval.expect("keep-alives are on");
        let times = u32::try_from(config.keepalive_max).expect("a few");
        assert!(times > 0 && interval * times <= Duration::from_secs(30));
        assert!(config.nodelay);
    }
}
