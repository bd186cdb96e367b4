//! `trainyard`: settings, telemetry, then the subcommand.

use std::process::{ExitCode, Termination};

use clap::Parser;
use server::settings::{Command, CommandLine};

/// A page's view is one deeply nested value; rendering it unoptimised overflows the usual 2 MiB. Only touched pages cost memory.
const STACK_BYTES: usize = 16 << 20;

fn main() -> ExitCode {
    let line = CommandLine::parse();
    match line.command.unwrap_or(Command::Serve(line.serve)) {
        Command::Serve(settings) => {
            server::telemetry::start(settings.json_logs);
            on_runtime(server::start::serve(settings)).report()
        }
        Command::Demo { setup } => {
            on_runtime(async move { server::tour::print(&setup).await }).report()
        }
        // These read files and end: they need no runtime.
        Command::Dataset(dataset) => server::dataset::run(&dataset),
        Command::Inspect(inspect) => server::inspect::run(&inspect),
        Command::Script(script) => server::script::run(&script),
        Command::Checkpoint(checkpoint) => server::checkpoint::run(&checkpoint),
    }
}

fn on_runtime(
    work: impl Future<Output = anyhow::Result<()>> + Send + 'static,
) -> anyhow::Result<()> {
    server::memory::give_back_large_blocks();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK_BYTES)
        .build()?;
    runtime.block_on(runtime.spawn(work))?
}
