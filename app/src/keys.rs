//! Keys that work everywhere: `?` shows them all, Escape closes what is open.

use leptos::prelude::*;
use leptos::{ev, html};

use crate::browser;
use crate::context::use_language;
use crate::texts::{common as c, keys as t};

/// Whether the sheet of keys is open.
#[derive(Clone, Copy)]
pub struct KeysShown(RwSignal<bool>);

impl KeysShown {
    pub fn provide() {
        provide_context(KeysShown(RwSignal::new(false)));
    }

    pub fn show(self) {
        self.0.set(true);
    }
}

/// The sheet, and what listens for its keys. One a page.
#[component]
pub fn Keys() -> impl IntoView {
    let language = use_language();
    let KeysShown(shown) = expect_context();
    let close = NodeRef::<html::Button>::new();
    Effect::new(move |_| {
        let pressed = window_event_listener(ev::keydown, move |event| match event.key().as_str() {
            "?" if !browser::is_typing() => shown.set(true),
            "Escape" => {
                shown.set(false);
                browser::close_menus();
            }
            _ => {}
        });
        let clicked = window_event_listener(ev::click, |_| browser::close_menus_left());
        on_cleanup(move || {
            pressed.remove();
            clicked.remove();
        });
    });
    Effect::new(move |_| {
        if shown.get()
            && let Some(button) = close.get()
        {
            // A browser that refuses the focus leaves it where it is.
            let _ = button.focus();
        }
    });
    let rows = [
        ("?", t::sheet(language)),
        ("Esc", t::escape(language)),
        ("Ctrl Enter", t::send(language)),
        ("← →", t::point(language)),
        ("Shift ← →", t::points(language)),
        ("+ −", t::zoom(language)),
        ("0", t::all(language)),
        ("t", t::table(language)),
    ];
    view! {
        <Show when=move || shown.get()>
            <div class="sheet" role="dialog" aria-modal="true" aria-label=t::title(language)>
                <div class="page-head">
                    <h2>{t::title(language)}</h2>
                    <div class="page-head-actions"><button class="button" data-size="small" type="button" node_ref=close on:click=move |_| shown.set(false)>{c::close(language)}</button></div>
                </div>
                <dl class="facts">{rows.map(|(key, what)| view! { <dt><kbd>{key}</kbd></dt><dd>{what}</dd> }).collect_view()}</dl>
            </div>
        </Show>
    }
}
