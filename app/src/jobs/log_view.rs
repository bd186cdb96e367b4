//! The log of one process: opens at its end and follows until you scroll up.

use std::collections::VecDeque;

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
/// What is fetched at once, and about the size of a piece in memory.
const PIECE_BYTES: usize = 64 * 1024;

/// What is loaded of one log: pieces that follow one another without a gap. Positions are bytes of the file, which the decoded text's
/// own length does not tell: what is no UTF-8 is replaced in it.
#[derive(Debug, Clone, PartialEq, Default)]
struct Loaded {
    pieces: VecDeque<LogPiece>,
}

impl Loaded {
    fn start(&self) -> u64 {
        self.pieces.front().map_or(0, |piece| piece.offset)
    }

    fn end(&self) -> Option<u64> {
        self.pieces.back().map(|piece| piece.end)
    }

    fn text(&self) -> String {
        self.pieces.iter().map(|piece| &*piece.text).collect()
    }

    fn append(&mut self, piece: LogPiece) {
        if piece.text.is_empty() {
            return;
        }
        // A log that became shorter was begun anew.
        if self.end().is_some_and(|end| piece.offset < end) {
            self.pieces.clear();
        }
        match self.pieces.back_mut() {
            Some(last) if last.text.len() < PIECE_BYTES && last.end == piece.offset => {
                last.text.push_str(&piece.text);
                last.end = piece.end;
            }
            _ => self.pieces.push_back(piece),
        }
        let mut kept: usize = self.pieces.iter().map(|piece| piece.text.len()).sum();
        while kept > KEPT_BYTES && self.pieces.len() > 1 {
            kept -= self.pieces.pop_front().map_or(0, |piece| piece.text.len());
        }
    }

    /// What lies right before; a piece that was asked for before the log moved on does not, and is left out.
    fn prepend(&mut self, piece: LogPiece) {
        if piece.end == self.start() && !piece.text.is_empty() {
            self.pieces.push_front(piece);
        }
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
    let fetch = move |offset: Option<u64>, length: usize, is_older: bool| {
        if is_busy.get_value() {
            return;
        }
        is_busy.set_value(true);
        let asked = rank.get_untracked();
        spawn_local(async move {
            let answer = read_log(job.get_value(), asked, offset, length as u64).await;
            if is_busy.try_set_value(false).is_some() || asked != rank.get_untracked() {
                return; // gone, or another process is shown meanwhile
            }
            match answer {
                Ok(piece) => {
                    problem.set(None);
                    if piece.text.is_empty() {
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
        fetch(loaded.with_untracked(Loaded::end), PIECE_BYTES, false);
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
        let start = loaded.with_untracked(Loaded::start);
        // Never more than what is missing: the two must not overlap.
        let missing = usize::try_from(start).map_or(PIECE_BYTES, |start| start.min(PIECE_BYTES));
        fetch(Some(start - missing as u64), missing, true);
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
            <button class="button" data-size="small" type="button" hidden=move || loaded.with(|l| l.start() == 0) on:click=older>{t::log_older(language)}</button>
            <button class="button" data-size="small" type="button" on:click=move |_| browser::scroll_to_end(ELEMENT)>{t::log_follow(language)}</button>
        </div>
        {move || problem.get().map(|e| view! { <p class="finding" role="alert" data-weight="stops">{e.text(language)}</p> })}
        <pre class="log" id=ELEMENT tabindex="0">{move || {
            let text = loaded.with(|l| lines(&l.text(), &wanted.get()));
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

    /// What the server answers for a part of a file.
    fn read(file: &[u8], offset: usize, length: usize) -> LogPiece {
        let end = (offset + length).min(file.len());
        super::super::server_fns::whole_characters(offset as u64, &file[offset..end])
    }

    #[test]
    fn older_pieces_of_a_chinese_log_join_without_overlap_wherever_they_are_cut() {
        // A byte that is no UTF-8, too: its replacement is three bytes long.
        let file = [
            "损失 loss 下降 😀\n".as_bytes(),
            b"\xff",
            "学习率\n".as_bytes(),
        ]
        .concat()
        .repeat(3);
        for size in 5..file.len() {
            let mut loaded = Loaded::default();
            loaded.append(read(&file, file.len() - size, size));
            while loaded.start() > 0 {
                let start = loaded.start() as usize;
                let missing = start.min(size);
                loaded.prepend(read(&file, start - missing, missing));
                assert!(
                    (loaded.start() as usize) < start,
                    "stuck at {start} with {size}"
                );
            }
            assert_eq!(
                loaded.text(),
                String::from_utf8_lossy(&file),
                "pieces of {size}"
            );
        }
    }

    #[test]
    fn a_log_that_became_shorter_begins_anew() {
        let mut loaded = Loaded::default();
        loaded.append(read(b"abcdef", 0, 6));
        loaded.append(read(b"xy", 0, 2));
        assert_eq!((loaded.text().as_str(), loaded.end()), ("xy", Some(2)));
    }

    #[test]
    fn what_is_kept_begins_where_its_first_piece_does() {
        let line = "一二三四五六七\n".repeat(4096);
        let mut loaded = Loaded::default();
        for at in 0..100 {
            let offset = at * line.len() as u64;
            loaded.append(LogPiece {
                offset,
                end: offset + line.len() as u64,
                text: line.clone(),
            });
        }
        let text = loaded.text();
        assert!(text.len() <= KEPT_BYTES && text.len() > KEPT_BYTES / 2);
        assert_eq!(loaded.start() + text.len() as u64, 100 * line.len() as u64);
    }
}
