//! Every argument of the release, by search. The list comes as HTML; a change goes into the form's further arguments.

use std::time::Duration;

use domain::experiments::form::Form;
use domain::recipes::extra;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::script_fns::arguments_of_form;
use crate::context::use_language;
use crate::error::AppError;
use crate::shared::{Deed, Fragment};
use crate::texts::scripts as t;

/// A search begins when typing has paused this long.
const PAUSE: Duration = Duration::from_millis(150);

#[component]
pub fn ArgumentsPanel(form: RwSignal<Form>) -> impl IntoView {
    let language = use_language();
    let is_open = RwSignal::new(false);
    let search = RwSignal::new(String::new());
    let html = RwSignal::new(String::new());
    let error = RwSignal::new(None::<AppError>);
    let asked = StoredValue::new(0_u32);
    // What was written here is shown here already.
    let own = StoredValue::new(String::new());
    let fetch = move || {
        asked.update_value(|count| *count += 1);
        let (number, wanted, now) = (
            asked.get_value(),
            search.get_untracked(),
            form.get_untracked(),
        );
        spawn_local(async move {
            let answer = arguments_of_form(now, wanted).await;
            if asked.try_get_value() == Some(number) {
                match answer {
                    Ok(list) => {
                        html.set(list);
                        error.set(None);
                    }
                    Err(why) => error.set(Some(why)),
                }
            }
        });
    };
    let about = Memo::new(move |_| {
        form.with(|form| {
            (
                form.cluster_id.clone(),
                form.recipe.get("method").cloned(),
                form.extra.clone(),
            )
        })
    });
    Effect::new(move |_| {
        let (_, _, extra) = about.get();
        search.track();
        if !is_open.get() || (!extra.is_empty() && own.with_value(|own| *own == extra)) {
            return;
        }
        let waiting = set_timeout_with_handle(fetch, PAUSE);
        on_cleanup(move || {
            if let Ok(waiting) = waiting {
                waiting.clear();
            }
        });
    });
    let set = move |name: &str, text: &str| {
        let values = extra::read(&format!("--{name} {text}"))
            .ok()
            .and_then(|mut read| read.pop())
            .map(|(_, values)| values);
        let values = match values {
            // A quotation mark that is not closed: the text as it stands.
            None => Some(vec![text.to_owned()]),
            Some(values) => Some(values).filter(|values| !values.is_empty()),
        };
        form.update(|form| form.extra = extra::with(&form.extra, name, values.as_deref()));
        own.set_value(form.with_untracked(|form| form.extra.clone()));
    };
    let on_deed = move |deed: Deed| {
        if let Some(name) = deed.what.strip_prefix("argument ") {
            set(name, &deed.of);
        } else if deed.what == "argument-reset" {
            set(&deed.of, "");
            fetch();
        }
    };
    view! {
        <section class="setup-group" id="arguments">
            <h2>{t::arguments(language)}</h2>
            <div class="field" data-wide="true">
                <label class="field-label" for="argument-search">{t::arguments_help(language)}</label>
                <input id="argument-search" type="search" autocomplete="off" spellcheck="false" placeholder=t::search(language)
                    prop:value=move || search.get()
                    on:focus=move |_| is_open.set(true)
                    on:input:target=move |ev| { is_open.set(true); own.set_value(String::new()); search.set(ev.target().value()); }/>
                <button type="button" class="button" hidden=move || is_open.get() on:click=move |_| is_open.set(true)>{t::show_all(language)}</button>
                {move || error.get().map(|error| view! { <p class="finding" data-weight="stops" role="alert">{error.text(language)}</p> })}
                <Fragment html class="arguments-list" on_deed=Callback::new(on_deed)/>
            </div>
        </section>
    }
}
