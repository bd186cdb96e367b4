//! `vllm` of release 0.32: the command in front of [`crate::serving`].

use std::process::ExitCode;

use crate::serving::errors::Failure;
use crate::serving::options::{self, Options};
use crate::serving::{VERSION, server, start};

const COMMANDS: [&str; 10] = [
    "chat",
    "complete",
    "serve",
    "launch",
    "bench",
    "collect-env",
    "download-kernels",
    "preload",
    "run-batch",
    "snapshot",
];

/// Runs with the arguments after the program name.
pub fn run(words: &[String]) -> ExitCode {
    let Some((command, rest)) = words.split_first() else {
        println!("{}", options::USAGE);
        return ExitCode::FAILURE;
    };
    match command.as_str() {
        "-v" | "--version" => println!("{VERSION}"),
        "-h" | "--help" => println!("{}", options::USAGE),
        "serve"
            if rest
                .iter()
                .any(|word| word == "-h" || word.starts_with("--help")) =>
        {
            print!("{}", options::help());
        }
        "serve" => return serve(rest).unwrap_or_else(|failure| fail(&failure)),
        known if COMMANDS.contains(&known) => {
            eprintln!("vllm {known}: not available on this rehearsal node");
            return ExitCode::FAILURE;
        }
        unknown => {
            let all = COMMANDS.map(|name| format!("'{name}'")).join(", ");
            return fail(&Failure::Usage {
                usage: options::USAGE,
                program: "vllm",
                problem: format!(
                    "argument subparser: invalid choice: '{unknown}' (choose from {all})"
                ),
            });
        }
    }
    ExitCode::SUCCESS
}

fn fail(failure: &Failure) -> ExitCode {
    eprintln!("{failure}");
    failure.code()
}

fn serve(words: &[String]) -> Result<ExitCode, Failure> {
    let options = Options::parse(words)?;
    start::check_combinations(&options)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::raised(format!("OSError: {error}")))?;
    let outcome = runtime.block_on(server::run(&options));
    // Streams that are still open end with the process, as with a shutdown timeout of 0.
    runtime.shutdown_background();
    outcome
}
