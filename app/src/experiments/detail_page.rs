//! One experiment: its state and the number that matters, charts, logs, recipe, checkpoints. The address holds the tab.

use domain::experiments::ExperimentView;
use domain::jobs::JobView;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;
use leptos_router::hooks::{use_params_map, use_query_map};

use super::profile_parts::{MoreMenu, ProfileReads, Tags};
use super::server_fns::{get_experiment, relaunch_experiment, stop_experiment};
use crate::browser;
use crate::checkpoints::{CheckpointReads, checkpoint_reads};
use crate::context::use_language;
use crate::jobs::{JobBody, ProcessLine, ProcessTable};
use crate::metrics::{ChartReads, ChartsPanel};
use crate::parts::{self, Part};
use crate::shared::badge::cause;
use crate::shared::format::{count, significant, span};
use crate::shared::live::use_live;
use crate::shared::{Confirmed, JobBadge, Lasted, Load, RunBadge};
use crate::texts::{experiments as t, jobs, profiles, queue, tracking};
use crate::tracking::MediaReads;

#[component]
pub fn ExperimentPage() -> impl IntoView {
    let live = use_live();
    let params = use_params_map();
    let id = move || params.with(|p| p.get("id").unwrap_or_default());
    let view = Resource::new(
        move || {
            (
                id(),
                live.subject("series", &id()),
                live.subject("experiment", &id()),
                live.kind("job"),
            )
        },
        |(id, ..)| get_experiment(id),
    );
    let (charts, checkpoints, profile, media) = (
        ChartReads::new(id),
        checkpoint_reads(id),
        ProfileReads::new(id),
        MediaReads::new(id),
    );
    view! {
        <Load resource=view let:shown>
            <Head shown profile/>
            <Tabs shown charts checkpoints profile media/>
        </Load>
    }
}

#[component]
fn Head(shown: Signal<ExperimentView>, profile: ProfileReads) -> impl IntoView {
    let language = use_language();
    let id = shown.with_untracked(|s| s.experiment.id.to_string());
    let name = Memo::new(move |_| shown.with(|s| s.experiment.name.clone()));
    let job = Memo::new(move |_| shown.with(|s| s.job().cloned()));
    let tracked = Memo::new(move |_| shown.with(|s| s.tracked.clone()));
    let is_running = Memo::new(move |_| {
        job.with(|job| job.as_ref().is_some_and(|job| !job.state.is_terminal()))
    });
    view! {
        <Title text=name/>
        <div class="page-head sticky">
            <span class="crumb"><A href="/experiments">{t::experiments(language)}</A></span>
            <h1 class="long-name" title=name>{name}</h1>
            {move || job.get().map(|job| view! {
                <JobBadge state=job.state.clone() kind=job.kind/>
                <Lasted from=job.started_at to=job.ended_at/>
            })}
            {move || tracked.get().map(|run| view! {
                <RunBadge run=run.clone()/>
                <Lasted from=Some(run.started_at) to=run.finished_at/>
            })}
            <Numbers shown is_running/>
            // What was not launched here can be neither stopped nor launched again.
            <div class="page-head-actions">
                {move || tracked.with(Option::is_none).then(|| view! { <Actions id=id.clone() is_running/> })}
                <MoreMenu reads=profile name=name.get_untracked()/>
            </div>
        </div>
        <Tags reads=profile/>
        <Nodes shown/>
        {move || shown.with(|s| s.attempts.is_empty() && s.tracked.is_none()).then(|| view! {
            <p><A href="/experiments/queue" attr:class="badge" attr:data-state="pending">{queue::queued(language)}</A></p>
        })}
        {move || job.with(|job| job.as_ref().and_then(|job| cause(&job.state, language))).map(|why| view! {
            <p class="finding" data-weight="stops"><strong>{jobs::cause(language)} ": "</strong> {why}</p>
        })}
    }
}

/// How the newest attempt stands on each of its nodes.
#[component]
fn Nodes(shown: Signal<ExperimentView>) -> impl IntoView {
    let has_job = Memo::new(move |_| shown.with(|s| s.job().is_some()));
    let names = Signal::derive(move || shown.with(|s| s.nodes.clone()));
    move || {
        has_job
            .get()
            .then(|| newest_job(shown))
            .map(|job| view! { <ProcessLine job names/> })
    }
}

/// The newest attempt's job; called only where there is one.
fn newest_job(shown: Signal<ExperimentView>) -> Signal<JobView> {
    let known = StoredValue::new(shown.with_untracked(|s| s.job().cloned()));
    Signal::derive(move || {
        shown
            .with(|s| s.job().cloned())
            .or_else(|| known.get_value())
            .expect("an attempt has a job")
    })
}

/// Loss, how far, and how long still.
#[component]
fn Numbers(shown: Signal<ExperimentView>, is_running: Memo<bool>) -> impl IntoView {
    let language = use_language();
    let progress = Memo::new(move |_| shown.with(|s| s.progress.clone()));
    view! {
        <div class="numbers">
            {move || progress.with(|p| p.loss).map(|loss| view! { <span>{t::loss(language)} " " <strong>{significant(loss, 4)}</strong></span> })}
            {move || progress.with(|p| p.iteration.zip(p.iterations)).map(|(done, all)| view! { <span>{count(done)} " / " {count(all)}</span> })}
            {move || progress.with(|p| p.share()).map(|share| view! {
                <span><progress max="100" value=format!("{:.0}", share * 100.0) aria-label=t::progress(language)></progress> " " {format!("{:.0} %", share * 100.0)}</span>
            })}
            {move || progress.with(|p| p.seconds_left).filter(|_| is_running.get()).map(|left| view! {
                <span>{span((left * 1000.0) as i64, language)} " " {t::left(language)}</span>
            })}
        </div>
    }
}

#[component]
fn Actions(id: String, is_running: Memo<bool>) -> impl IntoView {
    let language = use_language();
    let stopped = id.clone();
    let stop = Action::new(move |(): &()| stop_experiment(stopped.clone()));
    let key = StoredValue::new(String::new());
    let again = id.clone();
    let relaunch = Action::new(move |(): &()| {
        if key.with_value(String::is_empty) {
            key.set_value(browser::new_key());
        }
        let (id, key) = (again.clone(), key.get_value());
        async move { relaunch_experiment(id, key).await.map(|_| ()) }
    });
    // The next press is another intent.
    Effect::new(move |_| {
        if relaunch.value().with(Option::is_some) {
            key.set_value(String::new());
        }
    });
    let problem = move || {
        let stop = stop.value().get().and_then(Result::err);
        stop.or_else(|| relaunch.value().get().and_then(Result::err))
    };
    view! {
        {move || problem().map(|error| view! { <span class="finding" data-weight="stops" role="alert">{error.text(language)}</span> })}
        <A href=format!("/experiments/new?from={id}") attr:class="button">{t::again_changed(language)}</A>
        <button class="button" type="button" hidden=move || is_running.get() disabled=move || relaunch.pending().get()
            on:click=move |_| { relaunch.dispatch(()); }>{t::relaunch(language)}</button>
        <Show when=move || is_running.get()>
            <Confirmed label=t::stop(language) lost=t::stop_help(language) pending=stop.pending() on_yes=move || { stop.dispatch(()); }/>
        </Show>
    }
}

#[component]
fn Tabs(
    shown: Signal<ExperimentView>,
    charts: ChartReads,
    checkpoints: CheckpointReads,
    profile: ProfileReads,
    media: MediaReads,
) -> impl IntoView {
    let language = use_language();
    let query = use_query_map();
    let tab = Memo::new(move |_| {
        query
            .with(|q| q.get("tab"))
            .unwrap_or_else(|| "charts".to_owned())
    });
    let id = shown.with_untracked(|s| s.experiment.id.to_string());
    let is_launched = shown.with_untracked(|s| s.tracked.is_none());
    let names = [
        ("charts", t::charts(language)),
        ("logs", t::logs(language)),
        ("media", tracking::media(language)),
        ("recipe", t::recipe(language)),
        ("nodes", t::nodes(language)),
        ("checkpoints", t::checkpoints(language)),
        ("overview", profiles::overview(language)),
        ("notes", profiles::notes(language)),
    ];
    // A run that was not launched here has no recipe, nodes or checkpoints.
    let applies = move |key: &str| match key {
        "media" => !is_launched,
        "charts" | "logs" | "overview" | "notes" => true,
        _ => is_launched,
    };
    view! {
        <nav class="tabs" aria-label=t::parts(language)>
            {names.into_iter().filter(|(key, _)| applies(key)).map(|(key, name)| view! {
                // A plain link: the router's own marks every address of this page as the current one.
                <a href=format!("?tab={key}") class="tab" aria-current=move || (tab.get() == key).then_some("page")>{name}</a>
            }).collect_view()}
        </nav>
        {move || match tab.get().as_str() {
            "logs" if !is_launched => parts::shown(Part::Lines { experiment: id.clone() }),
            "logs" => view! { <Logs shown/> }.into_any(),
            "media" => parts::shown(Part::Media { experiment: id.clone(), reads: media }),
            "recipe" => parts::shown(Part::Recipe(shown)),
            "nodes" => view! { <NodesTab shown/> }.into_any(),
            "overview" => parts::shown(Part::About(profile)),
            "notes" => parts::shown(Part::Notes(profile)),
            "checkpoints" => parts::shown(Part::Checkpoints(checkpoints)),
            _ => view! { <ChartsPanel experiment=id.clone() reads=charts/> }.into_any(),
        }}
    }
}

/// The newest attempt's processes, one a node.
#[component]
fn NodesTab(shown: Signal<ExperimentView>) -> impl IntoView {
    let attempt = Memo::new(move |_| shown.with(|s| s.attempts.len()));
    move || {
        (attempt.get() > 0).then(|| {
            let names = shown.with_untracked(|s| s.nodes.clone());
            let job = newest_job(shown);
            view! { <ProcessTable job names/> }
        })
    }
}

/// The newest attempt's processes and logs; says from which node what comes.
#[component]
fn Logs(shown: Signal<ExperimentView>) -> impl IntoView {
    let language = use_language();
    let attempt = Memo::new(move |_| shown.with(|s| s.attempts.len()));
    move || {
        (attempt.get() > 0).then(|| {
            let names = shown.with_untracked(|s| s.nodes.clone());
            let origin = match (names.first(), names.last()) {
                (Some(first), Some(last)) if first != last => Some(format!(
                    "{} ({last}) · {} ({first})",
                    t::last_rank(language),
                    t::first_rank(language)
                )),
                _ => None,
            };
            let job = newest_job(shown);
            view! {
                {origin.map(|text| view! { <p class="soft">{text}</p> })}
                <JobBody job names/>
            }
        })
    }
}
