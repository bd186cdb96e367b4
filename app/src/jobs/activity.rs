//! Long work in one place, wherever one is: the menu in the header.

use domain::jobs::JobView;
use leptos::prelude::*;
use leptos_router::components::A;

use super::server_fns::{list_jobs, stop_job};
use crate::context::use_language;
use crate::shared::badge::kind_word;
use crate::shared::live::use_live;
use crate::shared::{JobBadge, Lasted, Load};
use crate::texts::{common as t, jobs};

#[component]
pub fn ActivityMenu() -> impl IntoView {
    let (language, live) = (use_language(), use_live());
    let all = Resource::new(move || live.kind("job"), |_| list_jobs());
    let running = move |all: &[JobView]| -> Vec<JobView> {
        all.iter()
            .filter(|job| !job.state.is_terminal())
            .cloned()
            .collect()
    };
    view! {
        <Load resource=all let:all>
            <details class="menu">
                <summary class="frame-button">
                    {t::activity(language)}
                    {move || {
                        let count = all.with(|all| running(all).len());
                        (count > 0).then(|| view! { <span class="count">{count}</span> })
                    }}
                </summary>
                <div class="menu-body activity">
                    {move || {
                        let running = all.with(|all| running(all));
                        if running.is_empty() {
                            return view! { <p class="activity-none">{t::nothing_running(language)}</p> }.into_any();
                        }
                        running.into_iter().map(|job| view! { <ActivityRow job/> }).collect_view().into_any()
                    }}
                    <A href="/jobs">{jobs::all_jobs(language)}</A>
                </div>
            </details>
        </Load>
    }
}

#[component]
fn ActivityRow(job: JobView) -> impl IntoView {
    let language = use_language();
    let id = job.id.to_string();
    view! {
        <div class="activity-row">
            <A href=super::address(&job)>{kind_word(job.kind, language)} " · " {job.title.clone()}</A>
            <span class="activity-facts">
                <JobBadge state=job.state.clone() kind=job.kind/>
                <Lasted from=job.started_at to=job.ended_at/>
            </span>
            <StopButton id/>
        </div>
    }
}

/// Stops a job. Pressed once it waits for the server; the state then comes with the job's own changes.
#[component]
pub fn StopButton(id: String, #[prop(optional, into)] label: Option<String>) -> impl IntoView {
    let language = use_language();
    let stop = Action::new(move |_: &()| stop_job(id.clone()));
    let problem = move || {
        stop.value()
            .get()
            .and_then(Result::err)
            .map(|e| view! { <span role="alert">{e.text(language)}</span> })
    };
    view! {
        <button class="button" data-size="small" data-kind="danger" type="button" disabled=move || stop.pending().get()
            on:click=move |_| { stop.dispatch(()); }>
            {label.unwrap_or_else(|| t::stop(language).to_owned())}
        </button>
        {problem}
    }
}
