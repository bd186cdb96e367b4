//! Before a launch: every node is asked at once, and what stands in the way is shown with what mends it.

use domain::experiments::form::Form;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::preflight_fns::{check_nodes, mend_nodes, shown_preflight};
use crate::browser;
use crate::context::use_language;
use crate::error::AppError;
use crate::shared::live::use_live;
use crate::shared::{Deed, Fragment};
use crate::texts::preflight as t;

/// Writes into the form what a button of a fragment says.
pub fn write(form: RwSignal<Form>, set: &str) {
    if let Ok(set) = serde_json::from_str::<Vec<(String, String)>>(set) {
        form.update(|form| form.write(&set));
    }
}

/// The report under `flight`, and the button that looks without launching.
#[component]
pub fn Takeoff(
    form: RwSignal<Form>,
    /// The key of the pre-flight that is shown; empty: none yet.
    flight: RwSignal<String>,
) -> impl IntoView {
    let (language, live) = (use_language(), use_live());
    let html = RwSignal::new(String::new());
    let problem = RwSignal::new(None::<AppError>);
    let begun = RwSignal::new(Vec::<String>::new());
    // An answer that a newer one has overtaken is none any more.
    let asked = StoredValue::new(0_u32);
    let check = Action::new(move |(): &()| {
        let key = browser::new_key();
        flight.set(key.clone());
        problem.set(None);
        async move {
            match check_nodes(form.get_untracked(), key.clone()).await {
                Ok(report) if flight.try_get_untracked().as_ref() == Some(&key) => {
                    asked.try_update_value(|count| *count += 1);
                    html.try_set(report);
                }
                Ok(_) => {}
                Err(error) => {
                    problem.try_set(Some(error));
                }
            }
        }
    });
    // Each node's answer is told as a change; what is known by then is read again.
    Effect::new(move |before: Option<String>| {
        let key = flight.get();
        if key.is_empty() {
            return key;
        }
        if before.as_ref() != Some(&key) {
            html.set(String::new());
            begun.set(Vec::new());
        }
        live.subject("preflight", &key);
        asked.update_value(|count| *count += 1);
        let (own, of) = (asked.get_value(), key.clone());
        spawn_local(async move {
            if let Ok(Some(shown)) = shown_preflight(of).await
                && asked.try_get_value() == Some(own)
            {
                html.try_set(shown);
            }
        });
        key
    });
    let mend = Action::new(move |fix: &String| {
        let fix = fix.clone();
        async move {
            match mend_nodes(fix).await {
                Ok(jobs) if jobs.is_empty() => {
                    check.dispatch(());
                }
                Ok(jobs) => begun.set(jobs),
                Err(error) => problem.set(Some(error)),
            }
        }
    });
    let done = Callback::new(move |deed: Deed| match deed.what.as_str() {
        "write" => write(form, &deed.of),
        "mend" => {
            mend.dispatch(deed.of);
        }
        _ => {}
    });
    view! {
        <div class="takeoff" id="preflight">
            <button type="button" class="button" disabled=move || check.pending().get() on:click=move |_| { check.dispatch(()); }>
                {move || if check.pending().get() { t::checking(language) } else { t::check_now(language) }}
            </button>
            {move || problem.get().map(|error| view! { <p class="finding" data-weight="stops" role="alert">{error.text(language)}</p> })}
            <p role="status" hidden=move || begun.with(Vec::is_empty)>{t::copying(language)} " "
                {move || begun.get().into_iter().enumerate().map(|(at, job)| view! { <a href=format!("/jobs/{job}")>{at + 1}</a> " " }).collect_view()}</p>
            <Fragment html on_deed=done/>
        </div>
    }
}
