//! The start page: what needs you, what runs, what is free; at first, the path to walk.

use leptos::prelude::*;
use leptos_router::components::Redirect;

use crate::context::use_viewer;
use crate::texts::common as t;

#[component]
pub fn HomePage() -> impl IntoView {
    let viewer = use_viewer();
    if viewer.person.is_none() {
        return view! { <Redirect path="/login"/> }.into_any();
    }
    view! { <h1>{t::home(viewer.language)}</h1> }.into_any()
}
