//! One node: its GPUs, what the probe found, how it is reached.

use domain::nodes::{Environment, NodeView};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;
use leptos_router::hooks::{use_navigate, use_params_map};

use super::host_key::HostKeyPanel;
use super::list_page::Seen;
use super::server_fns::{get_node, probe_node, remove_node};
use crate::context::use_language;
use crate::shared::format::size;
use crate::shared::live::use_live;
use crate::shared::{Confirmed, Load, RehearsalMark};
use crate::texts::{common as c, nodes as t};

#[component]
pub fn NodePage() -> impl IntoView {
    let live = use_live();
    let params = use_params_map();
    let id = move || params.with(|p| p.get("id").unwrap_or_default());
    let probe = Action::new(move |(): &()| probe_node(id()));
    let node = Resource::new(
        move || {
            (
                id(),
                live.subject("node", &id()),
                live.kind("job"),
                probe.version().get(),
            )
        },
        |(id, ..)| get_node(id),
    );
    view! {
        <Load resource=node let:node>
            <NodeHead node probe/>
            {move || {
                let node = node.get();
                view! { <Gpus node=node.clone()/> <Facts node/> }
            }}
            {
                // Not made anew when the node is looked at: what a person is comparing stays.
                let stored = node.get_untracked().node;
                view! { <HostKeyPanel node=stored.id.to_string() pinned=stored.host_key/> }
            }
        </Load>
    }
}

#[component]
fn NodeHead(
    node: Signal<NodeView>,
    probe: Action<(), Result<(), crate::error::AppError>>,
) -> impl IntoView {
    let language = use_language();
    let (name, is_rehearsal, id) = node.with_untracked(|n| {
        (
            n.node.name.clone(),
            n.node.is_rehearsal,
            n.node.id.to_string(),
        )
    });
    let remove = Action::new(move |(): &()| remove_node(id.clone()));
    let go = use_navigate();
    Effect::new(move |_| {
        if let Some(Ok(())) = remove.value().get() {
            go("/nodes", Default::default());
        }
    });
    let problem = move || {
        let of = |answer: Option<Result<(), crate::error::AppError>>| answer.and_then(Result::err);
        of(probe.value().get()).or_else(|| of(remove.value().get()))
    };
    view! {
        <Title text=name.clone()/>
        <div class="page-head">
            <span class="crumb"><A href="/nodes">{c::nodes(language)}</A></span>
            <h1>{name}</h1>
            <RehearsalMark is=is_rehearsal/>
            {move || view! { <Seen node=node.get()/> }}
            <div class="page-head-actions">
                <button class="button" type="button" disabled=move || probe.pending().get() on:click=move |_| { probe.dispatch(()); }>{t::probe_now(language)}</button>
                <Confirmed label=t::remove(language) lost=t::remove_help(language) pending=remove.pending() on_yes=move || { remove.dispatch(()); }/>
            </div>
        </div>
        {move || problem().map(|e| view! { <p class="finding" data-weight="stops" role="alert">{e.text(language)}</p> })}
        {move || node.with(|n| n.unreachable.clone()).map(|u| view! { <p class="finding" data-weight="warning">{u.why.in_language(language).to_owned()}</p> })}
    }
}

#[component]
fn Gpus(node: NodeView) -> impl IntoView {
    let language = use_language();
    let gib = |mib: u64| format!("{:.1}", mib as f64 / 1024.0);
    let held = |gpu: u32| {
        node.reserved
            .iter()
            .find(|r| r.gpu == gpu)
            .map(|r| view! { <A href=format!("/jobs/{}", r.job)>{t::gpu_held(language)}</A> })
    };
    let rows = node.probe.iter().flat_map(|p| &p.gpus).map(|gpu| view! {
        <tr>
            <td class="number">{gpu.index}</td>
            <td>{gpu.name.clone()}</td>
            <td class="number">{gib(gpu.memory_used_mib)} " / " {gib(gpu.memory_total_mib)} " GiB"
                <meter class="meter" min="0" max=gpu.memory_total_mib value=gpu.memory_used_mib></meter></td>
            <td class="number">{gpu.utilization_percent.map(|l| format!("{l:.0} %"))}</td>
            <td class="number">{gpu.temperature_celsius.map(|c| format!("{c:.0} °C"))}</td>
            <td class="number">{gpu.power_watts.map(|w| format!("{w:.0} W"))}</td>
            <td>{held(gpu.index)} " " {node.foreign_holder(gpu.index).map(|h| h.text().in_language(language).to_owned())}</td>
        </tr>
    }).collect_view();
    view! {
        <table class="table">
            <thead><tr><th>"GPU"</th><th>{c::name(language)}</th><th>{t::memory(language)}</th><th>{t::load(language)}</th><th>{t::temperature(language)}</th><th>"W"</th><th></th></tr></thead>
            <tbody>{rows}</tbody>
        </table>
    }
}

#[component]
fn Facts(node: NodeView) -> impl IntoView {
    let language = use_language();
    let (stored, probe) = (node.node, node.probe.unwrap_or_default());
    let environment = match &stored.environment {
        Environment::Direct => t::environment_direct(language).to_owned(),
        Environment::ContainerPerAttempt { image, .. } => {
            format!("{}: {image}", t::environment_container(language))
        }
        Environment::Exec { container } => {
            format!("{}: {container}", t::environment_exec(language))
        }
    };
    view! {
        <section class="section-body">
            <h2>{t::facts(language)}</h2>
            {(node.probed_at.is_some() && probe.version_of("ms-swift").is_none())
                .then(|| view! { <p class="finding" data-weight="warning">{t::no_trainer(language)}</p> })}
            <dl class="facts">
                <dt>"SSH"</dt><dd><code>{format!("{}@{}:{}", stored.address.user, stored.address.host, stored.address.port)}</code></dd>
                <dt>{t::environment(language)}</dt><dd>{environment}</dd>
                <dt>{t::work_folder(language)}</dt><dd><code>{stored.work_folder}</code></dd>
                <dt>{t::internal_address(language)}</dt><dd><code>{probe.internal_address.clone()}</code></dd>
                <dt>{t::interfaces(language)}</dt><dd><code>{probe.interfaces.join(" ")}</code></dd>
                <dt>{t::disk_free(language)}</dt><dd>{probe.disk_free_bytes.map(size)}</dd>
                {probe.packages.iter().map(|p| view! { <dt>{p.name.clone()}</dt><dd><code>{p.version.clone()}</code></dd> }).collect_view()}
            </dl>
        </section>
    }
}
