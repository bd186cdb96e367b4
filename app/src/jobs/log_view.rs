//! The log of one process: opens at its end and follows until you scroll up.

use domain::jobs::ProcessView;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::server_fns::{LogPiece, read_log};
use crate::browser;
use crate::context::use_language;
use crate::error::AppError;
use crate::texts::jobs as t;

const ELEMENT: &str = "log";
/// What one page keeps in memory; older lines are fetched again when asked for.
const KEPT_BYTES: usize = 4 * 1024 * 1024;

/// What is loaded of one log.
#[derive(Debug, Clone, PartialEq, Default)]
struct Loaded {
    start: u64,
    end: u64,
    text: String,
}

impl Loaded {
    fn append(&mut self, piece: LogPiece) {
        if self.text.is_empty() {
            self.start = piece.offset;
        }
        // A log that became shorter was begun anew.
        if piece.offset < self.end && !self.text.is_empty() {
            *self = Loaded {
                start: piece.offset,
                ..Loaded::default()
            };
        }
        self.text.push_str(&piece.text);
        self.end = piece.end;
        if self.text.len() > KEPT_BYTES {
            let cut = self.text.len() - KEPT_BYTES / 2;
            let cut = self.text[..]
                .char_indices()
                .map(|(at, _)| at)
                .find(|at| *at >= cut)
                .unwrap_or(0);
            self.start += cut as u64;
            self.text.drain(..cut);
        }
    }

    fn prepend(&mut self, piece: LogPiece) {
        let missing =
            usize::try_from(self.start.saturating_sub(piece.offset)).unwrap_or(usize::MAX);
        let older: String = piece.text.chars().take(missing).collect();
        self.start = piece.offset;
        self.text.insert_str(0, &older);
    }
}

/// Lines as a terminal shows them: of a line that a progress bar rewrote, what it said last.
fn lines(text: &str, wanted: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for line in text.lines() {
        let line = line
            .trim_end_matches('\r')
            .rsplit('\r')
            .next()
            .unwrap_or(line);
        if wanted.is_empty() || line.contains(wanted) {
            shown.push_str(line);
            shown.push('\n');
        }
    }
    shown
}

#[component]
pub fn LogView(
    job: String,
    processes: Vec<ProcessView>,
    /// Names of the nodes, by rank.
    #[prop(optional)]
    names: Vec<String>,
    /// Whether more may come.
    #[prop(into)]
    is_growing: Signal<bool>,
) -> impl IntoView {
    let language = use_language();
    let first = processes.first().map_or(0, |p| p.rank);
    let rank = RwSignal::new(first);
    let wanted = RwSignal::new(String::new());
    let loaded = RwSignal::new(Loaded::default());
    let problem = RwSignal::new(None::<AppError>);
    let is_busy = StoredValue::new(false);
    let job = StoredValue::new(job);
    // One request at a time; the next one asks from where this one ended.
    let fetch = move |offset: Option<u64>, is_older: bool| {
        if is_busy.get_value() {
            return;
        }
        is_busy.set_value(true);
        let asked = rank.get_untracked();
        spawn_local(async move {
            let answer = read_log(job.get_value(), asked, offset).await;
            if is_busy.try_set_value(false).is_some() || asked != rank.get_untracked() {
                return; // gone, or another process is shown meanwhile
            }
            match answer {
                Ok(piece) => {
                    problem.set(None);
                    if piece.end == loaded.with_untracked(|l| l.end) && !is_older {
                        return;
                    }
                    let follows = browser::is_at_end(ELEMENT);
                    loaded.update(|l| {
                        if is_older {
                            l.prepend(piece)
                        } else {
                            l.append(piece)
                        }
                    });
                    if follows && !is_older {
                        request_animation_frame(|| browser::scroll_to_end(ELEMENT));
                    }
                }
                Err(error) => problem.set(Some(error)),
            }
        });
    };
    let more = move || {
        let end = loaded.with_untracked(|l| (!l.text.is_empty()).then_some(l.end));
        fetch(end, false);
    };
    Effect::new(move |_| {
        rank.track();
        loaded.set(Loaded::default());
        is_busy.set_value(false);
        more();
    });
    Effect::new(move |_| {
        if !is_growing.get() {
            more(); // its last lines
            return;
        }
        if let Ok(ticking) = set_interval_with_handle(more, std::time::Duration::from_millis(1000))
        {
            on_cleanup(move || ticking.clear());
        }
    });
    let older = move |_| {
        let start = loaded.with_untracked(|l| l.start);
        fetch(Some(start.saturating_sub(64 * 1024)), true);
    };
    let choices = (processes.len() > 1).then(|| {
        processes.iter().enumerate().map(|(at, process)| {
            let of = process.rank;
            let name = names.get(at).cloned().unwrap_or_default();
            view! {
                <button type="button" class="tab" aria-pressed=move || (rank.get() == of).to_string() on:click=move |_| rank.set(of)>
                    {t::whole_log(language)} " " {of} " " {name}
                </button>
            }
        }).collect_view()
    });
    view! {
        <div class="log-tools">
            {choices}
            <input class="input log-search" type="search" placeholder=t::log_search(language) aria-label=t::log_search(language)
                on:input:target=move |ev| wanted.set(ev.target().value())/>
            <button class="button" data-size="small" type="button" hidden=move || loaded.with(|l| l.start == 0) on:click=older>{t::log_older(language)}</button>
            <button class="button" data-size="small" type="button" on:click=move |_| browser::scroll_to_end(ELEMENT)>{t::log_follow(language)}</button>
        </div>
        {move || problem.get().map(|e| view! { <p class="finding" role="alert" data-weight="stops">{e.text(language)}</p> })}
        <pre class="log" id=ELEMENT tabindex="0">{move || {
            let text = loaded.with(|l| lines(&l.text, &wanted.get()));
            if text.is_empty() { t::log_empty(language).to_owned() } else { text }
        }}</pre>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_rewritten_line_the_last_state_is_shown() {
        assert_eq!(lines("a\rb\rc\nd\r\n", ""), "c\nd\n");
    }

    #[test]
    fn a_search_keeps_the_lines_that_have_it() {
        assert_eq!(lines("loss 1\nother\nloss 2\n", "loss"), "loss 1\nloss 2\n");
    }

    #[test]
    fn older_bytes_are_put_before_without_overlap() {
        let mut loaded = Loaded {
            start: 3,
            end: 6,
            text: "def".into(),
        };
        loaded.prepend(LogPiece {
            offset: 0,
            end: 6,
            text: "abcdef".into(),
        });
        assert_eq!(
            loaded,
            Loaded {
                start: 0,
                end: 6,
                text: "abcdef".into()
            }
        );
    }

    #[test]
    fn a_log_that_became_shorter_begins_anew() {
        let mut loaded = Loaded {
            start: 0,
            end: 6,
            text: "abcdef".into(),
        };
        loaded.append(LogPiece {
            offset: 0,
            end: 2,
            text: "xy".into(),
        });
        assert_eq!(
            loaded,
            Loaded {
                start: 0,
                end: 2,
                text: "xy".into()
            }
        );
    }
}
