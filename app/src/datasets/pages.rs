//! All datasets, one dataset with its first rows, and registering one.

use domain::datasets::Dataset;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;
use leptos_router::hooks::use_params_map;

use super::server_fns::{dataset_head, get_dataset, list_datasets, register_dataset};
use crate::context::use_language;
use crate::shared::format::{count, size};
use crate::shared::live::use_live;
use crate::shared::place::{Place, PlaceForm};
use crate::shared::{Ago, Load};
use crate::texts::{common as c, models as t};

#[component]
pub fn DatasetsPage() -> impl IntoView {
    let (language, live) = (use_language(), use_live());
    let datasets = Resource::new(move || live.kind("dataset"), |_| list_datasets());
    view! {
        <Title text=c::datasets(language)/>
        <div class="page-head">
            <h1>{c::datasets(language)}</h1>
            <div class="page-head-actions"><A href="/datasets/register" attr:class="button">{t::dataset_register(language)}</A></div>
        </div>
        <Load resource=datasets let:datasets>
            {move || {
                let datasets = datasets.get();
                if datasets.is_empty() {
                    return view! {
                        <div class="empty">
                            <p>{t::datasets_none(language)}</p>
                            <A href="/datasets/register" attr:class="button" attr:data-kind="main">{t::dataset_register(language)}</A>
                        </div>
                    }.into_any();
                }
                view! { <DatasetTable datasets/> }.into_any()
            }}
        </Load>
    }
}

#[component]
fn DatasetTable(datasets: Vec<Dataset>) -> impl IntoView {
    let language = use_language();
    let rows = datasets.into_iter().map(|dataset| view! {
        <tr>
            <td><A href=format!("/datasets/{}", dataset.id)>{dataset.name}</A><div class="soft"><code>{dataset.path}</code></div></td>
            <td class="number">{count(dataset.rows)}</td>
            <td class="number">{size(dataset.size_bytes)}</td>
            <td><Ago at=dataset.created_at/></td>
        </tr>
    }).collect_view();
    view! {
        <table class="table">
            <thead><tr><th>{c::name(language)}</th><th>{t::rows(language)}</th><th>{c::size(language)}</th><th>{c::created(language)}</th></tr></thead>
            <tbody>{rows}</tbody>
        </table>
    }
}

#[component]
pub fn DatasetPage() -> impl IntoView {
    let language = use_language();
    let params = use_params_map();
    let id = move || params.with(|p| p.get("id").unwrap_or_default());
    let dataset = Resource::new(id, get_dataset);
    let head = Resource::new(id, dataset_head);
    view! {
        <Load resource=dataset let:dataset>
            {move || {
                let dataset = dataset.get();
                view! {
                    <Title text=dataset.name.clone()/>
                    <div class="page-head">
                        <span class="crumb"><A href="/datasets">{c::datasets(language)}</A></span>
                        <h1>{dataset.name}</h1>
                    </div>
                    <dl class="facts">
                        <dt>{c::path(language)}</dt><dd><code class="wrap">{dataset.path}</code></dd>
                        <dt>{t::rows(language)}</dt><dd>{count(dataset.rows)}</dd>
                        <dt>{c::size(language)}</dt><dd>{size(dataset.size_bytes)}</dd>
                        <dt>{t::sha256(language)}</dt><dd><code class="wrap">{dataset.sha256}</code></dd>
                    </dl>
                }
            }}
        </Load>
        <section class="section-body">
            <h2>{t::first_rows(language)}</h2>
            <Load resource=head let:rows>
                {move || rows.get().into_iter().map(|row| view! { <Row row/> }).collect_view()}
            </Load>
        </section>
    }
}

/// A row in messages form as a conversation, anything else as it stands.
#[component]
fn Row(row: String) -> impl IntoView {
    let parsed: Option<serde_json::Value> = serde_json::from_str(&row).ok();
    let messages: Option<Vec<(String, String)>> = parsed
        .as_ref()
        .and_then(|value| value.get("messages")?.as_array())
        .map(|all| {
            let text = |message: &serde_json::Value, key: &str| {
                message
                    .get(key)
                    .and_then(|v| v.as_str())
                    .unwrap_or_default()
                    .to_owned()
            };
            all.iter()
                .map(|message| (text(message, "role"), text(message, "content")))
                .collect()
        });
    match messages {
        Some(messages) => view! {
            <dl class="sample">{messages.into_iter().map(|(role, content)| view! { <dt>{role}</dt><dd>{content}</dd> }).collect_view()}</dl>
        }.into_any(),
        None => view! { <pre class="code">{row}</pre> }.into_any(),
    }
}

#[component]
pub fn RegisterDatasetPage() -> impl IntoView {
    let language = use_language();
    let register = Action::new(|place: &Place| {
        let Place { node, path, name } = place.clone();
        register_dataset(node, path, name)
    });
    view! {
        <Title text=t::dataset_register(language)/>
        <div class="page-head">
            <span class="crumb"><A href="/datasets">{c::datasets(language)}</A></span>
            <h1>{t::dataset_register(language)}</h1>
        </div>
        <p class="lead">{t::dataset_lead(language)}</p>
        <PlaceForm register address="/datasets" submit=t::dataset_register(language) example="/root/data/train.jsonl"/>
    }
}
