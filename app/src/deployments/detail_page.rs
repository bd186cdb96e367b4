//! One deployment: its state and log, and how to use it.

use domain::jobs::State;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;
use leptos_router::hooks::use_params_map;

use super::list_page::gpu_list;
use super::server_fns::{DeploymentShown, get_deployment, stop_deployment};
use crate::context::use_language;
use crate::jobs::JobBody;
use crate::shared::live::use_live;
use crate::shared::{Confirmed, JobBadge, Lasted, Load};
use crate::texts::{common as c, deployments as t};

#[component]
pub fn DeploymentPage() -> impl IntoView {
    let live = use_live();
    let params = use_params_map();
    let id = move || params.with(|p| p.get("id").unwrap_or_default());
    let deployment = Resource::new(
        move || (id(), live.kind("deployment"), live.kind("job")),
        |(id, ..)| get_deployment(id),
    );
    view! {
        <Load resource=deployment let:shown>
            <Head shown/>
            <Facts shown/>
            <JobBody job=Signal::derive(move || shown.with(|s| s.job.clone()))/>
            <Snippet shown/>
        </Load>
    }
}

#[component]
fn Head(shown: Signal<DeploymentShown>) -> impl IntoView {
    let language = use_language();
    let (name, id) =
        shown.with_untracked(|s| (s.deployment.name.clone(), s.deployment.id.to_string()));
    let stop = Action::new({
        let id = id.clone();
        move |(): &()| stop_deployment(id.clone())
    });
    let state = Memo::new(move |_| shown.with(|s| s.job.state.clone()));
    let is_stopping = Signal::derive(move || {
        stop.pending().get() || matches!(state.get(), State::Stopping { .. })
    });
    view! {
        <Title text=name.clone()/>
        <div class="page-head">
            <span class="crumb"><A href="/deployments">{c::deployments(language)}</A></span>
            <h1>{name}</h1>
            {move || shown.with(|s| view! {
                <JobBadge state=s.job.state.clone() kind=s.job.kind/>
                <Lasted from=s.job.started_at to=s.job.ended_at/>
                {s.stage.map(|stage| view! { <span class="soft">{stage.text().in_language(language).to_owned()}</span> })}
            })}
            <div class="page-head-actions">
                {move || (state.get() == State::Ready).then(|| view! {
                    <A href=format!("/chat?deployment={id}") attr:class="button" attr:data-kind="main">{t::chat_with(language)}</A>
                })}
                <Show when=move || !state.with(State::is_terminal)>
                    <Confirmed label=t::stop(language) lost=t::stop_help(language) pending=is_stopping on_yes=move || { stop.dispatch(()); }/>
                </Show>
            </div>
        </div>
        {move || stop.value().get().and_then(Result::err).map(|e| view! { <p class="finding" data-weight="stops" role="alert">{e.text(language)}</p> })}
    }
}

#[component]
fn Facts(shown: Signal<DeploymentShown>) -> impl IntoView {
    let language = use_language();
    let deployment = shown.get_untracked();
    view! {
        <dl class="facts">
            <dt>{t::model(language)}</dt><dd><A href=format!("/models/{}", deployment.deployment.model_id)>{deployment.model_name}</A></dd>
            <dt>{c::node(language)}</dt>
            <dd><A href=format!("/nodes/{}", deployment.deployment.node_id)>{deployment.node_name}</A> " · " {gpu_list(&deployment.deployment.gpus)}</dd>
            <dt>{t::engine(language)}</dt><dd>{match deployment.deployment.engine {
                domain::deployments::Engine::Vllm => "vLLM",
                domain::deployments::Engine::Sglang => "SGLang",
            }}</dd>
            <dt>{t::served_name(language)}</dt><dd><code>{deployment.deployment.served_name}</code></dd>
            <dt>{t::max_model_len(language)}</dt><dd>{deployment.deployment.max_model_len}</dd>
        </dl>
    }
}

#[component]
fn Snippet(shown: Signal<DeploymentShown>) -> impl IntoView {
    let language = use_language();
    let name = shown.with_untracked(|s| s.deployment.served_name.clone());
    let text = format!(
        "curl \"$TRAINYARD/v1/chat/completions\" \\\n  -H \"Authorization: Bearer $TRAINYARD_KEY\" -H 'Content-Type: application/json' \\\n  \
         -d '{{\"model\": \"{name}\", \"messages\": [{{\"role\": \"user\", \"content\": \"Hello\"}}], \"stream\": true}}'"
    );
    let copied = text.clone();
    view! {
        <section class="section-body">
            <h2>{t::use_it(language)}</h2>
            <p class="lead">{t::use_it_lead(language)} " " <button class="button" data-size="small" type="button" on:click=move |_| crate::browser::copy(&copied)>{c::copy(language)}</button></p>
            <pre class="code">{text}</pre>
        </section>
    }
}
