//! All experiments of the project as a table: filter, sort, columns, groups, and a choice of some to compare. The address holds all of
//! it but the columns, which are a person's own.

use domain::comparison::TableRequest;
use domain::comparison::table::ColumnChange;
use leptos::prelude::*;
use leptos::{ev, html};
use leptos_meta::Title;
use leptos_router::components::A;
use leptos_router::hooks::{use_navigate, use_query_map};

use super::server_fns::{change_columns, columns_of_table, table_of_experiments};
use crate::browser;
use crate::context::use_language;
use crate::error::AppError;
use crate::shared::live::use_live;
use crate::shared::{Deed, Findings, Fragment, Load};
use crate::texts::{common as c, comparison as t, experiments, imports, tracking};

/// What the page of experiments reads and changes.
#[derive(Clone, Copy)]
struct Table {
    request: Memo<TableRequest>,
    /// Ids in the order of choosing.
    chosen: RwSignal<Vec<String>>,
    /// Rises when the columns were changed.
    columns: RwSignal<u32>,
}

#[component]
pub fn ExperimentsPage() -> impl IntoView {
    let language = use_language();
    let query = use_query_map();
    let table = Table {
        request: Memo::new(move |_| query.with(|q| TableRequest::of_query(|name| q.get(name)))),
        chosen: RwSignal::new(Vec::new()),
        columns: RwSignal::new(0),
    };
    let beat = use_live().calm(&["experiment", "job", "series"]);
    let read = Resource::new(
        move || (table.request.get(), table.columns.get(), beat.get()),
        |(request, ..)| async move {
            // A filter that cannot be read is no failed load: it is said beside the field.
            match table_of_experiments(request).await {
                Err(AppError::Invalid(findings)) => Ok((String::new(), findings)),
                answer => answer.map(|html| (html, Vec::new())),
            }
        },
    );
    let findings = RwSignal::new(Vec::new());
    view! {
        <Title text=experiments::experiments(language)/>
        <div class="page-head">
            <h1>{experiments::experiments(language)}</h1>
            <div class="page-head-actions">
                <CompareLink chosen=table.chosen/>
                <A href="/imports" attr:class="button">{imports::title(language)}</A>
                <A href="/experiments/send" attr:class="button">{tracking::send_short(language)}</A>
                <super::QueueLink/>
                <A href="/experiments/new" attr:class="button" attr:data-kind="main">{experiments::new(language)}</A>
            </div>
        </div>
        <div class="runs-bar">
            <FilterField request=table.request/>
            <ColumnMenu columns=table.columns/>
        </div>
        <Findings of=findings field="filter"/>
        <Load resource=read let:shown>
            <Rows shown table findings/>
        </Load>
    }
}

/// The table itself.
#[component]
fn Rows(
    shown: Signal<(String, Vec<domain::finding::Finding>)>,
    table: Table,
    findings: RwSignal<Vec<domain::finding::Finding>>,
) -> impl IntoView {
    let go = use_navigate();
    let html = Signal::derive(move || shown.with(|(html, _)| html.clone()));
    Effect::new(move |_| findings.set(shown.with(|(_, findings)| findings.clone())));
    // New HTML knows nothing of what was chosen.
    Effect::new(move |_| {
        html.track();
        table.chosen.with(|chosen| {
            let chosen = chosen.clone();
            request_animation_frame(move || {
                browser::tick("pick", &chosen);
                browser::colour_chosen("pick", &chosen);
            });
        });
    });
    let done = move |deed: Deed| match deed.what.as_str() {
        "pick" => table.chosen.update(|chosen| {
            chosen.retain(|id| *id != deed.of);
            if deed.is_on {
                chosen.push(deed.of);
            }
        }),
        "pick-all" => table.chosen.update(|chosen| {
            let listed = browser::values("pick");
            let all_are = listed.iter().all(|id| chosen.contains(id));
            chosen.retain(|id| !listed.contains(id));
            if !all_are {
                chosen.extend(listed);
            }
        }),
        "group" => {
            let request = TableRequest {
                group: deed.of.parse().ok(),
                open: None,
                page: 0,
                ..table.request.get_untracked()
            };
            go(
                &format!("/experiments?{}", request.address()),
                Default::default(),
            );
        }
        _ => {}
    };
    view! { <Fragment html on_deed=Callback::new(done)/> }
}

#[component]
fn CompareLink(chosen: RwSignal<Vec<String>>) -> impl IntoView {
    let language = use_language();
    view! {
        <span class="runs-chosen" hidden=move || chosen.with(Vec::is_empty)>
            <a class="button" href=move || format!("/compare?of={}", chosen.with(|ids| ids.join(",")))>
                {move || t::compare_some(language, chosen.with(Vec::len))}
            </a>
            <button type="button" class="button-quiet" on:click=move |_| chosen.set(Vec::new())>{t::choose_none(language)}</button>
        </span>
    }
}

#[component]
fn FilterField(request: Memo<TableRequest>) -> impl IntoView {
    let language = use_language();
    let go = StoredValue::new(use_navigate());
    let field = NodeRef::<html::Input>::new();
    let sent = move |filter: String| {
        let request = TableRequest {
            filter,
            page: 0,
            ..request.get_untracked()
        };
        go.with_value(|go| {
            go(
                &format!("/experiments?{}", request.address()),
                Default::default(),
            )
        });
    };
    let typed = move || {
        field
            .get_untracked()
            .map(|input| input.value())
            .unwrap_or_default()
    };
    Effect::new(move |_| {
        let pressed = window_event_listener(ev::keydown, move |event| {
            if event.key() == "/"
                && !browser::is_typing()
                && let Some(input) = field.get_untracked()
            {
                event.prevent_default();
                // A browser that refuses the focus leaves it where it is.
                let _ = input.focus();
            }
        });
        on_cleanup(move || pressed.remove());
    });
    view! {
        <form class="runs-filter" role="search" action="/experiments" on:submit=move |event| { event.prevent_default(); sent(typed()); }>
            <input class="input" name="filter" id="filter" type="search" autocomplete="off" spellcheck="false" node_ref=field
                aria-label=t::filter(language) placeholder=t::filter_example(language) title=t::filter_help(language)
                prop:value=move || request.with(|r| r.filter.clone()) value=request.with_untracked(|r| r.filter.clone())/>
            <button class="button" type="submit">{t::filter(language)}</button>
            <button class="button-quiet" type="button" hidden=move || request.with(|r| r.filter.is_empty()) on:click=move |_| sent(String::new())>{t::clear(language)}</button>
        </form>
    }
}

/// Which columns there are, in which order.
#[component]
fn ColumnMenu(columns: RwSignal<u32>) -> impl IntoView {
    let language = use_language();
    let search = RwSignal::new(String::new());
    let (is_open, html) = (RwSignal::new(false), RwSignal::new(String::new()));
    let problem = RwSignal::new(None::<AppError>);
    let read = Action::new(move |search: &String| {
        let search = search.clone();
        async move {
            match columns_of_table(search).await {
                Ok(text) => html.set(text),
                Err(error) => problem.set(Some(error)),
            }
        }
    });
    Effect::new(move |_| {
        columns.track();
        let search = search.get();
        if is_open.get() {
            read.dispatch(search);
        }
    });
    let change = Action::new(move |change: &ColumnChange| {
        let change = change.clone();
        async move {
            problem.set(change_columns(change).await.err());
            columns.update(|n| *n += 1);
        }
    });
    let done = move |deed: Deed| {
        if let Some(wanted) = ColumnChange::of(&deed.what, &deed.of) {
            change.dispatch(wanted);
        }
    };
    view! {
        <details class="menu columns" on:toggle=move |_| is_open.update(|is| *is = !*is)>
            <summary class="button">{t::columns(language)}</summary>
            <div class="menu-body column-menu">
                <input class="input" type="search" autocomplete="off" aria-label=t::find_column(language) placeholder=t::find_column(language)
                    on:input:target=move |ev| search.set(ev.target().value())/>
                {move || problem.get().map(|error| view! { <p class="finding" data-weight="stops" role="alert">{error.text(language)}</p> })}
                <p class="waiting" hidden=move || !html.with(String::is_empty) || problem.with(Option::is_some)>{c::loading(language)}</p>
                <Fragment html on_deed=Callback::new(done)/>
            </div>
        </details>
    }
}
