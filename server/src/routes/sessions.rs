//! `/session/*`: plain forms that work before wasm arrives. What was typed (never the password) comes back on a refusal.

use app::context::{Caller, Theme};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use backend::{Backend, Error};
use domain::language::Language;
use serde::Deserialize;

use crate::cookies;
use crate::http_error::HttpError;

/// Sessions last 30 days from log-in.
const SESSION_SECS: u32 = 30 * 24 * 3600;

#[derive(Deserialize)]
pub struct Credentials {
    name: String,
    password: String,
    /// Of the one-time link; only when the first account is made.
    #[serde(default)]
    token: String,
    /// Where to go afterwards, a path on this host.
    #[serde(default)]
    next: String,
}

/// Makes the first admin account through the one-time link.
pub async fn setup(
    State(backend): State<Backend>,
    headers: HeaderMap,
    Form(typed): Form<Credentials>,
) -> Response {
    match backend::people::create_first_admin(&backend, &typed.token, &typed.name, &typed.password)
        .await
    {
        Ok(_) => log_in(State(backend), headers, Form(typed)).await,
        Err(Error::Invalid(findings)) => {
            let problem = match findings.first().map(|finding| finding.field.as_str()) {
                Some("name") => "name",
                Some("password") => "password",
                _ => "link",
            };
            let back = format!(
                "/setup?token={}&problem={problem}&name={}",
                encoded(&typed.token),
                encoded(&typed.name)
            );
            Redirect::to(&back).into_response()
        }
        Err(error) => HttpError(error).into_response(),
    }
}

pub async fn log_in(
    State(backend): State<Backend>,
    headers: HeaderMap,
    Form(typed): Form<Credentials>,
) -> Response {
    let agent = headers
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let problem = match backend::people::log_in(&backend, &typed.name, &typed.password, agent).await
    {
        Ok(token) => {
            let cookie = cookies::set_session(&token, SESSION_SECS);
            return (
                [(header::SET_COOKIE, cookie)],
                Redirect::to(own_path(&typed.next)),
            )
                .into_response();
        }
        Err(Error::Denied) => "wrong",
        Err(Error::Conflict(_)) => "slow",
        Err(error) => return HttpError(error).into_response(),
    };
    let back = format!(
        "/login?problem={problem}&name={}&next={}",
        encoded(&typed.name),
        encoded(&typed.next)
    );
    Redirect::to(&back).into_response()
}

pub async fn log_out(
    State(backend): State<Backend>,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    if let Some(token) = cookies::session(&headers) {
        backend::people::log_out(&backend, &token).await?;
    }
    Ok((
        [(header::SET_COOKIE, cookies::end_session())],
        Redirect::to("/login"),
    )
        .into_response())
}

#[derive(Deserialize)]
pub struct Choice {
    #[serde(default)]
    language: String,
    #[serde(default)]
    theme: String,
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub struct ProjectChoice {
    project: domain::ids::ProjectId,
}

/// The list of experiments is what a change of project leads to: every other page shows something of the one that is left. A project of
/// which the person is no member is never worked in, whatever the cookie says.
pub async fn project(Form(choice): Form<ProjectChoice>) -> Response {
    (
        [(header::SET_COOKIE, cookies::set_project(&choice.project))],
        Redirect::to("/experiments"),
    )
        .into_response()
}

pub async fn language(
    State(backend): State<Backend>,
    Extension(caller): Extension<Caller>,
    Form(choice): Form<Choice>,
) -> Result<Response, HttpError> {
    let language = if choice.language == "zh" {
        Language::Zh
    } else {
        Language::En
    };
    if let Some((_, actor)) = &caller.actor {
        backend::people::set_language(&backend, actor, language).await?;
    }
    Ok((
        [(header::SET_COOKIE, cookies::set_language(language))],
        Redirect::to(own_path(&choice.next)),
    )
        .into_response())
}

pub async fn theme(Form(choice): Form<Choice>) -> Response {
    let theme = Theme::from_name(&choice.theme);
    (
        [(header::SET_COOKIE, cookies::set_theme(theme))],
        Redirect::to(own_path(&choice.next)),
    )
        .into_response()
}

/// The path when it is one on this host, else the home page: a form must not send people elsewhere.
fn own_path(next: &str) -> &str {
    let is_own =
        next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n']);
    if is_own { next } else { "/" }
}

/// Percent-encoded for a query string.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_never_sends_people_to_another_host() {
        assert_eq!(own_path("/experiments?tab=logs"), "/experiments?tab=logs");
        for elsewhere in [
            "",
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "javascript:x",
            "/a\r\nSet-Cookie: x",
        ] {
            assert_eq!(own_path(elsewhere), "/", "{elsewhere:?}");
        }
    }

    #[test]
    fn what_was_typed_survives_the_query_string() {
        assert_eq!(encoded("张 & co"), "%E5%BC%A0%20%26%20co");
    }
}
