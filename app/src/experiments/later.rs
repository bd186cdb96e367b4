//! Instead of launching at once: into the queue, after another experiment, from its result, or as a sweep.

use domain::experiments::form::Form;
use domain::experiments::queue::Wish;
use domain::experiments::sweep::{Axis, Sweep, Way};
use domain::finding::Finding;
use domain::recipes::fields;
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use super::queue_fns::queue_experiment;
use super::setup_fields::said;
use crate::browser;
use crate::context::use_language;
use crate::shared::Findings;
use crate::texts::queue as t;

#[component]
pub fn Later(
    form: RwSignal<Form>,
    /// Ids and names.
    predecessors: Vec<(String, String)>,
) -> impl IntoView {
    let language = use_language();
    let wish = RwSignal::new(Wish::default());
    let key = StoredValue::new(String::new());
    let add = Action::new(move |(): &()| {
        if key.with_value(String::is_empty) {
            key.set_value(browser::new_key());
        }
        queue_experiment(form.get_untracked(), wish.get_untracked(), key.get_value())
    });
    let go = use_navigate();
    Effect::new(move |_| match add.value().get() {
        Some(Ok(())) => go("/experiments/queue", Default::default()),
        Some(Err(_)) => key.set_value(String::new()),
        None => {}
    });
    let refused = Memo::new(move |_| add.value().get().and_then(Result::err));
    let findings = Memo::new(move |_| -> Vec<Finding> {
        let found = refused
            .get()
            .map(|error| error.findings().to_vec())
            .unwrap_or_default();
        // Those of the form's own fields stand here, too: what was refused was asked for here.
        found
            .into_iter()
            .map(|finding| Finding {
                field: "later".to_owned(),
                ..finding
            })
            .collect()
    });
    let count = Memo::new(move |_| wish.with(|wish| wish.sweep.as_ref().map(Sweep::count)));
    let has_after = Memo::new(move |_| wish.with(|wish| !wish.after.is_empty()));
    view! {
        <details class="later">
            <summary>{t::later(language)}</summary>
            <div class="field">
                <label class="field-label" for="after">{t::after(language)}</label>
                <select id="after" on:change:target=move |ev| wish.update(|wish| {
                    wish.after = ev.target().value();
                    wish.uses_result &= !wish.after.is_empty();
                })>
                    <option value="">{t::at_once(language)}</option>
                    {predecessors.into_iter().map(|(id, name)| view! { <option value=id>{name}</option> }).collect_view()}
                </select>
            </div>
            <label hidden=move || !has_after.get()><input type="checkbox" prop:checked=move || wish.with(|wish| wish.uses_result)
                on:change:target=move |ev| wish.update(|wish| wish.uses_result = ev.target().checked())/> " " {t::uses_result(language)}</label>
            <label><input type="checkbox" on:change:target=move |ev| wish.update(|wish| wish.then_unpacked = ev.target().checked())/> " " {t::then_unpacked(language)}</label>
            <Axes wish/>
            {move || refused.get().filter(|error| error.findings().is_empty()).map(|error| view! { <p class="finding" data-weight="stops" role="alert">{error.text(language)}</p> })}
            <Findings of=findings field="later"/>
            <button type="button" class="button" disabled=move || add.pending().get() on:click=move |_| { add.dispatch(()); }>
                {move || if add.pending().get() { t::adding(language).to_owned() } else {
                    match count.get() {
                        Some(runs) => format!("{} · {}", t::add(language), t::runs(language, runs)),
                        None => t::add(language).to_owned(),
                    }
                }}
            </button>
        </details>
    }
}

/// The fields of a sweep, one a line.
#[component]
fn Axes(wish: RwSignal<Wish>) -> impl IntoView {
    let language = use_language();
    let lines = Memo::new(move |_| {
        wish.with(|wish| wish.sweep.as_ref().map_or(0, |sweep| sweep.axes.len()))
    });
    let change = move |at: usize, change: &dyn Fn(&mut Axis)| {
        wish.update(|wish| {
            if let Some(axis) = wish.sweep.as_mut().and_then(|sweep| sweep.axes.get_mut(at)) {
                change(axis);
            }
        });
    };
    let of = move |at: usize| {
        wish.with(|wish| {
            wish.sweep
                .as_ref()
                .and_then(|sweep| sweep.axes.get(at).cloned())
                .unwrap_or_default()
        })
    };
    let add = move |_| {
        wish.update(|wish| {
            let key = if wish.sweep.is_none() {
                "learning_rate"
            } else {
                "lora_rank"
            };
            let axis = Axis {
                key: key.to_owned(),
                values: String::new(),
            };
            wish.sweep.get_or_insert_default().axes.push(axis);
        });
    };
    let remove = move |at: usize| {
        wish.update(|wish| {
            if let Some(sweep) = &mut wish.sweep {
                sweep.axes.remove(at);
                if sweep.axes.is_empty() {
                    wish.sweep = None;
                }
            }
        });
    };
    view! {
        <fieldset class="sweep">
            <legend>{t::sweep(language)}</legend>
            {move || (0..lines.get()).map(|at| {
                let chosen = untrack(|| of(at).key);
                view! {
                    <div class="sweep-line">
                        <select aria-label=t::field(language) on:change:target=move |ev| { let key = ev.target().value(); change(at, &|axis| axis.key.clone_from(&key)) }>
                            {fields::ALL.iter().map(|field| view! { <option value=field.key selected=field.key == chosen>{said(field.label, language)}</option> }).collect_view()}
                        </select>
                        <input type="text" aria-label=t::values(language) placeholder="1e-4, 5e-5" autocomplete="off" spellcheck="false" prop:value=untrack(|| of(at).values)
                            on:input:target=move |ev| { let values = ev.target().value(); change(at, &|axis| axis.values.clone_from(&values)) }/>
                        <button type="button" class="button-quiet" aria-label=t::remove(language) on:click=move |_| remove(at)>"✕"</button>
                    </div>
                }
            }).collect_view()}
            <div class="sweep-line">
                <button type="button" class="button-quiet" on:click=add>{t::add_field(language)}</button>
                <select hidden=move || { lines.get() < 2 } aria-label=t::sweep(language) on:change:target=move |ev| wish.update(|wish| {
                    let way = if ev.target().value() == "list" { Way::List } else { Way::Grid };
                    if let Some(sweep) = &mut wish.sweep { sweep.way = way; }
                })>
                    <option value="grid">{t::grid(language)}</option>
                    <option value="list">{t::list(language)}</option>
                </select>
            </div>
            <span class="field-help" hidden=move || lines.get() == 0>{t::sweep_help(language)}</span>
        </fieldset>
    }
}
