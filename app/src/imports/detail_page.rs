//! One import: its runs, how far its files were read, and what is wrong in them.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;
use leptos_router::hooks::use_params_map;

use super::server_fns::{get_import, look_again};
use crate::context::use_language;
use crate::shared::live::use_live;
use crate::shared::{Fragment, Load};
use crate::texts::{experiments, imports as t};

#[component]
pub fn ImportPage() -> impl IntoView {
    let language = use_language();
    let params = use_params_map();
    let id = move || params.with(|params| params.get("id").unwrap_or_default());
    let beat = use_live().calm(&["import"]);
    let import = Resource::new(move || (beat.get(), id()), |(_, id)| get_import(id));
    let look = Action::new(|id: &String| look_again(id.clone()));
    view! {
        <span class="crumb"><A href="/experiments">{experiments::experiments(language)}</A> " / " <A href="/imports">{t::title(language)}</A></span>
        <Load resource=import let:import>
            <Title text=move || import.with(|(name, _)| name.clone())/>
            <Fragment html=Signal::derive(move || import.with(|(_, html)| html.clone())) class="section-body"
                on_deed=Callback::new(move |_| { look.dispatch(id()); })/>
        </Load>
        {move || look.value().get().and_then(Result::err).map(|error| view! { <p class="finding" data-weight="stops" role="alert">{error.text(language)}</p> })}
    }
}
