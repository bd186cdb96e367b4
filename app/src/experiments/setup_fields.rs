//! The fields of the form: what to train on, and the recipe's arguments as `domain::recipes::fields` lists them.

use domain::experiments::form::Form;
use domain::finding::{Finding, Weight};
use domain::language::Language;
use domain::recipes::fields::{self, Field, Group, Kind};
use domain::recipes::presets;
use leptos::prelude::*;

use super::new_page::Choices;
use crate::context::use_language;
use crate::shared::Findings;
use crate::texts::{common as c, experiments as t};

/// One of a pair (English, Chinese).
pub fn said(texts: (&'static str, &'static str), language: Language) -> &'static str {
    match language {
        Language::En => texts.0,
        Language::Zh => texts.1,
    }
}

/// Name, cluster, model, dataset, preset, GPUs.
#[component]
pub fn Source(
    choices: Signal<Choices>,
    form: RwSignal<Form>,
    findings: Memo<Vec<Finding>>,
) -> impl IntoView {
    let language = use_language();
    let clusters: Vec<(String, String)> = choices.with_untracked(|all| {
        let named = all.clusters.iter().map(|(cluster, nodes)| {
            (
                cluster.id.to_string(),
                format!("{} · {} {}", cluster.name, nodes.len(), t::nodes(language)),
            )
        });
        named.collect()
    });
    let models: Vec<(String, String)> = choices.with_untracked(|all| {
        all.models
            .iter()
            .map(|m| (m.id.to_string(), m.name.clone()))
            .collect()
    });
    let datasets: Vec<(String, String)> = choices.with_untracked(|all| {
        all.datasets
            .iter()
            .map(|d| {
                (
                    d.id.to_string(),
                    format!("{} · {} {}", d.name, d.rows, t::rows(language)),
                )
            })
            .collect()
    });
    let presets: Vec<(String, String)> = presets::ALL
        .iter()
        .map(|p| (p.key.to_owned(), said(p.name, language).to_owned()))
        .collect();
    let (no_model, no_dataset) = (models.is_empty(), datasets.is_empty());
    view! {
        <section class="setup-group" id="source">
            <h2>{t::model_data(language)}</h2>
            <Typed name="name" label=c::name(language) findings get=move || form.with(|f| f.name.clone()) set=move |v| form.update(|f| f.name = v)/>
            <Chosen name="cluster_id" label=c::cluster(language) options=clusters findings
                get=move || form.with(|f| f.cluster_id.clone()) set=move |v| form.update(|f| f.cluster_id = v)/>
            <Chosen name="model_id" label=t::model(language) options=models findings
                get=move || form.with(|f| f.model_id.clone()) set=move |v| form.update(|f| f.model_id = v)/>
            {no_model.then(|| view! { <p class="soft"><a href="/models/register">{t::no_model(language)}</a></p> })}
            <Chosen name="dataset_id" label=t::dataset(language) options=datasets findings
                get=move || form.with(|f| f.dataset_id.clone()) set=move |v| form.update(|f| f.dataset_id = v)/>
            {no_dataset.then(|| view! { <p class="soft"><a href="/datasets/register">{t::no_dataset(language)}</a></p> })}
            <Chosen name="preset" label=t::preset(language) options=presets findings
                get=move || form.with(|f| f.preset.clone())
                set=move |v| form.update(|f| {
                    let preset = Form::of_preset(&v);
                    f.preset = preset.preset;
                    f.recipe = preset.recipe;
                    f.extra = preset.extra;
                })/>
            <Typed name="gpus_per_node" label=t::gpus_per_node(language) help=t::gpus_help(language) findings
                get=move || form.with(|f| f.gpus_per_node.clone()) set=move |v| form.update(|f| f.gpus_per_node = v)/>
            <p class="soft" data-wide="true">{move || form.with(|f| presets::find(&f.preset).map(|p| said(p.note, language)))}</p>
        </section>
    }
}

/// Every argument of the recipe, in its groups, and the extra ones.
#[component]
pub fn TypedFields(form: RwSignal<Form>, findings: Memo<Vec<Finding>>) -> impl IntoView {
    let language = use_language();
    let groups = [
        ("tuning", Group::Tuning, t::method(language)),
        ("batches", Group::Batches, t::batches(language)),
        ("saving", Group::Saving, t::saving(language)),
        ("parallel", Group::Parallel, t::parallel(language)),
    ];
    view! {
        {groups.map(|(id, group, title)| view! {
            <section class="setup-group" id=id>
                <h2>{title}</h2>
                {fields::ALL.iter().filter(|field| field.group == group).map(|field| view! { <Argument field form findings/> }).collect_view()}
            </section>
        }).collect_view()}
        <section class="setup-group" id="extra-group">
            <h2>{t::extra(language)}</h2>
            <div class="field" data-wide="true">
                <label class="field-label" for="extra">{t::extra_help(language)}</label>
                <textarea id="extra" name="extra" rows="2" spellcheck="false" placeholder="--attention_backend fused"
                    prop:value=move || form.with(|f| f.extra.clone())
                    on:input:target=move |ev| form.update(|f| f.extra = ev.target().value())>{form.with_untracked(|f| f.extra.clone())}</textarea>
                <Findings of=findings field="extra"/>
            </div>
        </section>
    }
}

/// One argument: label, value, flag, help; a dot where it differs from the preset, which a click takes back.
#[component]
fn Argument(
    field: &'static Field,
    form: RwSignal<Form>,
    findings: Memo<Vec<Finding>>,
) -> impl IntoView {
    let language = use_language();
    let key = field.key;
    let value = Memo::new(move |_| {
        form.with(|f| f.recipe.get(key).cloned())
            .unwrap_or_default()
    });
    let preset = move || {
        form.with(|f| Form::of_preset(&f.preset).recipe.remove(key))
            .unwrap_or_default()
    };
    let is_changed = Memo::new(move |_| value.get() != preset());
    let set = move |text: String| {
        form.update(|f| {
            f.recipe.insert(key.to_owned(), text);
        })
    };
    let is_used = Memo::new(move |_| match key {
        "lora_rank" | "lora_alpha" => {
            form.with(|f| f.recipe.get("tuner").is_none_or(|tuner| tuner != "full"))
        }
        _ => true,
    });
    let has = move || {
        findings
            .with(|all| {
                all.iter()
                    .any(|f| f.field == key && f.weight == Weight::Stops)
            })
            .then_some("stops")
    };
    let input = match field.kind {
        Kind::Choice(choices) => view! {
            <select id=key name=key prop:value=move || value.get() on:change:target=move |ev| set(ev.target().value())>
                {choices.iter().map(|choice| view! { <option value=*choice selected=value.get_untracked() == *choice>{*choice}</option> }).collect_view()}
            </select>
        }.into_any(),
        Kind::Switch => view! {
            <select id=key name=key prop:value=move || value.get() on:change:target=move |ev| set(ev.target().value())>
                <option value="false" selected=value.get_untracked() != "true">{t::off(language)}</option>
                <option value="true" selected=value.get_untracked() == "true">{t::on(language)}</option>
            </select>
        }.into_any(),
        Kind::Integer(_) | Kind::Real(..) => view! {
            <input id=key name=key type="text" inputmode="decimal" autocomplete="off" spellcheck="false"
                prop:value=move || value.get() value=value.get_untracked() on:input:target=move |ev| set(ev.target().value())/>
        }.into_any(),
    };
    view! {
        <div class="field" data-has=has hidden=move || !is_used.get()>
            <label class="field-label" for=key>
                {said(field.label, language)} " " <code>{format!("--{}", field.flag)}</code>
                <button type="button" class="changed" hidden=move || !is_changed.get() title=t::changed(language) aria-label=t::changed(language)
                    on:click=move |_| set(form.with_untracked(|f| Form::of_preset(&f.preset).recipe.remove(key)).unwrap_or_default())></button>
            </label>
            {input}
            <span class="field-help">{said(field.help, language)}</span>
            <Findings of=findings field=key/>
        </div>
    }
}

#[component]
fn Typed(
    name: &'static str,
    label: &'static str,
    #[prop(optional)] help: &'static str,
    findings: Memo<Vec<Finding>>,
    get: impl Fn() -> String + Copy + Send + Sync + 'static,
    set: impl Fn(String) + Copy + 'static,
) -> impl IntoView {
    let has = move || {
        findings
            .with(|all| {
                all.iter()
                    .any(|f| f.field == name && f.weight == Weight::Stops)
            })
            .then_some("stops")
    };
    view! {
        <div class="field" data-has=has>
            <label class="field-label" for=name>{label}</label>
            <input id=name name=name type="text" autocomplete="off" spellcheck="false"
                prop:value=get value=untrack(get) on:input:target=move |ev| set(ev.target().value())/>
            {(!help.is_empty()).then(|| view! { <span class="field-help">{help}</span> })}
            <Findings of=findings field=name/>
        </div>
    }
}

#[component]
fn Chosen(
    name: &'static str,
    label: &'static str,
    options: Vec<(String, String)>,
    findings: Memo<Vec<Finding>>,
    get: impl Fn() -> String + Copy + Send + Sync + 'static,
    set: impl Fn(String) + Copy + 'static,
) -> impl IntoView {
    let chosen = untrack(get);
    let has = move || {
        findings
            .with(|all| {
                all.iter()
                    .any(|f| f.field == name && f.weight == Weight::Stops)
            })
            .then_some("stops")
    };
    view! {
        <div class="field" data-has=has>
            <label class="field-label" for=name>{label}</label>
            <select id=name name=name prop:value=get on:change:target=move |ev| set(ev.target().value())>
                {options.into_iter().map(|(value, text)| {
                    let is_chosen = value == chosen;
                    view! { <option value=value selected=is_chosen>{text}</option> }
                }).collect_view()}
            </select>
            <Findings of=findings field=name/>
        </div>
    }
}
