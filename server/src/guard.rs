//! The one authorisation layer, in front of every route.
//!
//! In this order: the Host must be ours (DNS rebinding), a writing request must come from our own Origin (request forgery),
//! then who asks (API key or session cookie), then whether this path is open to them.

use std::sync::Arc;

use app::context::Caller;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use backend::{Actor, Backend};

use crate::cookies;
use crate::routes::swanlab;

/// What the layer needs: who can be known, and under which names we are reached.
#[derive(Clone)]
pub struct Gate {
    pub backend: Backend,
    /// Accepted values of the Host header, lower case, with port.
    pub hosts: Arc<Vec<String>>,
}

/// What a path asks of the one who calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    /// Anyone: assets, health, the forms that make or open an account.
    Open,
    /// A page: who is not known is sent to log in.
    Page,
    /// A call by our own pages: a session, else 401.
    Session,
    /// The documented APIs: an API key or a session, else 401.
    Key,
    /// The SwanLab host: a key as that client sends it, the session it got for one, or leave to send one file.
    Tracker,
}

fn access(path: &str) -> Access {
    let below = |prefix: &str| {
        path == prefix
            || path
                .strip_prefix(prefix)
                .is_some_and(|rest| rest.starts_with('/'))
    };
    if below("/pkg")
        || below("/health")
        || below("/session")
        || path == "/login"
        || path == "/setup"
        || path == "/favicon.ico"
        // By which a client asks whether there is a host at all.
        || path == "/api"
    {
        Access::Open
    } else if below("/fn") || below("/events") {
        Access::Session
    } else if below("/console/v1") || below("/v1") {
        Access::Key
    } else if below("/api") {
        Access::Tracker
    } else {
        Access::Page
    }
}

/// The middleware.
pub async fn guard(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let headers = request.headers();
    let Some(host) = host_of(headers, &request) else {
        return refuse(StatusCode::BAD_REQUEST, "The request names no host.");
    };
    if !gate.hosts.contains(&host) {
        return refuse(
            StatusCode::MISDIRECTED_REQUEST,
            "This console is not reached under that name. Start it with --host NAME to allow it.",
        );
    }
    let writes = !matches!(*request.method(), Method::GET | Method::HEAD);
    if writes && !is_same_origin(headers, &host) {
        return refuse(
            StatusCode::FORBIDDEN,
            "The request comes from another site.",
        );
    }
    let path = request.uri().path().to_owned();
    let access = access(&path);
    let identified = match access {
        Access::Tracker => {
            let leave = swanlab::uploads::leave(&request);
            identify_client(&gate.backend, headers, leave).await
        }
        _ => identify(&gate.backend, headers).await,
    };
    let known = match identified {
        Ok(known) => known,
        Err(error) => return crate::http_error::HttpError(error).into_response(),
    };
    if known.is_none() {
        match access {
            Access::Open => {}
            Access::Page => return Redirect::to("/login").into_response(),
            Access::Tracker => return swanlab::answer::unknown_key().into_response(),
            Access::Session | Access::Key => {
                return refuse(
                    StatusCode::UNAUTHORIZED,
                    "Log in, or send an API key as `Authorization: Bearer …`.",
                );
            }
        }
    }
    let caller = Caller {
        language: cookies::language(headers),
        theme: cookies::theme(headers),
        actor: known,
    };
    if let Some((_, actor)) = &caller.actor {
        request.extensions_mut().insert::<Actor>(actor.clone());
    }
    request.extensions_mut().insert(caller);
    let mut response = next.run(request).await;
    harden(response.headers_mut());
    response
}

async fn identify(
    backend: &Backend,
    headers: &HeaderMap,
) -> backend::Result<Option<(domain::people::User, Actor)>> {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    let chosen = headers
        .get(PROJECT)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
        .or_else(|| cookies::project(headers));
    let chosen = chosen.as_deref();
    if let Some(key) = bearer {
        return backend::people::actor_of_key(backend, key.trim(), chosen).await;
    }
    match cookies::session(headers) {
        Some(token) => backend::people::actor_of_session(backend, &token, chosen).await,
        None => Ok(None),
    }
}

/// Names the project that a program works in, by id or name.
const PROJECT: &str = "trainyard-project";

/// Who a tracker's client is: by leave to send this file, by the session it got, or by the bare key with which it logs in.
async fn identify_client(
    backend: &Backend,
    headers: &HeaderMap,
    leave: Option<(String, String)>,
) -> backend::Result<Option<(domain::people::User, Actor)>> {
    if let Some((address, leave)) = leave {
        return backend::tracking::files::actor_of_leave(backend, &address, &leave).await;
    }
    if let Some(sid) = cookies::tracker_session(headers) {
        return backend::tracking::access::actor_of_sid(backend, &sid).await;
    }
    match swanlab::key(headers) {
        Some(key) => backend::people::actor_of_key(backend, key, None).await,
        None => Ok(None),
    }
}

fn host_of(headers: &HeaderMap, request: &Request) -> Option<String> {
    headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok())
        .or_else(|| {
            request
                .uri()
                .authority()
                .map(|authority| authority.as_str())
        })
        .map(str::to_ascii_lowercase)
}

/// Browsers name the Origin with every writing request; a program that sends none is no browser and cannot be tricked.
fn is_same_origin(headers: &HeaderMap, host: &str) -> bool {
    match headers
        .get(header::ORIGIN)
        .map(|origin| origin.to_str().unwrap_or("null").to_ascii_lowercase())
    {
        None => headers
            .get("sec-fetch-site")
            .is_none_or(|site| site == "same-origin" || site == "none"),
        Some(origin) => origin == format!("http://{host}") || origin == format!("https://{host}"),
    }
}

/// Headers that every answer carries. Pages set their own policy, with the nonce of their scripts.
fn harden(headers: &mut HeaderMap) {
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(
            "default-src 'none'; frame-ancestors 'none'",
        ));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("same-origin"),
    );
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
}

fn refuse(status: StatusCode, text: &'static str) -> Response {
    (status, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_without_a_rule_is_a_page_that_needs_a_session() {
        assert_eq!(access("/"), Access::Page);
        assert_eq!(access("/experiments/1"), Access::Page);
        assert_eq!(
            access("/sessions"),
            Access::Page,
            "only whole segments count"
        );
        assert_eq!(access("/pkg/trainyard.js"), Access::Open);
        assert_eq!(access("/fn/jobs/stop"), Access::Session);
        assert_eq!(access("/events/turns/1"), Access::Session);
        assert_eq!(access("/console/v1/jobs"), Access::Key);
        assert_eq!(access("/v1/chat/completions"), Access::Key);
        assert_eq!(access("/api"), Access::Open);
        assert_eq!(access("/api/"), Access::Tracker);
        assert_eq!(access("/api/login/api_key"), Access::Tracker);
        assert_eq!(access("/api/uploads/x/y"), Access::Tracker);
        assert_eq!(access("/apis"), Access::Page);
    }

    #[test]
    fn another_origin_may_not_write() {
        let mut headers = HeaderMap::new();
        assert!(is_same_origin(&headers, "127.0.0.1:7860"));
        headers.insert("sec-fetch-site", HeaderValue::from_static("cross-site"));
        assert!(!is_same_origin(&headers, "127.0.0.1:7860"));
        headers.insert(
            header::ORIGIN,
            HeaderValue::from_static("http://127.0.0.1:7860"),
        );
        assert!(is_same_origin(&headers, "127.0.0.1:7860"));
        headers.insert(
            header::ORIGIN,
            HeaderValue::from_static("http://evil.example"),
        );
        assert!(!is_same_origin(&headers, "127.0.0.1:7860"));
        headers.insert(header::ORIGIN, HeaderValue::from_static("null"));
        assert!(!is_same_origin(&headers, "127.0.0.1:7860"));
    }
}
