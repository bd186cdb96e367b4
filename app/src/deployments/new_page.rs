//! Deploying a model: which, where, on which GPUs.

use domain::models::{Format, Model};
use domain::nodes::NodeView;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;
use leptos_router::hooks::{use_navigate, use_query_map};

use super::server_fns::{DeploymentForm, create_deployment};
use crate::browser;
use crate::context::use_language;
use crate::error::AppError;
use crate::models::server_fns::list_models;
use crate::nodes::server_fns::list_nodes;
use crate::shared::{Findings, Load, Submit, TextField};
use crate::texts::{common as c, deployments as t, nodes as n};

#[component]
pub fn NewDeploymentPage() -> impl IntoView {
    let language = use_language();
    let choices = Resource::new(|| (), |()| choices());
    view! {
        <Title text=t::new(language)/>
        <div class="page-head">
            <span class="crumb"><A href="/deployments">{c::deployments(language)}</A></span>
            <h1>{t::new(language)}</h1>
        </div>
        <Load resource=choices let:choices>
            <DeployForm choices=choices.get_untracked()/>
        </Load>
    }
}

type Choices = (Vec<Model>, Vec<NodeView>);

/// What an engine can serve, and where.
async fn choices() -> Result<Choices, AppError> {
    let models = list_models()
        .await?
        .into_iter()
        .filter(|model| model.format == Format::Hf)
        .collect();
    let nodes = list_nodes()
        .await?
        .into_iter()
        .flat_map(|(_, nodes)| nodes)
        .collect();
    Ok((models, nodes))
}

#[component]
fn DeployForm(choices: Choices) -> impl IntoView {
    let language = use_language();
    let (models, nodes) = choices;
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
    // A model lies on one node: that is where it can be served.
    let node = Memo::new({
        let models = models.clone();
        move |_| {
            model.with(|id| {
                models
                    .iter()
                    .find(|m| m.id.as_str() == id)
                    .map(|m| m.node_id.to_string())
                    .unwrap_or_default()
            })
        }
    });
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
            <Findings of=findings field="node_id"/>
            <TextField name="name" label=c::name(language) value=name findings help=t::name_help(language)/>
            <GpuChoice nodes node gpus/>
            <Findings of=findings field="gpus"/>
            <TextField name="served_name" label=t::served_name(language) flag="--served-model-name" value=served_name findings help=t::served_name_help(language)/>
            <TextField name="max_model_len" label=t::max_model_len(language) flag="--max-model-len" value=max_model_len findings help=t::max_model_len_help(language)/>
            <TextField name="reasoning_parser" label=t::reasoning_parser(language) flag="--reasoning-parser" value=reasoning_parser findings help=t::reasoning_parser_help(language)/>
            <Findings of=findings field=""/>
            {move || problem.get().filter(|e| e.findings().is_empty()).map(|e| view! { <p class="finding" data-weight="stops" role="alert">{e.text(language)}</p> })}
            <Submit label=Signal::derive(move || t::submit(language).to_owned()) pending=create.pending()/>
        </form>
    }.into_any()
}

#[component]
fn GpuChoice(nodes: Vec<NodeView>, node: Memo<String>, gpus: RwSignal<Vec<u32>>) -> impl IntoView {
    let language = use_language();
    let boxes = move || {
        let node = node.get();
        let Some(chosen) = nodes.iter().find(|n| n.node.id.as_str() == node) else {
            return ().into_any();
        };
        let name = chosen.node.name.clone();
        let list = chosen.probe.iter().flat_map(|p| &p.gpus).map(|gpu| {
            let index = gpu.index;
            let is_held = chosen.reserved.iter().any(|r| r.gpu == index);
            let free = format!("{:.1} GiB {}", (gpu.memory_total_mib.saturating_sub(gpu.memory_used_mib)) as f64 / 1024.0, n::gpu_free(language));
            view! {
                <label class="check">
                    <input type="checkbox" name="gpus" value=index prop:checked=move || gpus.with(|g| g.contains(&index))
                        on:change:target=move |ev| {
                            let is_on = ev.target().checked();
                            gpus.update(|g| {
                                g.retain(|i| *i != index);
                                if is_on { g.push(index); g.sort_unstable(); }
                            });
                        }/>
                    "GPU " {index} " · " {if is_held { n::gpu_held(language).to_owned() } else { free }}
                </label>
            }
        }).collect_view();
        view! { <p class="soft">{name}</p> {list} }.into_any()
    };
    view! {
        <fieldset class="field">
            <legend class="field-label">{t::gpus(language)}</legend>
            {boxes}
            <span class="field-help">{t::gpus_help(language)}</span>
        </fieldset>
    }
}
