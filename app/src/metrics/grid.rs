//! Sections of charts, or the one that is open large.

use std::collections::BTreeSet;

use domain::metrics::layout::{Section, SectionKey, opened, sections};
use leptos::prelude::*;

use super::chart::Chart;
use super::names;
use super::panel::Found;
use super::state::Panel;
use crate::context::use_language;
use crate::shared::format::count;
use crate::texts::metrics as t;

/// Charts of a section that are in the page at first, and how many more a click adds: thousands at once would freeze it.
const STEP: usize = 48;

#[component]
pub fn Grid(panel: Panel, found: Signal<Found>) -> impl IntoView {
    let language = use_language();
    let is_empty = Memo::new(move |_| panel.catalog.with(|catalog| catalog.charts.is_empty()));
    // Only the names: the charts stay in place while their last values move.
    let shown = Memo::new(move |_| shown(panel, &found.get(), language));
    let is_search = Memo::new(move |_| panel.view.with(|view| !view.search.is_empty()));
    let open = Memo::new(move |_| {
        shown.with(|all| {
            panel
                .layout
                .with(|layout| opened(all, layout, is_search.get()))
        })
    });
    let large = Memo::new(move |_| panel.view.with(|view| view.large.clone()));
    let keys = Memo::new(move |_| {
        shown.with(|all| {
            all.iter()
                .map(|section| section.key.clone())
                .collect::<Vec<_>>()
        })
    });
    view! {
        <p class="empty" hidden=move || !is_empty.get()>{t::no_points(language)}</p>
        <p class="empty" hidden=move || is_empty.get() || !is_search.get() || !shown.with(Vec::is_empty)>{t::nothing_found(language)}</p>
        {move || match large.get() {
            Some(name) => view! { <Large panel name/> }.into_any(),
            None => view! {
                <For each=move || keys.get() key=|key| key.clone() let(key)>
                    <SectionView panel key shown open/>
                </For>
            }.into_any(),
        }}
    }
}

/// What the search leaves, in sections.
fn shown(panel: Panel, found: &Found, language: domain::language::Language) -> Vec<Section> {
    let words: Vec<String> = panel.view.with(|view| {
        let words = if view.is_regex {
            ""
        } else {
            view.search.as_str()
        };
        words.split_whitespace().map(str::to_lowercase).collect()
    });
    let matched: Option<BTreeSet<&String>> = match found {
        Some(Ok(names)) => Some(names.iter().collect()),
        // What was found before a pattern became wrong is not known any more; everything is better than nothing.
        Some(Err(_)) | None => None,
    };
    let is_shown = |name: &String| {
        let lower = format!("{}\n{}", name, names::title(name, language)).to_lowercase();
        words.iter().all(|word| lower.contains(word.as_str()))
            && matched
                .as_ref()
                .is_none_or(|matched| matched.contains(name))
    };
    panel.catalog.with(|catalog| {
        let names = catalog
            .charts
            .iter()
            .map(|chart| &chart.name)
            .filter(|name| is_shown(name));
        panel
            .layout
            .with(|layout| sections(names.map(String::as_str), layout))
    })
}

#[component]
fn SectionView(
    panel: Panel,
    key: SectionKey,
    shown: Memo<Vec<Section>>,
    open: Memo<BTreeSet<SectionKey>>,
) -> impl IntoView {
    let language = use_language();
    let title = names::section(&key, language);
    let word = key.word();
    let charts = {
        let key = key.clone();
        Memo::new(move |_| {
            shown.with(|all| {
                let own = all.iter().find(|section| section.key == key);
                own.map(|section| section.charts.clone())
                    .unwrap_or_default()
            })
        })
    };
    let is_open = Memo::new(move |_| open.with(|open| open.contains(&key)));
    let most = RwSignal::new(STEP);
    let toggle = move |_| {
        let next = !is_open.get_untracked();
        panel.arrange(|layout| {
            layout.sections.insert(word.clone(), next);
        });
    };
    let rest = move || charts.with(Vec::len).saturating_sub(most.get());
    view! {
        <section class="chart-section">
            <h2 class="chart-section-head">
                <button class="chart-section-button" type="button" aria-expanded=move || is_open.get().to_string() on:click=toggle>
                    {title} " " <span class="chart-count">{move || charts.with(Vec::len)}</span>
                </button>
            </h2>
            <Show when=move || is_open.get()>
                <div class="charts">
                    <For each=move || charts.with(|all| all.iter().take(most.get()).cloned().collect::<Vec<_>>())
                        key=|name| name.clone() let(name)>
                        <Chart panel name section=charts/>
                    </For>
                </div>
                <button class="button" type="button" hidden=move || rest() == 0 on:click=move |_| most.update(|most| *most += STEP)>
                    {t::show_more(language)} " (" {move || count(rest() as u64)} ")"
                </button>
            </Show>
        </section>
    }
}

/// One chart over the whole panel.
#[component]
fn Large(panel: Panel, name: String) -> impl IntoView {
    let language = use_language();
    let is_known = {
        let name = name.clone();
        move || {
            panel
                .catalog
                .with(|catalog| catalog.charts.iter().any(|chart| chart.name == name))
        }
    };
    view! {
        <div class="chart-large">
            <button class="button" data-size="small" type="button" on:click=move |_| panel.open(None)>{t::all_charts(language)}</button>
            {if is_known() {
                view! { <Chart panel name/> }.into_any()
            } else {
                view! { <p class="empty">{t::no_such_series(language)} " " <code>{name}</code></p> }.into_any()
            }}
        </div>
    }
}
