//! The same points as a table, for those who read numbers and for screen readers.

use leptos::prelude::*;

use super::chart::ChartState;
use super::legend::{axis_title, nearest, place};
use crate::context::use_language;
use crate::shared::format::significant;
use crate::texts::metrics as t;

/// More rows than this are not read by anybody; a zoom shows the others.
const ROWS: usize = 500;

#[component]
pub fn TableTwin(chart: ChartState) -> impl IntoView {
    let language = use_language();
    move || {
        let held = chart.held.get();
        let range = chart.range();
        let lines = held.lines(range);
        let first = lines.last()?;
        let (from, to) = range.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
        let shown: Vec<usize> = (0..first.x.len())
            .filter(|at| (from..=to).contains(&first.x[*at]))
            .collect();
        let every = shown.len().div_ceil(ROWS).max(1);
        let several = lines.len() > 1;
        let heads = lines
            .iter()
            .map(|drawn| {
                let words = if drawn.key.labels.is_empty() {
                    String::new()
                } else {
                    drawn.key.labels.to_string()
                };
                let attempt = format!("{} {}", t::attempt(language), drawn.attempt);
                let head = if several {
                    format!("{words} {attempt}")
                } else {
                    t::value(language).to_owned()
                };
                let smoothed = (!drawn.smoothed.is_empty())
                    .then(|| view! { <th>{t::smoothed(language)}</th> });
                view! { <th>{head}</th> {smoothed} }
            })
            .collect_view();
        let rows = shown
            .into_iter()
            .step_by(every)
            .map(|at| {
                let x = first.x[at];
                // Other lines have points at other places: theirs is shown where it is at the same one.
                let cells = lines
                    .iter()
                    .map(|drawn| {
                        let own = nearest(&drawn.x, x).filter(|own| drawn.x[*own] == x);
                        let cell = |values: &[f64]| {
                            own.and_then(|own| values.get(own))
                                .map(|value| significant(*value, 6))
                        };
                        let smoothed = (!drawn.smoothed.is_empty())
                            .then(|| view! { <td class="number">{cell(&drawn.smoothed)}</td> });
                        view! { <td class="number">{cell(&drawn.values)}</td> {smoothed} }
                    })
                    .collect_view();
                view! { <tr><td class="number">{place(&held.x, x, language)}</td>{cells}</tr> }
            })
            .collect_view();
        let odd: Vec<String> = lines
            .iter()
            .flat_map(|drawn| &drawn.non_finite)
            .take(20)
            .map(|(x, _)| place(&held.x, *x, language))
            .collect();
        let odd = (!odd.is_empty()).then(|| view! {
            <p class="finding" data-weight="warning">{t::not_finite(language)} " " {odd.join(", ")}</p>
        });
        let more = (every > 1).then(|| view! { <p class="chart-note">{t::thinned(language)}</p> });
        Some(view! {
            {odd} {more}
            <div class="chart-table" tabindex="0" role="group" aria-label=t::table(language)>
                <table class="table">
                    <thead><tr><th>{axis_title(&held, language)}</th>{heads}</tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        })
    }
}
