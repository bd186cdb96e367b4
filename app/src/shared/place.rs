//! Naming a folder or file on a node: the form that models and datasets are registered with.

use domain::nodes::{Cluster, NodeView};
use leptos::prelude::*;
use leptos_router::hooks::{use_navigate, use_query_map};

use super::{Findings, Load, Submit, TextField};
use crate::browser;
use crate::context::use_language;
use crate::error::AppError;
use crate::nodes::server_fns::list_nodes;
use crate::texts::{common as c, models as t, nodes};

/// Node, path and name as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub node: String,
    pub path: String,
    pub name: String,
}

/// Registers with `register`, then goes to `address` followed by the new id.
#[component]
pub fn PlaceForm(
    register: Action<Place, Result<String, AppError>>,
    address: &'static str,
    submit: &'static str,
    example: &'static str,
    /// Where the name may be left out: what it is then.
    #[prop(optional)]
    name_help: &'static str,
) -> impl IntoView {
    let nodes = Resource::new(|| (), |()| list_nodes());
    let go = use_navigate();
    Effect::new(move |_| {
        if let Some(Ok(id)) = register.value().get() {
            go(&format!("{address}/{id}"), Default::default());
        }
    });
    view! {
        <Load resource=nodes let:clusters>
            <Fields clusters register submit example name_help/>
        </Load>
    }
}

#[component]
fn Fields(
    clusters: Signal<Vec<(Cluster, Vec<NodeView>)>>,
    register: Action<Place, Result<String, AppError>>,
    submit: &'static str,
    example: &'static str,
    name_help: &'static str,
) -> impl IntoView {
    let language = use_language();
    let nodes: Vec<(String, String)> = clusters.with_untracked(|all| {
        let named = |cluster: &Cluster, node: &NodeView| {
            (
                node.node.id.to_string(),
                format!("{} · {}", cluster.name, node.node.name),
            )
        };
        all.iter()
            .flat_map(|(cluster, nodes)| nodes.iter().map(move |node| named(cluster, node)))
            .collect()
    });
    // A form that was sent before the page was taken over comes back with what was typed in its address.
    let query = use_query_map().get_untracked();
    let sent = |field: &str| query.get(field).unwrap_or_default();
    let chosen = browser::typed_before("node").unwrap_or_else(|| sent("node"));
    let known = nodes.iter().find(|(id, _)| *id == chosen).or(nodes.first());
    let node = RwSignal::new(known.map(|(id, _)| id.clone()).unwrap_or_default());
    let (path, name) = (RwSignal::new(sent("path")), RwSignal::new(sent("name")));
    let problem = Memo::new(move |_| register.value().get().and_then(Result::err));
    let findings = Signal::derive(move || {
        problem
            .get()
            .map(|e| e.findings().to_vec())
            .unwrap_or_default()
    });
    if nodes.is_empty() {
        return view! { <div class="empty"><p>{nodes::none(language)}</p><a class="button" data-kind="main" href="/nodes/add">{nodes::add_node(language)}</a></div> }.into_any();
    }
    view! {
        <form class="form form-narrow" on:submit=move |ev| {
            ev.prevent_default();
            register.dispatch(Place { node: node.get_untracked(), path: path.get_untracked(), name: name.get_untracked() });
        }>
            <div class="field">
                <label class="field-label" for="node">{c::node(language)}</label>
                <select id="node" name="node" on:change:target=move |ev| node.set(ev.target().value())>
                    {nodes.into_iter().map(|(id, name)| {
                        let is_chosen = node.with_untracked(|node| *node == id);
                        view! { <option value=id selected=is_chosen>{name}</option> }
                    }).collect_view()}
                </select>
                <Findings of=findings field="node"/>
            </div>
            <TextField name="path" label=c::path(language) value=path findings help=t::path_help(language) placeholder=example required=true/>
            <TextField name="name" label=c::name(language) value=name findings help=name_help required=name_help.is_empty()/>
            <Findings of=findings field=""/>
            {move || problem.get().filter(|e| e.findings().is_empty()).map(|e| view! { <p class="finding" data-weight="stops" role="alert">{e.text(language)}</p> })}
            <Submit label=Signal::derive(move || submit.to_owned()) pending=register.pending()/>
        </form>
    }.into_any()
}
