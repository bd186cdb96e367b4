//! The playground: one to four panes, each a deployment, under one conversation.

use domain::chat::Turn;
use domain::jobs::State;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;
use leptos_router::hooks::{use_navigate, use_query_map};

use super::composer::Composer;
use super::conversations::ConversationList;
use super::exchange::{Exchange, newest_path, streaming};
use super::parameters::{ParameterDrawer, Typed};
use super::reply_view::ReplyView;
use super::server_fns::{Message, list_conversations, list_turns, send_message};
use crate::context::use_language;
use crate::deployments::server_fns::{DeploymentShown, list_deployments};
use crate::shared::live::use_live;
use crate::shared::{Findings, Load};
use crate::texts::{chat as t, common as c};

/// Each pane's reply is a connection while it streams, and a browser allows six to a host.
const MOST_PANES: usize = 4;

#[component]
pub fn ChatPage() -> impl IntoView {
    let (language, live) = (use_language(), use_live());
    let query = use_query_map();
    let conversation =
        Memo::new(move |_| query.with(|q| q.get("conversation")).unwrap_or_default());
    let deployments = Resource::new(
        move || (live.kind("deployment"), live.kind("job")),
        |_| list_deployments(),
    );
    let sent = RwSignal::new(0u32);
    let turns = Resource::new(
        move || (conversation.get(), live.kind("conversation"), sent.get()),
        |(id, ..)| list_turns(id),
    );
    let conversations = Resource::new(
        move || (conversation.get(), live.kind("conversation")),
        |_| list_conversations(),
    );
    view! {
        <Title text=c::chat(language)/>
        <div class="chat">
            <aside class="chat-side">
                <A href="/chat" attr:class="button">{t::new_conversation(language)}</A>
                <Load resource=conversations let:all><ConversationList all current=conversation/></Load>
            </aside>
            <Load resource=deployments let:deployments>
                <Load resource=turns let:turns>
                    <Playground deployments turns conversation sent/>
                </Load>
            </Load>
        </div>
    }
}

#[component]
fn Playground(
    deployments: Signal<Vec<DeploymentShown>>,
    turns: Signal<Vec<Turn>>,
    conversation: Memo<String>,
    sent: RwSignal<u32>,
) -> impl IntoView {
    let language = use_language();
    let ready = Memo::new(move |_| {
        deployments.with(|all| {
            all.iter()
                .filter(|d| d.job.state == State::Ready)
                .cloned()
                .collect::<Vec<_>>()
        })
    });
    let asked = use_query_map().with_untracked(|q| q.get("deployment"));
    let panes = RwSignal::new(first_panes(
        asked,
        &turns.get_untracked(),
        &ready.get_untracked(),
    ));
    let path = Memo::new(move |_| turns.with(|turns| newest_path(turns)));
    let is_busy = Memo::new(move |_| turns.with(|turns| !streaming(turns).is_empty()));
    let (text, typed) = (RwSignal::new(String::new()), Typed::new());
    typed.remember();
    // Writing a message anew branches off before it; None: after the newest reply.
    let branch = RwSignal::new(None::<Option<String>>);
    let go = StoredValue::new(use_navigate());
    let send = Action::new(move |message: &Message| send_message(message.clone()));
    Effect::new(move |_| {
        if let Some(Ok(id)) = send.value().get() {
            text.set(String::new());
            branch.set(None);
            if conversation.get_untracked() == id {
                sent.update(|n| *n += 1);
            } else {
                go.with_value(|go| go(&format!("/chat?conversation={id}"), Default::default()));
            }
        }
    });
    let refused = Signal::derive(move || match send.value().get() {
        Some(Err(error)) => error.findings().to_vec(),
        _ => Vec::new(),
    });
    Effect::new(move |_| {
        if refused.with(|all| all.iter().any(Typed::has)) {
            typed.is_open.set(true);
        }
    });
    let dispatch = move |said: String, parent: Option<String>| {
        let Ok(parameters) = typed.read() else {
            typed.is_open.set(true);
            return;
        };
        if said.trim().is_empty() || send.pending().get_untracked() {
            return;
        }
        send.dispatch(Message {
            conversation: Some(conversation.get_untracked()).filter(|id| !id.is_empty()),
            parent,
            text: said,
            system: typed.system.get_untracked(),
            deployments: panes.get_untracked(),
            parameters,
        });
    };
    let newest_reply = move || {
        path.with_untracked(|p| {
            p.last()
                .and_then(|e| e.replies.first().map(|r| r.id.to_string()))
        })
    };
    let submit = move || {
        let parent = branch.get_untracked().unwrap_or_else(newest_reply);
        dispatch(text.get_untracked(), parent);
    };
    let edit = move |exchange: Exchange| {
        branch.set(Some(exchange.message.parent_id.map(|id| id.to_string())));
        text.set(exchange.message.text);
    };
    let again = move |exchange: Exchange| {
        dispatch(
            exchange.message.text,
            exchange.message.parent_id.map(|id| id.to_string()),
        )
    };
    let has_more = Memo::new(move |_| {
        ready.with(Vec::len) > 1 && panes.with(Vec::len) < MOST_PANES.min(ready.with(Vec::len))
    });
    let is_waiting =
        Signal::derive(move || send.pending().get() || is_busy.get() || panes.with(Vec::is_empty));
    view! {
        <section class="chat-main">
            <Show when=move || ready.with(Vec::is_empty) && path.with(Vec::is_empty)>
                <div class="empty"><p>{t::no_deployments(language)}</p><A href="/deployments/new" attr:class="button" attr:data-kind="main">{t::deploy(language)}</A></div>
            </Show>
            <div class="panes" data-count=move || panes.with(Vec::len).to_string()>
                <For each=move || panes.get().into_iter().enumerate() key=|(at, id)| (*at, id.clone()) let((at, id))>
                    <Pane at id panes deployments path edit again/>
                </For>
            </div>
            <button class="button" data-size="small" type="button" hidden=move || !has_more.get()
                on:click=move |_| {
                    let unused = ready.with_untracked(|ready| ready.iter().map(|d| d.deployment.id.to_string()).find(|id| panes.with_untracked(|p| !p.contains(id))));
                    if let Some(id) = unused { panes.update(|p| p.push(id)); }
                }>{t::add_pane(language)}</button>
            <Findings of=refused field="deployment"/>
            {move || send.value().get().and_then(Result::err).filter(|e| e.findings().is_empty()).map(|e| view! { <p class="finding" data-weight="stops" role="alert">{e.text(language)}</p> })}
            <ParameterDrawer typed refused/>
            <Findings of=refused field="text"/>
            <Composer text is_busy=is_waiting send=submit/>
        </section>
    }
}

/// What was asked for in the address, else what answered last, else the newest that is ready.
fn first_panes(asked: Option<String>, turns: &[Turn], ready: &[DeploymentShown]) -> Vec<String> {
    if let Some(asked) = asked {
        return asked
            .split(',')
            .take(MOST_PANES)
            .map(str::to_owned)
            .collect();
    }
    let path = newest_path(turns);
    let answered: Vec<String> = path
        .last()
        .into_iter()
        .flat_map(|e| &e.replies)
        .filter_map(|r| r.deployment_id.as_ref())
        .map(ToString::to_string)
        .collect();
    if !answered.is_empty() {
        return answered.into_iter().take(MOST_PANES).collect();
    }
    ready
        .iter()
        .max_by_key(|d| d.deployment.created_at)
        .map(|d| d.deployment.id.to_string())
        .into_iter()
        .collect()
}

#[component]
fn Pane(
    at: usize,
    id: String,
    panes: RwSignal<Vec<String>>,
    deployments: Signal<Vec<DeploymentShown>>,
    path: Memo<Vec<Exchange>>,
    edit: impl Fn(Exchange) + Copy + Send + Sync + 'static,
    again: impl Fn(Exchange) + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let language = use_language();
    let id = StoredValue::new(id);
    let is_only = Memo::new(move |_| panes.with(Vec::len) == 1);
    let options = move || {
        deployments.get().into_iter().filter(|d| d.job.state == State::Ready || id.with_value(|id| d.deployment.id.as_str() == id)).map(|d| {
            let (value, is_chosen) = (d.deployment.id.to_string(), id.with_value(|id| d.deployment.id.as_str() == id));
            view! { <option value=value selected=is_chosen>{format!("{} · {}", d.deployment.name, d.model_name)}</option> }
        }).collect_view()
    };
    let remove = move |_| {
        panes.update(|p| {
            p.remove(at);
        });
    };
    // A finished reply replaces the one that was followed: its state is part of the key.
    let key = move |exchange: &Exchange| {
        let reply = id.with_value(|id| {
            exchange
                .reply_of(id, is_only.get_untracked())
                .map(|r| (r.id.clone(), r.state == domain::chat::TurnState::Streaming))
        });
        (exchange.message.id.clone(), reply)
    };
    view! {
        <article class="pane">
            <header class="pane-head">
                <select class="input" aria-label=t::model_of_pane(language) on:change:target=move |ev| panes.update(|p| p[at] = ev.target().value())>{options}</select>
                <button class="button-quiet" type="button" hidden=move || is_only.get() aria-label=t::close_pane(language) title=t::close_pane(language) on:click=remove>"×"</button>
            </header>
            <div class="pane-turns" aria-live="polite">
                <For each=move || path.get() key=key let:exchange>
                    <ExchangeView reply=id.with_value(|id| exchange.reply_of(id, is_only.get_untracked()).cloned()) exchange edit again/>
                </For>
            </div>
        </article>
    }
}

#[component]
fn ExchangeView(
    exchange: Exchange,
    reply: Option<Turn>,
    edit: impl Fn(Exchange) + Copy + Send + Sync + 'static,
    again: impl Fn(Exchange) + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let language = use_language();
    let said = exchange.message.text.clone();
    let (for_edit, for_again) = (exchange.clone(), exchange);
    view! {
        <div class="said">
            <p class="said-who">
                {t::you(language)}
                <button class="button-quiet" type="button" on:click=move |_| edit(for_edit.clone())>{t::edit(language)}</button>
                <button class="button-quiet" type="button" on:click=move |_| again(for_again.clone())>{t::regenerate(language)}</button>
            </p>
            <div class="reply-text">{said}</div>
        </div>
        {reply.map(|turn| view! { <ReplyView turn/> })}
    }
}
