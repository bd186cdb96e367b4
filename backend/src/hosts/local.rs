//! This machine, through `sh`: for tests and for a console that trains where it runs.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::sync::mpsc;

use super::{Exit, Host, HostError, Limits, Output, Wire};

/// The machine that the console runs on.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalHost;

#[async_trait]
impl Host for LocalHost {
    async fn run(&self, command: &str, stdin: Bytes, limits: Limits) -> Result<Output, HostError> {
        let broken = |error: std::io::Error| HostError::Broken(error.to_string());
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(broken)?;
        let (Some(mut input), Some(out), Some(err)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(HostError::Broken("sh was started without pipes".to_owned()));
        };
        let work = async {
            let feed = async move {
                // The command may end without reading what it was given.
                let _ = input.write_all(&stdin).await;
            };
            let (_, stdout, stderr) = tokio::join!(
                feed,
                bounded(out, limits.output_bytes),
                bounded(err, limits.output_bytes)
            );
            let status = child.wait().await.map_err(broken)?;
            let ((stdout, cut_out), (stderr, cut_err)) =
                (stdout.map_err(broken)?, stderr.map_err(broken)?);
            let exit = match (status.code(), status.signal()) {
                (Some(code), _) => Exit::Code(code),
                (None, signal) => Exit::Signal(signal.unwrap_or_default().to_string()),
            };
            Ok(Output {
                stdout,
                stderr,
                exit,
                is_cut: cut_out || cut_err,
            })
        };
        tokio::time::timeout(limits.time, work)
            .await
            .map_err(|_| HostError::TimedOut(limits.time))?
    }

    async fn stream(&self, command: &str) -> Result<mpsc::Receiver<Bytes>, HostError> {
        let broken = |error: std::io::Error| HostError::Broken(error.to_string());
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(command)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(broken)?;
        let mut out = child
            .stdout
            .take()
            .ok_or_else(|| HostError::Broken("sh was started without pipes".to_owned()))?;
        let (sender, receiver) = mpsc::channel(64);
        tokio::spawn(async move {
            let _child = child;
            loop {
                let mut buffer = bytes::BytesMut::with_capacity(64 << 10);
                tokio::select! {
                    read = out.read_buf(&mut buffer) => match read {
                        Ok(1..) => if sender.send(buffer.freeze()).await.is_err() { return },
                        Ok(0) | Err(_) => return,
                    },
                    () = sender.closed() => return,
                }
            }
        });
        Ok(receiver)
    }

    async fn connect(&self, port: u16) -> Result<Box<dyn Wire>, HostError> {
        let address = format!("127.0.0.1:{port}");
        let stream = tokio::net::TcpStream::connect(&address)
            .await
            .map_err(|error| HostError::Refused {
                address,
                why: error.to_string(),
            })?;
        Ok(Box::new(stream))
    }
}

/// Reads to the end, keeps at most `limit` bytes, says whether more came.
async fn bounded(
    mut from: impl tokio::io::AsyncRead + Unpin,
    limit: usize,
) -> std::io::Result<(Bytes, bool)> {
    let mut kept = Vec::new();
    let mut is_cut = false;
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return Ok((kept.into(), is_cut));
        }
        let room = limit.saturating_sub(kept.len()).min(read);
        kept.extend_from_slice(&buffer[..room]);
        is_cut |= room < read;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{read_file, write_file};
    use super::*;

    #[tokio::test]
    async fn a_command_gives_bytes_code_and_signal() {
        let run = async |command: &str| {
            LocalHost
                .run(command, Bytes::from_static(b"in"), Limits::of_secs(5))
                .await
        };
        let output = run("cat; echo out; printf '\\377' >&2; exit 7")
            .await
            .expect("ran");
        assert_eq!(output.stdout, "inout\n");
        assert_eq!(output.stderr.as_ref(), [0xff]);
        assert_eq!(output.exit, Exit::Code(7));
        assert_eq!(
            run("kill -9 $$").await.expect("ran").exit,
            Exit::Signal("9".to_owned())
        );
        let slow = LocalHost.run(
            "sleep 30",
            Bytes::new(),
            Limits {
                time: std::time::Duration::from_millis(50),
                output_bytes: 1,
            },
        );
        assert!(matches!(slow.await, Err(HostError::TimedOut(_))));
    }

    #[tokio::test]
    async fn a_file_is_read_by_offset_and_from_its_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("it's a log").display().to_string();
        assert_eq!(read_file(&LocalHost, &path, None, 10).await, Ok(None));
        write_file(
            &LocalHost,
            &path,
            Bytes::from_static(b"0123456789\xff\r\nend"),
            0o600,
        )
        .await
        .expect("written");
        let tail = read_file(&LocalHost, &path, None, 5)
            .await
            .expect("read")
            .expect("there");
        assert_eq!(
            (tail.bytes.as_ref(), tail.offset, tail.size),
            (b"\r\nend".as_slice(), 11, 16)
        );
        let middle = read_file(&LocalHost, &path, Some(8), 3)
            .await
            .expect("read")
            .expect("there");
        assert_eq!(
            (middle.bytes.as_ref(), middle.offset, middle.inode),
            (b"89\xff".as_slice(), 8, tail.inode)
        );
        let beyond = read_file(&LocalHost, &path, Some(99), 3)
            .await
            .expect("read")
            .expect("there");
        assert!(beyond.bytes.is_empty());
    }
}
