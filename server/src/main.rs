//! `trainyard`: settings, telemetry, then the subcommand.

use clap::Parser;
use server::settings::{Command, CommandLine};

/// A page's view is one deeply nested value; rendering it unoptimised overflows the usual 2 MiB. Only touched pages cost memory.
const STACK_BYTES: usize = 16 << 20;

fn main() -> anyhow::Result<()> {
    server::memory::give_back_large_blocks();
    let line = CommandLine::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK_BYTES)
        .build()?;
    match line.command.unwrap_or(Command::Serve(line.serve)) {
        Command::Serve(settings) => {
            server::telemetry::start(settings.json_logs);
            runtime.block_on(runtime.spawn(server::start::serve(settings)))?
        }
        Command::Demo { setup } => runtime.block_on(server::tour::print(&setup)),
    }
}
