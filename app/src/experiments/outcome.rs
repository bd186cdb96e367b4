//! What will happen: what it comes to, the pre-flight, each node's `train.sh`, and the button that launches it.

use domain::experiments::form::{Form, Preview};
use domain::finding::{Finding, Weight};
use leptos::prelude::*;

use super::takeoff::{Takeoff, write};
use crate::browser;
use crate::context::use_language;
use crate::shared::{Deed, Findings, Fragment};
use crate::texts::{common as c, experiments as t};

#[component]
pub fn Outcome(
    form: RwSignal<Form>,
    preview: Signal<Preview>,
    /// What it comes to, as the server wrote it.
    outlook: RwSignal<String>,
    /// The preview's, and what a launch was refused for.
    findings: Memo<Vec<Finding>>,
    /// The nodes are being asked.
    is_asked: Signal<bool>,
    /// The key of the pre-flight that is shown.
    flight: RwSignal<String>,
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
        <Fragment html=outlook class="outlook" on_deed=Callback::new(move |deed: Deed| if deed.what == "write" { write(form, &deed.of) })/>
        <Findings of=findings field=""/>
        <p class="soft" role="status">{move || match stops.get() {
            _ if is_asked.get() => t::previewing(language).to_owned(),
            0 => t::preview_ok(language).to_owned(),
            n => t::to_mend(language, n),
        }}</p>
        <button class="button" data-kind="main" type="submit" disabled=move || pending.get() || !is_ready.get()>{label}</button>
        <Takeoff form flight/>
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
