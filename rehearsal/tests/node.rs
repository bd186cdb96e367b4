//! A node as OpenSSH's own client sees it.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A node with its own loopback address, taken down when dropped.
struct Node {
    folder: TempDir,
    address: &'static str,
    port: u16,
}

impl Node {
    fn up(address: &'static str) -> Node {
        let folder = tempfile::tempdir().expect("a folder");
        let port = std::net::TcpListener::bind((address, 0))
            .expect("a port")
            .local_addr()
            .expect("an address")
            .port();
        let key = folder.path().join("key");
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(&key)
            .status();
        assert!(
            made.expect("ssh-keygen runs (Debian: openssh-client)")
                .success()
        );
        let node = Node {
            folder,
            address,
            port,
        };
        let up = node.rehearsal().args([
            "up",
            "--name",
            "node-1",
            "--address",
            address,
            "--port",
            &port.to_string(),
        ]);
        let up = up
            .arg("--home")
            .arg(node.home())
            .arg("--authorized-key")
            .arg(node.folder.path().join("key.pub"))
            .output();
        let up = up.expect("rehearsal runs");
        assert!(
            up.status.success(),
            "{}",
            String::from_utf8_lossy(&up.stderr)
        );
        node
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn rehearsal(&self) -> &'static mut Command {
        Box::leak(Box::new(Command::new(env!("CARGO_BIN_EXE_rehearsal"))))
    }

    fn ssh(&self, options: &[&str]) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.args([
            "-F",
            "none",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "LogLevel=ERROR",
        ])
        .args([
            "-o",
            "BatchMode=yes",
            "-o",
            "IdentitiesOnly=yes",
            "-p",
            &self.port.to_string(),
            "-i",
        ])
        .arg(self.folder.path().join("key"))
        .args(options)
        .arg(format!("rehearsal@{}", self.address));
        ssh
    }

    fn run(&self, command: &str, stdin: &[u8]) -> Output {
        let mut child = self
            .ssh(&[])
            .arg(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("ssh runs");
        let mut input = child.stdin.take().expect("a pipe");
        let stdin = stdin.to_vec();
        let feed = std::thread::spawn(move || input.write_all(&stdin).ok());
        let output = child.wait_with_output().expect("ended");
        feed.join().expect("fed");
        output
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.rehearsal()
            .arg("down")
            .arg("--home")
            .arg(self.home())
            .status()
            .ok();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn openssh_runs_commands_with_their_streams_and_exit_codes() {
    let node = Node::up("127.0.0.21");
    let output = node.run("cat; echo home=$HOME; echo oops >&2; exit 7", b"typed\n");
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
    assert_eq!(
        text(&output.stdout),
        format!("typed\nhome={}\n", node.home().display())
    );
    assert_eq!(text(&output.stderr), "oops\n");
    // ssh turns an exit signal into 255.
    assert_eq!(node.run("kill -9 $$", b"").status.code(), Some(255));
}

#[test]
fn many_bytes_pass_unchanged_in_both_directions() {
    let node = Node::up("127.0.0.22");
    let bytes: Vec<u8> = (0..8_000_003_u32)
        .map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect();
    assert!(node.run("cat", &bytes).stdout == bytes);
}

#[test]
fn a_key_that_is_not_listed_is_refused() {
    let node = Node::up("127.0.0.23");
    std::fs::write(node.home().join(".ssh/authorized_keys"), "# nobody\n").expect("written");
    assert_eq!(node.run("true", b"").status.code(), Some(255));
}

#[test]
fn a_restricted_key_runs_its_own_command_and_forwards_nothing() {
    let node = Node::up("127.0.0.24");
    let file = node.home().join(".ssh/authorized_keys");
    let key = std::fs::read_to_string(&file).expect("there");
    std::fs::write(
        &file,
        format!("restrict,command=\"echo forced; echo \\\"$SSH_ORIGINAL_COMMAND\\\"\" {key}"),
    )
    .expect("written");
    assert_eq!(
        text(&node.run("rm -rf /", b"").stdout),
        "forced\nrm -rf /\n"
    );
    let forwarded = node.ssh(&["-W", "127.0.0.1:1"]).output().expect("ssh runs");
    assert!(!forwarded.status.success());
}

#[test]
fn nvidia_smi_and_the_launchers_are_on_the_path() {
    let node = Node::up("127.0.0.25");
    let output = node.run("nvidia-smi --query-gpu=index,memory.used --format=csv,noheader,nounits; head -1 $(command -v megatron)", b"");
    let python = node.home().join("opt/venv/bin/python3");
    assert_eq!(
        text(&output.stdout),
        format!("0, 0\n1, 0\n#!{}\n", python.display()),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(
        node.run("python3 -c 'print(1)'", b"").status.code(),
        Some(1),
        "there is no Python behind it"
    );
}

#[test]
fn jobs_outlive_their_session_and_end_with_the_node() {
    let node = Node::up("127.0.0.26");
    let pid = text(
        &node
            .run(
                "setsid sleep 300 > /dev/null 2>&1 < /dev/null & echo $!",
                b"",
            )
            .stdout,
    );
    // A zombie has ended, whoever is to collect it.
    let lives = || {
        let stat =
            std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        stat.rsplit_once(") ")
            .is_some_and(|(_, rest)| !rest.starts_with('Z'))
    };
    assert!(lives(), "{pid} ended with its session");
    let down = node
        .rehearsal()
        .arg("down")
        .arg("--home")
        .arg(node.home())
        .output()
        .expect("rehearsal runs");
    assert!(down.status.success(), "{}", text(&down.stderr));
    assert!(!lives(), "{pid} outlived its node");
    assert!(std::net::TcpStream::connect((node.address, node.port)).is_err());
}
