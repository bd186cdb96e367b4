//! A log: opens at its end and follows until one scrolls up; any place of it by offset, search and time.
//!
//! The lines are HTML that the server made, put into the document as they are: the browser neither parses escapes nor keeps the text
//! twice. The address holds rank, place and search, so that a link shows the same lines.

mod find;
mod window;

use std::time::Duration;

use domain::jobs::ProcessView;
use domain::logs::{Ask, At, Find, Moment};
use leptos::ev;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_query_map;

use super::log_fns::{find_moment, read_log};
use crate::browser;
use crate::context::use_language;
use crate::error::AppError;
use crate::shared::Failed;
use crate::shared::format::{moment, size};
use crate::shared::live::use_live;
use crate::texts::logs as t;
use find::Search;
use window::{Change, Window};

const SCROLLER: &str = "log";
const LINES: &str = "log-lines";
const OPEN: &str = "log-open";
const FIELD: &str = "log-find";
/// More is fetched when less than this is left to scroll, in pixels.
const NEAR: i32 = 1200;
/// A log that grows is asked for at least this often, whatever is heard of it.
const POLL: Duration = Duration::from_secs(10);

/// All there is to know of the log in the page.
#[derive(Clone, Copy)]
struct View {
    job: StoredValue<String>,
    rank: RwSignal<u32>,
    window: RwSignal<Window>,
    problem: RwSignal<Option<AppError>>,
    /// The file was replaced while it was shown.
    is_replaced: RwSignal<bool>,
    /// Whether it stays at the end.
    follows: RwSignal<bool>,
    is_growing: Signal<bool>,
    is_expanded: RwSignal<bool>,
    /// What is marked in the lines.
    find: RwSignal<Find>,
    /// The place asked for is a line that was looked for.
    is_sought: StoredValue<bool>,
    /// The request under way; an answer to an earlier one is not shown. 0: none is.
    asked: StoredValue<(u32, bool)>,
}

impl View {
    fn log(self) -> String {
        format!("{}/{}", self.job.get_value(), self.rank.get_untracked())
    }

    /// Shows another place, whatever is under way.
    fn go(self, at: At) {
        self.is_sought.set_value(false);
        self.leave_for(at, None);
    }

    /// Shows a line that was looked for: in the middle, and marked. `counted`: its offset and the line ends before it.
    fn seek(self, offset: u64, counted: Option<(u64, u64)>) {
        self.is_sought.set_value(true);
        self.leave_for(At::Around(offset), counted);
    }

    fn leave_for(self, at: At, counted: Option<(u64, u64)>) {
        self.asked
            .update_value(|(number, is_busy)| (*number, *is_busy) = (*number + 1, false));
        self.follows.set(at == At::End);
        self.is_replaced.set(false);
        self.fetch(at, counted);
    }

    /// One request at a time; the next one asks from where this one ended.
    fn fetch(self, at: At, counted: Option<(u64, u64)>) {
        let (number, is_busy) = self.asked.get_value();
        if is_busy {
            return;
        }
        self.asked.set_value((number, true));
        let ask = self.window.with_untracked(|window| Ask {
            log: self.log(),
            at,
            inode: window.inode,
            counted: counted.or_else(|| window.counted(at)),
            is_expanded: self.is_expanded.get_untracked(),
            find: self.find.get_untracked(),
            is_following: self.is_growing.get_untracked() && self.follows.get_untracked(),
        });
        spawn_local(async move {
            let answer = read_log(ask).await;
            if self
                .asked
                .try_get_value()
                .is_none_or(|(now, _)| now != number)
            {
                return; // gone, or another place is wanted meanwhile
            }
            self.asked.set_value((number, false));
            match answer {
                Ok(piece) => self.show(at, piece),
                Err(error) => self.problem.set(Some(error)),
            }
        });
    }

    fn show(self, at: At, piece: domain::logs::Piece) {
        self.problem.set(None);
        let mut change = Change::Nothing;
        let mut dropped = 0;
        let size_before = self.window.with_untracked(|window| window.size);
        self.window.update(|window| {
            change = window.take(at, &piece);
            dropped = window.trim(change);
        });
        match change {
            Change::Nothing => return,
            Change::Replace => {
                browser::set_html(LINES, "");
                browser::add_html(LINES, SCROLLER, &piece.html, false);
            }
            Change::Append if piece.html.is_empty() => {}
            Change::Append | Change::Prepend => {
                browser::add_html(LINES, SCROLLER, &piece.html, change == Change::Prepend)
            }
        }
        if dropped > 0 {
            browser::drop_children(LINES, SCROLLER, dropped, change == Change::Append);
        }
        if change != Change::Prepend {
            browser::set_html(OPEN, &piece.open);
        } else if dropped > 0 {
            // It no longer follows on what is shown.
            browser::set_html(OPEN, "");
        }
        if piece.is_replaced {
            self.is_replaced.set(true);
            self.follows.set(true);
        }
        match piece.focus {
            Some(focus) => {
                browser::reveal(SCROLLER, &format!("b{focus}"), self.is_sought.get_value())
            }
            None if self.follows.get_untracked() => browser::scroll_to_end(SCROLLER),
            None => {}
        }
        let has_moved =
            change != Change::Append || !piece.html.is_empty() || piece.size != size_before;
        if has_moved {
            self.fill();
        }
    }

    /// Fetches what will soon be scrolled to.
    fn fill(self) {
        let (above, below) = browser::scrolled(SCROLLER);
        let (earlier, later, has_later) = self
            .window
            .with_untracked(|w| (w.earlier(), w.later(), w.has_later() && w.size > w.end()));
        let is_open = browser::has_text(OPEN);
        match earlier {
            Some(at) if above < NEAR => self.fetch(at, None),
            _ if below < NEAR && has_later && !is_open => match later {
                At::End if !self.follows.get_untracked() => {
                    let end = self.window.with_untracked(Window::end);
                    self.fetch(At::After(end), None);
                }
                later => self.fetch(later, None),
            },
            _ => {}
        }
    }

    /// What was written since.
    fn news(self) {
        if self.follows.get_untracked() {
            let later = self.window.with_untracked(Window::later);
            self.fetch(later, None);
        }
    }

    fn scrolled(self) {
        let (_, below) = browser::scrolled(SCROLLER);
        let is_at_end = self.window.with_untracked(|w| !w.has_later()) || browser::has_text(OPEN);
        let follows = below < 24 && is_at_end;
        if follows != self.follows.get_untracked() {
            self.follows.set(follows);
        }
        self.fill();
    }

    /// The offset of the first line in sight.
    fn place(self) -> u64 {
        let line = browser::top_line(SCROLLER);
        let offset = line.and_then(|id| id.strip_prefix('b')?.parse().ok());
        offset.unwrap_or_else(|| self.window.with_untracked(Window::start))
    }

    /// Writes what is shown into the address.
    fn remember(self) {
        let find = self.find.get_untracked();
        let word = |is_so: bool| is_so.then(|| "1".to_owned());
        browser::put_in_address(&[
            (
                "rank",
                Some(self.rank.get_untracked())
                    .filter(|rank| *rank > 0)
                    .map(|rank| rank.to_string()),
            ),
            (
                "at",
                (!self.follows.get_untracked()).then(|| self.place().to_string()),
            ),
            ("regex", word(find.is_regex)),
            ("case", word(find.is_case_sensitive)),
            ("find", Some(find.text).filter(|text| !text.is_empty())),
        ]);
    }
}

#[component]
pub fn LogView(
    job: String,
    processes: Vec<ProcessView>,
    /// Names of the nodes, by rank.
    names: Vec<String>,
    /// Whether more may come.
    #[prop(into)]
    is_growing: Signal<bool>,
) -> impl IntoView {
    let (language, live) = (use_language(), use_live());
    let query = use_query_map().get_untracked();
    let asked_for = |name: &str| query.get(name).unwrap_or_default();
    let known = |rank: u32| processes.iter().any(|process| process.rank == rank);
    let first = processes.first().map_or(0, |process| process.rank);
    let rank = asked_for("rank")
        .parse()
        .ok()
        .filter(|rank| known(*rank))
        .unwrap_or(first);
    let place: Option<u64> = asked_for("at").parse().ok();
    let view = View {
        job: StoredValue::new(job),
        rank: RwSignal::new(rank),
        window: RwSignal::new(Window::default()),
        problem: RwSignal::new(None),
        is_replaced: RwSignal::new(false),
        follows: RwSignal::new(place.is_none()),
        is_growing,
        is_expanded: RwSignal::new(false),
        find: RwSignal::new(Find {
            text: asked_for("find"),
            is_regex: !asked_for("regex").is_empty(),
            is_case_sensitive: !asked_for("case").is_empty(),
        }),
        is_sought: StoredValue::new(false),
        asked: StoredValue::new((0, false)),
    };
    Effect::new(move |before: Option<()>| {
        view.rank.track();
        view.window.set(Window::default());
        let place = place.filter(|_| before.is_none());
        view.go(place.map_or(At::End, At::Around));
    });
    Effect::new(move |_| {
        if !is_growing.get() {
            view.news(); // its last lines
            return;
        }
        if let Ok(ticking) = set_interval_with_handle(move || view.news(), POLL) {
            on_cleanup(move || ticking.clear());
        }
    });
    Effect::new(move |before: Option<()>| {
        live.subject("log", &view.log());
        view.rank.track();
        if before.is_some() {
            view.news();
        }
    });
    // Lines wrap anew in a window of another width.
    Effect::new(move |_| {
        browser::track_looks();
        if view.follows.get_untracked() {
            browser::scroll_to_end(SCROLLER);
        }
    });
    let moved = RwSignal::new(0u32);
    let mut remember =
        leptos::leptos_dom::helpers::debounce(Duration::from_millis(400), move |()| {
            view.remember()
        });
    Effect::new(move |before: Option<()>| {
        view.rank.track();
        view.find.track();
        view.follows.track();
        moved.track();
        if before.is_some() {
            remember(());
        }
    });
    let scrolled = move |_| {
        view.scrolled();
        moved.update(|count| *count = count.wrapping_add(1));
    };
    let wraps = RwSignal::new(true);
    view! {
        <section class="log-view">
            <div class="log-tools">
                <Ranks view processes names/>
                <Search view/>
                <Time view/>
                <Switches view wraps/>
            </div>
            {move || view.problem.get().map(|error| view! { <Failed error retry=move || {
                let at = view.window.with_untracked(Window::later);
                view.fetch(at, None);
            }/> })}
            <p class="finding" role="status" hidden=move || !view.is_replaced.get()>{t::replaced(language)}</p>
            <div class="log" id=SCROLLER tabindex="0" role="log" aria-live="off" aria-label=move || format!("{} {} {}", t::log(language), t::rank(language), view.rank.get())
                aria-description=t::keys(language) data-wraps=move || wraps.get().to_string() on:scroll=scrolled>
                <div id=LINES></div>
                <div id=OPEN></div>
                {move || nothing(view, language).map(|text| view! { <p class="log-none">{text}</p> })}
            </div>
            <Position view/>
        </section>
    }
}

/// What stands there instead of lines.
fn nothing(view: View, language: domain::language::Language) -> Option<&'static str> {
    let has_failed = view.problem.with(Option::is_some);
    view.window.with(|window| match window.is_there {
        None if has_failed => None,
        None => Some(t::loading(language)),
        Some(false) if !view.is_growing.get() => Some(t::gone(language)),
        Some(false) => Some(t::empty(language)),
        Some(true) if window.size == 0 => Some(t::empty(language)),
        Some(true) => None,
    })
}

/// One button a process, with the node that it is on.
#[component]
fn Ranks(view: View, processes: Vec<ProcessView>, names: Vec<String>) -> impl IntoView {
    let language = use_language();
    (processes.len() > 1).then(|| {
        processes.into_iter().enumerate().map(|(at, process)| {
            let (of, name) = (process.rank, names.get(at).cloned());
            view! {
                <button type="button" class="tab" aria-pressed=move || (view.rank.get() == of).to_string() on:click=move |_| view.rank.set(of)>
                    {t::rank(language)} " " {of} " " {name}
                </button>
            }
        }).collect_view()
    })
}

/// Goes to a time.
#[component]
fn Time(view: View) -> impl IntoView {
    let language = use_language();
    let typed = RwSignal::new(String::new());
    let answer = RwSignal::new(None::<Result<Moment, AppError>>);
    let go = move |event: ev::SubmitEvent| {
        event.prevent_default();
        spawn_local(async move {
            let found = find_moment(view.log(), typed.get_untracked()).await;
            if let Ok(found) = &found {
                view.seek(found.offset, None);
            }
            answer.try_set(Some(found));
        });
    };
    view! {
        <form class="log-time" on:submit=go>
            <input class="input" aria-label=t::to_time(language) title=t::time_of_node(language) placeholder=t::time_example(language)
                on:input:target=move |event| typed.set(event.target().value())/>
            <button class="button" data-size="small">{t::go(language)}</button>
            {move || answer.get().map(|answer| match answer {
                Ok(found) => {
                    let about = if found.is_about { t::about(language) } else { "" };
                    let time = moment(found.millis).replace(" UTC", "");
                    view! { <span class="soft" role="status">{t::first_at(language)} " " {about} " " {time}</span> }.into_any()
                }
                Err(error) => view! { <span class="finding" data-weight="stops" role="alert">{error.text(language)}</span> }.into_any(),
            })}
        </form>
    }
}

/// Wrapping, progress bars, copy, download.
#[component]
fn Switches(view: View, wraps: RwSignal<bool>) -> impl IntoView {
    let language = use_language();
    let is_copied = RwSignal::new(false);
    let bars = move |_| {
        view.is_expanded.update(|is| *is = !*is);
        let at = if view.follows.get_untracked() {
            At::End
        } else {
            At::Around(view.place())
        };
        view.go(at);
    };
    view! {
        <div class="log-switches">
            <button class="button" data-size="small" type="button" aria-pressed=move || wraps.get().to_string() on:click=move |_| wraps.update(|is| *is = !*is)>{t::wrap(language)}</button>
            <button class="button" data-size="small" type="button" aria-pressed=move || view.is_expanded.get().to_string() on:click=bars>{t::bars(language)}</button>
            <button class="button" data-size="small" type="button" on:click=move |_| { browser::copy(&browser::text_of(LINES)); is_copied.set(true); }>
                {move || if is_copied.get() { t::copied(language) } else { t::copy(language) }}
            </button>
            <a class="button" data-size="small" download href=move || format!("/console/v1/jobs/{}/logs/{}", view.job.get_value(), view.rank.get())>{t::download(language)}</a>
        </div>
    }
}

/// Where in the whole log one is, and the way to any other place.
#[component]
fn Position(view: View) -> impl IntoView {
    let language = use_language();
    let share = move || {
        view.window
            .with(|window| (window.end() as f64 / window.size.max(1) as f64 * 1000.0) as u32)
    };
    let sought = move |event: ev::Event| {
        let share: f64 = event_target_value(&event).parse().unwrap_or(1000.0);
        let place = view
            .window
            .with_untracked(|window| (window.size as f64 * share / 1000.0) as u64);
        view.go(if share < 1000.0 {
            At::Around(place)
        } else {
            At::End
        });
    };
    view! {
        <div class="log-position">
            <button class="button" data-size="small" type="button" on:click=move |_| view.go(At::Around(0))>{t::begin(language)}</button>
            <input type="range" min="0" max="1000" aria-label=t::position(language) prop:value=share on:change=sought/>
            <span class="number soft">{move || view.window.with(|window| format!("{} {} {}", size(window.end()), t::of(language), size(window.size)))}</span>
            <button class="button" data-size="small" type="button" aria-pressed=move || view.follows.get().to_string() on:click=move |_| view.go(At::End)>{t::follow(language)}</button>
        </div>
    }
}
