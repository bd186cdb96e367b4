//! Where a run comes in: from this computer or from a node; and what came in before.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;

use super::server_fns::{create_import, list_imports};
use super::upload_form::UploadForm;
use crate::context::use_language;
use crate::shared::live::use_live;
use crate::shared::place::{Place, PlaceForm};
use crate::shared::{Fragment, Load};
use crate::texts::{experiments, imports as t};

#[component]
pub fn ImportsPage() -> impl IntoView {
    let language = use_language();
    let beat = use_live().calm(&["import"]);
    let all = Resource::new(move || beat.get(), |_| list_imports());
    let register = Action::new(|place: &Place| {
        let Place { node, path, name } = place.clone();
        create_import(node, path, name)
    });
    view! {
        <Title text=t::title(language)/>
        <div class="page-head">
            <span class="crumb"><A href="/experiments">{experiments::experiments(language)}</A></span>
            <h1>{t::title(language)}</h1>
        </div>
        <p class="lead">{t::lead(language)}</p>
        <section class="section-body">
            <h2>{t::from_node(language)}</h2>
            <p class="soft">{t::from_node_lead(language)}</p>
            <PlaceForm register address="/imports" submit=t::import(language) example="/output/lora/runs" name_help=t::name_help(language)/>
        </section>
        <section class="section-body">
            <h2>{t::from_here(language)}</h2>
            <UploadForm/>
        </section>
        <Load resource=all let:html>
            <Fragment html on_deed=Callback::new(|_| {}) class="section-body"/>
        </Load>
    }
}
