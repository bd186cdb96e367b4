//! A button whose deed takes something away: it says first what is lost, and asks.

use leptos::ev;
use leptos::html;
use leptos::prelude::*;

use crate::context::use_language;
use crate::texts::common as c;

/// Pressed once it asks; the second press does it. Escape and "Cancel" take the question back, and the focus goes where it was.
#[component]
pub fn Confirmed(
    #[prop(into)] label: String,
    /// What is lost, in a sentence.
    #[prop(into)]
    lost: String,
    #[prop(into)] pending: Signal<bool>,
    /// What stands on the first button, where there is no room for the label.
    #[prop(optional, into)]
    mark: Option<&'static str>,
    #[prop(optional)] is_small: bool,
    on_yes: impl Fn() + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let language = use_language();
    let is_asking = RwSignal::new(false);
    let (ask, cancel) = (
        NodeRef::<html::Button>::new(),
        NodeRef::<html::Button>::new(),
    );
    // Whoever asked with the keyboard goes on with it: on the harmless answer.
    Effect::new(move |before: Option<bool>| {
        let now = is_asking.get();
        let target = match (before, now) {
            (Some(false), true) => cancel.get(),
            (Some(true), false) => ask.get(),
            _ => None,
        };
        if let Some(button) = target {
            request_animation_frame(move || {
                // A browser that refuses the focus leaves it where it is.
                let _ = button.focus();
            });
        }
        now
    });
    // Wherever the focus is: the frame that moves it may come after the key.
    Effect::new(move |_| {
        if is_asking.get() {
            let pressed = window_event_listener(ev::keydown, move |event| {
                if event.key() == "Escape" {
                    is_asking.set(false);
                }
            });
            on_cleanup(move || pressed.remove());
        }
    });
    let size = is_small.then_some("small");
    let (kind, class) = match mark {
        Some(_) => (None, "button-quiet"),
        None => (Some("danger"), "button"),
    };
    let label = StoredValue::new(label);
    view! {
        <button class=class data-size=size data-kind=kind type="button" node_ref=ask title=label.get_value() aria-label=label.get_value()
            hidden=move || is_asking.get() disabled=move || pending.get() on:click=move |_| is_asking.set(true)>
            {mark.map_or_else(|| label.get_value(), str::to_owned)}
        </button>
        <span class="confirm" role="alertdialog" aria-label=label.get_value() hidden=move || !is_asking.get()>
            <span class="confirm-lost">{lost}</span>
            <button class="button" data-size="small" data-kind="danger" type="button"
                on:click=move |_| { is_asking.set(false); on_yes(); }>{label.get_value()}</button>
            <button class="button" data-size="small" type="button" node_ref=cancel on:click=move |_| is_asking.set(false)>{c::cancel(language)}</button>
        </span>
    }
}
