//! A new experiment: fields in the middle, what will happen beside them, checked while one types.

use std::time::Duration;

use domain::datasets::Dataset;
use domain::experiments::form::{Form, Preview};
use domain::finding::Finding;
use domain::models::{Format, Model};
use domain::nodes::{Cluster, NodeView};
use leptos::ev;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use leptos_router::components::A;
use leptos_router::hooks::{use_navigate, use_query_map};
use serde::{Deserialize, Serialize};

use super::arguments_panel::ArgumentsPanel;
use super::changes_panel::ChangesPanel;
use super::later::Later;
use super::outcome::Outcome;
use super::queue_fns::list_predecessors;
use super::reports_panel::ReportsPanel;
use super::script_panel::ScriptPanel;
use super::server_fns::{
    count_experiments, form_of_experiment, launch_experiment, preview_experiment,
};
use super::setup_fields::{Source, TypedFields};
use crate::browser;
use crate::context::use_language;
use crate::datasets::server_fns::list_datasets;
use crate::error::AppError;
use crate::models::server_fns::list_models;
use crate::nodes::server_fns::list_nodes;
use crate::shared::Load;
use crate::texts::{common as c, experiments as t, scripts as s};

/// Typing is checked when it has paused this long.
const PAUSE: Duration = Duration::from_millis(350);

/// What there is to choose from, and what the form begins with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choices {
    pub clusters: Vec<(Cluster, Vec<NodeView>)>,
    /// In Hugging Face form, newest first.
    pub models: Vec<Model>,
    pub datasets: Vec<Dataset>,
    /// Ids and names of the experiments that this one can run after.
    pub predecessors: Vec<(String, String)>,
    pub form: Form,
}

async fn choices(from: Option<String>) -> Result<Choices, AppError> {
    let clusters = list_nodes().await?;
    let all = list_models().await?;
    // What was exported is served, not trained on; what was converted comes through its source.
    let models: Vec<Model> = all
        .into_iter()
        .filter(|model| model.format == Format::Hf)
        .collect();
    let datasets = list_datasets().await?;
    let form = match from {
        Some(id) => form_of_experiment(id).await?,
        None => {
            let cluster = clusters
                .iter()
                .find(|(_, nodes)| !nodes.is_empty())
                .map(|(cluster, _)| cluster);
            let is_rehearsal = cluster.is_some_and(|cluster| cluster.is_rehearsal);
            let registered = models
                .iter()
                .find(|model| model.origin == domain::models::Origin::Registered);
            Form {
                name: format!("run-{}", count_experiments().await? + 1),
                cluster_id: cluster
                    .map(|cluster| cluster.id.to_string())
                    .unwrap_or_default(),
                model_id: registered
                    .or(models.first())
                    .map(|model| model.id.to_string())
                    .unwrap_or_default(),
                dataset_id: datasets
                    .first()
                    .map(|dataset| dataset.id.to_string())
                    .unwrap_or_default(),
                ..Form::of_preset(if is_rehearsal {
                    "rehearsal"
                } else {
                    "runbook-lora"
                })
            }
        }
    };
    Ok(Choices {
        clusters,
        models,
        datasets,
        predecessors: list_predecessors().await?,
        form,
    })
}

/// What the preview saw and what a launch was refused for, each once.
fn merged(seen: Vec<Finding>, refused: Vec<Finding>) -> Vec<Finding> {
    let mut all = seen;
    for finding in refused {
        if !all.contains(&finding) {
            all.push(finding);
        }
    }
    all
}

#[component]
pub fn NewExperimentPage() -> impl IntoView {
    let language = use_language();
    let query = use_query_map();
    let choices = Resource::new(move || query.with(|q| q.get("from")), choices);
    view! {
        <Title text=t::new(language)/>
        <div class="page-head">
            <span class="crumb"><A href="/experiments">{t::experiments(language)}</A></span>
            <h1>{t::new(language)}</h1>
        </div>
        <Load resource=choices let:choices>
            <Setup choices/>
        </Load>
    }
}

#[component]
fn Setup(choices: Signal<Choices>) -> impl IntoView {
    let language = use_language();
    let parent = use_query_map().with_untracked(|query| query.get("from"));
    let form = RwSignal::new(choices.with_untracked(|all| all.form.clone()));
    // What was typed until the last pause.
    let settled = RwSignal::new(form.get_untracked());
    Effect::new(move |_| {
        // Compared with what is settled, not with the last look: who writes the same again must not end the wait for good.
        if form.with(|now| settled.with_untracked(|settled| settled != now)) {
            let waiting = set_timeout_with_handle(
                move || {
                    settled.try_set(form.get_untracked());
                },
                PAUSE,
            );
            on_cleanup(move || {
                if let Ok(waiting) = waiting {
                    waiting.clear();
                }
            });
        }
    });
    // Looked at from the browser only: it asks the nodes, for which no page should wait.
    let preview = RwSignal::new(None::<Result<(Preview, String), AppError>>);
    let asked = StoredValue::new(0_u32);
    Effect::new(move |_| {
        let form = settled.get();
        asked.update_value(|count| *count += 1);
        let own = asked.get_value();
        spawn_local(async move {
            let answer = preview_experiment(form).await;
            // An answer to what was typed before is no answer any more.
            if asked.try_get_value() == Some(own) {
                preview.try_set(Some(answer));
            }
        });
    });
    // The pre-flight that is shown.
    let flight = RwSignal::new(String::new());
    let key = StoredValue::new(String::new());
    let launched = RwSignal::new(None::<Form>);
    let launch = Action::new(move |(): &()| {
        if key.with_value(String::is_empty) {
            key.set_value(browser::new_key());
        }
        launched.set(Some(form.get_untracked()));
        flight.set(key.get_value());
        launch_experiment(form.get_untracked(), key.get_value())
    });
    let go = use_navigate();
    Effect::new(move |_| match launch.value().get() {
        Some(Ok(id)) => go(&format!("/experiments/{id}"), Default::default()),
        // What was refused started nothing: the next press is another intent.
        Some(Err(_)) => key.set_value(String::new()),
        None => {}
    });
    let refused = Memo::new(move |_| launch.value().get().and_then(Result::err));
    let findings = Memo::new(move |_| -> Vec<Finding> {
        let seen = match preview.get() {
            Some(Ok((preview, _))) => preview.findings,
            _ => Vec::new(),
        };
        let refused = refused.with(|error| error.as_ref().map(|e| e.findings().to_vec()));
        // A refusal is about what was launched: once something else is typed, the preview speaks alone.
        let is_of_now = launched.with(|launched| launched.as_ref() == Some(&form.read()));
        merged(seen, refused.filter(|_| is_of_now).unwrap_or_default())
    });
    let shown = Signal::derive(move || match preview.get() {
        Some(Ok((preview, _))) => preview,
        _ => Preview::default(),
    });
    let outlook = RwSignal::new(String::new());
    Effect::new(move |_| {
        if let Some(Ok((_, html))) = preview.get() {
            outlook.set(html);
        }
    });

    let is_asked =
        Signal::derive(move || preview.with(Option::is_none) || form.get() != settled.get());
    let on_key = move |event: ev::KeyboardEvent| {
        if event.ctrl_key() && event.key() == "Enter" {
            event.prevent_default();
            launch.dispatch(());
        }
    };
    view! {
        <form class="setup" on:keydown=on_key on:submit=move |event| { event.prevent_default(); launch.dispatch(()); }>
            <nav class="setup-steps" aria-label=t::parts(language)>
                <a href="#source">{t::model_data(language)}</a>
                <a href="#own-script">{s::script(language)}</a>
                <a href="#tuning">{t::method(language)}</a>
                <a href="#batches">{t::batches(language)}</a>
                <a href="#saving">{t::saving(language)}</a>
                <a href="#parallel">{t::parallel(language)}</a>
                <a href="#extra">{t::extra(language)}</a>
                <a href="#arguments">{s::arguments(language)}</a>
                <a href="#changes">{s::changes(language)}</a>
            </nav>
            <div class="setup-fields">
                <Source choices form findings/>
                <ScriptPanel form settled findings/>
                <TypedFields form findings/>
                <ArgumentsPanel form/>
                <ReportsPanel form findings/>
                <ChangesPanel settled parent/>
            </div>
            <aside class="setup-result" aria-label=t::what_happens(language)>
                <h2>{t::what_happens(language)}</h2>
                {move || refused.get().filter(|error| error.findings().is_empty()).map(|error| view! {
                    <p class="finding" data-weight="stops" role="alert">{error.text(language)}</p>
                })}
                {move || preview.with(|answer| answer.as_ref().and_then(|answer| answer.as_ref().err().cloned())).map(|error| view! {
                    <p class="finding" data-weight="stops" role="alert">{error.text(language)}</p>
                })}
                <Outcome form preview=shown outlook findings is_asked flight pending=launch.pending()/>
                <Later form predecessors=choices.with_untracked(|all| all.predecessors.clone())/>
                <p class="soft">{t::keys_help(language)} " · " <A href="/experiments">{c::cancel(language)}</A></p>
            </aside>
        </form>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_stands_beside_what_the_preview_saw_and_nothing_twice() {
        let of = |field: &str| Finding::stops(field, "mend it", "请修改");
        let seen = vec![of("name")];
        let both = merged(seen.clone(), vec![of("name"), of("cluster_id")]);
        assert_eq!(both, [of("name"), of("cluster_id")]);
        assert_eq!(merged(seen.clone(), Vec::new()), seen);
    }
}
