//! The agent between the command and its ranks: starts them, forwards signals, and when one fails ends the others of
//! its node and says so in torch's words. Ranks of other nodes are none of its business.

use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::python::Moment;

/// How long ranks have to leave after TERM.
const GRACE: Duration = Duration::from_secs(30);

/// What torchrun is told by its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    pub nodes: usize,
    pub node_rank: usize,
    pub ranks_per_node: usize,
    pub master_address: String,
    pub master_port: u16,
    /// The script every rank runs, and its arguments.
    pub script: String,
    pub words: Vec<String>,
    /// The interpreter that runs it; this very binary under Python's name.
    pub python: String,
}

impl Launch {
    /// Reads what stands behind `-m torch.distributed.run`. What is not said has torchrun's defaults.
    pub fn parse(python: String, words: &[String]) -> Result<Self> {
        let mut launch = Self {
            nodes: 1,
            node_rank: 0,
            ranks_per_node: 1,
            master_address: "127.0.0.1".into(),
            master_port: 29500,
            script: String::new(),
            words: Vec::new(),
            python,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let Some(name) = word.strip_prefix("--") else {
                launch.script = word.clone();
                launch.words = words.cloned().collect();
                return Ok(launch);
            };
            let value = words
                .next()
                .with_context(|| format!("argument --{name}: expected one argument"))?;
            let wrong = || format!("argument --{name}: invalid value: '{value}'");
            match name {
                "nproc_per_node" => launch.ranks_per_node = value.parse().with_context(wrong)?,
                "nnodes" => launch.nodes = value.parse().with_context(wrong)?,
                "node_rank" => launch.node_rank = value.parse().with_context(wrong)?,
                "master_addr" => launch.master_address = value.clone(),
                "master_port" => launch.master_port = value.parse().with_context(wrong)?,
                _ => bail!("unrecognized arguments: --{name}"),
            }
        }
        bail!("the following arguments are required: training_script")
    }
}

struct Failure {
    local_rank: usize,
    pid: u32,
    status: ExitStatus,
    at: Moment,
}

impl Failure {
    /// Python's exit code: minus the signal for a killed process.
    fn code(&self) -> i32 {
        use std::os::unix::process::ExitStatusExt;
        self.status
            .code()
            .unwrap_or_else(|| -self.status.signal().unwrap_or(0))
    }
}

/// Runs the script once per local rank and waits. The exit code is torchrun's: 1 as soon as any rank failed.
pub fn run(launch: &Launch) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(supervise(launch))
}

async fn supervise(launch: &Launch) -> Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut pids = Vec::new();
    let mut running = JoinSet::new();
    for local_rank in 0..launch.ranks_per_node {
        let mut child = start(launch, local_rank)?;
        let pid = child.id().context("a rank ended before it had a number")?;
        pids.push(Some(pid));
        running.spawn(async move { (local_rank, pid, child.wait().await) });
    }
    loop {
        let ended = tokio::select! {
            ended = running.join_next() => ended,
            _ = terminate.recv() => return Ok(forward(&mut running, &mut pids, Signal::TERM).await),
            _ = interrupt.recv() => return Ok(forward(&mut running, &mut pids, Signal::INT).await),
        };
        let Some(ended) = ended else {
            return Ok(ExitCode::SUCCESS);
        };
        let (local_rank, pid, status) = ended?;
        pids[local_rank] = None;
        let failure = Failure {
            local_rank,
            pid,
            status: status?,
            at: Moment::now(),
        };
        if !failure.status.success() {
            close(&mut running, &mut pids, Signal::TERM).await;
            report(launch, &failure);
            return Ok(ExitCode::FAILURE);
        }
    }
}

fn start(launch: &Launch, local_rank: usize) -> Result<Child> {
    let rank = launch.node_rank * launch.ranks_per_node + local_rank;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg0(&launch.python)
        .args(["-u", &launch.script])
        .args(&launch.words)
        .env("RANK", rank.to_string())
        .env("LOCAL_RANK", local_rank.to_string())
        .env(
            "WORLD_SIZE",
            (launch.nodes * launch.ranks_per_node).to_string(),
        )
        .env("LOCAL_WORLD_SIZE", launch.ranks_per_node.to_string())
        .env("GROUP_RANK", launch.node_rank.to_string())
        .env("MASTER_ADDR", &launch.master_address)
        .env("MASTER_PORT", launch.master_port.to_string())
        // Several ranks share a small machine: one thread each, as torchrun sets OMP_NUM_THREADS.
        .env("RAYON_NUM_THREADS", "1");
    command.spawn().context("start a rank")
}

type Running = JoinSet<(usize, u32, std::io::Result<ExitStatus>)>;

/// Ends what still runs: the signal, a grace, then KILL.
async fn close(running: &mut Running, pids: &mut [Option<u32>], how: Signal) {
    let name = if how == Signal::INT {
        "SIGINT"
    } else {
        "SIGTERM"
    };
    for pid in pids.iter().flatten() {
        eprintln!(
            "{} Sending process {pid} closing signal {name}",
            stamp('W', 908)
        );
        send(*pid, how);
    }
    let all_ended = async {
        while let Some(ended) = running.join_next().await {
            if let Ok((local_rank, ..)) = ended {
                pids[local_rank] = None;
            }
        }
    };
    if timeout(GRACE, all_ended).await.is_err() {
        for pid in pids.iter().flatten() {
            eprintln!(
                "{} Unable to shutdown process {pid} via {how:?}, forcefully exiting via SIGKILL",
                stamp('W', 927)
            );
            send(*pid, Signal::KILL);
        }
        while running.join_next().await.is_some() {}
    }
}

fn send(pid: u32, how: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended by itself in the meantime, which is what is wanted.
        let _ = kill_process(pid, how);
    }
}

async fn forward(running: &mut Running, pids: &mut [Option<u32>], how: Signal) -> ExitCode {
    close(running, pids, how).await;
    eprintln!("Traceback (most recent call last):");
    eprintln!(
        "torch.distributed.elastic.multiprocessing.api.SignalException: Process {} got signal: {}",
        std::process::id(),
        how.as_raw()
    );
    ExitCode::FAILURE
}

/// `E1123 23:48:23.908000 2397 torch/distributed/elastic/multiprocessing/api.py:986]`
fn stamp(level: char, line: u32) -> String {
    let now = Moment::now();
    format!(
        "{level}{:02}{:02} {}.{:03}000 {} torch/distributed/elastic/multiprocessing/api.py:{line}]",
        now.month,
        now.day,
        now.time(),
        now.micros / 1000,
        std::process::id()
    )
}

fn report(launch: &Launch, failure: &Failure) {
    eprintln!(
        "{} failed (exitcode: {}) local_rank: {} (pid: {}) of binary: {}",
        stamp('E', 986),
        failure.code(),
        failure.local_rank,
        failure.pid,
        launch.python
    );
    eprintln!("Traceback (most recent call last):");
    eprintln!("torch.distributed.elastic.multiprocessing.errors.ChildFailedError: ");
    eprint!("{}", block(launch, failure));
}

fn block(launch: &Launch, failure: &Failure) -> String {
    let (double, single) = ("=".repeat(60), "-".repeat(60));
    let at = failure.at;
    let code = failure.code();
    let traceback = match code {
        ..0 => format!(
            "Signal {} ({}) received by PID {}",
            -code,
            signal_name(-code),
            failure.pid
        ),
        _ => "To enable traceback see: https://pytorch.org/docs/stable/elastic/errors.html".into(),
    };
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!(
        "{double}\n{} FAILED\n{single}\nFailures:\n  <NO_OTHER_FAILURES>\n{single}\nRoot Cause (first observed failure):\n\
         [0]:\n  time      : {}_{}\n  host      : {}\n  rank      : {} (local_rank: {})\n  exitcode  : {code} (pid: {})\n  \
         error_file: <N/A>\n  traceback : {traceback}\n{double}\n",
        launch.script,
        at.date(),
        at.time(),
        host.trim(),
        launch.node_rank * launch.ranks_per_node + failure.local_rank,
        failure.local_rank,
        failure.pid,
    )
}

fn signal_name(number: i32) -> String {
    match number {
        6 => "SIGABRT".into(),
        9 => "SIGKILL".into(),
        11 => "SIGSEGV".into(),
        15 => "SIGTERM".into(),
        other => format!("signal {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn the_block_is_the_captured_one() {
        // ms-swift 4.6.0, fixture failures/export_to_hf_rope_theta.log
        let captured = "============================================================
/opt/ms-swift/swift/cli/_megatron/export.py FAILED
------------------------------------------------------------
Failures:
  <NO_OTHER_FAILURES>
------------------------------------------------------------
Root Cause (first observed failure):
[0]:
  time      : 2026-11-23_23:48:23
  host      : HOST
  rank      : 0 (local_rank: 0)
  exitcode  : 1 (pid: 2422)
  error_file: <N/A>
  traceback : To enable traceback see: https://pytorch.org/docs/stable/elastic/errors.html
============================================================
";
        let words = ["/opt/ms-swift/swift/cli/_megatron/export.py".to_owned()];
        let launch = Launch::parse("/opt/venv/bin/python3".into(), &words).unwrap();
        let at = Moment::at(1_795_477_703, 0);
        let mut failure = Failure {
            local_rank: 0,
            pid: 2422,
            status: ExitStatus::from_raw(256),
            at,
        };
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        assert_eq!(
            block(&launch, &failure),
            captured.replace("HOST", host.trim())
        );
        failure.status = ExitStatus::from_raw(9);
        let killed = block(&launch, &failure);
        assert!(killed.contains("exitcode  : -9 (pid: 2422)"));
        assert!(killed.contains("traceback : Signal 9 (SIGKILL) received by PID 2422"));
    }

    #[test]
    fn the_launch_ends_where_the_script_begins() {
        let words = "--nproc_per_node 2 --master_port 29501 --nnodes 2 --node_rank 1 --master_addr 10.0.0.1 sft.py --nnodes 7";
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        let launch = Launch::parse("python3".into(), &words).unwrap();
        assert_eq!(
            (launch.nodes, launch.node_rank, launch.ranks_per_node),
            (2, 1, 2)
        );
        assert_eq!(
            (launch.master_address.as_str(), launch.master_port),
            ("10.0.0.1", 29501)
        );
        assert_eq!((launch.script.as_str(), launch.words.len()), ("sft.py", 2));
        assert!(Launch::parse("python3".into(), &words[..2]).is_err());
    }
}
