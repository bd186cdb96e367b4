//! What will happen: the world, the iterations, each node's `train.sh`, and the button that launches it.

use domain::experiments::form::Preview;
use domain::finding::{Finding, Weight};
use leptos::prelude::*;

use crate::browser;
use crate::context::use_language;
use crate::shared::Findings;
use crate::shared::format::count;
use crate::texts::{common as c, experiments as t};

#[component]
pub fn Outcome(
    preview: Signal<Preview>,
    /// The preview's, and what a launch was refused for.
    findings: Memo<Vec<Finding>>,
    /// The nodes are being asked.
    is_asked: Signal<bool>,
    #[prop(into)] pending: Signal<bool>,
) -> impl IntoView {
    let language = use_language();
    let shown = RwSignal::new(0_usize);
    let is_ready = Memo::new(move |_| preview.with(Preview::is_ready));
    let stops = Memo::new(move |_| {
        let is_stop = |finding: &&Finding| finding.weight == Weight::Stops;
        findings.with(|all| all.iter().filter(is_stop).count())
    });
    let label = move || {
        if pending.get() {
            return t::launching(language).to_owned();
        }
        preview.with(|p| match p.division {
            Some(division) => t::launch_on(language, p.scripts.len(), division.world),
            None => t::launch(language).to_owned(),
        })
    };
    let script = move || {
        preview.with(|p| {
            p.scripts
                .get(shown.get())
                .map(|node| node.script.clone())
                .unwrap_or_default()
        })
    };
    view! {
        <dl class="facts">
            <dt>{t::world(language)}</dt>
            <dd>{move || preview.with(|p| p.division.map(|d| format!("{} · {} {}", d.world, t::data_parallel(language), d.data_parallel)))}</dd>
            <dt>{t::iterations(language)}</dt>
            <dd>{move || preview.with(|p| p.iterations.map(count))} " " <span class="soft">{move || preview.with(|p| (p.rows > 0).then(|| format!("· {} {}", count(p.rows), t::rows(language))))}</span></dd>
        </dl>
        <Findings of=findings field=""/>
        <p class="soft" role="status">{move || match stops.get() {
            _ if is_asked.get() => t::previewing(language).to_owned(),
            0 => t::preview_ok(language).to_owned(),
            n => t::to_mend(language, n),
        }}</p>
        <button class="button" data-kind="main" type="submit" disabled=move || pending.get() || !is_ready.get()>{label}</button>
        <div class="tabs" role="tablist">
            {move || preview.with(|p| p.scripts.iter().map(|node| node.node.clone()).collect::<Vec<_>>()).into_iter().enumerate().map(|(at, name)| view! {
                <button type="button" class="tab" role="tab" aria-selected=move || (shown.get() == at).to_string() on:click=move |_| shown.set(at)>{name}</button>
            }).collect_view()}
            <button type="button" class="button-quiet" hidden=move || script().is_empty() on:click=move |_| browser::copy(&untrack(script))>{c::copy(language)}</button>
        </div>
        <pre class="code" tabindex="0" hidden=move || script().is_empty()>{script}</pre>
        <p class="soft" hidden=move || !script().is_empty()>{t::filled_in(language)}</p>
    }
}
