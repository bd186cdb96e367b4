//! Form pieces: a field with its findings beside it, and a button that can be pressed once.

use domain::finding::{Finding, Weight};
use leptos::prelude::*;

use crate::browser;
use crate::context::use_language;
use crate::texts::common as t;

/// The findings of one field (`""`: of the form as a whole).
#[component]
pub fn Findings(
    #[prop(into)] of: Signal<Vec<Finding>>,
    #[prop(into)] field: String,
) -> impl IntoView {
    let language = use_language();
    move || {
        of.get()
            .into_iter()
            .filter(|finding| finding.field == field)
            .map(|finding| {
                let weight = match finding.weight {
                    Weight::Stops => "stops",
                    Weight::Warning => "warning",
                };
                view! { <p class="finding" role="alert" data-weight=weight>{finding.text.in_language(language).to_owned()}</p> }
            })
            .collect_view()
    }
}

/// A labelled text input bound to a signal, with its findings below.
#[component]
pub fn TextField(
    /// The form's name for it, which findings use too.
    name: &'static str,
    #[prop(into)] label: String,
    value: RwSignal<String>,
    #[prop(into)] findings: Signal<Vec<Finding>>,
    #[prop(optional, into)] help: String,
    /// The argument that it becomes, shown in monospace.
    #[prop(optional, into)]
    flag: String,
    #[prop(optional)] kind: Option<&'static str>,
    #[prop(optional)] required: bool,
    #[prop(optional, into)] placeholder: String,
) -> impl IntoView {
    let has = {
        move || {
            findings
                .with(|all| {
                    all.iter()
                        .any(|f| f.field == name && f.weight == Weight::Stops)
                })
                .then_some("stops")
        }
    };
    if let Some(typed) = browser::typed_before(name) {
        value.set(typed);
    }
    view! {
        <div class="field" data-has=has>
            <label class="field-label" for=name>
                {label}
                {(!flag.is_empty()).then(|| view! { <code>{flag.clone()}</code> })}
            </label>
            <input id=name name=name type=kind.unwrap_or("text") required=required placeholder=placeholder autocomplete="off" spellcheck="false"
                prop:value=move || value.get() value=value.get_untracked()
                on:input:target=move |ev| value.set(ev.target().value())/>
            {(!help.is_empty()).then(|| view! { <span class="field-help">{help.clone()}</span> })}
            <Findings of=findings field=name/>
        </div>
    }
}

/// A submit button that cannot be pressed again while the server has not answered.
#[component]
pub fn Submit(
    #[prop(into)] label: Signal<String>,
    #[prop(into)] pending: Signal<bool>,
) -> impl IntoView {
    let language = use_language();
    view! {
        <button class="button" data-kind="main" type="submit" disabled=move || pending.get()>
            {move || if pending.get() { t::pending(language).to_owned() } else { label.get() }}
        </button>
    }
}
