//! The GPUs of a node as a row of small squares: free, held by a job of ours, or busy with something else.

use domain::nodes::{Gpu, NodeView};
use leptos::prelude::*;

use crate::context::use_language;
use crate::texts::nodes as t;

/// More than this in use without a job of ours means that somebody else works there.
const BUSY_MIB: u64 = 512;

/// How a GPU stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Free,
    /// By a job of ours.
    Held,
    Busy,
}

pub fn standing(node: &NodeView, gpu: &Gpu) -> Standing {
    if node.reserved.iter().any(|held| held.gpu == gpu.index) {
        Standing::Held
    } else if gpu.memory_used_mib > BUSY_MIB || node.foreign_holder(gpu.index).is_some() {
        Standing::Busy
    } else {
        Standing::Free
    }
}

#[component]
pub fn GpuStrip(node: NodeView) -> impl IntoView {
    let language = use_language();
    let gpus = node
        .probe
        .as_ref()
        .map(|probe| probe.gpus.clone())
        .unwrap_or_default();
    let squares = gpus.into_iter().map(|gpu| {
        let (standing, word) = match standing(&node, &gpu) {
            Standing::Held => ("held", t::gpu_held(language)),
            Standing::Busy => ("busy", t::gpu_busy(language)),
            Standing::Free => ("free", t::gpu_free(language)),
        };
        let foreign = node.foreign_holder(gpu.index).map(|holder| format!(" · {}", holder.text().in_language(language))).unwrap_or_default();
        let load = gpu.utilization_percent.map(|l| format!(" · {} {l:.0} %", t::load(language))).unwrap_or_default();
        let label = format!(
            "GPU {} · {} · {word}{foreign} · {} {:.1} / {:.1} GiB{load}",
            gpu.index,
            gpu.name,
            t::memory(language),
            gpu.memory_used_mib as f64 / 1024.0,
            gpu.memory_total_mib as f64 / 1024.0,
        );
        let heard = label.clone();
        view! { <li class="gpu" data-state=standing title=label><span class="only-read">{heard}</span>{gpu.index}</li> }
    }).collect_view();
    view! { <ul class="gpus" data-unreachable=node.unreachable.is_some().to_string()>{squares}</ul> }
}
