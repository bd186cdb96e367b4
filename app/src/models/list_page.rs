//! All models.

use domain::models::{Origin, Verdict};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;

use super::format_name;
use super::lineage::Links;
use super::server_fns::{ModelListed, list_provenances};
use crate::context::use_language;
use crate::shared::format::{count, size};
use crate::shared::live::use_live;
use crate::shared::{Ago, Load};
use crate::texts::{common as c, models as t};

#[component]
pub fn ModelsPage() -> impl IntoView {
    let (language, live) = (use_language(), use_live());
    let models = Resource::new(
        move || {
            (
                live.kind("model"),
                live.kind("deployment"),
                live.kind("job"),
            )
        },
        |_| list_provenances(),
    );
    view! {
        <Title text=c::models(language)/>
        <div class="page-head">
            <h1>{c::models(language)}</h1>
            <div class="page-head-actions"><A href="/models/register" attr:class="button">{t::register(language)}</A></div>
        </div>
        <Load resource=models let:models>
            {move || {
                let models = models.get();
                if models.is_empty() {
                    return view! {
                        <div class="empty">
                            <p>{t::none(language)}</p>
                            <A href="/models/register" attr:class="button" attr:data-kind="main">{t::register(language)}</A>
                        </div>
                    }.into_any();
                }
                view! {
                    <table class="table">
                        <thead><tr>
                            <th>{c::name(language)}</th><th>{t::format(language)}</th><th>{t::parameters(language)}</th>
                            <th>{c::size(language)}</th><th>{t::origin(language)}</th><th>{c::created(language)}</th>
                        </tr></thead>
                        <tbody>{models.into_iter().map(|model| view! { <ModelRow listed=model/> }).collect_view()}</tbody>
                    </table>
                }.into_any()
            }}
        </Load>
    }
}

#[component]
fn ModelRow(listed: ModelListed) -> impl IntoView {
    let language = use_language();
    let ModelListed {
        model,
        by,
        from,
        deployed,
    } = listed;
    let origin = match model.origin {
        Origin::Registered => t::registered_by(language, &by),
        Origin::Converted { .. } => t::converted_from(language).to_owned(),
        Origin::Exported { .. } => t::exported_from(language).to_owned(),
    };
    let verdict = model.precision.as_ref().map(|p| match p.verdict {
        Verdict::Good => ("succeeded", t::verdict_good(language)),
        Verdict::Doubtful => ("waiting", t::verdict_doubtful(language)),
        Verdict::Bad => ("failed", t::verdict_bad(language)),
    });
    view! {
        <tr>
            <td>
                <A href=format!("/models/{}", model.id)>{model.name}</A>
                <div class="soft"><code>{model.path}</code></div>
            </td>
            <td><span class="mark">{format_name(model.format)}</span></td>
            <td class="number">{model.facts.parameters.map(count)} " " <span class="soft">{model.facts.dtype}</span></td>
            <td class="number">{size(model.facts.size_bytes)}</td>
            <td class="whole">
                <Links before=origin links=from/>
                {(!deployed.is_empty()).then(|| view! { <Links before=t::deployed_as(language).to_owned() links=deployed/> })}
                {verdict.map(|(state, words)| view! { " " <span class="badge" data-state=state title=words>{t::precision(language)}</span> })}
            </td>
            <td><Ago at=model.created_at/></td>
        </tr>
    }
}
