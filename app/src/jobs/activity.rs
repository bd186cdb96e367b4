//! Long work in one place, wherever one is: the menu in the header.

use domain::experiments::Progress;
use domain::jobs::{JobView, Kind};
use domain::language::Language;
use leptos::prelude::*;
use leptos_router::components::A;

use super::server_fns::{Running, running_jobs, stop_job};
use crate::context::use_language;
use crate::shared::badge::kind_word;
use crate::shared::format::span;
use crate::shared::live::use_live;
use crate::shared::{Confirmed, JobBadge, Lasted, Load};
use crate::texts::{common as t, deployments, experiments, jobs};

#[component]
pub fn ActivityMenu() -> impl IntoView {
    let (language, live) = (use_language(), use_live());
    let is_open = RwSignal::new(false);
    let all = Resource::new(
        move || {
            // Points come every second: only who looks at the menu needs them.
            let points = is_open.get().then(|| live.kind("series"));
            (live.kind("job"), points)
        },
        |_| running_jobs(),
    );
    view! {
        <Load resource=all let:all>
            <details class="menu" on:toggle:target=move |ev| is_open.set(ev.target().open())>
                <summary class="frame-button">
                    {t::activity(language)}
                    {move || {
                        let count = all.with(Vec::len);
                        (count > 0).then(|| view! { <span class="count">{count}</span> })
                    }}
                </summary>
                <div class="menu-body activity">
                    <p class="activity-none" hidden=move || all.with(|all| !all.is_empty())>{t::nothing_running(language)}</p>
                    // Rows stay while their numbers move, or a question asked in one would be taken away.
                    <For each=move || all.get() key=|one| one.job.id.clone() let:one>
                        <ActivityRow all first=one/>
                    </For>
                    <A href="/jobs">{jobs::all_jobs(language)}</A>
                </div>
            </details>
        </Load>
    }
}

#[component]
fn ActivityRow(all: Signal<Vec<Running>>, first: Running) -> impl IntoView {
    let language = use_language();
    let job = StoredValue::new(first.job.clone());
    let address = match &first.training {
        Some((experiment, _)) => format!("/experiments/{experiment}"),
        None => super::address(&first.job),
    };
    let now = Memo::new(move |_| {
        let is_its = |one: &&Running| job.with_value(|job| one.job.id == job.id);
        all.with(|all| all.iter().find(is_its).cloned())
            .unwrap_or_else(|| first.clone())
    });
    view! {
        <div class="activity-row">
            <A href=address>{job.with_value(|job| format!("{} · {}", kind_word(job.kind, language), job.title))}</A>
            <span class="activity-facts">
                {move || {
                    let Running { job, training } = now.get();
                    view! {
                        <JobBadge state=job.state kind=job.kind/>
                        <Lasted from=job.started_at to=job.ended_at/>
                        {training.map(|(_, progress)| view! { <Far progress/> })}
                    }
                }}
            </span>
            <StopButton job=job.get_value()/>
        </div>
    }
}

/// How far a training is, and how long it still takes.
#[component]
fn Far(progress: Progress) -> impl IntoView {
    let language = use_language();
    let left = progress
        .seconds_left
        .map(|seconds| span((seconds * 1000.0) as i64, language));
    view! {
        {progress.share().map(|share| view! {
            <progress class="bar" max="100" value=format!("{:.0}", share * 100.0) aria-label=experiments::progress(language)></progress>
            <span>{format!("{:.0} %", share * 100.0)}</span>
        })}
        {left.map(|left| view! { <span>{left} " " {experiments::left(language)}</span> })}
    }
}

/// What stopping a job of this kind takes away.
pub fn lost_by_stopping(kind: Kind, language: Language) -> &'static str {
    match kind {
        Kind::Train => experiments::stop_help(language),
        Kind::Deploy => deployments::stop_help(language),
        _ => jobs::stop_help(language),
    }
}

/// Stops a job, once asked. It then waits for the server; the state comes with the job's own changes.
#[component]
pub fn StopButton(job: JobView, #[prop(optional, into)] label: Option<String>) -> impl IntoView {
    let language = use_language();
    let (id, kind) = (job.id.to_string(), job.kind);
    let stop = Action::new(move |_: &()| stop_job(id.clone()));
    let problem = move || {
        stop.value()
            .get()
            .and_then(Result::err)
            .map(|e| view! { <span role="alert">{e.text(language)}</span> })
    };
    view! {
        <Confirmed label=label.unwrap_or_else(|| t::stop(language).to_owned()) lost=lost_by_stopping(kind, language) is_small=true
            pending=stop.pending() on_yes=move || { stop.dispatch(()); }/>
        {problem}
    }
}
