//! One reply: while it is written it is followed from the server's stream, which goes on without this page and begins again from any
//! offset after a reload.

use domain::chat::reply::ReplyEvent;
use domain::chat::{Turn, TurnState, Usage};
use domain::language::Language;
use leptos::prelude::*;

use super::server_fns::stop_reply;
use crate::browser;
use crate::context::use_language;
use crate::shared::format::significant;
use crate::texts::chat as t;

/// What a reply shows at this moment.
#[derive(Debug, Clone, PartialEq, Default)]
struct Shown {
    text: String,
    reasoning: String,
}

/// One message of the stream: a part of the text or of the thinking; anything else ends it.
fn take_in(shown: &mut Shown, message: &str) {
    let Ok(event) = serde_json::from_str::<ReplyEvent>(message) else {
        return;
    };
    match event {
        ReplyEvent::Text { text } => shown.text.push_str(&text),
        ReplyEvent::Reasoning { text } => shown.reasoning.push_str(&text),
        _ => {}
    }
}

#[component]
pub fn ReplyView(turn: Turn) -> impl IntoView {
    let language = use_language();
    let is_streaming = turn.state == TurnState::Streaming;
    let shown = RwSignal::new(Shown {
        text: turn.text.clone(),
        reasoning: turn.reasoning.clone(),
    });
    let is_lost = RwSignal::new(false);
    if is_streaming {
        follow(turn.id.to_string(), shown, is_lost);
    }
    let has_reasoning = Memo::new(move |_| shown.with(|s| !s.reasoning.is_empty()));
    let is_thinking = Memo::new(move |_| is_streaming && shown.with(|s| s.text.is_empty()));
    // The turn's own change tells when it has stopped.
    let stop = {
        let id = turn.id.to_string();
        Action::new(move |(): &()| stop_reply(id.clone()))
    };
    let thought_for = turn
        .usage
        .reasoning_millis
        .map(|millis| format!(" · {}", crate::shared::format::span(millis, language)));
    view! {
        <div class="reply" data-state=if is_streaming { "running" } else { "done" } aria-busy=is_streaming.to_string()>
            <Show when=move || has_reasoning.get()>
                <details class="thought" prop:open=move || is_thinking.get()>
                    <summary>{t::thought(language)} {thought_for.clone()}</summary>
                    <div class="reply-text">{move || shown.with(|s| s.reasoning.clone())}</div>
                </details>
            </Show>
            // After thinking, models begin with empty lines.
            <div class="reply-text">{move || shown.with(|s| s.text.trim_start().to_owned())}</div>
            {is_streaming.then(|| view! {
                <p class="reply-facts">
                    {move || if is_lost.get() { t::reconnecting(language) } else { t::writing(language) }} " "
                    <button class="button" data-size="small" type="button" disabled=move || stop.pending().get()
                        on:click=move |_| { stop.dispatch(()); }>{t::stop(language)}</button>
                </p>
                {move || stop.value().get().and_then(Result::err).map(|e| view! {
                    <p class="finding" data-weight="stops" role="alert">{t::not_stopped(language)} " " {e.text(language)}</p>
                })}
            })}
            {ending(&turn.state, language).map(|(weight, text)| view! { <p class="finding" data-weight=weight>{text}</p> })}
            {(!is_streaming).then(|| view! { <p class="reply-facts">{facts(&turn.usage, language)}</p> })}
        </div>
    }
}

/// Why a reply ended before its end.
fn ending(state: &TurnState, language: Language) -> Option<(&'static str, String)> {
    match state {
        TurnState::CutOff { why } => {
            let why = match why.as_str() {
                "stopped" => t::cut_stopped(language),
                "unheard" => t::cut_unheard(language),
                "engine" => t::cut_engine(language),
                "length" => t::cut_length(language),
                _ => t::cut_restarted(language),
            };
            Some(("warning", format!("{} · {why}", t::cut_off(language))))
        }
        TurnState::Failed { why } => Some((
            "stops",
            format!("{} · {}", t::failed(language), why.in_language(language)),
        )),
        TurnState::Complete | TurnState::Streaming => None,
    }
}

/// `TTFT 180 ms · 62 tok/s · 214 tokens · stop`
fn facts(usage: &Usage, language: Language) -> String {
    let mut parts = Vec::new();
    if let Some(millis) = usage.first_token_millis {
        parts.push(format!("TTFT {millis} ms"));
    }
    if let (Some(tokens), Some(first), Some(total)) = (
        usage.completion_tokens,
        usage.first_token_millis,
        usage.total_millis,
    ) && tokens > 1
        && total > first
    {
        // The first token is the wait, the others are the speed.
        parts.push(format!(
            "{} tok/s",
            significant((tokens - 1) as f64 * 1000.0 / (total - first) as f64, 3)
        ));
    }
    if let Some(tokens) = usage.completion_tokens {
        parts.push(format!("{tokens} {}", t::tokens(language)));
    }
    parts.extend(usage.finish_reason.clone());
    parts.join(" · ")
}

/// Follows the stream from its beginning; what comes is shown at most once a frame. A broken connection begins anew, until the turn
/// itself says that it ended and the page shows it as it was stored.
fn follow(turn: String, shown: RwSignal<Shown>, is_lost: RwSignal<bool>) {
    let open = StoredValue::new_local(None::<browser::Subscription>);
    Effect::new(move |_| connect(turn.clone(), shown, is_lost, open));
    on_cleanup(move || {
        let _ = open.try_set_value(None);
    });
}

fn connect(
    turn: String,
    shown: RwSignal<Shown>,
    is_lost: RwSignal<bool>,
    open: StoredValue<Option<browser::Subscription>, LocalStorage>,
) {
    let gathered = StoredValue::new(Shown::default());
    let is_due = StoredValue::new(false);
    let heard = move |message: String| {
        // The turn itself is read again when its change is heard; nothing more comes here.
        if message == "end" {
            let _ = open.try_set_value(None);
            return;
        }
        if gathered
            .try_update_value(|shown| take_in(shown, &message))
            .is_none()
            || is_due.get_value()
        {
            return;
        }
        is_due.set_value(true);
        request_animation_frame(move || {
            let _ = is_due.try_set_value(false);
            if let Some(newest) = gathered.try_get_value() {
                is_lost.try_set(false);
                shown.try_set(newest);
            }
        });
    };
    let again = turn.clone();
    let lost = move || {
        let again = again.clone();
        set_timeout(
            move || {
                // Gone with the page, or replaced by the finished turn: then there is nothing to connect for.
                if is_lost.try_set(true).is_none() {
                    connect(again, shown, is_lost, open);
                }
            },
            std::time::Duration::from_millis(1000),
        );
    };
    let subscription = browser::subscribe(format!("/events/turns/{turn}?from=0"), heard, lost);
    let _ = open.try_set_value(subscription);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speed_leaves_out_the_wait_for_the_first_token() {
        let usage = Usage {
            completion_tokens: Some(11),
            first_token_millis: Some(200),
            total_millis: Some(700),
            finish_reason: Some("stop".into()),
            ..Usage::default()
        };
        assert_eq!(
            facts(&usage, Language::En),
            "TTFT 200 ms · 20.0 tok/s · 11 tokens · stop"
        );
        assert_eq!(facts(&Usage::default(), Language::En), "");
    }
}
