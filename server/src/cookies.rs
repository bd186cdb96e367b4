//! The three cookies: session (HttpOnly), language and theme.

use app::context::Theme;
use axum::http::{HeaderMap, header};
use domain::language::Language;

const SESSION: &str = "trainyard_session";
const LANGUAGE: &str = "language";
const THEME: &str = "theme";
const PROJECT: &str = "project";
/// As the SwanLab client calls its session.
const TRACKER: &str = "sid";
/// A year: choices of look outlive sessions.
const CHOICE_SECS: u32 = 365 * 24 * 3600;

fn read(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .find_map(|pair| {
            let (key, value) = pair.trim().split_once('=')?;
            (key == name && !value.is_empty()).then(|| value.to_owned())
        })
}

/// The session token, if one was sent.
pub fn session(headers: &HeaderMap) -> Option<String> {
    read(headers, SESSION)
}

/// The session of a tracker's client, if one was sent.
pub fn tracker_session(headers: &HeaderMap) -> Option<String> {
    read(headers, TRACKER)
}

/// The id of the project that was chosen in this browser.
pub fn project(headers: &HeaderMap) -> Option<String> {
    read(headers, PROJECT)
}

/// The language chosen in this browser, else what it prefers.
pub fn language(headers: &HeaderMap) -> Language {
    match read(headers, LANGUAGE).as_deref() {
        Some("zh") => Language::Zh,
        Some("en") => Language::En,
        _ => {
            let preferred = headers
                .get(header::ACCEPT_LANGUAGE)
                .and_then(|value| value.to_str().ok())
                .unwrap_or("");
            if preferred
                .trim_start()
                .to_ascii_lowercase()
                .starts_with("zh")
            {
                Language::Zh
            } else {
                Language::En
            }
        }
    }
}

/// The chosen theme; `Auto` follows the system.
pub fn theme(headers: &HeaderMap) -> Theme {
    Theme::from_name(read(headers, THEME).as_deref().unwrap_or(""))
}

/// `Set-Cookie` of a new session. Without `Secure`: the console may be served as plain HTTP on loopback or behind a proxy.
pub fn set_session(token: &str, age_secs: u32) -> String {
    format!("{SESSION}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age_secs}")
}

pub fn end_session() -> String {
    format!("{SESSION}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0")
}

pub fn set_language(language: Language) -> String {
    let word = match language {
        Language::En => "en",
        Language::Zh => "zh",
    };
    format!("{LANGUAGE}={word}; Path=/; SameSite=Lax; Max-Age={CHOICE_SECS}")
}

pub fn set_theme(theme: Theme) -> String {
    let word = theme.name();
    format!("{THEME}={word}; Path=/; SameSite=Lax; Max-Age={CHOICE_SECS}")
}

pub fn set_project(id: &domain::ids::ProjectId) -> String {
    format!("{PROJECT}={id}; Path=/; SameSite=Lax; Max-Age={CHOICE_SECS}")
}
