//! Deploying a model: which, where, on which GPUs.

use domain::models::{Format, Model};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;
use leptos_router::hooks::{use_navigate, use_query_map};

use super::place_fields::PlaceFields;
use super::server_fns::{DeploymentForm, create_deployment};
use crate::browser;
use crate::context::use_language;
use crate::error::AppError;
use crate::models::server_fns::list_models;
use crate::shared::{Findings, Load, Submit, TextField};
use crate::texts::{common as c, deployments as t};

#[component]
pub fn NewDeploymentPage() -> impl IntoView {
    let language = use_language();
    let models = Resource::new(|| (), |()| servable());
    view! {
        <Title text=t::new(language)/>
        <div class="page-head">
            <span class="crumb"><A href="/deployments">{c::deployments(language)}</A></span>
            <h1>{t::new(language)}</h1>
        </div>
        <Load resource=models let:models>
            <DeployForm models=models.get_untracked()/>
        </Load>
    }
}

/// What an engine can serve.
async fn servable() -> Result<Vec<Model>, AppError> {
    let mut models = list_models().await?;
    models.retain(|model| model.format == Format::Hf);
    Ok(models)
}

#[component]
fn DeployForm(models: Vec<Model>) -> impl IntoView {
    let language = use_language();
    if models.is_empty() {
        return view! { <div class="empty"><p>{t::no_models(language)}</p><A href="/models" attr:class="button" attr:data-kind="main">{c::models(language)}</A></div> }.into_any();
    }
    let asked = use_query_map().with_untracked(|q| q.get("model"));
    let chosen = models
        .iter()
        .find(|m| asked.as_deref() == Some(m.id.as_str()))
        .unwrap_or(&models[0])
        .clone();
    let model = RwSignal::new(chosen.id.to_string());
    // Empty until the nodes have answered: the server then takes the model's own.
    let node = RwSignal::new(String::new());
    let text = || RwSignal::new(String::new());
    let (name, served_name, max_model_len, reasoning_parser) = (text(), text(), text(), text());
    // None chosen: the server takes the first that is free.
    let gpus = RwSignal::new(Vec::<u32>::new());
    let key = StoredValue::new(String::new());
    let create = Action::new(move |(): &()| {
        // One key for one intent: a second click while the first is on its way launches nothing more.
        if key.with_value(String::is_empty) {
            key.set_value(browser::new_key());
        }
        let form = DeploymentForm {
            name: name.get_untracked(),
            model: model.get_untracked(),
            node: node.get_untracked(),
            gpus: gpus.with_untracked(|gpus| {
                gpus.iter()
                    .map(u32::to_string)
                    .collect::<Vec<_>>()
                    .join(",")
            }),
            served_name: served_name.get_untracked(),
            max_model_len: max_model_len.get_untracked(),
            reasoning_parser: reasoning_parser.get_untracked(),
        };
        create_deployment(form, key.get_value())
    });
    let go = use_navigate();
    Effect::new(move |_| match create.value().get() {
        Some(Ok(id)) => go(&format!("/deployments/{id}"), Default::default()),
        Some(Err(_)) => key.set_value(String::new()),
        None => {}
    });
    let problem = Memo::new(move |_| create.value().get().and_then(Result::err));
    let findings = Signal::derive(move || {
        problem
            .get()
            .map(|e| e.findings().to_vec())
            .unwrap_or_default()
    });
    let options = models.iter().map(|m| view! { <option value=m.id.to_string() selected=m.id == chosen.id>{m.name.clone()}</option> }).collect_view();
    view! {
        <form class="form form-narrow" on:submit=move |ev| { ev.prevent_default(); create.dispatch(()); }>
            <div class="field">
                <label class="field-label" for="model">{t::model(language)}</label>
                <select id="model" name="model" on:change:target=move |ev| model.set(ev.target().value())>{options}</select>
                <Findings of=findings field="model_id"/>
            </div>
            <PlaceFields model node gpus findings/>
            <TextField name="name" label=c::name(language) value=name findings help=t::name_help(language)/>
            <TextField name="served_name" label=t::served_name(language) flag="--served-model-name" value=served_name findings help=t::served_name_help(language)/>
            <TextField name="max_model_len" label=t::max_model_len(language) flag="--max-model-len" value=max_model_len findings help=t::max_model_len_help(language)/>
            <TextField name="reasoning_parser" label=t::reasoning_parser(language) flag="--reasoning-parser" value=reasoning_parser findings help=t::reasoning_parser_help(language)/>
            <Findings of=findings field=""/>
            {move || problem.get().filter(|e| e.findings().is_empty()).map(|e| view! { <p class="finding" data-weight="stops" role="alert">{e.text(language)}</p> })}
            <Submit label=Signal::derive(move || t::submit(language).to_owned()) pending=create.pending()/>
        </form>
    }.into_any()
}
