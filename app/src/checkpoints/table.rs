//! The table of checkpoints: one row an iteration, one column a node, with a mark for whole, part or nothing.

use domain::checkpoints::Checkpoint;
use domain::ids::NodeId;
use leptos::prelude::*;
use leptos_router::components::A;
use leptos_router::hooks::use_navigate;

use super::server_fns::{export_checkpoint, gather_checkpoint, list_checkpoints};
use crate::browser;
use crate::context::use_language;
use crate::error::AppError;
use crate::nodes::server_fns::list_nodes;
use crate::shared::format::{count, size};
use crate::shared::live::use_live;
use crate::shared::{Ago, Load, TextField};
use crate::texts::{checkpoints as t, common as c, models as m};

/// Columns of the table: the nodes of the experiment, main node first.
type Nodes = Vec<(NodeId, String)>;

#[component]
pub fn CheckpointTable(experiment: String, nodes: Vec<NodeId>, #[prop(into)] model_name: String) -> impl IntoView {
    let language = use_language();
    let live = use_live();
    let id = experiment;
    let checkpoints = Resource::new(move || (id.clone(), live.kind("checkpoint"), live.kind("job")), |(id, ..)| list_checkpoints(id));
    let named = Resource::new(|| (), |()| list_nodes());
    let model_name = StoredValue::new(model_name);
    view! {
        <Load resource=named let:clusters>
            {
                let all = clusters.get_untracked();
                let name_of = |id: &NodeId| all.iter().flat_map(|(_, nodes)| nodes).find(|n| n.node.id == *id).map_or_else(|| id.to_string(), |n| n.node.name.clone());
                let columns = StoredValue::new(nodes.iter().map(|id| (id.clone(), name_of(id))).collect::<Nodes>());
                view! {
                    <Load resource=checkpoints let:checkpoints>
                        <p class="empty" hidden=move || checkpoints.with(|all| !all.is_empty())>{t::none(language)}</p>
                        <table class="table" hidden=move || checkpoints.with(Vec::is_empty)>
                            <thead><tr>
                                <th>{t::iteration(language)}</th>
                                {columns.get_value().into_iter().map(|(_, name)| view! { <th>{name}</th> }).collect_view()}
                                <th>{c::size(language)}</th><th>{t::seen(language)}</th><th></th>
                            </tr></thead>
                            <tbody>
                                <For each=move || { let mut all = checkpoints.get(); all.sort_by(|a, b| b.iteration.cmp(&a.iteration)); all }
                                    key=|c| (c.id.clone(), c.files.len(), c.complete_on.len()) let:checkpoint>
                                    <CheckpointRow checkpoint columns=columns.get_value() model_name=model_name.get_value()/>
                                </For>
                            </tbody>
                        </table>
                    </Load>
                }
            }
        </Load>
    }
}

#[component]
fn CheckpointRow(checkpoint: Checkpoint, columns: Nodes, model_name: String) -> impl IntoView {
    let language = use_language();
    let id = checkpoint.id.to_string();
    let iteration = checkpoint.iteration;
    let total: u64 = checkpoint.files.iter().map(|f| f.size_bytes).sum();
    let holdings = columns.iter().map(|(node, _)| view! { <td><Holding checkpoint=checkpoint.clone() node=node.clone()/></td> }).collect_view();
    let is_whole = !checkpoint.complete_on.is_empty();
    // Offered where something is missing, main node first: that is where the export runs.
    let target = columns.iter().find(|(node, _)| !checkpoint.complete_on.contains(node)).cloned();
    let is_exporting = RwSignal::new(false);
    let gather = target.filter(|_| columns.len() > 1).map(|(node, name)| {
        let label = format!("{} {name}", t::gather(language));
        let id = id.clone();
        let action = Action::new(move |key: &String| gather_checkpoint(id.clone(), node.to_string(), key.clone()));
        view! { <JobButton action label help=t::gather_help(language)/> }
    });
    view! {
        <tr>
            <td class="number">{count(iteration)}</td>
            {holdings}
            <td class="number">{size(total)}</td>
            <td><Ago at=checkpoint.seen_at/></td>
            <td class="actions">
                {gather}
                <button class="button" data-size="small" type="button" disabled=!is_whole title=if is_whole { t::export_help(language) } else { t::export_needs_whole(language) }
                    on:click=move |_| is_exporting.update(|is| *is = !*is)>{t::export(language)}</button>
            </td>
        </tr>
        <Show when=move || is_exporting.get()>
            <tr><td colspan=(columns.len() + 4).to_string()><ExportForm checkpoint=id.clone() name=format!("{model_name}-{iteration}")/></td></tr>
        </Show>
    }
}

/// What a node holds of a checkpoint: a filled, half or empty mark, and the words.
#[component]
fn Holding(checkpoint: Checkpoint, node: NodeId) -> impl IntoView {
    let language = use_language();
    let is_shard = |path: &str| path.ends_with(".distcp");
    let held = checkpoint.files.iter().filter(|f| f.node_id == node && is_shard(&f.path)).count();
    let (state, words) = if checkpoint.complete_on.contains(&node) {
        ("whole", t::whole(language))
    } else if held > 0 {
        ("part", t::part(language))
    } else {
        ("nothing", t::nothing(language))
    };
    let demanded = (!checkpoint.demanded.is_empty()).then_some(checkpoint.demanded.len());
    let shards = match demanded {
        Some(all) => format!("{held} / {all}"),
        None => held.to_string(),
    };
    view! { <span class="holding" data-state=state title=words>{shards} <span class="only-read">{words}</span></span> }
}

/// A button that starts a job once and then leads to it.
#[component]
fn JobButton(action: Action<String, Result<String, AppError>>, label: String, help: &'static str) -> impl IntoView {
    let language = use_language();
    let key = StoredValue::new(String::new());
    let press = move |_| {
        if key.with_value(String::is_empty) {
            key.set_value(browser::new_key());
        }
        action.dispatch(key.get_value());
    };
    let answer = move || action.value().get().map(|answer| match answer {
        Ok(job) => view! { <A href=format!("/jobs/{job}")>{c::open(language)}</A> }.into_any(),
        Err(error) => {
            key.set_value(String::new());
            view! { <span class="finding" data-weight="stops" role="alert">{error.text(language)}</span> }.into_any()
        }
    });
    view! {
        <button class="button" data-size="small" type="button" title=help disabled=move || action.pending().get() on:click=press>{label}</button>
        {answer}
    }
}

#[component]
fn ExportForm(checkpoint: String, name: String) -> impl IntoView {
    let language = use_language();
    let name = RwSignal::new(name);
    let test_precision = RwSignal::new(true);
    let key = StoredValue::new(String::new());
    let export = Action::new(move |(): &()| {
        if key.with_value(String::is_empty) {
            key.set_value(browser::new_key());
        }
        export_checkpoint(checkpoint.clone(), name.get_untracked(), test_precision.get_untracked(), key.get_value())
    });
    let go = use_navigate();
    Effect::new(move |_| match export.value().get() {
        Some(Ok(job)) => go(&format!("/jobs/{job}"), Default::default()),
        Some(Err(_)) => key.set_value(String::new()),
        None => {}
    });
    let problem = Memo::new(move |_| export.value().get().and_then(Result::err));
    let findings = Signal::derive(move || problem.get().map(|e| e.findings().to_vec()).unwrap_or_default());
    view! {
        <form class="form form-row" on:submit=move |ev| { ev.prevent_default(); export.dispatch(()); }>
            <TextField name="name" label=t::export_name(language) value=name findings required=true/>
            <label class="check">
                <input type="checkbox" name="test_precision" checked on:change:target=move |ev| test_precision.set(ev.target().checked())/>
                {m::test_precision(language)}
            </label>
            <button class="button" data-kind="main" type="submit" disabled=move || export.pending().get()>{t::export(language)}</button>
        </form>
        {move || problem.get().filter(|e| e.findings().is_empty()).map(|e| view! { <p class="finding" data-weight="stops" role="alert">{e.text(language)}</p> })}
    }
}
