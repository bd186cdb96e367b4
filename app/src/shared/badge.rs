//! States with their word and shape, never colour alone.

use domain::jobs::{Kind, State};
use domain::language::Language;
use domain::time::Timestamp;
use domain::tracking::{RunState, TrackedRun};
use leptos::prelude::*;

use super::format::span;
use super::times::use_now;
use crate::context::use_language;
use crate::texts::{common as t, jobs};

/// The word of a job's state.
pub fn state_word(state: &State, kind: Kind, language: Language) -> &'static str {
    match state {
        State::Pending => jobs::pending(language),
        State::Starting => jobs::starting(language),
        State::Running if kind == Kind::Deploy => jobs::loading_model(language),
        State::Running => jobs::running(language),
        State::Ready => jobs::ready(language),
        State::Stopping { .. } => jobs::stopping(language),
        State::Succeeded => jobs::succeeded(language),
        State::Failed { .. } => jobs::failed(language),
        State::Stopped => jobs::stopped(language),
        State::Lost { .. } => jobs::lost(language),
    }
}

/// The word of a kind of job.
pub fn kind_word(kind: Kind, language: Language) -> &'static str {
    match kind {
        Kind::Prepare => jobs::prepare(language),
        Kind::Convert => jobs::convert(language),
        Kind::Train => jobs::train(language),
        Kind::Gather => jobs::gather(language),
        Kind::Export => jobs::export(language),
        Kind::Deploy => jobs::deploy(language),
        Kind::Evaluate => jobs::evaluate(language),
    }
}

/// Why a job ended or ends, if there is more to say than its state.
pub fn cause(state: &State, language: Language) -> Option<String> {
    match state {
        State::Failed { cause: text }
        | State::Lost { why: text }
        | State::Stopping {
            because: Some(text),
        } => Some(text.in_language(language).to_owned()),
        _ => None,
    }
}

/// The state of a job as a word with a mark; the mark is drawn by the stylesheet.
#[component]
pub fn JobBadge(state: State, kind: Kind) -> impl IntoView {
    let language = use_language();
    view! {
        <span class="badge" data-state=state.name() title=cause(&state, language)>
            {state_word(&state, kind, language)}
        </span>
    }
}

/// The state of a run that was not launched here. A running one that was not heard of for long says so; that is no state of its own.
#[component]
pub fn RunBadge(run: TrackedRun) -> impl IntoView {
    let (language, now) = (use_language(), use_now());
    let (mark, word) = match run.state {
        RunState::Running => ("running", jobs::running(language)),
        RunState::Finished => ("succeeded", jobs::finished(language)),
        RunState::Crashed => ("failed", jobs::crashed(language)),
        RunState::Aborted => ("stopped", jobs::aborted(language)),
    };
    // The first render knows no clock, like the server's.
    let silence = Memo::new(move |_| {
        let now = now.get()?;
        let since = run.silent_since(Timestamp(now))?;
        Some(now - since.0)
    });
    view! {
        <span class="badge" data-state=move || if silence.get().is_some() { "unreachable" } else { mark }>
            {move || match silence.get() {
                Some(silence) => jobs::not_heard_of(language, &span(silence, language)),
                None => word.to_owned(),
            }}
        </span>
    }
}

/// Says that a node or cluster is a stand-in.
#[component]
pub fn RehearsalMark(#[prop(into)] is: bool) -> impl IntoView {
    let language = use_language();
    is.then(|| view! { <span class="mark" title=t::rehearsal_help(language)>{t::rehearsal(language)}</span> })
}
