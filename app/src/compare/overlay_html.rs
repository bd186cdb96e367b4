//! The charts of the compare page as SVG in HTML, written on the server only. Colours are the tokens', so that both themes show the same
//! picture; the browser lays a cursor over it and asks for another picture when one zooms.

use domain::comparison::Curve;
use domain::comparison::request::CompareRequest;
use domain::language::Language;
use leptos::prelude::*;

use super::svg::{self, HEIGHT, Plot, WIDTH};
use crate::context::use_language;
use crate::experiments::table_html::given;
use crate::shared::format::{significant, span};
use crate::texts::compare as t;

/// One metric: its name, and its curves.
pub type Metric = (String, Vec<Curve>);

/// All charts, each with a legend whose values follow the cursor.
pub fn charts(metrics: &[Metric], request: &CompareRequest) -> String {
    let language = use_language();
    if metrics.is_empty() {
        return view! { <p class="empty">{t::no_metric(language)}</p> }.to_html();
    }
    let charts: Vec<_> = metrics
        .iter()
        .enumerate()
        .map(|(at, metric)| chart(at, metric, request, language))
        .collect();
    view! { <div class="charts">{charts}</div> }.to_html()
}

fn chart(
    at: usize,
    (name, curves): &Metric,
    request: &CompareRequest,
    language: Language,
) -> AnyView {
    let Some(plot) = Plot::of(curves, request.is_log, request.range) else {
        return view! {
            <figure class="chart"><figcaption class="chart-head"><span class="chart-title">{name.clone()}</span></figcaption><p class="soft">{t::no_points(language)}</p></figure>
        }
        .into_any();
    };
    let picture = picture(&plot, curves, request, language);
    let rows: Vec<_> = curves
        .iter()
        .map(|curve| legend_row(curve, language))
        .collect();
    let said = aloud(name, curves, language);
    view! {
        <figure class="chart overlay">
            <figcaption class="chart-head"><span class="chart-title">{name.clone()}</span></figcaption>
            <div class="overlay-plot" tabindex="0" role="img" aria-label=said data-plot=at data-from=plot.x.0 data-to=plot.x.1
                data-left=plot.left_share() data-right=plot.right_share()>
                {picture}
                <i class="overlay-cursor" hidden></i><i class="overlay-zoom" hidden></i>
            </div>
            <div class="overlay-legend" tabindex="0" role="region" aria-label=name.clone()>
                <table><thead><tr><th></th><th class="number" data-now=t::last(language)>{t::last(language)}</th><th class="number">{t::least(language)}</th><th class="number">{t::greatest(language)}</th></tr></thead><tbody>{rows}</tbody></table>
            </div>
        </figure>
    }
    .into_any()
}

/// Points of a line that the cursor reads; finer than that nobody points.
const READINGS: usize = 150;

/// A line with its last, least and greatest value; the cursor puts the value at its place for the last one.
fn legend_row(curve: &Curve, language: Language) -> AnyView {
    let value = |value: Option<f64>| value.map(|value| significant(value, 4)).unwrap_or_default();
    let drawn = &curve.drawn;
    let finite = || {
        drawn
            .values
            .iter()
            .copied()
            .filter(|value| value.is_finite())
    };
    let last = value(drawn.values.last().copied());
    let every = drawn.x.len().div_ceil(READINGS).max(1);
    let places = (0..drawn.x.len()).filter(|at| at % every == 0 || at + 1 == drawn.x.len());
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for at in places {
        x.push(drawn.x[at].to_string());
        y.push(value(drawn.values.get(at).copied()));
    }
    view! {
        <tr data-x=x.join(",") data-y=y.join(",")>
            <th scope="row" title=curve.label.clone()><i class="dot" data-colour=curve.colour></i>{label(curve, language)}</th>
            <td class="number" data-last=last.clone()>{last.clone()}</td>
            <td class="number">{value(finite().reduce(f64::min))}</td>
            <td class="number">{value(finite().reduce(f64::max))}</td>
        </tr>
    }
    .into_any()
}

/// What a line is called; of a group how many are in it.
pub fn label(curve: &Curve, language: Language) -> String {
    let is_group = !curve.low.is_empty();
    let name = match curve.label.parse::<f64>() {
        Ok(number) if is_group => given(number),
        _ if curve.label.is_empty() => t::none(language).to_owned(),
        _ => curve.label.clone(),
    };
    if is_group {
        format!("{name} ({})", curve.members)
    } else {
        name
    }
}

/// What a screen reader hears: each line with its last and its best value.
fn aloud(name: &str, curves: &[Curve], language: Language) -> String {
    let lines: Vec<String> = curves
        .iter()
        .take(10)
        .filter_map(|curve| {
            let last = curve.drawn.values.last()?;
            Some(format!(
                "{}: {}",
                label(curve, language),
                significant(*last, 4)
            ))
        })
        .collect();
    format!("{name}. {}", lines.join("; "))
}

fn picture(plot: &Plot, curves: &[Curve], request: &CompareRequest, language: Language) -> AnyView {
    let rows: Vec<_> = plot
        .y_ticks()
        .into_iter()
        .map(|(place, value)| {
            view! {
                <line class="grid" x1=plot.left() x2=plot.right() y1=place y2=place></line>
                <text class="axis" x=plot.left() - 6.0 y=place + 4.0 text-anchor="end">{significant(value, 3)}</text>
            }
        })
        .collect();
    let columns: Vec<_> = plot
        .x_ticks()
        .into_iter()
        .map(|(place, value)| {
            let text = if request.is_by_time {
                span(value as i64, language)
            } else {
                significant_step(value)
            };
            view! { <text class="axis" x=place y=HEIGHT - 6.0 text-anchor="middle">{text}</text> }
        })
        .collect();
    let bands: Vec<_> = curves
        .iter()
        .filter(|curve| !curve.low.is_empty())
        .map(|curve| view! { <path class="band" data-colour=curve.colour d=plot.band(curve)></path> })
        .collect();
    let lines: Vec<_> = curves
        .iter()
        .map(|curve| {
            let smoothed = &curve.drawn.smoothed;
            let raw = (!smoothed.is_empty()).then(|| view! { <path class="line raw" data-colour=curve.colour d=plot.line(&curve.drawn.x, &curve.drawn.values)></path> });
            let values = if smoothed.is_empty() { &curve.drawn.values } else { smoothed };
            view! { {raw}<path class="line" data-colour=curve.colour d=plot.line(&curve.drawn.x, values)><title>{label(curve, language)}</title></path> }
        })
        .collect();
    view! {
        <svg viewBox=svg::view_box() aria-hidden="true">
            {rows}{columns}
            <svg x=plot.left() y=svg::TOP width=WIDTH - plot.left() height=svg::BODY viewBox=plot.inner_box()>{bands}{lines}</svg>
        </svg>
    }
    .into_any()
}

fn significant_step(value: f64) -> String {
    crate::shared::format::count(value.max(0.0).round() as u64)
}
