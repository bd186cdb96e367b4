//! Where records go besides this console.

use domain::experiments::form::Form;
use domain::finding::Finding;
use domain::recipes::reports::{self, Field, Kind};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::script_fns::keep_report_secret;
use super::setup_fields::said;
use crate::context::use_language;
use crate::error::AppError;
use crate::shared::Findings;
use crate::texts::scripts as t;

#[component]
pub fn ReportsPanel(form: RwSignal<Form>, findings: Memo<Vec<Finding>>) -> impl IntoView {
    let language = use_language();
    let is_used = form.with_untracked(|form| !form.reports.is_empty());
    view! {
        <section class="setup-group" id="reports">
            <h2>{t::reports(language)}</h2>
            <details class="field" data-wide="true" open=is_used>
                <summary>{t::reports_help(language)}</summary>
                <div class="setup-group">
                    {reports::ALL.iter().map(|field| view! { <Report field form findings/> }).collect_view()}
                </div>
            </details>
        </section>
    }
}

#[component]
fn Report(
    field: &'static Field,
    form: RwSignal<Form>,
    findings: Memo<Vec<Finding>>,
) -> impl IntoView {
    let language = use_language();
    let key = field.key;
    let value = Memo::new(move |_| {
        form.with(|form| form.reports.get(key).cloned())
            .unwrap_or_default()
    });
    let set = move |text: String| {
        form.update(|form| {
            if text.is_empty() {
                form.reports.remove(key);
            } else {
                form.reports.insert(key.to_owned(), text);
            }
        });
    };
    let refused = RwSignal::new(None::<AppError>);
    let input = match field.kind {
        Kind::Text => view! {
            <input id=key name=key type="text" autocomplete="off" spellcheck="false" prop:value=move || value.get() value=value.get_untracked()
                on:input:target=move |ev| set(ev.target().value())/>
        }
        .into_any(),
        Kind::Choice(choices) => view! {
            <select id=key name=key prop:value=move || value.get() on:change:target=move |ev| set(ev.target().value())>
                {choices.iter().map(|choice| view! { <option value=*choice selected=value.get_untracked() == *choice>{if choice.is_empty() { "–" } else { choice }}</option> }).collect_view()}
            </select>
        }
        .into_any(),
        Kind::Secret => {
            // The key goes to the server once and never comes back.
            let keep = move |text: String| {
                if text.is_empty() {
                    return;
                }
                spawn_local(async move {
                    match keep_report_secret(key.to_owned(), text).await {
                        Ok(id) => {
                            refused.set(None);
                            set(id);
                        }
                        Err(why) => refused.set(Some(why)),
                    }
                });
            };
            view! {
                <input id=key name=key type="password" autocomplete="new-password"
                    placeholder=move || if value.get().is_empty() { "" } else { t::is_kept(language) }
                    on:change:target=move |ev| { keep(ev.target().value()); ev.target().set_value(""); }/>
                <button type="button" class="button-quiet" hidden=move || value.get().is_empty() on:click=move |_| set(String::new())>{t::forget(language)}</button>
            }
            .into_any()
        }
    };
    view! {
        <div class="field">
            <label class="field-label" for=key>{said(field.label, language)}</label>
            {input}
            <span class="field-help">{said(field.help, language)}</span>
            <Findings of=findings field=key/>
            {move || refused.get().map(|error| view! { <p class="finding" data-weight="stops" role="alert">{error.text(language)}</p> })}
        </div>
    }
}
