//! `trainyard`: settings, telemetry, then the subcommand.

use clap::Parser;
use server::settings::{Command, CommandLine};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let line = CommandLine::parse();
    match line.command.unwrap_or(Command::Serve(line.serve)) {
        Command::Serve(settings) => {
            server::telemetry::start(settings.json_logs);
            server::start::serve(settings).await
        }
    }
}
