//! The pre-flight as HTML: a matrix of checks and nodes, with what is wrong right below its row. Written on the server only.

use domain::experiments::preflight::{Cell, Fix, Mark, Problem, Progress, Report, Row};
use domain::language::Language;
use leptos::prelude::*;

use crate::context::use_language;
use crate::texts::preflight as t;

pub fn progress(progress: &Progress) -> String {
    let language = use_language();
    match &progress.report {
        Some(report) => of_report(report, language).to_html(),
        None => waiting(progress, language).to_html(),
    }
}

pub fn report(report: &Report) -> String {
    of_report(report, use_language()).to_html()
}

fn waiting(progress: &Progress, language: Language) -> AnyView {
    let nodes: Vec<_> = progress
        .nodes
        .iter()
        .map(|(name, is_there)| {
            let word = if *is_there { t::answered(language) } else { t::waiting(language) };
            view! { <li data-mark=if *is_there { "ok" } else { "unknown" }><b>{name.clone()}</b> " " {word}</li> }
        })
        .collect();
    view! { <div class="preflight" aria-busy="true"><p role="status">{t::checking(language)}</p><ul class="legend">{nodes}</ul></div> }.into_any()
}

fn of_report(report: &Report, language: Language) -> AnyView {
    let (stops, warnings) = report.counts();
    let heads: Vec<_> = report
        .nodes
        .iter()
        .map(|name| view! { <th scope="col">{name.clone()}</th> })
        .collect();
    let mut rows: Vec<&Row> = report.rows.iter().collect();
    // What stands in the way comes first; otherwise the order of looking.
    rows.sort_by_key(|row| std::cmp::Reverse(row.mark().max(Mark::Unknown)));
    let width = report.nodes.len();
    let rows: Vec<_> = rows
        .into_iter()
        .map(|row| of_row(row, width, language))
        .collect();
    view! {
        <div class="preflight">
            <div class="preflight-head">
                <p role="status" data-mark=word(if stops > 0 { Mark::Stops } else if warnings > 0 { Mark::Warning } else { Mark::Ok })>
                    {t::counts(language, stops, warnings, report.seconds)}</p>
                <label><input type="checkbox" class="only-differing"/> " " {t::only_differing(language)}</label>
            </div>
            <div class="runs-scroll" tabindex="0" role="region" aria-label=t::report(language)>
                <table class="table matrix">
                    <thead><tr><th scope="col">{t::check(language)}</th>{heads}</tr></thead>
                    {rows}
                </table>
            </div>
        </div>
    }
    .into_any()
}

fn of_row(row: &Row, width: usize, language: Language) -> AnyView {
    let is_whole = row.cells.len() != width;
    let cells: Vec<_> = row
        .cells
        .iter()
        .map(|cell| of_cell(cell, if is_whole { width } else { 1 }, language))
        .collect();
    let problems: Vec<_> = row
        .problems
        .iter()
        .map(|problem| of_problem(problem, language))
        .collect();
    view! {
        <tbody data-key=row.key.clone() data-mark=word(row.mark()) data-differs=row.differs().to_string()>
            <tr><th scope="row">{row.title.in_language(language).to_owned()}</th>{cells}</tr>
            {(!problems.is_empty()).then(|| view! { <tr class="matrix-why"><td colspan=width + 1>{problems}</td></tr> })}
        </tbody>
    }
    .into_any()
}

fn of_cell(cell: &Cell, span: usize, language: Language) -> AnyView {
    let sign = match cell.mark {
        Mark::Ok => "✓",
        Mark::Unknown => "?",
        Mark::Warning => "!",
        Mark::Stops => "✕",
    };
    view! {
        <td colspan=span data-mark=word(cell.mark)>
            <b aria-label=t::mark(language, cell.mark)>{sign}</b> " " <span>{cell.value.clone()}</span>
        </td>
    }
    .into_any()
}

fn of_problem(problem: &Problem, language: Language) -> AnyView {
    let weight = if problem.mark == Mark::Stops {
        "stops"
    } else {
        "warning"
    };
    view! {
        <div class="finding" data-weight=weight>
            <p>{problem.why.in_language(language).to_owned()}</p>
            {(!problem.evidence.is_empty()).then(|| view! { <code class="evidence">{problem.evidence.clone()}</code> })}
            {problem.fix.as_ref().map(|fix| button(fix, language))}
        </div>
    }
    .into_any()
}

fn button(fix: &Fix, language: Language) -> AnyView {
    let of = serde_json::to_string(fix).unwrap_or_default();
    match fix {
        Fix::SpreadModel { .. } => view! { <button type="button" class="button" data-do="mend" data-of=of>{t::spread(language)}</button> }.into_any(),
        Fix::MakeFolder { .. } => view! { <button type="button" class="button" data-do="mend" data-of=of>{t::make_folder(language)}</button> }.into_any(),
        Fix::Write { set } => {
            let of = serde_json::to_string(set).unwrap_or_default();
            let said: Vec<String> = set.iter().map(|(name, value)| format!("{name} {value}")).collect();
            view! { <button type="button" class="button" data-do="write" data-of=of title=said.join(", ")>{t::write_it(language)}</button> }.into_any()
        }
        Fix::Open { address } => view! { <a class="button" href=address.clone()>{t::open(language)}</a> }.into_any(),
    }
}

fn word(mark: Mark) -> &'static str {
    match mark {
        Mark::Ok => "ok",
        Mark::Unknown => "unknown",
        Mark::Warning => "warning",
        Mark::Stops => "stops",
    }
}
