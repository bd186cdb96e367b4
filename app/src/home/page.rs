//! The start page: what needs you, what runs, what is free; above them, until it was walked, the path to a first model.

use domain::jobs::{JobView, State};
use domain::models::Format;
use domain::nodes::NodeView;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::{A, Redirect};

use super::tour::{TourPanel, tour_read};
use crate::context::{use_language, use_viewer};
use crate::datasets::server_fns::list_datasets;
use crate::experiments::ExperimentRows;
use crate::experiments::server_fns::{count_experiments, running_experiments};
use crate::jobs::server_fns::list_jobs;
use crate::models::server_fns::list_models;
use crate::nodes::GpuStrip;
use crate::nodes::server_fns::list_nodes;
use crate::shared::badge::kind_word;
use crate::shared::live::use_live;
use crate::shared::{Ago, JobBadge, Load};
use crate::texts::{common as c, home as t};

/// Ended jobs that are shown as needing a look.
const SHOWN: usize = 5;

#[component]
pub fn HomePage() -> impl IntoView {
    let viewer = use_viewer();
    if viewer.person.is_none() {
        return view! { <Redirect path="/login"/> }.into_any();
    }
    view! {
        <Title text=""/>
        <h1 class="sr-only">{c::home(viewer.language)}</h1>
        <Path/>
        <Rehearsal/>
        <Running/>
        <Jobs/>
        <Gpus/>
    }
    .into_any()
}

/// The first steps, each marked when it is done.
#[component]
fn Path() -> impl IntoView {
    let (language, live) = (use_language(), use_live());
    let done = Resource::new(
        move || {
            (
                live.kind("node"),
                live.kind("model"),
                live.kind("dataset"),
                live.kind("experiment"),
            )
        },
        |_| async move {
            let nodes = list_nodes()
                .await?
                .iter()
                .any(|(_, nodes)| !nodes.is_empty());
            let models = list_models().await?;
            let is_converted = models.iter().any(|model| model.format == Format::Mcore);
            let has_datasets = !list_datasets().await?.is_empty();
            let has_experiments = count_experiments().await? > 0;
            Ok([
                nodes,
                !models.is_empty(),
                is_converted,
                has_datasets,
                has_experiments,
            ])
        },
    );
    let steps = [
        (
            "/nodes",
            t::step_nodes(language),
            t::step_nodes_why(language),
        ),
        (
            "/models/register",
            t::step_model(language),
            t::step_model_why(language),
        ),
        (
            "/models",
            t::step_convert(language),
            t::step_convert_why(language),
        ),
        (
            "/datasets/register",
            t::step_dataset(language),
            t::step_dataset_why(language),
        ),
        (
            "/experiments/new",
            t::step_experiment(language),
            t::step_experiment_why(language),
        ),
    ];
    view! {
        <Load resource=done let:done>
            {move || {
                let done = done.get();
                (!done.iter().all(|step| *step)).then(|| view! {
                    <section class="section-body">
                        <h2>{t::next_steps(language)}</h2>
                        <ol class="steps">
                            {steps.into_iter().zip(done).map(|((address, name, why), is_done)| view! {
                                <li data-state=if is_done { "succeeded" } else { "pending" }>
                                    <A href=address>{name}</A>
                                    " " <span class="mark">{if is_done { t::done(language) } else { t::open(language) }}</span>
                                    <div class="soft">{why}</div>
                                </li>
                            }).collect_view()}
                        </ol>
                    </section>
                })
            }}
        </Load>
    }
}

/// The whole path on the rehearsal cluster, where there is one.
#[component]
fn Rehearsal() -> impl IntoView {
    let clusters = Resource::new(|| (), |()| list_nodes());
    let tour = tour_read();
    view! {
        <Load resource=clusters let:clusters>
            {move || clusters.with(|all| all.iter().any(|(cluster, _)| cluster.is_rehearsal)).then(|| view! { <TourPanel tour/> })}
        </Load>
    }
}

/// Experiments that are training: loss, progress, time left.
#[component]
fn Running() -> impl IntoView {
    let (language, live) = (use_language(), use_live());
    let all = Resource::new(
        move || (live.kind("job"), live.kind("series")),
        |_| running_experiments(),
    );
    view! {
        <Load resource=all let:all>
            {move || {
                let running = all.get();
                (!running.is_empty()).then(|| view! {
                    <section class="section-body"><h2>{t::training(language)}</h2><ExperimentRows all=running/></section>
                })
            }}
        </Load>
    }
}

/// What failed last, and what runs.
#[component]
fn Jobs() -> impl IntoView {
    let (language, live) = (use_language(), use_live());
    let jobs = Resource::new(move || live.kind("job"), |_| list_jobs());
    view! {
        <Load resource=jobs let:jobs>
            {move || {
                let (failed, running) = jobs.with(|jobs| {
                    let failed = jobs.iter().filter(|job| matches!(job.state, State::Failed { .. } | State::Lost { .. })).take(SHOWN);
                    let running = jobs.iter().filter(|job| !job.state.is_terminal());
                    (failed.cloned().collect::<Vec<_>>(), running.cloned().collect::<Vec<_>>())
                });
                view! {
                    {(!failed.is_empty()).then(|| view! {
                        <section class="section-body"><h2>{t::needs_you(language)}</h2> {rows(failed)}</section>
                    })}
                    <section class="section-body">
                        <h2>{t::running(language)}</h2>
                        {if running.is_empty() {
                            view! { <p class="soft">{c::nothing_running(language)}</p> }.into_any()
                        } else {
                            rows(running).into_any()
                        }}
                    </section>
                }
            }}
        </Load>
    }
}

fn rows(jobs: Vec<JobView>) -> impl IntoView {
    let language = use_language();
    view! {
        <table class="table">
            <tbody>{jobs.into_iter().map(|job| view! {
                <tr>
                    <td><A href=crate::jobs::address(&job)>{kind_word(job.kind, language)} " · " {job.title.clone()}</A></td>
                    <td><JobBadge state=job.state.clone() kind=job.kind/></td>
                    <td class="soft"><Ago at=job.ended_at.or(job.started_at).unwrap_or(job.created_at)/></td>
                </tr>
            }).collect_view()}</tbody>
        </table>
    }
}

/// Every node's GPUs as a strip.
#[component]
fn Gpus() -> impl IntoView {
    let (language, live) = (use_language(), use_live());
    let nodes = Resource::new(
        move || (live.kind("node"), live.kind("job")),
        |_| list_nodes(),
    );
    view! {
        <Load resource=nodes let:nodes>
            {move || {
                let all: Vec<NodeView> = nodes.get().into_iter().flat_map(|(_, nodes)| nodes).collect();
                (!all.is_empty()).then(|| view! {
                    <section class="section-body">
                        <h2>{t::gpus(language)}</h2>
                        <table class="table">
                            <tbody>{all.into_iter().map(|node| {
                                let (address, name) = (format!("/nodes/{}", node.node.id), node.node.name.clone());
                                view! { <tr><td><A href=address>{name}</A></td><td><GpuStrip node/></td></tr> }
                            }).collect_view()}</tbody>
                        </table>
                    </section>
                })
            }}
        </Load>
    }
}
