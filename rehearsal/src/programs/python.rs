//! `python3` of a node: runs the launchers that pip would have written, and refuses all else.

use std::path::Path;
use std::process::ExitCode;

use super::{megatron, swift, vllm};

/// Runs with the arguments after the program name.
pub fn run(words: &[String]) -> ExitCode {
    // torchrun's agent and its ranks are this interpreter too.
    if let Some(outcome) = megatron::inner(words).or_else(|| swift::inner(words)) {
        return code(outcome);
    }
    match words {
        [flag] if flag == "--version" || flag == "-V" => {
            println!("Python 3.11.9");
            ExitCode::SUCCESS
        }
        [script, arguments @ ..] => {
            let name = Path::new(script)
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            launch(&name, arguments).unwrap_or_else(|| {
                eprintln!(
                    "python3: this rehearsal node runs its own launchers only, not {script:?}"
                );
                ExitCode::FAILURE
            })
        }
        [] => {
            eprintln!("python3: this rehearsal node has no interactive Python");
            ExitCode::FAILURE
        }
    }
}

/// The program of that name, if the node has it.
fn launch(name: &str, arguments: &[String]) -> Option<ExitCode> {
    match name {
        "megatron" => Some(code(megatron::run(arguments))),
        "swift" => Some(code(swift::run(arguments))),
        "vllm" => Some(vllm::run(arguments)),
        _ => None,
    }
}

fn code(outcome: anyhow::Result<ExitCode>) -> ExitCode {
    outcome.unwrap_or_else(|error| {
        eprintln!("Traceback (most recent call last):\n{error:#}");
        ExitCode::FAILURE
    })
}
