//! `rehearsal node|up|down|describe`: what starts, ends and describes nodes.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;

use super::gpu::start_ticks;
use super::home::{Home, Identity};
use super::server;

/// What a node is made with.
#[derive(Debug, Args)]
pub struct NodeArguments {
    #[arg(long)]
    name: String,
    /// A loopback address of its own.
    #[arg(long)]
    address: IpAddr,
    #[arg(long, default_value_t = 2333)]
    port: u16,
    /// Its home folder; everything of the node lies in it.
    #[arg(long)]
    home: PathBuf,
    /// Public key that may log in.
    #[arg(long)]
    authorized_key: Option<PathBuf>,
    /// The release of ms-swift that it plays.
    #[arg(long, default_value = "4.6.0")]
    ms_swift: String,
    /// Another version of megatron-core than the release was tested with.
    #[arg(long)]
    megatron_core: Option<String>,
    /// Another version of torch than the release was tested with.
    #[arg(long)]
    torch: Option<String>,
    #[arg(long, default_value_t = 2)]
    gpus: u32,
}

impl NodeArguments {
    fn lay_out(self) -> anyhow::Result<Home> {
        if !self.address.is_loopback() {
            bail!(
                "a rehearsal node listens on loopback only, not on {}",
                self.address
            );
        }
        let home = Home::new(&self.home)?;
        let other = [("megatron_core", self.megatron_core), ("torch", self.torch)];
        let identity = Identity {
            other: other
                .into_iter()
                .filter_map(|(name, version)| Some((name.to_owned(), version?)))
                .collect(),
            name: self.name,
            address: self.address,
            port: self.port,
            ms_swift: self.ms_swift,
            gpus: self.gpus,
        };
        home.lay_out(&identity, self.authorized_key.as_deref())?;
        Ok(home)
    }
}

/// Serves a node in the foreground.
pub fn node(arguments: NodeArguments) -> anyhow::Result<()> {
    let home = arguments.lay_out()?;
    tokio::runtime::Runtime::new()?.block_on(server::serve(home))
}

/// Starts a node in a session of its own, and waits until it answers. A node that runs already stays as it is.
pub fn up(arguments: NodeArguments) -> anyhow::Result<()> {
    let home = arguments.lay_out()?;
    let identity = home.identity()?;
    let address = SocketAddr::new(identity.address, identity.port);
    if living(&home).is_some() {
        println!("{} is up at {address}", identity.name);
        return Ok(());
    }
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(home.join(".node/log"))?;
    let child = Command::new("setsid")
        .arg(std::env::current_exe()?)
        .arg("serve-node")
        .arg("--home")
        .arg(home.path())
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()
        .context("start the node in a session of its own (setsid, Debian: util-linux)")?;
    drop(child); // It outlives us; its own pid file says how to find it.
    let deadline = Instant::now() + Duration::from_secs(10);
    while living(&home).is_none()
        || TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_err()
    {
        if Instant::now() > deadline {
            let log = std::fs::read_to_string(home.join(".node/log")).unwrap_or_default();
            bail!(
                "{} does not answer at {address}: {}",
                identity.name,
                log.lines().last().unwrap_or("its log is empty")
            );
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    println!("{} is up at {address}", identity.name);
    Ok(())
}

/// What `up` starts: writes the pid file, then serves.
pub fn serve_node(home: &Path) -> anyhow::Result<()> {
    let home = Home::new(home)?;
    let own = std::process::id();
    let ticks = start_ticks(own).context("this process has a start time")?;
    std::fs::write(home.join(".node/pid"), format!("{own} {ticks}\n"))?;
    tokio::runtime::Runtime::new()?.block_on(server::serve(home))
}

/// Ends the node and every process that was started on it.
pub fn down(home: &Path) -> anyhow::Result<()> {
    let home = Home::new(home)?;
    let server = living(&home);
    if let Some(pid) = server {
        end(pid, "-TERM");
    }
    // Everything that runs on a node carries its state folder in the environment.
    let mark = format!("TRAINYARD_REHEARSAL_STATE={}", home.state().display());
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut signal = "-TERM";
    loop {
        let left = marked(&mark);
        if left.is_empty() && server.is_none_or(|pid| start_ticks(pid).is_none()) {
            std::fs::remove_file(home.join(".node/pid")).ok();
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("these processes did not end: {left:?}");
        }
        left.into_iter()
            .chain(server)
            .for_each(|pid| end(pid, signal));
        std::thread::sleep(Duration::from_millis(100));
        if Instant::now() + Duration::from_secs(5) > deadline {
            signal = "-KILL";
        }
    }
}

/// Prints the description by which a console adopts these nodes as one cluster, the first as its main node.
pub fn describe(name: &str, key: &Path, homes: &[PathBuf]) -> anyhow::Result<()> {
    let nodes = homes
        .iter()
        .map(|folder| {
            let home = Home::new(folder)?;
            let identity = home.identity()?;
            Ok(json!({
                "name": identity.name,
                "host": identity.address.to_string(),
                "port": identity.port,
                "user": "rehearsal",
                "host_key": server::host_key(&home.join(".node/host_key"))?.public_key().to_openssh()?,
                "work_folder": home.path(),
            }))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let description = json!({"name": name, "key": std::path::absolute(key)?, "nodes": nodes});
    println!("{}", serde_json::to_string_pretty(&description)?);
    Ok(())
}

/// The pid of the node's server, while it lives.
fn living(home: &Home) -> Option<u32> {
    let text = std::fs::read_to_string(home.join(".node/pid")).ok()?;
    let (pid, ticks) = text.trim().split_once(' ')?;
    let pid = pid.parse().ok()?;
    (start_ticks(pid) == ticks.parse().ok()).then_some(pid)
}

fn marked(mark: &str) -> Vec<u32> {
    let own = std::process::id();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids =
        processes.filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok());
    pids.filter(|pid| *pid != own)
        .filter(|pid| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment
                .split(|byte| *byte == 0)
                .any(|entry| entry == mark.as_bytes())
        })
        .filter(|pid| start_ticks(*pid).is_some())
        .collect()
}

fn end(pid: u32, signal: &str) {
    Command::new("kill")
        .args([signal, &pid.to_string()])
        .stderr(Stdio::null())
        .status()
        .ok();
}
