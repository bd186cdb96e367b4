//! The playground: one to four panes, each a deployment, under one conversation.

use domain::chat::Turn;
use domain::ids::TurnId;
use domain::jobs::State;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;
use leptos_router::hooks::{use_navigate, use_query_map};

use super::composer::Composer;
use super::conversations::ConversationList;
use super::exchange::{Chosen, Exchange, asked_last, path, streaming};
use super::pane::Pane;
use super::parameters::{ParameterDrawer, Typed};
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
    let chosen = RwSignal::new(Chosen::new());
    let paths = Memo::new(move |_| {
        let of = |deployment: &String| {
            turns.with(|turns| chosen.with(|chosen| path(turns, deployment, chosen)))
        };
        panes.with(|panes| panes.iter().map(of).collect::<Vec<_>>())
    });
    let is_empty = Memo::new(move |_| turns.with(Vec::is_empty));
    let is_busy = Memo::new(move |_| turns.with(|turns| !streaming(turns).is_empty()));
    let (text, typed) = (RwSignal::new(String::new()), Typed::new());
    typed.remember();
    // The message that is being written anew; None: one that goes on after the newest replies.
    let edited = RwSignal::new(None::<TurnId>);
    let go = StoredValue::new(use_navigate());
    let send = Action::new(move |message: &Message| send_message(message.clone()));
    Effect::new(move |_| {
        if let Some(Ok(id)) = send.value().get() {
            text.set(String::new());
            edited.set(None);
            chosen.set(Chosen::new());
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
    // Said anew, a message goes to the panes that show it; else to all, after each one's own reply.
    let dispatch = move |said: String, anew: Option<TurnId>| {
        let Ok(parameters) = typed.read() else {
            typed.is_open.set(true);
            return;
        };
        if said.trim().is_empty() || send.pending().get_untracked() {
            return;
        }
        let to = panes.with_untracked(|panes| {
            paths.with_untracked(|paths| addressees(panes, paths, anew.as_ref()))
        });
        send.dispatch(Message {
            conversation: Some(conversation.get_untracked()).filter(|id| !id.is_empty()),
            text: said,
            system: typed.system.get_untracked(),
            to,
            parameters,
        });
    };
    let submit = move || dispatch(text.get_untracked(), edited.get_untracked());
    let edit = move |exchange: Exchange| {
        edited.set(Some(exchange.message.id));
        text.set(exchange.message.text);
    };
    let again =
        move |exchange: Exchange| dispatch(exchange.message.text, Some(exchange.message.id));
    let has_more = Memo::new(move |_| {
        ready.with(Vec::len) > 1 && panes.with(Vec::len) < MOST_PANES.min(ready.with(Vec::len))
    });
    let is_waiting =
        Signal::derive(move || send.pending().get() || is_busy.get() || panes.with(Vec::is_empty));
    view! {
        <section class="chat-main">
            <Show when=move || ready.with(Vec::is_empty) && is_empty.get()>
                <div class="empty"><p>{t::no_deployments(language)}</p><A href="/deployments/new" attr:class="button" attr:data-kind="main">{t::deploy(language)}</A></div>
            </Show>
            <div class="panes" data-count=move || panes.with(Vec::len).to_string()>
                <For each=move || panes.get().into_iter().enumerate() key=|(at, id)| (*at, id.clone()) let((at, id))>
                    <Pane at id panes deployments paths chosen edit again/>
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
            <Show when=move || edited.with(Option::is_some)>
                <p class="soft">{t::editing(language)} " " <button class="button-quiet" type="button" on:click=move |_| { edited.set(None); text.set(String::new()); }>{c::cancel(language)}</button></p>
            </Show>
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
    let answered = asked_last(turns);
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

/// Who is to answer, each after the turn that its pane shows last; with `anew`, the panes that show that message, in its place.
fn addressees(
    panes: &[String],
    paths: &[Vec<Exchange>],
    anew: Option<&TurnId>,
) -> Vec<(String, Option<String>)> {
    let after = |path: &Vec<Exchange>| match anew {
        Some(id) => {
            let shown = path.iter().find(|e| e.message.id == *id)?;
            Some(shown.message.parent_id.as_ref().map(ToString::to_string))
        }
        None => {
            let reply = path.iter().rev().find_map(|e| e.reply.as_ref());
            Some(reply.map(|reply| reply.id.to_string()))
        }
    };
    let pairs = panes.iter().zip(paths);
    pairs
        .filter_map(|(pane, path)| Some((pane.clone(), after(path)?)))
        .collect()
}
