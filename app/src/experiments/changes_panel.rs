//! What the form says otherwise than its preset, the experiment it began with, or what was launched last.

use domain::experiments::form::Form;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::script_fns::changes_of_form;
use crate::context::use_language;
use crate::shared::Fragment;
use crate::texts::scripts as t;

#[component]
pub fn ChangesPanel(
    /// The form when typing has paused.
    settled: RwSignal<Form>,
    /// The experiment that it began with.
    parent: Option<String>,
) -> impl IntoView {
    let language = use_language();
    let against = RwSignal::new(if parent.is_some() { "parent" } else { "preset" }.to_owned());
    let html = RwSignal::new(String::new());
    let asked = StoredValue::new(0_u32);
    let has_parent = parent.is_some();
    let parent = StoredValue::new(parent.unwrap_or_default());
    Effect::new(move |_| {
        let (form, against) = (settled.get(), against.get());
        let against = if against == "parent" {
            parent.get_value()
        } else {
            against
        };
        asked.update_value(|count| *count += 1);
        let number = asked.get_value();
        spawn_local(async move {
            // What is wrong with the form stands beside its fields; the last difference stays.
            if let Ok(changes) = changes_of_form(form, against).await
                && asked.try_get_value() == Some(number)
            {
                html.set(changes);
            }
        });
    });
    view! {
        <section class="setup-group" id="changes">
            <h2>{t::changes(language)}</h2>
            <div class="field" data-wide="true">
                <select class="input" aria-label=t::changes(language) prop:value=move || against.get() on:change:target=move |ev| against.set(ev.target().value())>
                    <option value="preset" selected=!has_parent>{t::against_preset(language)}</option>
                    {has_parent.then(|| view! { <option value="parent" selected=true>{t::against_parent(language)}</option> })}
                    <option value="last">{t::against_last(language)}</option>
                </select>
                <Fragment html class="script-seen" on_deed=Callback::new(|_| {})/>
            </div>
        </section>
    }
}
