//! One model: what it is, where it came from, how exact its conversion was, and what to do next with it.

use domain::models::Format;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;
use leptos_router::hooks::use_params_map;

use super::convert_form::ConvertForm;
use super::copies::Copies;
use super::lineage::Lineage;
use super::server_fns::{ModelShown, get_model};
use super::{PrecisionVerdict, format_name};
use crate::context::use_language;
use crate::jobs::JobBody;
use crate::nodes::server_fns::list_nodes;
use crate::shared::badge::kind_word;
use crate::shared::format::{count, size};
use crate::shared::live::use_live;
use crate::shared::{JobBadge, Load};
use crate::texts::{common as c, models as t};

#[component]
pub fn ModelPage() -> impl IntoView {
    let live = use_live();
    let params = use_params_map();
    let id = move || params.with(|p| p.get("id").unwrap_or_default());
    let model = Resource::new(
        move || {
            (
                id(),
                live.kind("model"),
                live.kind("deployment"),
                live.kind("job"),
            )
        },
        |(id, ..)| get_model(id),
    );
    let nodes = Resource::new(|| (), |()| list_nodes());
    view! {
        <Load resource=model let:shown>
            <ModelHead shown/>
            <Lineage shown/>
            <Facts shown/>
            <Precision shown/>
            <MakingJob shown/>
            <NextStep shown/>
            <Copies model=shown.with_untracked(|s| s.model.clone()) nodes/>
        </Load>
    }
}

#[component]
fn ModelHead(shown: Signal<ModelShown>) -> impl IntoView {
    let language = use_language();
    let (name, format, id) =
        shown.with_untracked(|s| (s.model.name.clone(), s.model.format, s.model.id.to_string()));
    view! {
        <Title text=name.clone()/>
        <div class="page-head">
            <span class="crumb"><A href="/models">{c::models(language)}</A></span>
            <h1>{name}</h1>
            <span class="mark">{format_name(format)}</span>
            <div class="page-head-actions">
                {(format == Format::Hf).then(|| view! { <A href=format!("/deployments/new?model={id}") attr:class="button">{t::deploy(language)}</A> })}
            </div>
        </div>
    }
}

#[component]
fn Facts(shown: Signal<ModelShown>) -> impl IntoView {
    let language = use_language();
    move || {
        let s = shown.get();
        let facts = s.model.facts;
        view! {
            <dl class="facts">
                <dt>{c::node(language)}</dt><dd><A href=format!("/nodes/{}", s.model.node_id)>{s.node_name}</A></dd>
                <dt>{c::path(language)}</dt><dd><code class="wrap">{s.model.path}</code></dd>
                <dt>{t::architecture(language)}</dt><dd><code>{facts.architecture}</code></dd>
                <dt>{t::parameters(language)}</dt><dd>{facts.parameters.map(count)} " " {facts.dtype}</dd>
                <dt>{c::size(language)}</dt><dd>{size(facts.size_bytes)}</dd>
            </dl>
        }
    }
}

#[component]
fn Precision(shown: Signal<ModelShown>) -> impl IntoView {
    let language = use_language();
    let precision = Memo::new(move |_| shown.with(|s| s.model.precision.clone()));
    move || {
        precision.get().map(|precision| view! {
        <section class="section-body"><h2>{t::precision(language)}</h2><PrecisionVerdict precision/></section>
    })
    }
}

/// The job that makes this model or converts it, with its log.
#[component]
fn MakingJob(shown: Signal<ModelShown>) -> impl IntoView {
    let language = use_language();
    let id = Memo::new(move |_| shown.with(|s| s.job.as_ref().map(|job| job.id.clone())));
    let last = Memo::new(move |before: Option<&Option<domain::jobs::JobView>>| {
        shown
            .with(|s| s.job.clone())
            .or_else(|| before.cloned().flatten())
    });
    move || {
        id.get().and_then(|_| last.get_untracked()).map(|first| {
        let job = Signal::derive(move || last.get().unwrap_or_else(|| first.clone()));
        view! {
            <section class="section-body">
                <h2>{job.with_untracked(|job| kind_word(job.kind, language))} " " {move || job.with(|job| view! { <JobBadge state=job.state.clone() kind=job.kind/> })}</h2>
                <JobBody job/>
            </section>
        }
    })
    }
}

/// An HF model that has no MCore twin yet is converted from here.
#[component]
fn NextStep(shown: Signal<ModelShown>) -> impl IntoView {
    let can_convert = Memo::new(move |_| {
        shown.with(|s| {
            s.model.format == Format::Hf && s.job.as_ref().is_none_or(|job| job.state.is_terminal())
        })
    });
    move || {
        can_convert.get().then(
            || view! { <ConvertForm model=shown.with_untracked(|s| s.model.id.to_string())/> },
        )
    }
}
