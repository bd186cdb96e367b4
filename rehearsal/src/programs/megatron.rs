//! `megatron sft`, `megatron pt` and 4.x's `megatron export` of ms-swift 4.6.0 and 3.9.3: the command starts torchrun's agent, which starts the ranks.
//!
//! All three are this binary under the name of the node's Python, so the tree looks as the real one does:
//! `megatron sft …` → `python3 -m torch.distributed.run … sft.py …` → `python3 -u …/_megatron/sft.py …` per rank.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use super::arguments::{Arguments, Refusal};
use crate::checkpoints::Left;
use crate::exporting::{self, Crew, Program};
use crate::release::{Generation, Release};
use crate::training::collective::Collective;
use crate::training::dataset::DatasetError;
use crate::training::run::{self, Place};
use crate::training::settings::Refused;
use crate::training::torchrun::{self, Launch};
use crate::training::world;

const AGENT: &str = "torch.distributed.run";
const SCRIPTS: &str = "/opt/ms-swift/swift/cli/_megatron/";

/// `megatron` with what stands behind it: prints what it runs, waits, and leaves with the same code.
///
/// Signals are not passed on, as the real one does not: whoever stops a run has to signal the whole group.
pub fn run(words: &[String]) -> Result<ExitCode> {
    let Some((method, rest)) = words.split_first() else {
        bail!("IndexError: list index out of range")
    };
    let release = Release::here();
    if method == "rlhf" {
        bail!("NotImplementedError: megatron rlhf is not part of this rehearsal");
    }
    if !is_method(&release, method) {
        bail!("KeyError: '{method}'");
    }
    let python = python();
    let mut command: Vec<String> = Vec::new();
    if environment("NPROC_PER_NODE").is_some() || environment("NNODES").is_some() {
        command.extend(["-m".to_owned(), AGENT.to_owned()]);
        for name in [
            "NPROC_PER_NODE",
            "MASTER_PORT",
            "NNODES",
            "NODE_RANK",
            "MASTER_ADDR",
        ] {
            if let Some(value) = environment(name) {
                command.extend([format!("--{}", name.to_lowercase()), value]);
            }
        }
    }
    command.push(format!("{SCRIPTS}{method}.py"));
    command.extend(rest.iter().cloned());
    println!("run sh: `{python} {}`", command.join(" "));
    let status = Command::new(std::env::current_exe()?)
        .arg0(&python)
        .args(&command)
        .status()
        .context("start the agent")?;
    // A child killed by a signal is minus the signal to Python, which exits with it modulo 256.
    let code = status
        .code()
        .unwrap_or_else(|| 256 - status.signal().unwrap_or(1));
    Ok(ExitCode::from(code as u8))
}

/// The inner parts of the tree: what `python3` was called with, if it is one of them.
pub fn inner(words: &[String]) -> Option<Result<ExitCode>> {
    match words {
        [flag, module, rest @ ..] if flag == "-m" && module == AGENT => {
            Some(Launch::parse(python(), rest).and_then(|launch| torchrun::run(&launch)))
        }
        [flag, rest @ ..] if flag == "-u" => inner(rest),
        [script, rest @ ..] => {
            let method = script.strip_prefix(SCRIPTS)?.strip_suffix(".py")?;
            is_method(&Release::here(), method).then(|| Ok(rank(method, rest)))
        }
        [] => None,
    }
}

/// `megatron export` came with 3.10.
fn is_method(release: &Release, method: &str) -> bool {
    matches!(method, "sft" | "pt") || method == "export" && release.generation() == Generation::Four
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The interpreter this program was called through.
pub(crate) fn python() -> String {
    let called = std::env::args_os()
        .next()
        .map(PathBuf::from)
        .unwrap_or_default();
    let folder = called
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder
        .unwrap_or(Path::new("/usr/bin"))
        .join("python3")
        .to_string_lossy()
        .into_owned()
}

/// One rank. Everything that goes wrong ends as a Python traceback with the rank in front.
fn rank(method: &str, words: &[String]) -> ExitCode {
    let number = |name: &str, default: usize| {
        environment(name)
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let place = Place {
        rank: number("RANK", 0),
        local_rank: number("LOCAL_RANK", 0),
        size: number("WORLD_SIZE", 1),
        local_size: number("LOCAL_WORLD_SIZE", 1),
        master_address: environment("MASTER_ADDR").unwrap_or_else(|| "127.0.0.1".into()),
        master_port: u16::try_from(number("MASTER_PORT", 29500)).unwrap_or(29500),
    };
    // torchrun gives every rank a session of its own; without torchrun the rank leads its group already and this fails.
    let _ = rustix::process::setsid();
    let release = Release::here();
    let outcome = work(release, method, words, &place);
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    if error.is::<Left>() {
        return ExitCode::SUCCESS;
    }
    if let Some(Refusal::Invalid { .. }) = error.downcast_ref() {
        eprintln!("usage: {method}.py [-h]\n{method}.py: error: {error}");
        return ExitCode::from(2);
    }
    let said = match error.downcast_ref::<Refusal>() {
        Some(refusal) => format!("ValueError: {refusal}"),
        None if error.is::<Refused>() || error.is::<DatasetError>() => error.to_string(),
        None if names_exception(&error) => error.to_string(),
        None => format!("RuntimeError: {error:#}"),
    };
    let rank = place.rank;
    let said = said.replace('\n', &format!("\n[rank{rank}]: "));
    eprintln!("[rank{rank}]: Traceback (most recent call last):\n[rank{rank}]: {said}");
    ExitCode::FAILURE
}

fn work(release: Release, method: &str, words: &[String], place: &Place) -> Result<()> {
    release.import_megatron()?;
    if method != "export" {
        let arguments = Arguments::parse_of(release.generation(), "megatron sft", words)?;
        return run::run(release, arguments, place, method == "pt");
    }
    let arguments = Arguments::parse_of(release.generation(), "megatron export", words)?;
    let ranks = [place.rank, place.local_rank, place.size, place.local_size];
    let collective = Collective::join(
        &place.master_address,
        place.master_port,
        place.rank,
        place.size,
    )
    .map_err(|error| Refused(format!("torch.distributed.DistNetworkError: {error}")))?;
    let crew = Crew {
        world: world::world(&arguments, ranks)?,
        collective: Some(collective),
    };
    exporting::run(&release, Program::Megatron, arguments, crew)
}

/// Whether an error begins with the name of a Python exception, `module.SomeError: `.
pub(super) fn names_exception(error: &anyhow::Error) -> bool {
    let text = error.to_string();
    let name = text.split(": ").next().unwrap_or_default();
    !name.contains(' ') && (name.ends_with("Error") || name.ends_with("Exception"))
}
