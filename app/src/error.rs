//! What a page hears when a verb could not be done: the one place where backend errors become texts for people.

use domain::finding::Finding;
use domain::language::{Language, Text};
use leptos::server_fn::codec::JsonEncoding;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use serde::{Deserialize, Serialize};

/// The answer of a server function that is not the wanted one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum AppError {
    /// The session has ended.
    LoggedOut,
    /// The role is too low.
    Denied,
    NotFound,
    /// Each finding belongs beside its field.
    Invalid(Vec<Finding>),
    /// It cannot be done as things stand, or a machine does not answer; the text says why.
    Refused(Text),
    /// Ours to mend; the server's log has the chain.
    Internal,
    /// The console itself did not answer.
    Unreachable,
}

impl AppError {
    /// The sentence for a person.
    pub fn text(&self, language: Language) -> String {
        let text = match self {
            AppError::LoggedOut => Text::new(
                "You are logged out. Log in and try again.",
                "已退出登录，请登录后重试。",
            ),
            AppError::Denied => {
                Text::new("Your role does not allow this.", "您的角色无权执行此操作。")
            }
            AppError::NotFound => Text::new(
                "There is no such thing here (any more).",
                "这里没有（或已删除）该对象。",
            ),
            AppError::Invalid(findings) => {
                let lines: Vec<_> = findings
                    .iter()
                    .map(|f| f.text.in_language(language))
                    .collect();
                return lines.join(" · ");
            }
            AppError::Refused(text) => text.clone(),
            AppError::Internal => Text::new(
                "The console failed at this; its log says why. Nothing was changed.",
                "控制台处理失败，原因见其日志；没有任何改动。",
            ),
            AppError::Unreachable => Text::new("The console does not answer.", "控制台没有响应。"),
        };
        text.in_language(language).to_owned()
    }

    /// The findings of a form, empty for any other failure.
    pub fn findings(&self) -> &[Finding] {
        match self {
            AppError::Invalid(findings) => findings,
            _ => &[],
        }
    }
}

impl FromServerFnError for AppError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Request(_) | ServerFnErrorErr::Response(_) => AppError::Unreachable,
            _ => AppError::Internal,
        }
    }
}

// `Resource` and `ServerAction` print errors they cannot place.
impl std::fmt::Display for AppError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text(Language::En))
    }
}

impl std::error::Error for AppError {}

#[cfg(feature = "ssr")]
impl From<backend::Error> for AppError {
    fn from(error: backend::Error) -> Self {
        match error {
            backend::Error::NotFound(_) => AppError::NotFound,
            backend::Error::Invalid(findings) => AppError::Invalid(findings),
            backend::Error::Conflict(text) | backend::Error::Unavailable(text) => {
                AppError::Refused(text)
            }
            backend::Error::Denied => AppError::Denied,
            error @ backend::Error::Internal { .. } => {
                let mut chain = error.to_string();
                let mut source = std::error::Error::source(&error);
                while let Some(cause) = source {
                    chain = format!("{chain}: {cause}");
                    source = cause.source();
                }
                tracing::error!(chain, "a verb failed");
                AppError::Internal
            }
        }
    }
}

#[cfg(feature = "ssr")]
impl From<domain::ids::NotAnId> for AppError {
    fn from(_: domain::ids::NotAnId) -> Self {
        AppError::NotFound
    }
}
