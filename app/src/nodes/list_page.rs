//! All clusters and their nodes.

use domain::nodes::{Cluster, NodeView};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;

use super::GpuStrip;
use super::server_fns::list_nodes;
use crate::context::use_language;
use crate::shared::format::size;
use crate::shared::live::use_live;
use crate::shared::{Ago, Load, RehearsalMark};
use crate::texts::{common as c, nodes as t};

#[component]
pub fn NodesPage() -> impl IntoView {
    let (language, live) = (use_language(), use_live());
    let clusters = Resource::new(
        move || (live.kind("node"), live.kind("job")),
        |_| list_nodes(),
    );
    view! {
        <Title text=c::nodes(language)/>
        <div class="page-head">
            <h1>{c::nodes(language)}</h1>
            <div class="page-head-actions"><A href="/nodes/add" attr:class="button">{t::add_node(language)}</A></div>
        </div>
        <Load resource=clusters let:clusters>
            {move || {
                let clusters = clusters.get();
                if clusters.iter().all(|(_, nodes)| nodes.is_empty()) {
                    return view! {
                        <div class="empty">
                            <p>{t::none(language)}</p>
                            <A href="/nodes/add" attr:class="button" attr:data-kind="main">{t::add_node(language)}</A>
                        </div>
                    }.into_any();
                }
                clusters.into_iter().map(|(cluster, nodes)| view! { <ClusterSection cluster nodes/> }).collect_view().into_any()
            }}
        </Load>
    }
}

#[component]
fn ClusterSection(cluster: Cluster, nodes: Vec<NodeView>) -> impl IntoView {
    let language = use_language();
    view! {
        <section class="section-body">
            <h2>{cluster.name} " " <RehearsalMark is=cluster.is_rehearsal/></h2>
            <table class="table">
                <thead><tr>
                    <th>{c::node(language)}</th>
                    <th>"GPU"</th>
                    <th>"ms-swift"</th>
                    <th>{t::disk_free(language)}</th>
                    <th>{c::state(language)}</th>
                </tr></thead>
                <tbody>{nodes.into_iter().map(|node| view! { <NodeRow node/> }).collect_view()}</tbody>
            </table>
        </section>
    }
}

#[component]
fn NodeRow(node: NodeView) -> impl IntoView {
    let language = use_language();
    let stored = node.node.clone();
    let probe = node.probe.clone().unwrap_or_default();
    view! {
        <tr>
            <td>
                <A href=format!("/nodes/{}", stored.id)>{stored.name.clone()}</A>
                {(stored.rank == 0).then(|| view! { " " <span class="mark">{t::main_node(language)}</span> })}
                <div class="soft"><code>{format!("{}@{}:{}", stored.address.user, stored.address.host, stored.address.port)}</code></div>
            </td>
            <td><GpuStrip node=node.clone()/></td>
            <td><code>{probe.version_of("ms-swift").map(str::to_owned)}</code></td>
            <td class="number">{probe.disk_free_bytes.map(size)}</td>
            <td><Seen node/></td>
        </tr>
    }
}

/// When a node was last looked at, or since when it cannot be.
#[component]
pub fn Seen(node: NodeView) -> impl IntoView {
    let language = use_language();
    match (node.unreachable, node.probed_at) {
        (Some(unreachable), _) => view! {
            <span class="badge" data-state="unreachable" title=unreachable.why.in_language(language).to_owned()>{t::unreachable(language)} " " <Ago at=unreachable.since/></span>
        }.into_any(),
        (None, Some(at)) => view! { <span class="soft">{t::seen(language)} " " <Ago at/></span> }.into_any(),
        (None, None) => view! { <span class="soft">{t::never_seen(language)}</span> }.into_any(),
    }
}
