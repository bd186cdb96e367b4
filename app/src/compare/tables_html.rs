//! Tables and parallel coordinates of the compare page as HTML, written on the server only.

use domain::comparison::colours;
use domain::comparison::config::{Config, Difference, differences, kind, shown as as_text};
use domain::comparison::parallel::{self, Axis, Tick};
use domain::comparison::reach::{Reached, speed_ups};
use domain::comparison::request::CompareRequest;
use domain::comparison::table::{Cell, Column, Row, Which};
use domain::language::Language;
use leptos::prelude::*;
use serde_json::Value;

use crate::context::use_language;
use crate::experiments::table_html::{given, rounded, state, tag_link};
use crate::shared::format::{count, significant, span};
use crate::texts::compare as t;
use crate::texts::comparison::column as column_words;

/// Everything that the page tells beside the charts.
pub struct Told<'a> {
    pub request: &'a CompareRequest,
    /// In the order of the request, with the cells of `columns`.
    pub rows: &'a [Row],
    /// Axes of the parallel coordinates.
    pub columns: &'a [Column],
    pub configs: &'a [Config],
    /// Metrics that some of them have, with how many.
    pub metrics: &'a [(String, usize)],
    pub reached: &'a [Option<Reached>],
}

pub fn tables(told: &Told<'_>) -> String {
    let language = use_language();
    let keys: Vec<String> = told.rows.iter().map(|row| row.id.to_string()).collect();
    let colours = colours::assign(&keys.iter().map(String::as_str).collect::<Vec<_>>());
    let cells = |at: usize| -> Vec<&Cell> { told.rows.iter().map(|row| &row.cells[at]).collect() };
    let axes: Vec<Axis> = told
        .columns
        .iter()
        .enumerate()
        .filter_map(|(at, column)| parallel::axis(column, &cells(at)))
        .collect();
    let passing = parallel::passing(&axes, &told.request.brushes, told.rows.len());
    view! {
        {chosen(told, &colours, &passing, language)}
        {coordinates(told, &axes, &colours, &passing, language)}
        {reaching(told, &colours, language)}
        {config_diff(told, &colours, language)}
    }
    .to_html()
}

/// The chosen experiments, each to be left out again.
fn chosen(told: &Told<'_>, colours: &[usize], passing: &[bool], language: Language) -> AnyView {
    let leaving = |out: &dyn Fn(usize) -> bool| {
        let experiments = told
            .rows
            .iter()
            .enumerate()
            .filter(|(at, _)| !out(*at))
            .map(|(_, row)| row.id.clone())
            .collect();
        CompareRequest {
            experiments,
            brushes: Vec::new(),
            ..told.request.clone()
        }
        .address()
    };
    let is_brushed = passing.iter().any(|passes| !passes);
    let rows: Vec<_> = told
        .rows
        .iter()
        .enumerate()
        .map(|(at, row)| {
            let lasted = row.started_at.map(|from| {
                let end = row.ended_at.unwrap_or_else(backend::clock::now);
                span(end.0 - from.0, language)
            });
            let tags: Vec<_> = row.tags.iter().map(|tag| tag_link(tag)).collect();
            let label = format!("{}: {}", t::leave_out(language), row.name);
            view! {
                <tr class:dimmed=!passing[at]>
                    <td class="run-name"><i class="dot" data-colour=colours[at]></i><a href=format!("/experiments/{}", row.id) title=row.name.clone()>{row.name.clone()}</a></td>
                    <td>{state(&row.state, language)}</td>
                    <td class="number">{lasted}</td>
                    <td class="tags">{tags}</td>
                    <td class="run-notes" title=row.notes.clone()>{row.notes.clone()}</td>
                    <td class="actions"><a class="button-quiet" href=leaving(&|other| other == at) title=label.clone() aria-label=label>"✕"</a></td>
                </tr>
            }
        })
        .collect();
    let keep = is_brushed.then(|| {
        let kept = passing.iter().filter(|passes| **passes).count();
        view! { <a class="button" data-size="small" href=leaving(&|at| !passing[at])>{t::keep_only(language, kept)}</a> }
    });
    view! {
        <section class="section-body"><h2>{t::chosen(language)} " " <small class="soft">{told.rows.len()}</small></h2>{keep}
            <div class="runs-scroll"><table class="table runs"><tbody>{rows}</tbody></table></div>
        </section>
    }
    .into_any()
}

const AXIS_GAP: f64 = 150.0;
const AXIS_TOP: f64 = 34.0;
const AXIS_LENGTH: f64 = 220.0;
const AXIS_LEFT: f64 = 80.0;

/// One line an experiment through its values; what lies outside of a brush is dimmed.
fn coordinates(
    told: &Told<'_>,
    axes: &[Axis],
    colours: &[usize],
    passing: &[bool],
    language: Language,
) -> AnyView {
    if axes.len() < 2 {
        return view! { <section class="section-body"><h2>{t::parallel(language)}</h2><p class="soft">{t::few_axes(language)}</p></section> }.into_any();
    }
    let across = |axis: usize| AXIS_LEFT + axis as f64 * AXIS_GAP;
    let down = |place: f64| AXIS_TOP + (1.0 - place) * AXIS_LENGTH;
    let width = AXIS_LEFT * 2.0 + (axes.len() - 1) as f64 * AXIS_GAP;
    let mut order: Vec<usize> = (0..told.rows.len()).collect();
    // What passes is drawn over what does not.
    order.sort_by_key(|at| passing[*at]);
    let lines: Vec<_> = order
        .into_iter()
        .map(|at| {
            let mut path = String::new();
            let mut is_down = false;
            for (number, axis) in axes.iter().enumerate() {
                match axis.places[at] {
                    Some(place) => {
                        let word = if is_down { 'L' } else { 'M' };
                        path.push_str(&format!("{word}{:.1} {:.1}", across(number), down(place)));
                        is_down = true;
                    }
                    None => is_down = false,
                }
            }
            view! { <path class="line" class:dimmed=!passing[at] data-colour=colours[at] d=path><title>{told.rows[at].name.clone()}</title></path> }
        })
        .collect();
    let marks: Vec<_> = axes
        .iter()
        .enumerate()
        .map(|(number, axis)| {
            let (name, which) = column_words(language, &axis.column);
            // Of a nested name the last part; the whole stands in the title.
            let short: String = name.rsplit('.').next().unwrap_or(&name).chars().take(20).collect();
            let title = if which.is_empty() { short } else { format!("{short} {which}") };
            let ticks: Vec<_> = axis
                .ticks
                .iter()
                .map(|(place, tick)| {
                    let text = match tick {
                        Tick::Number(number) if matches!(axis.column, Column::Config(_)) => given(rounded(*number)),
                        Tick::Number(number) => significant(*number, 4),
                        Tick::Text(text) => text.chars().take(16).collect(),
                    };
                    view! { <text class="axis" x=across(number) + 6.0 y=down(*place) + 4.0>{text}</text> }
                })
                .collect();
            let brush = told.request.brushes.iter().find(|brush| brush.axis == number);
            let (from, to) = brush.map_or((0.0, 0.0), |brush| (brush.from, brush.to));
            let label = t::brush_label(language, &title);
            view! {
                <text class="axis-name" x=across(number) y="14" text-anchor="middle">{title.clone()}<title>{axis.column.to_string()}</title></text>
                <line class="grid" x1=across(number) x2=across(number) y1=AXIS_TOP y2=AXIS_TOP + AXIS_LENGTH></line>
                {ticks}
                <rect class="brush" data-brush=number x=across(number) - 7.0 width="14" y=down(to) height=(to - from) * AXIS_LENGTH></rect>
                <rect class="axis-area" data-axis=number data-low=from data-high=to tabindex="0" role="slider" aria-label=label aria-valuemin="0" aria-valuemax="1"
                    aria-valuenow=from aria-valuetext=t::brush_value(language, from, to)
                    x=across(number) - 14.0 width="28" y=AXIS_TOP height=AXIS_LENGTH></rect>
            }
        })
        .collect();
    let clear = (!told.request.brushes.is_empty()).then(|| {
        let to = CompareRequest {
            brushes: Vec::new(),
            ..told.request.clone()
        }
        .address();
        view! { <a class="button" data-size="small" href=to>{t::clear_brushes(language)}</a> }
    });
    let logs: Vec<String> = axes
        .iter()
        .filter(|axis| axis.is_log)
        .map(|axis| column_words(language, &axis.column).0)
        .collect();
    view! {
        <section class="section-body">
            <h2>{t::parallel(language)}</h2>
            <p class="soft">{t::brush_help(language)} {(!logs.is_empty()).then(|| format!(" {}", t::log_axes(language, &logs.join(", "))))} " " {clear}</p>
            <div class="parallel-scroll"><svg class="parallel" viewBox=format!("0 0 {width} {}", AXIS_TOP + AXIS_LENGTH + 12.0) width=width>{lines}{marks}</svg></div>
        </section>
    }
    .into_any()
}

/// How soon each reaches a value, and how much sooner than the slowest.
fn reaching(told: &Told<'_>, colours: &[usize], language: Language) -> AnyView {
    let (metric, value) = told.request.reach.clone().unwrap_or_else(|| {
        let first = told
            .metrics
            .first()
            .map(|(name, _)| name.clone())
            .unwrap_or_default();
        (first, f64::NAN)
    });
    let options: Vec<_> = told
        .metrics
        .iter()
        .take(200)
        .map(|(name, _)| view! { <option value=name.clone() selected=*name == metric>{name.clone()}</option> })
        .collect();
    let by_steps = speed_ups(told.reached, |reached| reached.step);
    let by_time = speed_ups(told.reached, |reached| reached.millis);
    let times = |ratio: Option<f64>| ratio.map(|ratio| format!("{} ×", significant(ratio, 3)));
    let rows = told.request.reach.is_some().then(|| {
        let mut order: Vec<usize> = (0..told.rows.len().min(told.reached.len())).collect();
        order.sort_by_key(|at| told.reached[*at].map_or(i64::MAX, |reached| reached.step));
        let rows: Vec<_> = order
            .into_iter()
            .map(|at| {
                let row = &told.rows[at];
                let cells = match told.reached[at] {
                    Some(reached) => view! {
                        <td class="number">{count(reached.step.unsigned_abs())}</td><td class="number">{times(by_steps[at])}</td>
                        <td class="number">{span(reached.millis, language)}</td><td class="number">{times(by_time[at])}</td>
                    }
                    .into_any(),
                    None => view! { <td class="soft" colspan="4">{t::not_reached(language)}</td> }.into_any(),
                };
                view! { <tr><td class="run-name"><i class="dot" data-colour=colours[at]></i>{row.name.clone()}</td>{cells}</tr> }
            })
            .collect();
        view! {
            <div class="runs-scroll"><table class="table runs">
                <thead><tr><th></th><th class="number">{t::steps(language)}</th><th class="number">{t::faster(language)}</th><th class="number">{t::time(language)}</th><th class="number">{t::faster(language)}</th></tr></thead>
                <tbody>{rows}</tbody>
            </table></div>
        }
    });
    let is_up = told.request.towards == domain::comparison::reach::Towards::Up;
    let typed = if value.is_finite() {
        value.to_string()
    } else {
        String::new()
    };
    view! {
        <section class="section-body" id="reach">
            <h2>{t::reach(language)}</h2>
            <div class="form-row reach-row">
                <select class="input" data-do="reach-metric" aria-label=t::metric(language)>{options}</select>
                <select class="input" data-do="towards" aria-label=t::direction(language)>
                    <option value="down" selected=!is_up>"≤"</option><option value="up" selected=is_up>"≥"</option>
                </select>
                <input class="input" type="text" inputmode="decimal" data-do="reach-value" value=typed aria-label=t::value(language) placeholder="1.5"/>
                <span class="soft">{t::reach_help(language)}</span>
            </div>
            {rows}
        </section>
    }
    .into_any()
}

/// Only what is not the same in all of them.
fn config_diff(told: &Told<'_>, colours: &[usize], language: Language) -> AnyView {
    let found = differences(told.configs);
    let same = told.configs.first().map_or(0, |first| {
        let differing = found
            .iter()
            .filter(|difference| first.contains_key(&difference.name))
            .count();
        first.len() - differing
    });
    let heads: Vec<_> = told
        .rows
        .iter()
        .zip(colours)
        .map(|(row, colour)| view! { <th scope="col" title=row.name.clone()><i class="dot" data-colour=*colour></i>{row.name.clone()}</th> })
        .collect();
    let rows: Vec<_> = found
        .iter()
        .map(|difference| diff_row(difference, language))
        .collect();
    let body = if found.is_empty() {
        view! { <p class="soft">{t::no_difference(language)}</p> }.into_any()
    } else {
        view! { <div class="runs-scroll"><table class="table runs diff"><thead><tr><th></th>{heads}</tr></thead><tbody>{rows}</tbody></table></div> }.into_any()
    };
    view! {
        <section class="section-body"><h2>{t::config_diff(language)} " " <small class="soft">{t::the_same(language, same)}</small></h2>{body}</section>
    }
    .into_any()
}

fn diff_row(difference: &Difference, language: Language) -> AnyView {
    let kinds: std::collections::BTreeSet<&str> =
        difference.values.iter().flatten().map(kind).collect();
    let cells: Vec<_> = difference
        .values
        .iter()
        .map(|value| match value {
            Some(value) => {
                let text = as_text(value);
                let text = if let Value::Number(number) = value { number.as_f64().map_or(text, given) } else { text };
                let type_mark = (kinds.len() > 1).then(|| view! { " " <small class="mark">{kind(value)}</small> });
                view! { <td class="run-value" title=text.clone()><code>{text.clone()}</code>{type_mark}</td> }.into_any()
            }
            None => view! { <td class="soft">{t::absent(language)}</td> }.into_any(),
        })
        .collect();
    let (group, name) = difference
        .name
        .rsplit_once('.')
        .map_or(("", difference.name.as_str()), |(group, name)| {
            (group, name)
        });
    let group = if group.is_empty() {
        String::new()
    } else {
        format!("{group}.")
    };
    let only = difference
        .is_only_kind
        .then(|| view! { " " <small class="soft">{t::only_kind(language)}</small> });
    view! { <tr><th scope="row"><small class="soft">{group}</small>{name.to_owned()}{only}</th>{cells}</tr> }.into_any()
}

/// The axes when nobody has chosen: what differs in the configurations and is a number or a short text, then the first metric.
pub fn usual_axes(configs: &[Config], metrics: &[(String, usize)]) -> Vec<Column> {
    let mut axes: Vec<Column> = differences(configs)
        .into_iter()
        .filter(|difference| {
            !difference
                .values
                .iter()
                .flatten()
                .any(|value| value.is_array() || value.is_object())
        })
        .take(6)
        .map(|difference| Column::Config(difference.name))
        .collect();
    axes.extend(
        metrics
            .first()
            .map(|(name, _)| Column::Metric(name.clone(), Which::Last)),
    );
    axes
}
