//! The command line, typed and checked at start.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::checkpoint::Checkpoint;
use crate::dataset::Dataset;
use crate::inspect::Inspect;
use crate::script::Script;

/// Trainyard: fine-tune language models with Megatron-SWIFT on your own GPU nodes, from a browser.
#[derive(Debug, Parser)]
#[command(
    name = "trainyard",
    version,
    about,
    args_conflicts_with_subcommands = true
)]
pub struct CommandLine {
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Without a subcommand, `serve` runs with these.
    #[command(flatten)]
    pub serve: Serve,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the console.
    Serve(Serve),
    /// Say what tfevents files, a logging.jsonl or a train log hold; needs no console.
    Inspect(Inspect),
    /// Say what a train.sh tells ms-swift, what is wrong with it, and what it is in another release; runs nothing.
    Script(Script),
    /// Say whether a checkpoint or model folder is complete, and what is missing or truncated; needs no console.
    Checkpoint(Checkpoint),
    /// Check dataset files; needs no console.
    #[command(subcommand)]
    Dataset(Dataset),
    /// Walk the whole path through a fresh console's HTTP API: convert, train, gather, export, deploy, ask.
    Demo {
        /// The one-time link that the console printed.
        #[arg(long)]
        setup: String,
    },
}

#[derive(Debug, Clone, Args)]
pub struct Serve {
    /// Where the database and the key file lie.
    #[arg(long, env = "TRAINYARD_CONSOLE_DATA", default_value = "data/console")]
    pub data: PathBuf,
    /// Address to listen on. Anything but loopback is refused until an admin account exists.
    #[arg(long, env = "TRAINYARD_LISTEN", default_value = "127.0.0.1:7860")]
    pub listen: SocketAddr,
    /// Names under which browsers may reach the console besides the address above, as `host` or `host:port`.
    #[arg(long = "host", env = "TRAINYARD_HOSTS", value_delimiter = ',')]
    pub hosts: Vec<String>,
    /// Description of a rehearsal cluster (JSON, written by `make up`) that the first project adopts.
    #[arg(long)]
    pub rehearsal: Option<PathBuf>,
    /// Write logs as JSON lines.
    #[arg(long)]
    pub json_logs: bool,
}
