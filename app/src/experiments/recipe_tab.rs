//! What an experiment was set up with, field by field, and where it writes.

use domain::experiments::ExperimentView;
use domain::recipes::{extra, fields, presets};
use leptos::prelude::*;
use leptos_router::components::A;

use super::setup_fields::said;
use crate::context::use_language;
use crate::texts::{common as c, experiments as t};

#[component]
pub fn RecipeTab(shown: Signal<ExperimentView>) -> impl IntoView {
    let language = use_language();
    let view = shown.get_untracked();
    let Some(setup) = view.experiment.setup.clone() else {
        return view! { <p class="empty">{t::no_recipe(language)}</p> }.into_any();
    };
    let values = fields::write(&setup.recipe);
    let rows = fields::ALL.iter().map(|field| {
        let label = said(field.label, language);
        view! {
            <tr><td>{label}</td><td class="number">{values.get(field.key).cloned()}</td><td><code>{format!("--{}", field.flag)}</code></td></tr>
        }
    }).collect_view();
    let extra = extra::write(&setup.recipe.extra);
    let preset = match presets::find(&setup.preset) {
        Some(preset) => said(preset.name, language).to_owned(),
        None => setup.preset.clone(),
    };
    let folder = view
        .attempts
        .last()
        .and_then(|(attempt, _)| attempt.run_folder.clone());
    view! {
        <dl class="facts">
            <dt>{t::model(language)}</dt><dd><A href=format!("/models/{}", setup.model_id)>{view.model_name}</A></dd>
            <dt>{t::dataset(language)}</dt><dd><A href=format!("/datasets/{}", setup.dataset_id)>{view.dataset_name}</A></dd>
            <dt>{t::nodes(language)}</dt><dd>{view.nodes.join(", ")} " × " {setup.gpus_per_node} " GPU"</dd>
            <dt>{t::preset(language)}</dt><dd>{preset}</dd>
            {folder.map(|folder| view! { <dt>{t::run_folder(language)}</dt><dd><code class="wrap">{folder}</code></dd> })}
            {(!extra.is_empty()).then(|| view! { <dt>{t::extra(language)}</dt><dd><code class="wrap">{extra}</code></dd> })}
        </dl>
        <table class="table"><thead><tr><th>{c::name(language)}</th><th>{t::value(language)}</th><th>{t::argument(language)}</th></tr></thead><tbody>{rows}</tbody></table>
    }
    .into_any()
}
