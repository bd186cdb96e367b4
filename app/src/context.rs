//! What a page knows of the one who looks at it.
//!
//! The server provides, for every page and every server function, with `leptos::context::provide_context`:
//! - a [`backend::Backend`],
//! - a [`Caller`], read from the session cookie and the cookies `language` (`en`, `zh`) and `theme` (`light`, `dark`, `auto`);
//!   without a language cookie from the person's row, then from `Accept-Language`.
//!
//! Plain forms that the server answers with a redirect, so that they work before the wasm has arrived:
//! - `POST /session/login` (`name`, `password`, `next`): on failure back to `/login?problem=<code>&name=<name>`, code `wrong` or `slow`;
//! - `POST /session/setup` (`token`, `name`, `password`): on failure back to `/setup?token=…&problem=<code>&name=<name>`, code `link`,
//!   `name` or `password`;
//! - `POST /session/logout`;
//! - `POST /session/language` (`language`, `next`) and `POST /session/theme` (`theme`, `next`): set the cookie, go to `next`, a path on
//!   this host;
//! - `POST /session/demo`: starts the whole path, goes to `/`.

use domain::language::Language;

/// The chosen colours. `Auto` follows the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    #[default]
    Auto,
    Light,
    Dark,
}

impl Theme {
    /// The word in the cookie and in `<html data-theme>`.
    pub fn name(self) -> &'static str {
        match self {
            Theme::Auto => "auto",
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }

    /// Reads a cookie; anything unknown follows the machine.
    pub fn from_name(name: &str) -> Theme {
        match name {
            "light" => Theme::Light,
            "dark" => Theme::Dark,
            _ => Theme::Auto,
        }
    }
}

/// Who asks and how they like to be answered; on the server only, a fresh one for each request.
#[cfg(feature = "ssr")]
#[derive(Debug, Clone)]
pub struct Caller {
    /// None: not logged in.
    pub actor: Option<(domain::people::User, backend::Actor)>,
    pub language: Language,
    pub theme: Theme,
}

/// What pages may know of the caller, the same on the server and in the browser (there it is read from `<html data-…>`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// The person's name; None: not logged in.
    pub person: Option<String>,
    pub language: Language,
    pub theme: Theme,
}

impl Viewer {
    #[cfg(feature = "ssr")]
    pub(crate) fn current() -> Viewer {
        leptos::context::use_context::<Caller>().map_or(
            // Only while routes are listed at start, when there is no request.
            Viewer {
                person: None,
                language: Language::En,
                theme: Theme::Auto,
            },
            |caller| Viewer {
                person: caller.actor.map(|(user, _)| user.name),
                language: caller.language,
                theme: caller.theme,
            },
        )
    }

    #[cfg(not(feature = "ssr"))]
    pub(crate) fn current() -> Viewer {
        crate::browser::viewer()
    }
}

/// The viewer of this page.
pub fn use_viewer() -> Viewer {
    leptos::context::use_context::<Viewer>().unwrap_or_else(Viewer::current)
}

/// The language of this page.
pub fn use_language() -> Language {
    use_viewer().language
}

/// The two arguments that every verb begins with; refuses who is not logged in.
#[cfg(feature = "ssr")]
pub(crate) fn backend_and_actor()
-> Result<(backend::Backend, backend::Actor), crate::error::AppError> {
    use leptos::context::use_context;
    let caller = use_context::<Caller>().ok_or(crate::error::AppError::LoggedOut)?;
    let (_, actor) = caller.actor.ok_or(crate::error::AppError::LoggedOut)?;
    let backend = use_context::<backend::Backend>().ok_or(crate::error::AppError::LoggedOut)?;
    Ok((backend, actor))
}
