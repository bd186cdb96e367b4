//! The pinned host key of a node, and what to do when the machine shows another one.

use leptos::prelude::*;

use super::server_fns::{ComparedKeys, compare_host_keys, trust_host_key};
use crate::context::use_language;
use crate::texts::nodes as t;

/// Asks the machine for its key; a different one is trusted only after a person has compared it.
#[component]
pub fn HostKeyPanel(node: String, pinned: String) -> impl IntoView {
    let language = use_language();
    let id = StoredValue::new(node);
    let compare = Action::new(move |(): &()| compare_host_keys(id.get_value()));
    let trust = Action::new(move |key: &String| trust_host_key(id.get_value(), key.clone()));
    let is_confirmed = RwSignal::new(false);
    let problem = move || {
        let compared = compare.value().get().and_then(Result::err);
        compared.or_else(|| trust.value().get().and_then(Result::err))
    };
    let is_trusted = move || matches!(trust.value().get(), Some(Ok(())));
    let other = move |keys: ComparedKeys| {
        let key = StoredValue::new(keys.shown.openssh);
        view! {
            <div class="finding" data-weight="stops">
                <p>{t::host_key_differs(language)}</p>
                <dl class="facts">
                    <dt>{t::host_key_pinned(language)}</dt><dd><code class="wrap">{keys.pinned_fingerprint}</code></dd>
                    <dt>{t::host_key_shown(language)}</dt><dd><code class="wrap">{keys.shown.fingerprint}</code></dd>
                </dl>
                <p class="field-help">{t::host_key_help(language)}</p>
                <label class="check">
                    <input type="checkbox" name="host_key_confirmed" prop:checked=move || is_confirmed.get()
                        on:change:target=move |ev| is_confirmed.set(ev.target().checked())/>
                    {t::host_key_confirm(language)}
                </label>
                <button class="button" data-kind="danger" type="button" disabled=move || !is_confirmed.get() || trust.pending().get()
                    on:click=move |_| { trust.dispatch(key.get_value()); }>{t::host_key_trust(language)}</button>
            </div>
        }
    };
    view! {
        <section class="section-body">
            <h2>{t::host_key_title(language)}</h2>
            <p><code class="wrap">{pinned}</code></p>
            <button class="button" type="button" disabled=move || compare.pending().get()
                on:click=move |_| { is_confirmed.set(false); compare.dispatch(()); }>{t::host_key_compare(language)}</button>
            {move || problem().map(|e| view! { <p class="finding" data-weight="stops" role="alert">{e.text(language)}</p> })}
            {move || match compare.value().get() {
                Some(Ok(_)) if is_trusted() => Some(view! { <p role="status">{t::host_key_trusted(language)}</p> }.into_any()),
                Some(Ok(keys)) if keys.are_same => Some(view! { <p role="status">{t::host_key_same(language)}</p> }.into_any()),
                Some(Ok(keys)) => Some(other(keys).into_any()),
                _ => None,
            }}
        </section>
    }
}
