//! The list of conversations at the side.

use domain::chat::Conversation;
use leptos::prelude::*;
use leptos_router::components::A;
use leptos_router::hooks::use_navigate;

use super::server_fns::delete_conversation;
use crate::context::use_language;
use crate::shared::{Ago, Confirmed};
use crate::texts::chat as t;

#[component]
pub fn ConversationList(all: Signal<Vec<Conversation>>, current: Memo<String>) -> impl IntoView {
    let language = use_language();
    let go = use_navigate();
    let remove = Action::new(|id: &String| {
        let id = id.clone();
        async move { delete_conversation(id.clone()).await.map(|()| id) }
    });
    Effect::new(move |_| {
        if let Some(Ok(gone)) = remove.value().get()
            && current.get_untracked() == gone
        {
            go("/chat", Default::default());
        }
    });
    view! {
        <p class="soft" hidden=move || all.with(|all| !all.is_empty())>{t::none(language)}</p>
        {move || remove.value().get().and_then(Result::err).map(|e| view! { <p class="finding" data-weight="stops" role="alert">{e.text(language)}</p> })}
        <nav class="chat-list" aria-label=t::conversations(language)>
            <For each=move || all.get() key=|one| one.id.clone() let:one>
                <Row one current remove/>
            </For>
        </nav>
    }
}

#[component]
fn Row(
    one: Conversation,
    current: Memo<String>,
    remove: Action<String, Result<String, crate::error::AppError>>,
) -> impl IntoView {
    let language = use_language();
    let id = StoredValue::new(one.id.to_string());
    let is_current = move || id.with_value(|id| current.with(|current| current == id));
    view! {
        <div class="chat-list-row" data-current=move || is_current().to_string()>
            <A href=format!("/chat?conversation={}", one.id)>{one.title}</A>
            <span class="soft"><Ago at=one.created_at/></span>
            <Confirmed label=t::delete(language) mark="×" lost=t::delete_help(language) is_small=true pending=remove.pending()
                on_yes=move || { remove.dispatch(id.get_value()); }/>
        </div>
    }
}
