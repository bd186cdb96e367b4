//! The compare page. Its address says which experiments, how their curves are drawn, and what is brushed.

use domain::comparison::reach::Towards;
use domain::comparison::{Band, Column, CompareRequest, Fact};
use leptos::ev;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::NavigateOptions;
use leptos_router::components::A;
use leptos_router::hooks::{use_navigate, use_query_map};

use super::server_fns::{charts_of, groups_of, tables_of};
use crate::browser;
use crate::context::use_language;
use crate::shared::live::use_live;
use crate::shared::{Deed, Fragment, Load};
use crate::texts::{compare as t, comparison};

/// The request, and how it is changed: by going to another address.
#[derive(Clone, Copy)]
struct Compared {
    request: Memo<CompareRequest>,
    go: Callback<CompareRequest>,
}

impl Compared {
    fn change(self, change: impl FnOnce(&mut CompareRequest)) {
        let mut request = self.request.get_untracked();
        change(&mut request);
        self.go.run(request);
    }
}

#[component]
pub fn ComparePage() -> impl IntoView {
    let language = use_language();
    let query = use_query_map();
    let navigate = use_navigate();
    let request = Memo::new(move |_| query.with(|q| CompareRequest::of_query(|name| q.get(name))));
    let compared = Compared {
        request,
        go: Callback::new(move |request: CompareRequest| {
            let options = NavigateOptions {
                replace: true,
                scroll: false,
                ..NavigateOptions::default()
            };
            navigate(&request.address(), options);
        }),
    };
    let beat = use_live().calm(&["series"]);
    // Brushes and the value to reach change no chart; zooming changes no table.
    let drawn = Memo::new(move |_| CompareRequest {
        brushes: Vec::new(),
        reach: None,
        axes: Vec::new(),
        ..request.get()
    });
    let told = Memo::new(move |_| CompareRequest {
        range: None,
        is_log: false,
        is_by_time: false,
        search: String::new(),
        ..request.get()
    });
    let ids = Memo::new(move |_| CompareRequest {
        experiments: request.get().experiments,
        ..CompareRequest::default()
    });
    let charts = Resource::new(
        move || (drawn.get(), beat.get()),
        |(request, _)| charts_of(request),
    );
    let tables = Resource::new(
        move || (told.get(), beat.get()),
        |(request, _)| tables_of(request),
    );
    let groups = Resource::new(move || ids.get(), groups_of);
    let is_empty = Memo::new(move |_| request.with(|r| r.experiments.is_empty()));
    view! {
        <Title text=t::title(language)/>
        <div class="page-head">
            <span class="crumb"><A href="/experiments">{t::experiments(language)}</A></span>
            <h1>{t::title(language)}</h1>
        </div>
        <div class="empty" hidden=move || !is_empty.get()><p>{t::nothing(language)}</p><A href="/experiments" attr:class="button">{t::to_table(language)}</A></div>
        <div class="section-body" hidden=move || is_empty.get()>
            <Load resource=groups let:groups><Controls compared groups/></Load>
            <Load resource=charts let:html><Charts html compared/></Load>
            <Load resource=tables let:html><Tables html compared/></Load>
        </div>
    }
}

#[component]
fn Controls(compared: Compared, groups: Signal<Vec<Column>>) -> impl IntoView {
    let language = use_language();
    let request = compared.request;
    let offered = move || {
        let mut all = vec![Column::Fact(Fact::State), Column::Fact(Fact::Tags)];
        all.extend(groups.get());
        all.into_iter()
            .map(|column| {
                let is_chosen = request.with_untracked(|r| r.group.as_ref() == Some(&column));
                view! { <option value=column.to_string() selected=is_chosen>{comparison::column(language, &column).0}</option> }
            })
            .collect_view()
    };
    view! {
        <div class="chart-tools">
            <label class="chart-tool">{t::group(language)}
                <select class="input" name="group" on:change:target=move |ev| { let group = ev.target().value().parse().ok(); compared.change(|r| r.group = group); }>
                    <option value="">{t::each(language)}</option>
                    {offered}
                </select>
            </label>
            <label class="chart-tool" hidden=move || request.with(|r| r.group.is_none())>{t::band(language)}
                <select class="input" name="band" on:change:target=move |ev| {
                    let band = if ev.target().value() == "deviation" { Band::Deviation } else { Band::Ends };
                    compared.change(|r| r.band = band);
                }>
                    <option value="ends">{t::ends(language)}</option>
                    <option value="deviation" selected=request.with_untracked(|r| r.band == Band::Deviation)>{t::deviation(language)}</option>
                </select>
            </label>
            <label class="chart-tool">{t::smoothing(language)}
                <input type="range" name="smoothing" min="0" max="0.99" step="0.01" value=request.with_untracked(|r| r.smoothing.to_string())
                    on:change:target=move |ev| if let Ok(weight) = ev.target().value().parse() { compared.change(|r| r.smoothing = weight); }/>
                <output>{move || format!("{:.2}", request.with(|r| r.smoothing))}</output>
            </label>
            <label class="chart-tool">
                <input type="checkbox" name="log" prop:checked=move || request.with(|r| r.is_log) on:change:target=move |ev| { let is = ev.target().checked(); compared.change(|r| r.is_log = is); }/>
                {t::log_y(language)}
            </label>
            <label class="chart-tool" hidden=move || request.with(|r| r.group.is_some())>
                <input type="checkbox" name="time" prop:checked=move || request.with(|r| r.is_by_time)
                    on:change:target=move |ev| { let is = ev.target().checked(); compared.change(|r| { r.is_by_time = is; r.range = None; }); }/>
                {t::by_time(language)}
            </label>
            <label class="chart-tool">{t::metrics(language)}
                <input class="input" type="search" name="metrics" autocomplete="off" value=request.with_untracked(|r| r.search.clone())
                    on:change:target=move |ev| { let search = ev.target().value(); compared.change(|r| r.search = search); }/>
            </label>
            <button class="button" data-size="small" type="button" hidden=move || request.with(|r| r.range.is_none())
                on:click=move |_| compared.change(|r| r.range = None)>{t::reset(language)}</button>
        </div>
    }
}

/// The charts: one cursor for all, a drag zooms all.
#[component]
fn Charts(html: Signal<String>, compared: Compared) -> impl IntoView {
    let dragged = StoredValue::new(None::<f64>);
    let cursor = StoredValue::new(None::<f64>);
    let show = move |x: Option<f64>| {
        cursor.set_value(x);
        browser::show_cursor(x);
    };
    let on_move = move |event: ev::PointerEvent| {
        let pointed = browser::pointed(&event);
        if let Some(pointed) = &pointed
            && let Some(from) = dragged.get_value()
        {
            browser::show_zoom(Some((from, pointed.x)));
        }
        show(pointed.map(|pointed| pointed.x));
    };
    let on_up = move |event: ev::PointerEvent| {
        let Some(from) = dragged.get_value() else {
            return;
        };
        dragged.set_value(None);
        browser::show_zoom(None);
        // A shorter drag was a click.
        if let Some(pointed) = browser::pointed(&event)
            && (pointed.x - from).abs() > (pointed.ends.1 - pointed.ends.0) * 0.01
        {
            compared.change(|r| r.range = Some((from.min(pointed.x), from.max(pointed.x))));
        }
    };
    let on_key = move |event: ev::KeyboardEvent| {
        let Some(pointed) = browser::pointed(&event) else {
            return;
        };
        let (low, high) = pointed.ends;
        let at = cursor
            .get_value()
            .filter(|x| (low..=high).contains(x))
            .unwrap_or(pointed.x);
        let by = (high - low) * if event.shift_key() { 0.1 } else { 0.01 };
        let zoom = |factor: f64| {
            compared
                .change(|r| r.range = Some((at - (at - low) * factor, at + (high - at) * factor)))
        };
        match event.key().as_str() {
            "ArrowLeft" => show(Some((at - by).max(low))),
            "ArrowRight" => show(Some((at + by).min(high))),
            "+" | "=" => zoom(0.6),
            "-" => zoom(1.6),
            "0" => compared.change(|r| r.range = None),
            "Escape" => show(None),
            _ => return,
        }
        event.prevent_default();
    };
    view! {
        <div on:pointermove=on_move on:pointerup=on_up on:keydown=on_key
            on:pointerdown=move |event| if event.button() == 0 { dragged.set_value(browser::pointed(&event).map(|pointed| pointed.x)); }
            on:pointerleave=move |_| { dragged.set_value(None); browser::show_zoom(None); show(None); }
            on:dblclick=move |event| if browser::pointed(&event).is_some() { compared.change(|r| r.range = None); }>
            <Fragment html on_deed=Callback::new(|_| {})/>
        </div>
    }
}

/// Tables and parallel coordinates: a drag along an axis brushes it.
#[component]
fn Tables(html: Signal<String>, compared: Compared) -> impl IntoView {
    let dragged = StoredValue::new(None::<(usize, f64)>);
    let focused = StoredValue::new(None::<usize>);
    // The picture is drawn anew; whoever works with the keys goes on with the same axis.
    Effect::new(move |_| {
        html.track();
        if let Some(axis) = focused.get_value() {
            focused.set_value(None);
            request_animation_frame(move || browser::focus_axis(axis));
        }
    });
    let on_move = move |event: ev::PointerEvent| {
        if let Some((axis, from)) = dragged.get_value()
            && let Some(place) = browser::along_axis(axis, &event)
        {
            browser::show_brush(axis, from, place);
        }
    };
    let on_up = move |event: ev::PointerEvent| {
        let Some((axis, from)) = dragged.get_value() else {
            return;
        };
        dragged.set_value(None);
        let to = browser::along_axis(axis, &event).unwrap_or(from);
        // A click takes the brush off.
        let range = ((to - from).abs() > 0.02).then(|| (from.min(to), from.max(to)));
        compared
            .go
            .run(compared.request.get_untracked().brushed(axis, range));
    };
    let on_key = move |event: ev::KeyboardEvent| {
        let Some(pointed) = browser::pointed_axis(&event) else {
            return;
        };
        let (low, high) = pointed.brush;
        let (low, high) = if high > low { (low, high) } else { (0.0, 1.0) };
        let by = 0.05;
        let range = match event.key().as_str() {
            "ArrowUp" => Some((low + by, high + by)),
            "ArrowDown" => Some((low - by, high - by)),
            "+" | "=" => Some((low - by, high + by)),
            "-" => Some((low + by, high - by)),
            "Delete" | "Backspace" | "Escape" => None,
            _ => return,
        };
        event.prevent_default();
        focused.set_value(Some(pointed.axis));
        let range = range
            .map(|(low, high)| (low.max(0.0), high.min(1.0)))
            .filter(|(low, high)| high - low > 0.01);
        compared.go.run(
            compared
                .request
                .get_untracked()
                .brushed(pointed.axis, range),
        );
    };
    let done = move |deed: Deed| {
        let request = compared.request.get_untracked();
        let metric = || browser::field("reach-metric");
        match deed.what.as_str() {
            "reach-metric" => compared.change(|r| {
                if let Some((_, value)) = request.reach {
                    r.reach = Some((deed.of, value));
                }
            }),
            "reach-value" => compared.change(|r| {
                r.reach = deed
                    .of
                    .trim()
                    .parse()
                    .ok()
                    .and_then(|value: f64| value.is_finite().then(|| (metric(), value)))
            }),
            "towards" => compared.change(|r| {
                r.towards = if deed.of == "up" {
                    Towards::Up
                } else {
                    Towards::Down
                }
            }),
            _ => {}
        }
    };
    view! {
        <div class="section-body" on:pointermove=on_move on:pointerup=on_up on:keydown=on_key
            on:pointerdown=move |event| dragged.set_value(browser::pointed_axis(&event).map(|pointed| (pointed.axis, pointed.place)))>
            <Fragment html on_deed=Callback::new(done) class="section-body compare-tables"/>
        </div>
    }
}
