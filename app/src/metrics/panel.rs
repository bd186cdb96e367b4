//! The charts of an experiment: one cursor, one zoom, one smoothing for all; one request for all that are in sight.

use std::collections::{BTreeSet, HashMap};

use domain::metrics::{Attempts, DrawRequest, Drawn, SeriesKey, Smoothing, Summary};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::chart::Chart;
use super::names;
use super::server_fns::{draw_series, list_series};
use crate::browser;
use crate::context::use_language;
use crate::error::AppError;
use crate::shared::Load;
use crate::shared::live::use_live;
use crate::texts::{common as c, metrics as t};

/// Few points for the first paint: they travel twice, as picture and as data.
const FIRST_WIDTH_PX: u32 = 60;

/// What all charts of a panel share.
#[derive(Clone, Copy)]
pub struct Shared {
    pub experiment: StoredValue<String>,
    /// Newest answer for each series.
    pub drawn: RwSignal<HashMap<SeriesKey, Drawn>>,
    /// Series in sight.
    pub seen: RwSignal<BTreeSet<SeriesKey>>,
    /// Steps shown; none: all.
    pub range: RwSignal<Option<(f64, f64)>>,
    pub cursor: RwSignal<Option<f64>>,
    pub smoothing: RwSignal<f64>,
    pub is_log: RwSignal<bool>,
    pub attempt: RwSignal<Option<u32>>,
    /// Why the newest points could not be read; what is drawn is older.
    pub problem: RwSignal<Option<AppError>>,
    /// Rises when somebody wants it tried again.
    pub tries: RwSignal<u32>,
}

/// What a panel reads. Made by the page, outside of every `Load`: resources are matched between server and browser by the order in
/// which they are made, and what is made inside a `Load` comes at another moment on each side.
#[derive(Clone, Copy)]
pub struct ChartReads {
    series: Resource<Result<Vec<Summary>, AppError>>,
    first: Resource<Result<Vec<Drawn>, AppError>>,
}

impl ChartReads {
    /// For the experiment that `id` names.
    pub fn new(id: impl Fn() -> String + Copy + Send + Sync + 'static) -> ChartReads {
        let live = use_live();
        ChartReads {
            series: Resource::new(
                move || (id(), live.subject("series", &id())),
                |(id, _)| list_series(id),
            ),
            first: Resource::new(id, first_paint),
        }
    }
}

#[component]
pub fn ChartsPanel(experiment: String, reads: ChartReads) -> impl IntoView {
    let live = use_live();
    let shared = Shared {
        experiment: StoredValue::new(experiment.clone()),
        drawn: RwSignal::new(HashMap::new()),
        seen: RwSignal::new(BTreeSet::new()),
        range: RwSignal::new(None),
        cursor: RwSignal::new(None),
        smoothing: RwSignal::new(0.6),
        is_log: RwSignal::new(false),
        attempt: RwSignal::new(None),
        problem: RwSignal::new(None),
        tries: RwSignal::new(0),
    };
    keep_fresh(shared, move || live.subject("series", &experiment));
    view! {
        <Load resource=reads.first let:first>
            {
                let first = StoredValue::new(first.get_untracked());
                view! {
                    <Load resource=reads.series let:series>
                        <Controls shared series/>
                        <Stale shared/>
                        <Grid shared series first/>
                    </Load>
                }
            }
        </Load>
    }
}

/// The charts that open first, coarse.
async fn first_paint(experiment: String) -> Result<Vec<Drawn>, AppError> {
    let series: BTreeSet<SeriesKey> = list_series(experiment.clone())
        .await?
        .into_iter()
        .map(|summary| summary.key)
        .filter(|key| names::is_first(&key.name))
        .collect();
    if series.is_empty() {
        return Ok(Vec::new());
    }
    draw_series(
        experiment,
        DrawRequest {
            series: series.into_iter().collect(),
            width_px: FIRST_WIDTH_PX,
            smoothing: Smoothing::Ema { weight: 0.6 },
            ..DrawRequest::default()
        },
    )
    .await
}

/// Asks again whenever points came or the view changed: one request at a time, the next one as soon as it is answered.
fn keep_fresh(shared: Shared, beat: impl Fn() -> u64 + Send + Sync + 'static) {
    let is_busy = StoredValue::new(false);
    let is_stale = StoredValue::new(false);
    let asked = Memo::new(move |_| {
        let range = shared.range.get();
        DrawRequest {
            series: shared.seen.with(|seen| seen.iter().cloned().collect()),
            attempts: shared.attempt.get().map_or(Attempts::Newest, Attempts::One),
            from: range.map(|(from, _)| from.floor()),
            to: range.map(|(_, to)| to.ceil()),
            width_px: browser::device_width(),
            smoothing: Smoothing::Ema {
                weight: shared.smoothing.get(),
            },
            ..DrawRequest::default()
        }
    });
    Effect::new(move |_| {
        beat();
        asked.track();
        shared.tries.track();
        fetch(shared, asked, is_busy, is_stale);
    });
}

fn fetch(
    shared: Shared,
    asked: Memo<DrawRequest>,
    is_busy: StoredValue<bool>,
    is_stale: StoredValue<bool>,
) {
    if is_busy.get_value() {
        is_stale.set_value(true);
        return;
    }
    let request = asked.get_untracked();
    if request.series.is_empty() {
        return;
    }
    is_busy.set_value(true);
    spawn_local(async move {
        let answer = draw_series(shared.experiment.get_value(), request).await;
        if is_busy.try_set_value(false).is_some() {
            return; // the page is gone
        }
        match answer {
            Ok(all) => {
                shared.problem.try_set(None);
                let fresh = all.into_iter().map(|one| (one.key.clone(), one));
                shared.drawn.try_update(|drawn| drawn.extend(fresh));
            }
            Err(error) => {
                shared.problem.try_set(Some(error));
            }
        }
        if is_stale.try_update_value(std::mem::take).unwrap_or(false) {
            fetch(shared, asked, is_busy, is_stale);
        }
    });
}

/// Says that the charts are older than they could be, and offers to try again.
#[component]
fn Stale(shared: Shared) -> impl IntoView {
    let language = use_language();
    move || {
        shared.problem.get().map(|error| view! {
            <div class="failed" role="alert">
                <p>{t::stale(language)} " " {error.text(language)}</p>
                <button class="button" data-size="small" type="button" on:click=move |_| shared.tries.update(|n| *n += 1)>{c::retry(language)}</button>
            </div>
        })
    }
}

#[component]
fn Controls(shared: Shared, series: Signal<Vec<Summary>>) -> impl IntoView {
    let language = use_language();
    let attempts = Memo::new(move |_| {
        series.with(|all| all.iter().map(|s| s.attempt).collect::<BTreeSet<_>>())
    });
    view! {
        <div class="chart-tools">
            <label class="chart-tool">
                {t::smoothing(language)}
                <input type="range" min="0" max="0.99" step="0.01" prop:value=move || shared.smoothing.get().to_string() value="0.6"
                    on:input:target=move |ev| if let Ok(value) = ev.target().value().parse() { shared.smoothing.set(value) }/>
                <output>{move || format!("{:.2}", shared.smoothing.get())}</output>
            </label>
            <label class="chart-tool">
                <input type="checkbox" prop:checked=move || shared.is_log.get() on:change:target=move |ev| shared.is_log.set(ev.target().checked())/>
                {t::log_scale(language)}
            </label>
            {move || (attempts.with(BTreeSet::len) > 1).then(|| view! {
                <label class="chart-tool">
                    {t::attempt(language)}
                    <select on:change:target=move |ev| shared.attempt.set(ev.target().value().parse().ok())>
                        <option value="">{t::newest(language)}</option>
                        {attempts.get().into_iter().map(|n| view! { <option value=n>{n}</option> }).collect_view()}
                    </select>
                </label>
            })}
            <button class="button" data-size="small" type="button" hidden=move || shared.range.get().is_none() on:click=move |_| shared.range.set(None)>
                {t::reset_zoom(language)}
            </button>
            <span class="chart-keys">{t::keys(language)}</span>
        </div>
    }
}

#[component]
fn Grid(
    shared: Shared,
    series: Signal<Vec<Summary>>,
    first: StoredValue<Vec<Drawn>>,
) -> impl IntoView {
    let language = use_language();
    // Only the names: the charts stay in place while their last values move.
    let listed = Memo::new(move |_| {
        let mut all: Vec<SeriesKey> = series
            .with(|all| all.iter().map(|s| s.key.clone()).collect::<BTreeSet<_>>())
            .into_iter()
            .collect();
        all.sort_by_key(|key| (names::rank(&key.name), key.clone()));
        all
    });
    let is_empty = Memo::new(move |_| listed.with(Vec::is_empty));
    let open = Memo::new(move |_| {
        listed.with(|all| {
            all.iter()
                .filter(|n| names::is_first(&n.name))
                .cloned()
                .collect::<Vec<_>>()
        })
    });
    let rest = Memo::new(move |_| {
        listed.with(|all| {
            all.iter()
                .filter(|n| !names::is_first(&n.name))
                .cloned()
                .collect::<Vec<_>>()
        })
    });
    let has_rest = Memo::new(move |_| !rest.with(Vec::is_empty));
    let chart = move |key: SeriesKey| {
        let drawn = first.with_value(|all| all.iter().find(|d| d.key == key).cloned());
        view! { <Chart key shared series first=drawn/> }
    };
    view! {
        <p class="empty" hidden=move || !is_empty.get()>{t::no_points(language)}</p>
        <div class="charts">
            <For each=move || open.get() key=|key| key.clone() children=chart/>
        </div>
        <Show when=move || has_rest.get()>
            <details class="section">
                <summary>{t::more_series(language)} " (" {move || rest.with(Vec::len)} ")"</summary>
                <div class="charts">
                    <For each=move || rest.get() key=|key| key.clone() children=chart/>
                </div>
            </details>
        </Show>
    }
}
