//! The charts of an experiment: one cursor, one zoom, one smoothing for all; one request for all that are in sight.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::finding::Finding;
use domain::metrics::Drawn;
use domain::metrics::layout::{Catalog, opened, sections};
use domain::metrics::view::ChartView;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::arranging::{keep_arranged, keep_in_address};
use super::fetching::{keep_fresh, keys, request};
use super::grid::Grid;
use super::server_fns::{draw_series, find_charts, list_charts};
use super::state::Panel;
use super::toolbar::Toolbar;
use crate::context::use_language;
use crate::error::AppError;
use crate::shared::Load;
use crate::shared::live::use_live;
use crate::texts::{common as c, metrics as t};

/// Few points for the first paint: they travel twice, as picture and as data.
const FIRST_WIDTH_PX: u32 = 60;
/// Charts that the first paint has.
const FIRST_CHARTS: usize = 12;
/// New names appear this soon; points of known ones do not wait for it.
const NAMES_EVERY: Duration = Duration::from_millis(1500);

/// What a search found: names, or what is wrong with the pattern; none: everything.
pub type Found = Option<Result<Vec<String>, Vec<Finding>>>;

/// What a panel reads. Made by the page, outside of every `Load`: resources are matched between server and browser by the order in
/// which they are made, and what is made inside a `Load` comes at another moment on each side.
#[derive(Clone, Copy)]
pub struct ChartReads {
    view: RwSignal<ChartView>,
    charts: Resource<Result<Catalog, AppError>>,
    first: Resource<Result<Vec<Drawn>, AppError>>,
    found: Resource<Result<Found, AppError>>,
}

impl ChartReads {
    /// For the experiment that `id` names, looked at as the address says.
    pub fn new(id: impl Fn() -> String + Copy + Send + Sync + 'static) -> ChartReads {
        let query = use_query_map();
        let view =
            RwSignal::new(query.with_untracked(|query| ChartView::read(|key| query.get(key))));
        let beat = slow_beat(move || use_live().subject("series", &id()));
        let pattern =
            Memo::new(move |_| view.with(|view| view.is_regex.then(|| view.search.clone())));
        ChartReads {
            view,
            charts: Resource::new(move || (id(), beat.get()), |(id, _)| list_charts(id)),
            first: Resource::new(id, move |id| first_paint(id, view.get_untracked())),
            found: Resource::new(
                move || (id(), pattern.get()),
                |(id, pattern)| find(id, pattern),
            ),
        }
    }
}

/// Rises with `beat`, but no more often than names are looked for.
fn slow_beat(beat: impl Fn() -> u64 + Send + Sync + 'static) -> RwSignal<u64> {
    let slow = RwSignal::new(0);
    let is_waiting = StoredValue::new(false);
    Effect::new(move |before: Option<u64>| {
        let now = beat();
        if before.is_some_and(|before| before != now) && !is_waiting.get_value() {
            is_waiting.set_value(true);
            set_timeout(
                move || {
                    let _ = is_waiting.try_set_value(false);
                    slow.try_update(|slow| *slow += 1);
                },
                NAMES_EVERY,
            );
        }
        now
    });
    slow
}

async fn find(id: String, pattern: Option<String>) -> Result<Found, AppError> {
    match pattern.filter(|pattern| !pattern.is_empty()) {
        None => Ok(None),
        Some(pattern) => find_charts(id, pattern).await.map(Some),
    }
}

/// The charts that open first, coarse.
async fn first_paint(experiment: String, view: ChartView) -> Result<Vec<Drawn>, AppError> {
    let catalog = list_charts(experiment.clone()).await?;
    let names: BTreeSet<String> = match &view.large {
        Some(large) => [large.clone()].into(),
        None => {
            let all = sections(
                catalog.charts.iter().map(|chart| chart.name.as_str()),
                &catalog.layout,
            );
            let open = opened(&all, &catalog.layout, false);
            let open = all
                .into_iter()
                .filter(|section| open.contains(&section.key));
            open.flat_map(|section| section.charts)
                .take(FIRST_CHARTS)
                .collect()
        }
    };
    let series = keys(&catalog, &names);
    if series.is_empty() {
        return Ok(Vec::new());
    }
    let mut request = request(&view, series, None, FIRST_WIDTH_PX);
    (request.from, request.to) = view.range.unzip();
    draw_series(experiment, request).await
}

#[component]
pub fn ChartsPanel(experiment: String, reads: ChartReads) -> impl IntoView {
    view! {
        <Load resource=reads.first let:first>
            {
                let experiment = experiment.clone();
                view! {
                    <Load resource=reads.charts let:catalog>
                        {
                            let panel = Panel::new(experiment.clone(), reads.view, catalog, first.get_untracked());
                            view! { <Body panel reads/> }
                        }
                    </Load>
                }
            }
        </Load>
    }
}

#[component]
fn Body(panel: Panel, reads: ChartReads) -> impl IntoView {
    let live = use_live();
    keep_fresh(panel, move || {
        panel.experiment.with_value(|id| live.subject("series", id))
    });
    keep_arranged(panel);
    keep_in_address(panel);
    view! {
        <Load resource=reads.found let:found>
            <Toolbar panel found/>
            <Stale panel/>
            <Grid panel found/>
        </Load>
    }
}

/// Says that the charts are older than they could be, and offers to try again.
#[component]
fn Stale(panel: Panel) -> impl IntoView {
    let language = use_language();
    let unkept =
        move || {
            panel.unkept.get().map(|error| view! {
        <p class="failed" role="alert">{t::unkept(language)} " " {error.text(language)}</p>
    })
        };
    let stale = move || {
        panel.problem.get().map(|error| view! {
            <div class="failed" role="alert">
                <p>{t::stale(language)} " " {error.text(language)}</p>
                <button class="button" data-size="small" type="button" on:click=move |_| panel.tries.update(|n| *n += 1)>{c::retry(language)}</button>
            </div>
        })
    };
    (stale, unkept)
}
