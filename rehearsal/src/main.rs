//! One binary for every part: it plays the program by whose name it is called, or runs a command of its own.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rehearsal::node::commands::{self, NodeArguments};
use rehearsal::serving::engine;
use rehearsal::{pretraining, programs};

#[derive(Debug, Parser)]
#[command(
    name = "rehearsal",
    version,
    about = "A small CPU stand-in for GPU nodes that speaks the real command lines"
)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a node in the foreground.
    Node(NodeArguments),
    /// Start a node in a session of its own; one that runs stays.
    Up(NodeArguments),
    #[command(hide = true)]
    ServeNode {
        #[arg(long)]
        home: PathBuf,
    },
    /// End a node and every process on it.
    Down {
        #[arg(long)]
        home: PathBuf,
    },
    /// Write the corpus and train the base model that is shipped.
    Pretrain(pretraining::Pretrain),
    /// Print the description by which a console adopts nodes as a cluster, the first as its main node.
    Describe {
        #[arg(long)]
        name: String,
        /// The private key that may log in.
        #[arg(long)]
        key: PathBuf,
        #[arg(required = true)]
        homes: Vec<PathBuf>,
    },
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    let called = words
        .first()
        .map(Path::new)
        .and_then(Path::file_name)
        .map(|name| name.to_string_lossy().into_owned());
    let outcome = match called.as_deref() {
        Some("nvidia-smi") => programs::nvidia_smi::run(&words[1..]).map(|text| print!("{text}")),
        Some("python3" | "python") => return programs::python::run(&words[1..]),
        Some(engine::TITLE) => return engine::run(),
        Some(title) if title.starts_with(engine::WORKER_TITLE) => return engine::run_worker(),
        _ => own_command(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn own_command() -> anyhow::Result<()> {
    match CommandLine::parse().command {
        Command::Node(arguments) => commands::node(arguments),
        Command::Up(arguments) => commands::up(arguments),
        Command::ServeNode { home } => commands::serve_node(&home),
        Command::Down { home } => commands::down(&home),
        Command::Pretrain(options) => pretraining::run(&options),
        Command::Describe { name, key, homes } => commands::describe(&name, &key, &homes),
    }
}
