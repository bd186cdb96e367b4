//! Keeps a person's arrangement on the server, and the view in the address.

use std::time::Duration;

use domain::metrics::view::{ChartView, KEYS};
use leptos::ev;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::menu;
use super::server_fns::keep_layout;
use super::state::Panel;
use crate::browser;

/// Several changes in a row are kept together.
const SOON: Duration = Duration::from_millis(400);

/// Sends the arrangement whenever it has changed.
pub fn keep_arranged(panel: Panel) {
    let is_waiting = StoredValue::new(false);
    Effect::new(move |before: Option<()>| {
        panel.layout.track();
        // What was just read needs no keeping.
        if before.is_none() || is_waiting.get_value() {
            return;
        }
        is_waiting.set_value(true);
        set_timeout(move || send(panel, is_waiting), SOON);
    });
}

fn send(panel: Panel, is_waiting: StoredValue<bool>) {
    let Some(layout) = panel.layout.try_get_untracked() else {
        return;
    };
    is_waiting.set_value(false);
    spawn_local(async move {
        let answer = keep_layout(layout).await;
        panel.unkept.try_set(answer.err());
    });
}

/// Writes the view into the address; opening a chart is a step that Back undoes.
pub fn keep_in_address(panel: Panel) {
    Effect::new(move |before: Option<Option<String>>| {
        let (words, large) = panel.view.with(|view| (view.words(), view.large.clone()));
        let is_step = before.is_some_and(|before| before != large && large.is_some());
        browser::keep_in_address(&KEYS, &words, is_step);
        large
    });
    browser::when_back(move || {
        let view = ChartView::read(browser::word_in_address);
        if panel
            .view
            .try_get_untracked()
            .is_some_and(|now| now != view)
        {
            panel.view.set(view);
        }
    });
}

/// A chart was dropped on another one: it takes its place, and is pinned where that one is.
pub fn dropped(panel: Panel, on: &str, section: &[String]) {
    let Some(name) = panel.dragged.get_untracked() else {
        return;
    };
    panel.dragged.set(None);
    if name == on {
        return;
    }
    let Some(at) = section.iter().position(|shown| shown == on) else {
        return;
    };
    panel.arrange(|layout| {
        let mut section = section.to_vec();
        if layout.is_pinned(on) && !layout.is_pinned(&name) {
            layout.pin(&name, true);
            section.push(name.clone());
        }
        layout.put(&section, &name, at);
    });
}

/// The keys that move a chart among the others: `[` and `]`; true when it was one of them.
pub fn moved_by_key(
    chart: super::chart::ChartState,
    section: Option<Memo<Vec<String>>>,
    event: &ev::KeyboardEvent,
) -> bool {
    let action = match event.key().as_str() {
        "[" => menu::Action::Earlier,
        "]" => menu::Action::Later,
        _ => return false,
    };
    if section.is_some() {
        menu::act(chart, action, section);
    }
    true
}
