//! Which project one works in. Clients make projects by naming them; who has only one sees nothing of it.

use domain::people::Project;
use leptos::prelude::*;

use super::server_fns::{Projects, list_projects};
use crate::context::use_language;
use crate::shared::Load;
use crate::texts::tracking as t;

/// A plain form, which works before the wasm has arrived.
#[component]
pub fn ProjectMenu() -> impl IntoView {
    let projects = Resource::new(|| (), |()| list_projects());
    view! {
        <Load resource=projects let:shown>
            {move || shown.with(|p| p.all.len() > 1).then(|| menu(shown.get()))}
        </Load>
    }
}

fn menu(projects: Projects) -> AnyView {
    let language = use_language();
    let is_current = |project: &&Project| project.id.as_str() == projects.current;
    let current = projects.all.iter().find(is_current);
    let name = current
        .map(|project| project.name.clone())
        .unwrap_or_default();
    let buttons = projects.all.into_iter().map(|project| {
        let is_current = project.id.as_str() == projects.current;
        view! {
            <button class="menu-item" name="project" value=project.id.to_string() aria-current=is_current.then_some("true")>{project.name}</button>
        }
    });
    view! {
        <details class="menu">
            <summary class="frame-button project-name" title=t::project(language)>{name}</summary>
            <form class="menu-body" method="post" action="/session/project">{buttons.collect_view()}</form>
        </details>
    }
    .into_any()
}
