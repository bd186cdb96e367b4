//! Parts of pages that the server writes as HTML: large tables and pictures that only show. The browser puts them into the page as they
//! are and hears what is done in them, so that none of their views is in the wasm.
//!
//! What can be done carries `data-do` (what) and `data-of` (to what). Links are plain links: the router takes them.

use leptos::ev;
use leptos::prelude::*;

use crate::browser;

/// What a person did inside such a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    pub what: String,
    /// `data-of`; of a field, its value.
    pub of: String,
    /// Of a checkbox: whether it is ticked now.
    pub is_on: bool,
}

/// Shows `html`, which only the server may have written, and tells what is done in it.
#[component]
pub fn Fragment(
    #[prop(into)] html: Signal<String>,
    on_deed: Callback<Deed>,
    #[prop(optional)] class: &'static str,
) -> impl IntoView {
    let tell = move |event: &ev::Event, is_change: bool| {
        if let Some(deed) = browser::deed(event, is_change) {
            on_deed.run(deed);
        }
    };
    view! {
        <div class=class on:click=move |event| tell(&event, false) on:change=move |event| tell(&event, true) inner_html=move || html.get()></div>
    }
}
