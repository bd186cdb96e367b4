//! What waits, in the order in which it begins.

use domain::comparison::TableRequest;
use domain::experiments::queue::{Waiting, Waits};
use leptos::ev;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;

use super::queue_fns::{leave_queue, list_queue, reorder_queue, try_queued_again};
use crate::browser;
use crate::context::use_language;
use crate::error::AppError;
use crate::shared::live::use_live;
use crate::shared::{Ago, Confirmed, Load};
use crate::texts::{experiments, queue as t};

#[component]
pub fn QueuePage() -> impl IntoView {
    let (language, live) = (use_language(), use_live());
    let beat = live.calm(&["queue", "job", "node"]);
    let queue = Resource::new(move || (live.kind("queue"), beat.get()), |_| list_queue());
    view! {
        <Title text=t::queue(language)/>
        <div class="page-head">
            <span class="crumb"><A href="/experiments">{experiments::experiments(language)}</A></span>
            <h1>{t::queue(language)}</h1>
            <div class="page-head-actions"><A href="/experiments/new" attr:class="button">{t::new(language)}</A></div>
        </div>
        <Load resource=queue let:queue>
            <Rows queue/>
        </Load>
    }
}

#[component]
fn Rows(queue: Signal<Vec<Waiting>>) -> impl IntoView {
    let language = use_language();
    let dragged = RwSignal::new(String::new());
    let over = RwSignal::new(String::new());
    let problem = RwSignal::new(None::<AppError>);
    // Whoever moved a row with a key goes on with it: the rows are made anew.
    let kept = StoredValue::new(String::new());
    Effect::new(move |_| {
        queue.track();
        let id = kept.get_value();
        if !id.is_empty() {
            request_animation_frame(move || browser::focus(&id));
        }
    });
    // What was asked for and is not confirmed yet; the answer comes as a change.
    let order = Action::new(move |(id, before): &(String, String)| {
        let (id, before) = (id.clone(), before.clone());
        async move { problem.set(reorder_queue(id, before).await.err()) }
    });
    let drop_on = move |before: String| {
        let id = dragged.get_untracked();
        dragged.set(String::new());
        over.set(String::new());
        if !id.is_empty() && id != before {
            order.dispatch((id, before));
        }
    };
    view! {
        {move || problem.get().map(|error| view! { <p class="finding" data-weight="stops" role="alert">{error.text(language)}</p> })}
        {move || {
            let all = queue.get();
            if all.is_empty() {
                return view! { <div class="empty"><p>{t::empty(language)}</p><A href="/experiments/new" attr:class="button" attr:data-kind="main">{t::new(language)}</A></div> }.into_any();
            }
            let ids: Vec<String> = all.iter().map(|one| one.id.to_string()).collect();
            let rows = all.into_iter().enumerate().map(|(at, one)| {
                let id = ids[at].clone();
                // Earlier: before the one above. Later: before the one after the next.
                let above = at.checked_sub(1).map(|above| ids[above].clone());
                let below = (at + 1 < ids.len()).then(|| ids.get(at + 2).cloned().unwrap_or_default());
                let (own, dropped, hovered, marked) = (id.clone(), id.clone(), id.clone(), id.clone());
                let (up, down) = (above.clone(), below.clone());
                let moved = id.clone();
                let on_key = move |event: ev::KeyboardEvent| {
                    let target = match event.key().as_str() {
                        "ArrowUp" if event.alt_key() => up.clone(),
                        "ArrowDown" if event.alt_key() => down.clone(),
                        "Alt" => return,
                        // On the way elsewhere.
                        _ => return kept.set_value(String::new()),
                    };
                    event.prevent_default();
                    if let Some(before) = target {
                        kept.set_value(format!("queue-{moved}"));
                        order.dispatch((moved.clone(), before));
                    }
                };
                view! {
                    <li class="queue-row" id=format!("queue-{id}") draggable="true" tabindex="0" data-over=move || (over.get() == marked).then_some("true")
                        on:keydown=on_key
                        on:dragstart=move |event| { browser::carry(&event, &own); dragged.set(own.clone()) }
                        on:dragover=move |event| { event.prevent_default(); if over.get_untracked() != hovered { over.set(hovered.clone()) } }
                        on:drop=move |event| { event.prevent_default(); drop_on(dropped.clone()) }>
                        <Row one id=id.clone() above below order problem at/>
                    </li>
                }
            }).collect_view();
            view! { <p class="soft">{t::lead(language)}</p><ol class="queue" on:pointerdown=move |_| kept.set_value(String::new()) on:dragend=move |_| { dragged.set(String::new()); over.set(String::new()) }>{rows}</ol> }.into_any()
        }}
    }
}

#[component]
fn Row(
    one: Waiting,
    id: String,
    above: Option<String>,
    below: Option<String>,
    order: Action<(String, String), ()>,
    problem: RwSignal<Option<AppError>>,
    at: usize,
) -> impl IntoView {
    let language = use_language();
    let leaving = StoredValue::new(id.clone());
    let leave = Action::new(move |(): &()| {
        let id = leaving.get_value();
        async move { problem.set(leave_queue(id).await.err()) }
    });
    let again = Action::new(move |(): &()| {
        let id = leaving.get_value();
        async move { problem.set(try_queued_again(id).await.err()) }
    });
    let is_refused = matches!(
        one.waits,
        Waits::Refused { .. }
            | Waits::After {
                has_ended: true,
                ..
            }
    );
    let (up, down) = (above.clone(), below.clone());
    let (first, second) = (id.clone(), id.clone());
    let sweep = (!one.sweep.is_empty()).then(|| {
        let request = TableRequest { filter: format!("tag = \"{}\"", one.sweep), ..TableRequest::default() };
        view! { <A href=format!("/experiments?{}", request.address()) attr:class="mark" attr:title=t::together(language)>{one.sweep.clone()}</A> }
    });
    view! {
        <span class="queue-place number">{at + 1}</span>
        <div class="queue-what">
            <A href=format!("/experiments/{id}")>{one.name.clone()}</A> " " {sweep} " " <code class="soft">{one.label.clone()}</code>
            <p class="queue-why" data-refused=is_refused.to_string()>{t::why(language, &one.waits)}
                {one.uses_result.then(|| format!(" · {}", t::from_result(language)))}</p>
        </div>
        <span class="soft">{one.cluster.clone()} " · " {one.nodes} " × " {one.gpus_per_node} " GPU"</span>
        <span class="soft"><Ago at=one.since/></span>
        <span class="queue-actions">
            {matches!(one.waits, Waits::Refused { .. }).then(|| view! { <button type="button" class="button" on:click=move |_| { again.dispatch(()); }>{t::try_again(language)}</button> })}
            <button type="button" class="button-quiet" aria-label=t::up(language) title=t::up(language) disabled=up.is_none()
                on:click=move |_| if let Some(before) = above.clone() { order.dispatch((first.clone(), before)); }>"↑"</button>
            <button type="button" class="button-quiet" aria-label=t::down(language) title=t::down(language) disabled=down.is_none()
                on:click=move |_| if let Some(before) = below.clone() { order.dispatch((second.clone(), before)); }>"↓"</button>
            <Confirmed label=t::leave(language) lost=t::leave_help(language) pending=leave.pending() on_yes=move || { leave.dispatch(()); }/>
        </span>
    }
}

/// A link to what waits.
#[component]
pub fn QueueLink() -> impl IntoView {
    let language = use_language();
    view! { <A href="/experiments/queue" attr:class="button">{t::queue(language)}</A> }
}
