//! Copying a model to the other nodes of its cluster, which training needs where the disk is not shared.

use domain::models::Model;
use domain::nodes::{Cluster, NodeView};
use leptos::prelude::*;
use leptos_router::components::A;

use super::server_fns::copy_model;
use crate::context::use_language;
use crate::error::AppError;
use crate::shared::Load;
use crate::texts::models as t;

/// Made by the page, outside of every `Load`.
pub type NodeReads = Resource<Result<Vec<(Cluster, Vec<NodeView>)>, AppError>>;

/// One button a node; nothing where the cluster has one node only.
#[component]
pub fn Copies(model: Model, nodes: NodeReads) -> impl IntoView {
    let language = use_language();
    let model = StoredValue::new(model);
    view! {
        <Load resource=nodes let:clusters>
            {move || {
                let own = model.with_value(|model| model.node_id.clone());
                let others: Vec<(String, String)> = clusters.with(|all| {
                    let cluster = all.iter().find(|(_, nodes)| nodes.iter().any(|view| view.node.id == own));
                    let nodes = cluster.into_iter().flat_map(|(_, nodes)| nodes);
                    nodes.filter(|view| view.node.id != own).map(|view| (view.node.id.to_string(), view.node.name.clone())).collect()
                });
                (!others.is_empty()).then(|| view! {
                    <section class="section-body">
                        <h2>{t::copies(language)}</h2>
                        <p class="lead">{t::copies_lead(language)}</p>
                        {others.into_iter().map(|(id, name)| view! { <CopyButton model=model.with_value(|model| model.id.to_string()) to=id name/> }).collect_view()}
                    </section>
                })
            }}
        </Load>
    }
}

#[component]
fn CopyButton(model: String, to: String, name: String) -> impl IntoView {
    let language = use_language();
    let copy = Action::new(move |(): &()| copy_model(model.clone(), to.clone()));
    let label = t::copy_to(language, &name);
    view! {
        <button class="button" type="button" disabled=move || copy.pending().get() on:click=move |_| { copy.dispatch(()); }>{label}</button> " "
        {move || copy.value().get().map(|answer| match answer {
            Ok(job) => view! { <A href=format!("/jobs/{job}")>{t::copy_started(language)}</A> }.into_any(),
            Err(error) => view! { <span class="finding" data-weight="stops" role="alert">{error.text(language)}</span> }.into_any(),
        })}
    }
}
