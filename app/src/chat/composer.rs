//! One composer for all panes.

use leptos::ev;
use leptos::prelude::*;

use crate::context::use_language;
use crate::texts::chat as t;

#[component]
pub fn Composer(
    text: RwSignal<String>,
    #[prop(into)] is_busy: Signal<bool>,
    send: impl Fn() + Clone + Send + Sync + 'static,
) -> impl IntoView {
    let language = use_language();
    let submit = {
        let send = send.clone();
        move |ev: ev::SubmitEvent| {
            ev.prevent_default();
            send();
        }
    };
    view! {
        <form class="composer" on:submit=submit>
            <textarea name="message" rows="3" aria-label=t::message(language) placeholder=t::message_hint(language)
                prop:value=move || text.get()
                on:input:target=move |ev| text.set(ev.target().value())
                on:keydown=move |ev: ev::KeyboardEvent| {
                    if ev.key() == "Enter" && (ev.ctrl_key() || ev.meta_key()) {
                        ev.prevent_default();
                        send();
                    }
                }></textarea>
            <button class="button" data-kind="main" type="submit" disabled=move || is_busy.get() || text.with(|t| t.trim().is_empty())>{t::send(language)}</button>
        </form>
    }
}
