//! Where a deployment runs: the nodes that hold the model, and the GPUs of the chosen one.

use domain::finding::Finding;
use domain::nodes::{Gpu, NodeView};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::server_fns::list_places;
use crate::context::use_language;
use crate::error::AppError;
use crate::nodes::{Standing, standing};
use crate::shared::Findings;
use crate::shared::live::use_live;
use crate::texts::{common as c, deployments as t, nodes as n};

#[component]
pub fn PlaceFields(
    model: RwSignal<String>,
    node: RwSignal<String>,
    gpus: RwSignal<Vec<u32>>,
    findings: Signal<Vec<Finding>>,
) -> impl IntoView {
    let (language, live) = (use_language(), use_live());
    // Asked from the browser only: each node is looked at, for which no page should wait.
    let places = RwSignal::new(None::<Result<Vec<NodeView>, AppError>>);
    let asked = StoredValue::new((String::new(), 0_u32));
    Effect::new(move |_| {
        live.kind("job"); // what holds a GPU may have ended
        let wanted = model.get();
        let own = asked.with_value(|(_, count)| count + 1);
        if asked.with_value(|(model, _)| *model != wanted) {
            places.set(None);
            node.set(String::new());
            gpus.set(Vec::new());
        }
        asked.set_value((wanted.clone(), own));
        spawn_local(async move {
            let answer = list_places(wanted).await;
            // An answer about another model, or an older one, is no answer any more.
            if asked.try_with_value(|(_, count)| *count) == Some(own) {
                let is_known =
                    |view: &NodeView| node.with_untracked(|id| view.node.id.as_str() == id);
                if let Ok(found) = &answer
                    && !found.iter().any(is_known)
                {
                    node.set(
                        found
                            .first()
                            .map(|view| view.node.id.to_string())
                            .unwrap_or_default(),
                    );
                    gpus.set(Vec::new());
                }
                places.set(Some(answer));
            }
        });
    });
    let found = Memo::new(move |_| match places.get() {
        Some(Ok(found)) => found,
        _ => Vec::new(),
    });
    let chosen = Memo::new(move |_| {
        found.with(|all| {
            let is_chosen = |view: &&NodeView| node.with(|id| view.node.id.as_str() == id);
            all.iter().find(is_chosen).cloned()
        })
    });
    view! {
        <div class="field">
            <label class="field-label" for="node">{c::node(language)}</label>
            <select id="node" name="node" prop:value=move || node.get() disabled=move || found.with(Vec::is_empty)
                on:change:target=move |ev| { node.set(ev.target().value()); gpus.set(Vec::new()); }>
                {move || found.get().into_iter().map(|view| {
                    let id = view.node.id.to_string();
                    let is_chosen = node.with_untracked(|node| *node == id);
                    view! { <option value=id selected=is_chosen>{view.node.name}</option> }
                }).collect_view()}
            </select>
            <span class="field-help" role="status">{move || match places.get() {
                None => t::places_asked(language).to_owned(),
                Some(Ok(found)) if found.is_empty() => t::places_none(language).to_owned(),
                Some(Ok(_)) => t::places_help(language).to_owned(),
                Some(Err(error)) => error.text(language),
            }}</span>
            <Findings of=findings field="node_id"/>
        </div>
        <fieldset class="field">
            <legend class="field-label">{t::gpus(language)}</legend>
            {move || chosen.get().map(|view| view! { <GpuChoice view gpus/> })}
            <span class="field-help">{t::gpus_help(language)}</span>
            <Findings of=findings field="gpus"/>
        </fieldset>
    }
}

#[component]
fn GpuChoice(view: NodeView, gpus: RwSignal<Vec<u32>>) -> impl IntoView {
    let language = use_language();
    let known: Vec<Gpu> = view
        .probe
        .iter()
        .flat_map(|probe| probe.gpus.clone())
        .collect();
    let boxes = known.into_iter().map(|gpu| {
        let standing = standing(&view, &gpu);
        let foreign = view
            .foreign_holder(gpu.index)
            .map(|holder| holder.text().in_language(language).to_owned());
        view! { <GpuBox gpu standing foreign gpus/> }
    });
    view! { <div class="gpu-choice">{boxes.collect_view()}</div> }
}

/// One GPU: free ones and such that others use can be chosen, one that a job of ours holds cannot.
#[component]
fn GpuBox(
    gpu: Gpu,
    standing: Standing,
    /// What holds it that is not ours.
    foreign: Option<String>,
    gpus: RwSignal<Vec<u32>>,
) -> impl IntoView {
    let language = use_language();
    let index = gpu.index;
    let (name, word) = match standing {
        Standing::Free => ("free", n::gpu_free(language)),
        Standing::Held => ("held", n::gpu_held(language)),
        Standing::Busy => ("busy", n::gpu_busy(language)),
    };
    let gib = |mib: u64| mib as f64 / 1024.0;
    let memory = format!(
        "{:.1} / {:.1} GiB",
        gib(gpu.memory_used_mib),
        gib(gpu.memory_total_mib)
    );
    view! {
        <label class="check gpu-box" data-state=name>
            <input type="checkbox" name="gpus" value=index disabled=standing == Standing::Held
                prop:checked=move || gpus.with(|g| g.contains(&index))
                on:change:target=move |ev| {
                    let is_on = ev.target().checked();
                    gpus.update(|g| {
                        g.retain(|i| *i != index);
                        if is_on { g.push(index); g.sort_unstable(); }
                    });
                }/>
            <span>"GPU " {index}</span>
            <span class="gpu-box-word">{word}</span>
            <span class="soft">{memory}</span>
            {foreign.map(|who| view! { <span class="soft">{who}</span> })}
        </label>
    }
}
