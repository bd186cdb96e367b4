//! All jobs, and one job: its state, its processes, its log.

use domain::jobs::JobView;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;
use leptos_router::hooks::use_params_map;

use super::activity::StopButton;
use super::processes::ProcessTable;
use super::server_fns::{get_job, list_jobs};
use crate::context::use_language;
use crate::parts::{self, Part};
use crate::shared::badge::{cause, kind_word};
use crate::shared::live::use_live;
use crate::shared::{Ago, JobBadge, Lasted, Load};
use crate::texts::{common as c, jobs as t};

#[component]
pub fn JobsPage() -> impl IntoView {
    let (language, live) = (use_language(), use_live());
    let all = Resource::new(move || live.kind("job"), |_| list_jobs());
    view! {
        <Title text=t::jobs(language)/>
        <div class="page-head"><h1>{t::jobs(language)}</h1></div>
        <Load resource=all let:all>
            <table class="table">
                <thead><tr><th>{c::name(language)}</th><th>{c::state(language)}</th><th>{c::started(language)}</th><th></th></tr></thead>
                <tbody>
                    {move || all.get().into_iter().map(|job| view! {
                        <tr>
                            <td><A href=super::address(&job)>{kind_word(job.kind, language)} " · " {job.title.clone()}</A></td>
                            <td><JobBadge state=job.state.clone() kind=job.kind/></td>
                            <td><Ago at=job.created_at/></td>
                            <td class="number"><Lasted from=job.started_at to=job.ended_at/></td>
                        </tr>
                    }).collect_view()}
                </tbody>
            </table>
            <p class="empty" hidden=move || all.with(|all| !all.is_empty())>{c::nothing_running(language)}</p>
        </Load>
    }
}

#[component]
pub fn JobPage() -> impl IntoView {
    let live = use_live();
    let params = use_params_map();
    let id = move || params.with(|p| p.get("id").unwrap_or_default());
    let job = Resource::new(
        move || (id(), live.subject("job", &id())),
        |(id, _)| get_job(id),
    );
    view! {
        <Load resource=job let:job>
            <JobHead job/>
            <JobBody job/>
        </Load>
    }
}

#[component]
fn JobHead(job: Signal<JobView>) -> impl IntoView {
    let language = use_language();
    let is_growing = Memo::new(move |_| job.with(|job| !job.state.is_terminal()));
    let title =
        job.with_untracked(|job| format!("{} · {}", kind_word(job.kind, language), job.title));
    view! {
        <Title text=title.clone()/>
        <div class="page-head">
            <h1>{title}</h1>
            {move || job.with(|job| view! {
                <JobBadge state=job.state.clone() kind=job.kind/>
                <Lasted from=job.started_at to=job.ended_at/>
            })}
            <div class="page-head-actions">
                <Show when=move || is_growing.get()>
                    <StopButton job=job.get_untracked() label=t::stop_job(language).to_owned()/>
                </Show>
            </div>
        </div>
    }
}

/// Cause, processes and log of a job; used wherever a job is shown.
#[component]
pub fn JobBody(
    job: Signal<JobView>,
    /// Names of the nodes, by rank.
    #[prop(optional)]
    names: Vec<String>,
) -> impl IntoView {
    let language = use_language();
    let (id, processes) = job.with_untracked(|job| (job.id.to_string(), job.processes.clone()));
    let is_growing = Signal::derive(move || job.with(|job| !job.state.is_terminal()));
    view! {
        {move || job.with(|job| cause(&job.state, language)).map(|why| view! {
            <p class="finding" data-weight="stops"><strong>{t::cause(language)} ": "</strong> {why}</p>
        })}
        <ProcessTable job names=names.clone()/>
        {parts::shown(Part::Log { job: id, processes, names, is_growing })}
    }
}
