//! The first account, reached through the one-time link that the console prints.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use super::problem_text;
use crate::context::use_language;
use crate::texts::people as t;

#[component]
pub fn SetupPage() -> impl IntoView {
    let language = use_language();
    let query = use_query_map().read_untracked().clone();
    let name = query.get("name").unwrap_or_default();
    let problem = query
        .get("problem")
        .map(|code| problem_text(&code, language));
    let form = query.get("token").map(|token| {
        view! {
            <p class="lead">{t::setup_lead(language)}</p>
            <form class="form" method="post" action="/session/setup">
                <input type="hidden" name="token" value=token/>
                <label class="field">
                    <span class="field-label">{t::user_name(language)}</span>
                    <input name="name" autocomplete="username" required maxlength="64" value=name/>
                </label>
                <label class="field">
                    <span class="field-label">{t::password(language)}</span>
                    <input name="password" type="password" autocomplete="new-password" required minlength="10"/>
                    <span class="field-help">{t::setup_password_help(language)}</span>
                </label>
                <button class="button" data-kind="main" type="submit">{t::setup_submit(language)}</button>
            </form>
        }
    });
    view! {
        <Title text=t::setup_title(language)/>
        <section class="entry">
            <h1>{t::setup_title(language)}</h1>
            {problem.map(|text| view! { <p class="finding" role="alert" data-weight="stops">{text}</p> })}
            {match form {
                Some(form) => form.into_any(),
                None => view! { <p class="lead">{t::setup_no_link(language)}</p> }.into_any(),
            }}
        </section>
    }
}
