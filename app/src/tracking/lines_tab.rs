//! What a run printed, as its client sent it: the newest lines, followed; earlier ones on demand.

use domain::tracking::ClientLine;
use leptos::prelude::*;

use super::server_fns::read_lines;
use crate::browser;
use crate::context::use_language;
use crate::shared::format::moment;
use crate::shared::live::use_live;
use crate::texts::tracking as t;

/// Lines that stay in the page; earlier ones go when more come.
const KEPT: usize = 20_000;
const PANE: &str = "client-lines";

#[component]
pub fn LinesTab(id: String) -> impl IntoView {
    let (language, live) = (use_language(), use_live());
    let lines = RwSignal::new(Vec::<ClientLine>::new());
    let has_earlier = RwSignal::new(false);
    let follows = RwSignal::new(true);
    let asked = id.clone();
    // (after, before): neither for the newest.
    let read = Action::new(move |range: &(Option<i64>, Option<i64>)| {
        let (id, (after, before)) = (asked.clone(), *range);
        async move {
            read_lines(id, after, before)
                .await
                .map(|new| (after, before, new))
        }
    });
    Effect::new(move |_| {
        live.subject("series", &id);
        let after = lines.with_untracked(|lines| lines.last().map(|line| line.number));
        read.dispatch((after, None));
    });
    Effect::new(move |_| {
        let Some(Ok((after, before, new))) = read.value().get() else {
            return;
        };
        if after.is_none() {
            has_earlier.set(new.len() >= 1000);
        }
        lines.update(|lines| {
            let known = lines.last().map_or(i64::MIN, |line| line.number);
            if before.is_some() {
                lines.splice(0..0, new);
            } else {
                // Two answers may overlap.
                lines.extend(new.into_iter().filter(|line| line.number > known));
                let over = lines.len().saturating_sub(KEPT);
                lines.drain(..over);
            }
        });
        if before.is_none() && follows.get_untracked() {
            request_animation_frame(|| browser::scroll_to_end(PANE));
        }
    });
    let earlier = move |_| {
        follows.set(false);
        let first = lines.with_untracked(|lines| lines.first().map(|line| line.number));
        read.dispatch((None, first));
    };
    let problem = move || read.value().get().and_then(Result::err);
    view! {
        {move || problem().map(|error| view! { <p class="finding" data-weight="stops" role="alert">{error.text(language)}</p> })}
        <p>
            <button class="button" data-size="small" type="button" hidden=move || !has_earlier.get() disabled=move || read.pending().get() on:click=earlier>{t::earlier(language)}</button>
            " " <label><input type="checkbox" prop:checked=follows on:change:target=move |ev| follows.set(ev.target().checked())/> " " {t::follow(language)}</label>
        </p>
        <p class="empty" hidden=move || lines.with(|lines| !lines.is_empty())>{t::no_lines(language)}</p>
        <div id=PANE class="code client-lines" tabindex="0" role="log" hidden=move || lines.with(Vec::is_empty)>
            <For each=move || lines.get() key=|line| line.number let:line>
                <div class="client-line" data-level=line.level title=moment(line.at.0)>{line.text}</div>
            </For>
        </div>
    }
}
