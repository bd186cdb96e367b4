//! The same points as a table, for those who read numbers and for screen readers.

use domain::metrics::Drawn;
use leptos::prelude::*;

use crate::context::use_language;
use crate::shared::format::significant;
use crate::texts::metrics as t;

/// More rows than this are not read by anybody; a zoom shows the others.
const ROWS: usize = 500;

#[component]
pub fn TableTwin(drawn: Memo<Option<Drawn>>) -> impl IntoView {
    let language = use_language();
    move || {
        let drawn = drawn.get()?;
        let every = drawn.steps.len().div_ceil(ROWS).max(1);
        let has_smoothed = !drawn.smoothed.is_empty();
        let rows = (0..drawn.steps.len()).step_by(every).map(|at| view! {
            <tr>
                <td class="number">{drawn.steps[at]}</td>
                <td class="number">{drawn.values.get(at).map(|v| significant(*v, 6))}</td>
                {has_smoothed.then(|| view! { <td class="number">{drawn.smoothed.get(at).map(|v| significant(*v, 6))}</td> })}
            </tr>
        }).collect_view();
        let bad = (!drawn.non_finite.is_empty()).then(|| {
            let steps: Vec<String> = drawn.non_finite.iter().take(20).map(|(step, _)| step.to_string()).collect();
            view! { <p class="finding" data-weight="warning">{t::not_finite(language)} " " {steps.join(", ")}</p> }
        });
        Some(view! {
            {bad}
            <div class="chart-table" tabindex="0">
                <table class="table">
                    <thead><tr>
                        <th>{t::step(language)}</th>
                        <th>{t::value(language)}</th>
                        {has_smoothed.then(|| view! { <th>{t::smoothed(language)}</th> })}
                    </tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        })
    }
}
