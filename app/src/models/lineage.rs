//! Provenance: what a model was made of, each part a link.

use leptos::prelude::*;
use leptos_router::components::A;

use super::server_fns::{Link, ModelShown};
use crate::context::use_language;
use crate::texts::models as t;

#[component]
fn Part(part: Link) -> impl IntoView {
    let (text, address) = part;
    if address.is_empty() {
        view! { <span>{text}</span> }.into_any()
    } else {
        view! { <A href=address>{text}</A> }.into_any()
    }
}

/// A word and what it is about: `exported from yard-base → willow_bend → run-1 · 320`.
#[component]
pub fn Links(before: String, links: Vec<Link>) -> impl IntoView {
    view! {
        <div class="provenance">
            <span class="soft">{before}</span> " "
            <span class="lineage">{links.into_iter().map(|part| view! { <Part part/> }).collect_view()}</span>
        </div>
    }
}

/// `base → dataset → experiment · iteration → this → deployment`.
#[component]
pub fn Lineage(shown: Signal<ModelShown>) -> impl IntoView {
    let language = use_language();
    let lineage =
        Memo::new(move |_| {
            shown.with(|s| {
                let mut all = s.lineage.clone();
                let deployed = s.deployed.first().cloned();
                all.extend(deployed.map(|(name, address)| {
                    (format!("{} {name}", t::deployed_as(language)), address)
                }));
                all
            })
        });
    move || {
        let steps = lineage.get();
        (steps.len() > 1).then(|| {
            view! {
                <nav class="lineage" aria-label=t::lineage(language)>
                    {steps.into_iter().map(|part| view! { <Part part/> }).collect_view()}
                </nav>
            }
        })
    }
}
