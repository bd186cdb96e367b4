//! How a start fails: the Python exception and the code that the program leaves with.

use std::process::ExitCode;

/// A refused or failed start.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// argparse's complaint under the program that complains; code 2.
    #[error("{usage}\n{program}: error: {problem}")]
    Usage {
        usage: &'static str,
        program: &'static str,
        problem: String,
    },
    /// An exception by its name and text, `OSError: [Errno 98] …`; code 1.
    #[error(
        "Traceback (most recent call last):\n  File \"/opt/venv/bin/vllm\", line 6, in <module>\n    sys.exit(main())\n             ^^^^^^\n{0}"
    )]
    Raised(String),
}

impl Failure {
    pub fn raised(exception: impl Into<String>) -> Self {
        Self::Raised(exception.into())
    }

    /// pydantic's shell around what a configuration refuses: `ModelConfig`, `ParallelConfig`.
    pub fn validation(class: &str, problem: &str) -> Self {
        Self::Raised(format!(
            "pydantic_core._pydantic_core.ValidationError: 1 validation error for {class}\n  Value error, {problem} [type=value_error, input_value=ArgsKwargs((), {{'model': ...nderer_num_workers': 1}}), input_type=ArgsKwargs]\n    For further information visit https://errors.pydantic.dev/2.14/v/value_error"
        ))
    }

    pub fn code(&self) -> ExitCode {
        match self {
            Self::Usage { .. } => ExitCode::from(2),
            Self::Raised(_) => ExitCode::FAILURE,
        }
    }
}
