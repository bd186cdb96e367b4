//! Finding in the whole log: how often and where, one hit after another, wherever it lies.

use domain::logs::{At, Find, Found, Hit};
use leptos::ev;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::{FIELD, View};
use crate::browser;
use crate::context::use_language;
use crate::error::AppError;
use crate::jobs::log_fns::search_log;
use crate::shared::format::count;
use crate::texts::logs as t;

/// Which hit is wanted of those around a place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// The first at the place or after it, else the last before.
    Nearest,
    Next,
    Previous,
}

#[derive(Clone, Copy)]
struct Finder {
    view: View,
    found: RwSignal<Option<Result<Found, AppError>>>,
    /// Index of the current hit.
    current: RwSignal<Option<usize>>,
    is_busy: RwSignal<bool>,
}

impl Finder {
    fn search(self, find: Find, near: u64, wanted: Wanted) {
        if find.text.is_empty() {
            self.found.set(None);
            self.view.find.set(find);
            return;
        }
        self.is_busy.set(true);
        let log = self.view.log();
        spawn_local(async move {
            let found = search_log(log, find.clone(), near).await;
            if self.is_busy.try_set(false).is_some() {
                return; // gone
            }
            self.view.find.set(find);
            let index = found.as_ref().ok().and_then(|found| {
                let after = found.hits.iter().position(|hit| hit.offset >= near);
                let last = found.hits.len().checked_sub(1);
                match wanted {
                    Wanted::Previous => after.map_or(last, |after| after.checked_sub(1)),
                    _ => after.or(last),
                }
            });
            self.found.set(Some(found));
            match index {
                Some(index) => self.show(index),
                None => self.current.set(None),
            }
        });
    }

    fn hit(self, index: usize) -> Option<Hit> {
        self.found
            .with_untracked(|found| found.as_ref()?.as_ref().ok()?.hits.get(index).cloned())
    }

    fn show(self, index: usize) {
        if let Some(hit) = self.hit(index) {
            self.current.set(Some(index));
            self.view.seek(hit.offset, Some((hit.offset, hit.line - 1)));
        }
    }

    /// The next or previous hit; beyond those that are listed the log is searched from there, beyond the last one from the other end.
    fn step(self, wanted: Wanted) {
        let Some(current) = self.current.get_untracked() else {
            return;
        };
        let next = match wanted {
            Wanted::Previous => current.checked_sub(1),
            _ => Some(current + 1),
        };
        if let Some(next) = next.filter(|next| self.hit(*next).is_some()) {
            return self.show(next);
        }
        let facts = self.found.with_untracked(|found| {
            let found = found.as_ref()?.as_ref().ok()?;
            Some((
                found.skipped > 0,
                found.skipped + (found.hits.len() as u64) < found.total,
            ))
        });
        let (Some((has_before, has_after)), Some(hit)) = (facts, self.hit(current)) else {
            return;
        };
        let near = match wanted {
            Wanted::Previous if has_before => hit.offset,
            Wanted::Previous => self.view.window.with_untracked(|window| window.size),
            _ if has_after => hit.offset + 1,
            _ => 0,
        };
        self.search(self.view.find.get_untracked(), near, wanted);
    }
}

#[component]
pub(super) fn Search(view: View) -> impl IntoView {
    let language = use_language();
    let finder = Finder {
        view,
        found: RwSignal::new(None),
        current: RwSignal::new(None),
        is_busy: RwSignal::new(false),
    };
    let typed = RwSignal::new(view.find.get_untracked());
    let submit = move || {
        let near = if view.follows.get_untracked() {
            view.window.with_untracked(|window| window.size)
        } else {
            view.place()
        };
        finder.search(typed.get_untracked(), near, Wanted::Nearest);
    };
    // A link with a search in it, and another rank: the hits are those of the log that is shown.
    Effect::new(move |_| {
        view.rank.track();
        finder.found.set(None);
        finder.current.set(None);
        let find = view.find.get_untracked();
        if !find.text.is_empty() {
            let log = view.log();
            let near = view.window.with_untracked(|window| window.size);
            spawn_local(async move {
                let found = search_log(log, find, near).await;
                finder.found.try_set(Some(found));
            });
        }
    });
    Effect::new(move |_| {
        let pressed = window_event_listener(ev::keydown, move |event| {
            if browser::is_typing() || event.ctrl_key() || event.meta_key() || event.alt_key() {
                return;
            }
            match event.key().as_str() {
                "/" => {
                    event.prevent_default();
                    browser::focus(FIELD);
                }
                "n" => finder.step(Wanted::Next),
                "N" => finder.step(Wanted::Previous),
                "g" => view.go(At::Around(0)),
                "G" => view.go(At::End),
                _ => {}
            }
        });
        on_cleanup(move || pressed.remove());
    });
    let result = move || match finder.found.get() {
        _ if finder.is_busy.get() => Some((t::searching(language).to_owned(), false)),
        None => None,
        Some(Err(error)) => Some((error.text(language), true)),
        Some(Ok(found)) if found.total == 0 && found.is_complete => {
            Some((t::no_hits(language).to_owned(), false))
        }
        Some(Ok(found)) => {
            let which = finder
                .current
                .get()
                .map(|at| format!("{} / ", count(found.skipped + at as u64 + 1)));
            let partly = if found.is_complete {
                ""
            } else {
                t::partly(language)
            };
            Some((
                format!(
                    "{}{} {} {partly}",
                    which.unwrap_or_default(),
                    count(found.total),
                    t::hits(language)
                ),
                false,
            ))
        }
    };
    let hits = move || {
        finder.found.with(|found| match found {
            Some(Ok(found)) => found.hits.clone(),
            _ => Vec::new(),
        })
    };
    view! {
        <form class="log-search" role="search" on:submit=move |event| { event.prevent_default(); submit(); }>
            <input class="input" id=FIELD type="search" placeholder=t::look_for(language) aria-label=t::look_for(language) value=typed.get_untracked().text
                on:input:target=move |event| typed.update(|find| find.text = event.target().value())/>
            <button class="button" data-size="small" type="button" title=t::regex(language) aria-label=t::regex(language)
                aria-pressed=move || typed.with(|find| find.is_regex).to_string() on:click=move |_| typed.update(|find| find.is_regex = !find.is_regex)>".*"</button>
            <button class="button" data-size="small" type="button" title=t::case(language) aria-label=t::case(language)
                aria-pressed=move || typed.with(|find| find.is_case_sensitive).to_string() on:click=move |_| typed.update(|find| find.is_case_sensitive = !find.is_case_sensitive)>"Aa"</button>
            <button class="button" data-size="small">{t::find(language)}</button>
            <button class="button" data-size="small" type="button" title=t::previous(language) aria-label=t::previous(language) hidden=move || finder.current.get().is_none() on:click=move |_| finder.step(Wanted::Previous)>"↑"</button>
            <button class="button" data-size="small" type="button" title=t::next(language) aria-label=t::next(language) hidden=move || finder.current.get().is_none() on:click=move |_| finder.step(Wanted::Next)>"↓"</button>
            {move || result().map(|(text, is_wrong)| view! {
                <span class=if is_wrong { "finding" } else { "soft" } data-weight="stops" role="status">{text}</span>
            })}
        </form>
        <details class="log-hits" hidden=move || hits().is_empty()>
            <summary>{t::list(language)}</summary>
            <ol>{move || hits().into_iter().enumerate().map(|(index, hit)| view! {
                <li><button type="button" class="log-hit" aria-current=move || (finder.current.get() == Some(index)).then_some("true") on:click=move |_| finder.show(index)>
                    <span class="number soft">{t::line(language)} " " {count(hit.line)}</span> <code>{hit.excerpt}</code>
                </button></li>
            }).collect_view()}</ol>
        </details>
    }
}
