//! What a run printed, as its client sent it: the newest lines, followed; earlier ones on demand.

use domain::logs::Find;
use domain::tracking::ClientLine;
use leptos::{html, prelude::*};

use super::server_fns::{find_lines, read_lines};
use crate::browser;
use crate::context::use_language;
use crate::shared::format::{count, moment};
use crate::shared::live::use_live;
use crate::texts::{logs, tracking as t};

/// Lines that stay in the page; earlier ones go when more come.
const KEPT: usize = 20_000;
const PANE: &str = "client-lines";

#[component]
pub fn LinesTab(id: String) -> impl IntoView {
    let (language, live) = (use_language(), use_live());
    let lines = RwSignal::new(Vec::<ClientLine>::new());
    let has_earlier = RwSignal::new(false);
    let follows = RwSignal::new(true);
    let (asked, searched) = (id.clone(), id.clone());
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
    // Shows the log from a hit on.
    let show = Callback::new(move |number: i64| {
        follows.set(false);
        lines.update(Vec::clear);
        has_earlier.set(true);
        read.dispatch((Some(number - 1), None));
    });
    view! {
        <FindLines id=searched show/>
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

/// Looks through all lines; a hit leads to its place.
#[component]
fn FindLines(id: String, show: Callback<i64>) -> impl IntoView {
    let language = use_language();
    let field = NodeRef::<html::Input>::new();
    let is_regex = RwSignal::new(false);
    let find = Action::new(move |find: &Find| find_lines(id.clone(), find.clone()));
    let sent = move || {
        if let Some(input) = field.get_untracked() {
            find.dispatch(Find {
                text: input.value(),
                is_regex: is_regex.get_untracked(),
                is_case_sensitive: false,
            });
        }
    };
    view! {
        <form class="form-row" role="search" on:submit=move |event| { event.prevent_default(); sent(); }>
            <input class="input" type="search" name="find" autocomplete="off" node_ref=field aria-label=logs::look_for(language) placeholder=logs::look_for(language)/>
            <button class="chart-toggle" type="button" title=logs::regex(language) aria-label=logs::regex(language)
                aria-pressed=move || is_regex.get().to_string() on:click=move |_| is_regex.update(|is| *is = !*is)>".*"</button>
            <button class="button" data-size="small" type="submit" disabled=move || find.pending().get()>{logs::find(language)}</button>
        </form>
        {move || find.value().get().map(|answer| match answer {
            Ok(found) => {
                let partly = (!found.is_whole).then(|| logs::partly(language));
                let is_empty = found.hits.is_empty();
                view! {
                    <p class="soft" role="status">{count(found.count)} " " {logs::hits(language)} " " {partly}</p>
                    <div class="code client-hits" hidden=is_empty tabindex="0">{found.hits.into_iter().map(|line| view! {
                        <button type="button" class="client-hit" on:click=move |_| show.run(line.number)>
                            <span class="soft">{moment(line.at.0)}</span> " " {line.text}
                        </button>
                    }).collect_view()}</div>
                }.into_any()
            }
            Err(error) => {
                let findings = error.findings().to_vec();
                let text = findings.first().map_or_else(|| error.text(language), |one| one.text.in_language(language).to_owned());
                view! { <p class="finding" data-weight="stops" role="alert">{text}</p> }.into_any()
            }
        })}
    }
}
