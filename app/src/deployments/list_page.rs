//! All deployments.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;

use super::server_fns::{DeploymentShown, list_deployments};
use crate::context::use_language;
use crate::shared::badge::cause;
use crate::shared::live::use_live;
use crate::shared::{JobBadge, Lasted, Load};
use crate::texts::{common as c, deployments as t};

#[component]
pub fn DeploymentsPage() -> impl IntoView {
    let (language, live) = (use_language(), use_live());
    let all = Resource::new(
        move || (live.kind("deployment"), live.kind("job")),
        |_| list_deployments(),
    );
    view! {
        <Title text=c::deployments(language)/>
        <div class="page-head">
            <h1>{c::deployments(language)}</h1>
            <div class="page-head-actions"><A href="/deployments/new" attr:class="button">{t::new(language)}</A></div>
        </div>
        <Load resource=all let:all>
            {move || {
                let all = all.get();
                if all.is_empty() {
                    return view! {
                        <div class="empty">
                            <p>{t::none(language)}</p>
                            <A href="/deployments/new" attr:class="button" attr:data-kind="main">{t::new(language)}</A>
                        </div>
                    }.into_any();
                }
                view! {
                    <table class="table">
                        <thead><tr>
                            <th>{c::name(language)}</th><th>{t::model(language)}</th><th>{c::node(language)}</th><th>{c::state(language)}</th><th></th>
                        </tr></thead>
                        <tbody>{all.into_iter().map(|shown| view! { <DeploymentRow shown/> }).collect_view()}</tbody>
                    </table>
                }.into_any()
            }}
        </Load>
    }
}

/// `GPU 0, 1`
pub fn gpu_list(gpus: &[u32]) -> String {
    format!(
        "GPU {}",
        gpus.iter()
            .map(u32::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    )
}

#[component]
fn DeploymentRow(shown: DeploymentShown) -> impl IntoView {
    let language = use_language();
    let DeploymentShown {
        deployment,
        job,
        model_name,
        node_name,
        stage,
    } = shown;
    view! {
        <tr>
            <td><A href=format!("/deployments/{}", deployment.id)>{deployment.name}</A></td>
            <td><A href=format!("/models/{}", deployment.model_id)>{model_name}</A></td>
            <td>{node_name} " · " {gpu_list(&deployment.gpus)}</td>
            <td>
                <JobBadge state=job.state.clone() kind=job.kind/> " " <span class="soft"><Lasted from=job.started_at to=job.ended_at/></span>
                {stage.map(|stage| view! { <div class="soft">{stage.text().in_language(language).to_owned()}</div> })}
                {cause(&job.state, language).map(|why| view! { <div class="soft">{why}</div> })}
            </td>
            <td class="actions">
                {(job.state == domain::jobs::State::Ready).then(|| view! {
                    <A href=format!("/chat?deployment={}", deployment.id) attr:class="button" attr:data-size="small">{t::chat_with(language)}</A>
                })}
            </td>
        </tr>
    }
}
