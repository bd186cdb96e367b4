//! Experiments as rows, where few of them are shown with how far they are.

use domain::experiments::ExperimentView;
use leptos::prelude::*;
use leptos_router::components::A;

use super::spark::Spark;
use crate::context::use_language;
use crate::shared::format::{count, significant, span};
use crate::shared::{Ago, JobBadge, RunBadge};
use crate::texts::{common as c, experiments as t};

/// One row an experiment: state, how far, loss with its line, time left.
#[component]
pub fn ExperimentRows(#[prop(into)] all: Signal<Vec<ExperimentView>>) -> impl IntoView {
    let language = use_language();
    view! {
        <table class="table" hidden=move || all.with(Vec::is_empty)>
            <thead><tr>
                <th>{c::name(language)}</th><th>{c::state(language)}</th><th>{t::progress(language)}</th>
                <th>{t::loss(language)}</th><th></th><th>{t::left(language)}</th><th>{c::created(language)}</th>
            </tr></thead>
            <tbody>{move || all.get().into_iter().map(|view| view! { <Row view/> }).collect_view()}</tbody>
        </table>
    }
}

#[component]
fn Row(view: ExperimentView) -> impl IntoView {
    let language = use_language();
    let job = view.job().cloned();
    let is_running = view.is_running();
    let progress = view.progress.clone();
    let done = match (progress.iteration, progress.iterations) {
        (Some(done), Some(all)) => format!("{} / {}", count(done), count(all)),
        (Some(done), None) => count(done),
        _ => String::new(),
    };
    let left = progress
        .seconds_left
        .filter(|_| is_running)
        .map(|seconds| span((seconds * 1000.0) as i64, language));
    view! {
        <tr>
            <td><A href=format!("/experiments/{}", view.experiment.id)>{view.experiment.name.clone()}</A></td>
            <td>{job.map(|job| view! { <JobBadge state=job.state kind=job.kind/> })} {view.tracked.map(|run| view! { <RunBadge run/> })}</td>
            <td class="number">{done}</td>
            <td class="number">{progress.loss.map(|loss| significant(loss, 4))}</td>
            <td><Spark values=view.spark/></td>
            <td class="number">{left}</td>
            <td class="soft"><Ago at=view.experiment.created_at/></td>
        </tr>
    }
}
