//! The frame around every page: routes, navigation, language and colours.

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::components::{A, Route, Router, Routes};
use leptos_router::hooks::use_location;
use leptos_router::{Lazy, SsrMode, path};

use crate::context::{Theme, Viewer, use_language, use_viewer};
use crate::jobs::ActivityMenu;
use crate::keys::{Keys, KeysShown};
use crate::pages;
use crate::shared::format::ago;
use crate::shared::live::use_live;
use crate::shared::times::use_now;
use crate::texts::keys::title as keys_title;
use crate::texts::{common as t, experiments, people};
use crate::tracking::ProjectMenu;
use domain::language::Language;

/// Everything inside `<body>`.
///
/// Pages are rendered whole before they are sent (`SsrMode::Async`): their reads are short, and so they stand without wasm too.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    provide_context(Viewer::current());
    crate::shared::times::Now::provide();
    crate::shared::Live::provide();
    KeysShown::provide();
    let language = use_viewer().language;
    view! {
        <Title formatter=|page: String| if page.is_empty() { "Trainyard".to_owned() } else { format!("{page} · Trainyard") }/>
        <Router>
            <a class="skip" href="#main">{t::skip_to_content(language)}</a>
            <Header/>
            <Lost/>
            <Keys/>
            <main id="main" class="page" tabindex="-1">
                <Routes fallback=NotFound>
                    <Route path=path!("/") view={Lazy::<pages::HomePage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/login") view={Lazy::<pages::LoginPage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/setup") view={Lazy::<pages::SetupPage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/settings") view={Lazy::<pages::SettingsPage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/nodes") view={Lazy::<pages::NodesPage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/nodes/add") view={Lazy::<pages::AddNodePage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/nodes/:id") view={Lazy::<pages::NodePage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/models") view={Lazy::<pages::ModelsPage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/models/register") view={Lazy::<pages::RegisterModelPage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/models/:id") view={Lazy::<pages::ModelPage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/datasets") view={Lazy::<pages::DatasetsPage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/datasets/register") view={Lazy::<pages::RegisterDatasetPage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/datasets/:id") view={Lazy::<pages::DatasetPage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/experiments") view={Lazy::<pages::ExperimentsPage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/imports") view={Lazy::<pages::ImportsPage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/imports/:id") view={Lazy::<pages::ImportPage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/experiments/new") view={Lazy::<pages::NewExperimentPage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/experiments/queue") view={Lazy::<pages::QueuePage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/experiments/send") view={Lazy::<pages::SendPage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/experiments/:id") view={Lazy::<pages::ExperimentPage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/compare") view={Lazy::<pages::ComparePage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/deployments") view={Lazy::<pages::DeploymentsPage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/deployments/new") view={Lazy::<pages::NewDeploymentPage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/deployments/:id") view={Lazy::<pages::DeploymentPage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/chat") view={Lazy::<pages::ChatPage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/jobs") view={Lazy::<pages::JobsPage>::new()} ssr=SsrMode::Async/>
                    <Route path=path!("/jobs/:id") view={Lazy::<pages::JobPage>::new()} ssr=SsrMode::Async/>
                </Routes>
            </main>
        </Router>
    }
}

/// The noun pages; what is looked at most comes first. Jobs are reached through the activity menu.
fn rooms(language: Language) -> [(&'static str, &'static str); 6] {
    [
        ("/experiments", experiments::experiments(language)),
        ("/datasets", t::datasets(language)),
        ("/models", t::models(language)),
        ("/deployments", t::deployments(language)),
        ("/chat", t::chat(language)),
        ("/nodes", t::nodes(language)),
    ]
}

#[component]
fn Header() -> impl IntoView {
    let viewer = use_viewer();
    let language = viewer.language;
    let is_inside = viewer.person.is_some();
    view! {
        <header class="frame">
            <A href="/" attr:class="frame-mark">"Trainyard"</A>
            {is_inside.then(|| view! {
                <nav class="frame-rooms" aria-label=t::main_navigation(language)>
                    {rooms(language).map(|(address, name)| view! { <A href=address>{name}</A> }).collect_view()}
                </nav>
            })}
            <div class="frame-tools">
                {is_inside.then(|| view! { <ProjectMenu/> <ActivityMenu/> })}
                <LanguageSwitch/>
                <ThemeSwitch/>
                {viewer.person.map(|person| view! { <PersonMenu person/> })}
            </div>
        </header>
    }
}

/// The address of this page, to come back to after a plain form.
fn here() -> Signal<String> {
    let location = use_location();
    Signal::derive(move || {
        let (path, query) = (location.pathname.get(), location.search.get());
        if query.is_empty() {
            path
        } else {
            format!("{path}?{query}")
        }
    })
}

#[component]
fn LanguageSwitch() -> impl IntoView {
    let language = use_viewer().language;
    let (other, tag, lang) = match language {
        Language::En => ("中文", "zh", "zh-CN"),
        Language::Zh => ("English", "en", "en"),
    };
    view! {
        <form method="post" action="/session/language">
            <input type="hidden" name="next" prop:value=here() value=here()/>
            <button class="frame-button" name="language" value=tag lang=lang title=t::language(language)>{other}</button>
        </form>
    }
}

#[component]
fn ThemeSwitch() -> impl IntoView {
    let viewer = use_viewer();
    let language = viewer.language;
    let (next, mark, label) = match viewer.theme {
        Theme::Auto => (Theme::Light, "◐", t::theme_auto(language)),
        Theme::Light => (Theme::Dark, "○", t::theme_light(language)),
        Theme::Dark => (Theme::Auto, "●", t::theme_dark(language)),
    };
    let title = format!("{}: {label}", t::theme(language));
    view! {
        <form method="post" action="/session/theme">
            <input type="hidden" name="next" prop:value=here() value=here()/>
            <button class="frame-button" name="theme" value=next.name() title=title.clone() aria-label=title>{mark}</button>
        </form>
    }
}

/// A thin line while the console is not heard; nothing else changes.
#[component]
fn Lost() -> impl IntoView {
    let language = use_language();
    let (live, now) = (use_live(), use_now());
    let age = move || {
        let since = live.lost_since.get()?;
        Some(ago(now.get()? - since, language))
    };
    view! {
        <p class="lost" role="status" hidden=move || live.lost_since.get().is_none()>{t::reconnecting(language)} " " {age}</p>
    }
}

#[component]
fn PersonMenu(person: String) -> impl IntoView {
    let language = use_viewer().language;
    let keys: KeysShown = expect_context();
    view! {
        <details class="menu">
            <summary class="frame-button">{person}</summary>
            <div class="menu-body">
                <A href="/settings">{t::settings(language)}</A>
                <button class="menu-item" type="button" on:click=move |_| keys.show()>{keys_title(language)} " " <kbd>"?"</kbd></button>
                <form method="post" action="/session/logout">
                    <button class="menu-item">{people::log_out(language)}</button>
                </form>
            </div>
        </details>
    }
}

#[component]
fn NotFound() -> impl IntoView {
    let language = use_viewer().language;
    #[cfg(feature = "ssr")]
    if let Some(response) = use_context::<leptos_axum::ResponseOptions>() {
        response.set_status(http::StatusCode::NOT_FOUND);
    }
    view! {
        <Title text=t::not_found_title(language)/>
        <section class="entry">
            <h1>{t::not_found_title(language)}</h1>
            <p class="lead">{t::not_found_body(language)}</p>
            <A href="/">{t::to_home(language)}</A>
        </section>
    }
}
