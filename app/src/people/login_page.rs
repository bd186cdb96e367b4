//! Logging in: a plain form, so that it works before the wasm has arrived.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use super::problem_text;
use crate::context::use_language;
use crate::texts::people as t;

#[component]
pub fn LoginPage() -> impl IntoView {
    let language = use_language();
    let query = use_query_map().read_untracked().clone();
    let name = query.get("name").unwrap_or_default();
    let next = query.get("next").unwrap_or_else(|| "/".to_owned());
    let problem = query
        .get("problem")
        .map(|code| problem_text(&code, language));
    view! {
        <Title text=t::log_in_title(language)/>
        <section class="entry">
            <h1>{t::log_in_title(language)}</h1>
            <form class="form" method="post" action="/session/login">
                <input type="hidden" name="next" value=next/>
                {problem.map(|text| view! { <p class="finding" role="alert" data-weight="stops">{text}</p> })}
                <label class="field">
                    <span class="field-label">{t::user_name(language)}</span>
                    <input name="name" autocomplete="username" required value=name/>
                </label>
                <label class="field">
                    <span class="field-label">{t::password(language)}</span>
                    <input name="password" type="password" autocomplete="current-password" required/>
                </label>
                <button class="button" data-kind="main" type="submit">{t::log_in(language)}</button>
            </form>
        </section>
    }
}
