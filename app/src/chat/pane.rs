//! One pane: its deployment, and its way through the conversation.

use domain::chat::{Turn, TurnState};
use domain::jobs::State;
use leptos::prelude::*;

use super::exchange::{Chosen, Exchange};
use super::reply_view::ReplyView;
use crate::context::use_language;
use crate::deployments::server_fns::DeploymentShown;
use crate::texts::chat as t;

#[component]
pub fn Pane(
    at: usize,
    id: String,
    panes: RwSignal<Vec<String>>,
    deployments: Signal<Vec<DeploymentShown>>,
    /// Of all panes.
    paths: Memo<Vec<Vec<Exchange>>>,
    chosen: RwSignal<Chosen>,
    edit: impl Fn(Exchange) + Copy + Send + Sync + 'static,
    again: impl Fn(Exchange) + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let language = use_language();
    let id = StoredValue::new(id);
    let is_only = Memo::new(move |_| panes.with(Vec::len) == 1);
    let path = Memo::new(move |_| paths.with(|all| all.get(at).cloned().unwrap_or_default()));
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
    // A pane that goes on from what another deployment said names it.
    let by = move |turn: &Turn| {
        let of = turn.deployment_id.clone()?;
        let is_other = id.with_value(|id| of.as_str() != id);
        let name = |all: &Vec<DeploymentShown>| {
            let found = all.iter().find(|d| d.deployment.id == of);
            found.map(|d| d.deployment.name.clone())
        };
        is_other.then(|| deployments.with_untracked(name)).flatten()
    };
    view! {
        <article class="pane">
            <header class="pane-head">
                <select class="input" aria-label=t::model_of_pane(language) on:change:target=move |ev| panes.update(|p| p[at] = ev.target().value())>{options}</select>
                <button class="button-quiet" type="button" hidden=move || is_only.get() aria-label=t::close_pane(language) title=t::close_pane(language) on:click=remove>"×"</button>
            </header>
            <div class="pane-turns" aria-live="polite">
                <For each=move || path.get() key=key let:exchange>
                    <ExchangeView by=exchange.reply.as_ref().and_then(by) exchange chosen edit again/>
                </For>
            </div>
        </article>
    }
}

/// A finished reply replaces the one that was followed: its state is part of the key. So is how many versions there are.
fn key(exchange: &Exchange) -> impl Eq + std::hash::Hash + use<> {
    let reply = exchange
        .reply
        .as_ref()
        .map(|reply| (reply.id.clone(), reply.state == TurnState::Streaming));
    (exchange.message.id.clone(), reply, exchange.versions.len())
}

#[component]
fn ExchangeView(
    exchange: Exchange,
    /// Who answered, where it was not the pane's own deployment.
    by: Option<String>,
    chosen: RwSignal<Chosen>,
    edit: impl Fn(Exchange) + Copy + Send + Sync + 'static,
    again: impl Fn(Exchange) + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let language = use_language();
    let (said, reply) = (exchange.message.text.clone(), exchange.reply.clone());
    let exchange = StoredValue::new(exchange);
    view! {
        <div class="said">
            <p class="said-who">
                {t::you(language)}
                <Versions exchange chosen/>
                <button class="button-quiet" type="button" on:click=move |_| edit(exchange.get_value())>{t::edit(language)}</button>
                <button class="button-quiet" type="button" on:click=move |_| again(exchange.get_value())>{t::regenerate(language)}</button>
            </p>
            <div class="reply-text">{said}</div>
        </div>
        {by.map(|name| view! { <p class="reply soft">{name}</p> })}
        {reply.map(|turn| view! { <ReplyView turn/> })}
    }
}

/// `‹ 2 / 3 ›` at a message that was said in several versions, each with what followed it.
#[component]
fn Versions(exchange: StoredValue<Exchange>, chosen: RwSignal<Chosen>) -> impl IntoView {
    let language = use_language();
    let (at, count) = exchange.with_value(|e| (e.version(), e.versions.len()));
    let go = move |step: isize| {
        exchange.with_value(|e| {
            if let Some(other) = e.other(step) {
                let (place, other) = (e.place.clone(), other.clone());
                chosen.update(|chosen| {
                    chosen.insert(place, other);
                });
            }
        })
    };
    (count > 1).then(|| view! {
        <span class="versions">
            <button class="button-quiet" type="button" disabled=at == 1 aria-label=t::version_before(language) title=t::version_before(language) on:click=move |_| go(-1)>"‹"</button>
            <span>{format!("{at} / {count}")}</span>
            <button class="button-quiet" type="button" disabled=at == count aria-label=t::version_after(language) title=t::version_after(language) on:click=move |_| go(1)>"›"</button>
        </span>
    })
}
