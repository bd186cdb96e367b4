//! Times: relative where one looks, exact on hover. The first render knows no clock, so it shows the exact one.

use domain::time::Timestamp;
use leptos::prelude::*;

use super::format;
use crate::context::use_language;

/// The clock of the page, in milliseconds; none until the browser has taken over.
#[derive(Clone, Copy)]
pub struct Now(RwSignal<Option<i64>>);

impl Now {
    /// Starts the clock; ticks every five seconds, which is as fine as "ago" is read.
    pub fn provide() {
        let now = RwSignal::new(None);
        provide_context(Now(now));
        Effect::new(move |_| {
            now.set(crate::browser::now());
            let ticking = set_interval_with_handle(
                move || now.set(crate::browser::now()),
                std::time::Duration::from_secs(5),
            );
            on_cleanup(move || {
                if let Ok(handle) = ticking {
                    handle.clear();
                }
            });
        });
    }

    pub fn get(self) -> Option<i64> {
        self.0.get()
    }
}

/// The clock of this page.
pub fn use_now() -> Now {
    expect_context::<Now>()
}

/// "5 min ago", exact on hover.
#[component]
pub fn Ago(at: Timestamp) -> impl IntoView {
    let (language, now) = (use_language(), use_now());
    let exact = format::moment(at.0);
    let shown = {
        let exact = exact.clone();
        move || {
            now.get()
                .map_or_else(|| exact.clone(), |now| format::ago(now - at.0, language))
        }
    };
    view! { <time title=exact>{shown}</time> }
}

/// How long something took, or has taken so far.
#[component]
pub fn Lasted(from: Option<Timestamp>, to: Option<Timestamp>) -> impl IntoView {
    let (language, now) = (use_language(), use_now());
    // Always one text, empty on the server while it still lasts: what is hydrated must have the shape that was sent.
    let shown = move || {
        let end = to.map(|to| to.0).or_else(|| now.get());
        from.zip(end).map_or_else(String::new, |(from, end)| {
            format::span(end - from.0, language)
        })
    };
    view! { <span>{shown}</span> }
}
