//! The table of checkpoints: one row an iteration, one column a node, with a mark for whole, part or nothing.

use std::collections::HashMap;

use domain::checkpoints::Checkpoint;
use domain::ids::NodeId;
use domain::jobs::JobView;
use leptos::prelude::*;
use leptos_router::components::A;

use super::export_form::ExportForm;
use super::server_fns::{gather_checkpoint, jobs_of_checkpoints, list_checkpoints};
use crate::context::use_language;
use crate::error::AppError;
use crate::experiments::server_fns::get_experiment;
use crate::nodes::server_fns::list_nodes;
use crate::shared::badge::kind_word;
use crate::shared::format::{count, size};
use crate::shared::live::use_live;
use crate::shared::{Ago, JobBadge, Load};
use crate::texts::{checkpoints as t, common as c};

type Shown = (
    Vec<Checkpoint>,
    HashMap<String, JobView>,
    Vec<(NodeId, String)>,
);

/// Everything the table shows, read together so that it never shows halves. Made by the page, outside of every `Load`.
pub type CheckpointReads = Resource<Result<Shown, AppError>>;

/// For the experiment that `id` names.
pub fn checkpoint_reads(id: impl Fn() -> String + Copy + Send + Sync + 'static) -> CheckpointReads {
    let live = use_live();
    Resource::new(
        move || (id(), live.kind("checkpoint"), live.kind("job")),
        |(id, ..)| read(id),
    )
}

async fn read(experiment: String) -> Result<Shown, AppError> {
    let mut checkpoints = list_checkpoints(experiment.clone()).await?;
    checkpoints.sort_by(|a, b| {
        b.attempt_id
            .cmp(&a.attempt_id)
            .then(b.iteration.cmp(&a.iteration))
    });
    let jobs = jobs_of_checkpoints(experiment.clone())
        .await?
        .into_iter()
        .collect();
    let clusters = list_nodes().await?;
    let all = || clusters.iter().flat_map(|(_, nodes)| nodes);
    // In rank order, main node first.
    let view = get_experiment(experiment).await?;
    let processes = view
        .job()
        .map(|job| job.processes.clone())
        .unwrap_or_default();
    let named = processes
        .into_iter()
        .map(|process| process.node_id)
        .map(|id| {
            let name = all()
                .find(|view| view.node.id == id)
                .map_or_else(|| id.to_string(), |view| view.node.name.clone());
            (id, name)
        });
    Ok((checkpoints, jobs, named.collect()))
}

#[component]
pub fn CheckpointTable(reads: CheckpointReads) -> impl IntoView {
    let language = use_language();
    let exporting = RwSignal::new(None::<String>);
    view! {
        <Load resource=reads let:all>
            <p class="empty" hidden=move || all.with(|(checkpoints, ..)| !checkpoints.is_empty())>{t::none(language)}</p>
            {move || all.with(|(checkpoints, jobs, nodes)| (!checkpoints.is_empty()).then(|| view! {
                <table class="table">
                    <thead><tr>
                        <th>{t::iteration(language)}</th>
                        {nodes.iter().map(|(_, name)| view! { <th>{name.clone()}</th> }).collect_view()}
                        <th>{c::size(language)}</th><th>{t::seen(language)}</th><th>{t::newest_job(language)}</th><th></th>
                    </tr></thead>
                    <tbody>{checkpoints.iter().map(|checkpoint| view! {
                        <Row checkpoint=checkpoint.clone() nodes=nodes.clone() job=jobs.get(checkpoint.id.as_str()).cloned() exporting/>
                    }).collect_view()}</tbody>
                </table>
            }))}
            {move || exporting.get().map(|checkpoint| view! { <section class="section-body"><h2>{t::export(language)}</h2><ExportForm checkpoint/></section> })}
        </Load>
    }
}

#[component]
fn Row(
    checkpoint: Checkpoint,
    nodes: Vec<(NodeId, String)>,
    job: Option<JobView>,
    exporting: RwSignal<Option<String>>,
) -> impl IntoView {
    let language = use_language();
    let id = checkpoint.id.to_string();
    let iteration = count(checkpoint.iteration);
    let total: u64 = checkpoint.files.iter().map(|f| f.size_bytes).sum();
    let main = nodes.first().cloned();
    let is_whole = main
        .as_ref()
        .is_some_and(|(id, _)| checkpoint.complete_on.contains(id));
    let is_busy = job.as_ref().is_some_and(|job| !job.state.is_terminal());
    let holdings = nodes.iter().map(|(node, _)| view! { <td><Holding checkpoint=checkpoint.clone() node=node.clone()/></td> }).collect_view();
    let gather = {
        let id = id.clone();
        Action::new(move |(): &()| gather_checkpoint(id.clone()))
    };
    let gather_label = t::gather_iteration(language, &iteration);
    view! {
        <tr>
            <td class="number">{iteration}</td>
            {holdings}
            <td class="number">{size(total)}</td>
            <td class="soft"><Ago at=checkpoint.seen_at/></td>
            <td>{job.map(|job| view! {
                <A href=format!("/jobs/{}", job.id)>{kind_word(job.kind, language)}</A> " " <JobBadge state=job.state.clone() kind=job.kind/>
            })}</td>
            <td class="actions">
                {(!is_whole).then(|| view! {
                    <button class="button" data-size="small" type="button" title=t::gather_help(language)
                        disabled=move || is_busy || gather.pending().get() on:click=move |_| { gather.dispatch(()); }>{gather_label}</button>
                })}
                <button class="button" data-size="small" type="button" disabled=!is_whole || is_busy
                    title=if is_whole { t::export_help(language) } else { t::export_needs_whole(language) }
                    on:click=move |_| exporting.set(Some(id.clone()))>{t::export(language)}</button>
                {move || gather.value().get().and_then(Result::err).map(|error| view! {
                    <span class="finding" data-weight="stops" role="alert">{error.text(language)}</span>
                })}
            </td>
        </tr>
    }
}

/// What a node holds of a checkpoint: a filled, half or empty mark, and the words.
#[component]
fn Holding(checkpoint: Checkpoint, node: NodeId) -> impl IntoView {
    let language = use_language();
    let held = checkpoint
        .files
        .iter()
        .filter(|f| f.node_id == node && f.path.ends_with(".distcp"))
        .count();
    let (state, words) = if checkpoint.complete_on.contains(&node) {
        ("whole", t::whole(language))
    } else if held > 0 {
        ("part", t::part(language))
    } else {
        ("nothing", t::nothing(language))
    };
    let shards = match checkpoint.demanded.len() {
        0 => held.to_string(),
        all => format!("{held} / {all}"),
    };
    view! { <span class="holding" data-state=state title=words>{shards} <span class="sr-only">{words}</span></span> }
}
