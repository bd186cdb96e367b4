//! What a verb can answer instead of a result; no HTTP words here.

use domain::finding::Finding;
use domain::language::Text;
use thiserror::Error;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, Error)]
pub enum Error {
    /// No such thing, or not in a project of the person who asks.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// What was typed cannot be used; each finding belongs to a field.
    #[error("invalid: {}", .0.iter().map(|f| format!("{}: {}", f.field, f.text)).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<Finding>),
    /// It cannot be done now, because of how things stand.
    #[error("{0}")]
    Conflict(Text),
    /// A node or engine does not answer.
    #[error("{0}")]
    Unavailable(Text),
    /// Not logged in, or the role is too low.
    #[error("not allowed")]
    Denied,
    /// Ours to mend; the person gets an apology and a retry, the log gets the chain.
    #[error("failed to {doing}")]
    Internal {
        doing: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// `map_err(Error::internal("read the job"))`
    pub fn internal<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        doing: &'static str,
    ) -> impl FnOnce(E) -> Error {
        move |source| Error::Internal {
            doing,
            source: source.into(),
        }
    }
}
