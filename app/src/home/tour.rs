//! "Run the whole path for me": the button, and the steps while they are walked.

use crate::wire::Json;
use domain::language::Text;
use leptos::prelude::*;
use leptos_router::components::A;
use serde::{Deserialize, Serialize};

use crate::context::use_language;
use crate::error::AppError;
use crate::shared::Load;
use crate::shared::format::span;
use crate::shared::live::use_live;
use crate::texts::home as t;

/// How the walk stands, as the page shows it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TourShown {
    pub is_running: bool,
    pub steps: Vec<StepShown>,
    /// (question, the base model's answer, the tuned model's, deployment to go on with)
    pub answers: Option<(String, String, String, String)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepShown {
    pub name: Text,
    pub said: Text,
    pub seconds: f64,
    /// `running`, `succeeded` or `failed`.
    pub state: String,
}

#[server(prefix = "/fn", endpoint = "tour/get", input = Json, output = Json)]
pub async fn get_tour() -> Result<TourShown, AppError> {
    let (backend, _) = crate::context::backend_and_actor()?;
    let tour = backend::tour::get(&backend);
    let steps = tour.steps.into_iter().map(|step| StepShown {
        state: match (step.is_done, step.has_failed) {
            (_, true) => "failed",
            (true, _) => "succeeded",
            _ => "running",
        }
        .to_owned(),
        name: step.name,
        said: step.said,
        seconds: step.seconds,
    });
    Ok(TourShown {
        is_running: tour.is_running,
        steps: steps.collect(),
        answers: tour
            .answers
            .map(|a| (a.question, a.base, a.tuned, a.deployment)),
    })
}

#[server(prefix = "/fn", endpoint = "tour/start", input = Json, output = Json)]
pub async fn start_tour() -> Result<(), AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::tour::start(&backend, &actor)?)
}

/// Made by the page, outside of every `Load`.
pub fn tour_read() -> Resource<Result<TourShown, AppError>> {
    let live = use_live();
    Resource::new(move || live.kind("tour"), |_| get_tour())
}

/// Shown where a rehearsal cluster is: on other nodes nobody knows what to train.
#[component]
pub fn TourPanel(tour: Resource<Result<TourShown, AppError>>) -> impl IntoView {
    let language = use_language();
    let start = Action::new(|(): &()| start_tour());
    view! {
        <Load resource=tour let:tour>
            <section class="section-body">
                <h2>{t::tour(language)}</h2>
                <p class="lead">{t::tour_lead(language)}</p>
                <button class="button" data-kind="main" type="button" disabled=move || start.pending().get() || tour.with(|t| t.is_running)
                    on:click=move |_| { start.dispatch(()); }>
                    {move || if tour.with(|t| t.is_running) { t::tour_running(language) } else { t::tour_start(language) }}
                </button>
                {move || start.value().get().and_then(Result::err).map(|e| view! { <p class="finding" data-weight="stops" role="alert">{e.text(language)}</p> })}
                <ol class="steps" hidden=move || tour.with(|t| t.steps.is_empty())>
                    {move || tour.get().steps.into_iter().map(|step| view! {
                        <li class="tour-step" data-state=step.state>
                            <span>{step.name.in_language(language).to_owned()}</span> " "
                            <span class="soft">{step.said.in_language(language).to_owned()}</span> " "
                            <span class="number soft">{(step.seconds > 0.0).then(|| span((step.seconds * 1000.0) as i64, language))}</span>
                        </li>
                    }).collect_view()}
                </ol>
                {move || tour.get().answers.map(|(question, base, tuned, deployment)| view! {
                    <dl class="facts">
                        <dt>{t::asked(language)}</dt><dd>{question}</dd>
                        <dt>{t::base_answer(language)}</dt><dd>{base}</dd>
                        <dt>{t::tuned_answer(language)}</dt><dd>{tuned}</dd>
                    </dl>
                    <A href=format!("/chat?deployment={deployment}") attr:class="button">{t::go_on(language)}</A>
                })}
            </section>
        </Load>
    }
}
