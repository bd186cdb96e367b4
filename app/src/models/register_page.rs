//! Registering a model folder.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;

use super::server_fns::register_model;
use crate::context::use_language;
use crate::shared::place::{Place, PlaceForm};
use crate::texts::{common as c, models as t};

#[component]
pub fn RegisterModelPage() -> impl IntoView {
    let language = use_language();
    let register = Action::new(|place: &Place| {
        let Place { node, path, name } = place.clone();
        register_model(node, path, name)
    });
    view! {
        <Title text=t::register(language)/>
        <div class="page-head">
            <span class="crumb"><A href="/models">{c::models(language)}</A></span>
            <h1>{t::register(language)}</h1>
        </div>
        <p class="lead">{t::register_lead(language)}</p>
        <PlaceForm register address="/models" submit=t::register(language) example="/root/models/Qwen3-0.6B"/>
    }
}
