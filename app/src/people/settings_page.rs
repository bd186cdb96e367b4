//! Settings of a person: API keys.

use domain::people::ApiKey;
use leptos::prelude::*;
use leptos_meta::Title;

use super::server_fns::{create_key, list_keys, revoke_key};
use crate::browser;
use crate::context::use_language;
use crate::shared::{Ago, Confirmed, Load, Submit, TextField};
use crate::texts::{common as c, people as t};

#[component]
pub fn SettingsPage() -> impl IntoView {
    let language = use_language();
    let name = RwSignal::new(String::new());
    let create = Action::new(move |(): &()| create_key(name.get_untracked()));
    let revoke = Action::new(|id: &String| revoke_key(id.clone()));
    let keys = Resource::new(
        move || (create.version().get(), revoke.version().get()),
        |_| list_keys(),
    );
    let findings = Signal::derive(move || match create.value().get() {
        Some(Err(error)) => error.findings().to_vec(),
        _ => Vec::new(),
    });
    view! {
        <Title text=c::settings(language)/>
        <div class="page-head"><h1>{c::settings(language)}</h1></div>
        <section class="section-body">
            <h2>{t::api_keys(language)}</h2>
            <p class="lead">{t::api_keys_lead(language)}</p>
            <Load resource=keys let:keys>
                <KeyTable keys revoke/>
            </Load>
            {move || revoke.value().get().and_then(Result::err).map(|e| view! { <p class="finding" data-weight="stops" role="alert">{e.text(language)}</p> })}
            {move || create.value().get().and_then(Result::ok).map(|key| view! { <NewKey key/> })}
            <form class="form form-row" on:submit=move |ev| { ev.prevent_default(); create.dispatch(()); }>
                <TextField name="name" label=c::name(language) value=name findings placeholder=t::api_key_name_help(language) required=true/>
                <Submit label=Signal::derive(move || t::api_key_new(language).to_owned()) pending=create.pending()/>
            </form>
        </section>
    }
}

#[component]
fn NewKey(key: String) -> impl IntoView {
    let language = use_language();
    let copied = key.clone();
    view! {
        <div class="finding" data-weight="fine" role="status">
            <p>{t::api_key_shown_once(language)}</p>
            <p><code>{key}</code> " " <button class="button" data-size="small" type="button" on:click=move |_| browser::copy(&copied)>{c::copy(language)}</button></p>
        </div>
    }
}

#[component]
fn KeyTable(
    keys: Signal<Vec<ApiKey>>,
    revoke: Action<String, Result<(), crate::error::AppError>>,
) -> impl IntoView {
    let language = use_language();
    move || {
        let keys = keys.get();
        if keys.is_empty() {
            return view! { <p class="empty">{t::api_keys_none(language)}</p> }.into_any();
        }
        let rows = keys.into_iter().map(|key| {
            let id = StoredValue::new(key.id.to_string());
            view! {
                <tr>
                    <td>{key.name}</td>
                    <td><Ago at=key.created_at/></td>
                    <td>{match key.last_used_at {
                        Some(at) => view! { <Ago at/> }.into_any(),
                        None => t::api_key_never_used(language).into_any(),
                    }}</td>
                    <td class="actions">
                        <Confirmed label=t::api_key_revoke(language) lost=t::api_key_revoke_help(language) is_small=true
                            pending=revoke.pending() on_yes=move || { revoke.dispatch(id.get_value()); }/>
                    </td>
                </tr>
            }
        }).collect_view();
        view! {
            <table class="table">
                <thead><tr><th>{c::name(language)}</th><th>{c::created(language)}</th><th>{t::api_key_last_used(language)}</th><th></th></tr></thead>
                <tbody>{rows}</tbody>
            </table>
        }.into_any()
    }
}
