//! What a launch comes to as HTML: the grid of GPUs, the memory bar, time, rules. Written on the server only.

use domain::experiments::form::Preview;
use domain::experiments::outlook::Outlook;
use domain::finding::Weight;
use domain::language::Language;
use domain::recipes::fields;
use domain::recipes::memory::{Estimate, Fit};
use domain::recipes::world::{Grid, Place};
use leptos::prelude::*;

use super::setup_fields::said;
use crate::context::use_language;
use crate::shared::format::{count, significant, size, span};
use crate::texts::{experiments, preflight as t};

/// Empty before anything can be known.
pub fn outlook(preview: &Preview) -> String {
    let language = use_language();
    let Some(outlook) = &preview.outlook else {
        return String::new();
    };
    view! {
        {numbers(preview, outlook, language)}
        {outlook.grid.as_ref().map(|grid| grid_of(grid, preview, language))}
        {memory(outlook, language)}
        {rules(outlook, language)}
    }
    .to_html()
}

fn numbers(preview: &Preview, outlook: &Outlook, language: Language) -> AnyView {
    let pace = outlook.pace;
    let world = preview.division.map(|division| {
        let degrees = outlook
            .grid
            .as_ref()
            .map(|grid| named(grid.degrees))
            .unwrap_or_default();
        format!("{} · {degrees}", division.world)
    });
    let batches = preview
        .division
        .map(|division| format!("{} {}", division.accumulation, t::micro_batches(language)));
    let time = pace
        .hours
        .map(|hours| span((hours * 3_600_000.0) as i64, language));
    let each = pace
        .seconds_per_iteration
        .map(|seconds| format!("{} s/it", significant(seconds, 3)));
    view! {
        <dl class="facts">
            <dt>{t::world(language)}</dt><dd>{world} " " <span class="soft">{batches}</span></dd>
            <dt>{t::iterations(language)}</dt>
            <dd>{preview.iterations.map(count)} " " <span class="soft">{format!("{} {}", count(preview.rows), experiments::rows(language))}</span></dd>
            <dt>{t::tokens(language)}</dt>
            <dd>{(!pace.is_counted).then_some("≈ ")} {count(pace.tokens_per_iteration as u64)}</dd>
            <dt>{t::time(language)}</dt>
            <dd>{time} " " <span class="soft">{each} " " {t::basis(language, pace.basis)}</span></dd>
            {outlook.checkpoints.map(|(bytes, number)| view! {
                <dt>{t::checkpoints(language)}</dt><dd>{t::saved(language, number, &size(bytes as u64))}</dd>
            })}
        </dl>
    }
    .into_any()
}

/// Only the degrees that divide something: `TP 2 · PP 2 · DP 4`.
fn named([tensor, pipeline, context, expert, data]: [u64; 5]) -> String {
    [
        ("TP", tensor),
        ("PP", pipeline),
        ("CP", context),
        ("EP", expert),
        ("DP", data),
    ]
    .into_iter()
    .filter(|(name, degree)| *degree > 1 || *name == "DP")
    .map(|(name, degree)| format!("{name} {degree}"))
    .collect::<Vec<_>>()
    .join(" · ")
}

fn grid_of(grid: &Grid, preview: &Preview, language: Language) -> AnyView {
    let [tensor, pipeline, context, expert, _] = grid.degrees;
    let cell = |place: &Place| {
        let all = format!(
            "rank {} · PP {} · DP {} · CP {} · TP {} · EP {}",
            place.rank, place.pipeline, place.data, place.context, place.tensor, place.expert
        );
        // Only the degrees that divide something.
        let parts = [
            (2, 'D', place.data),
            (context, 'C', place.context),
            (tensor, 'T', place.tensor),
            (expert, 'E', place.expert),
        ];
        let short: Vec<_> = parts
            .into_iter()
            .filter(|(degree, ..)| *degree > 1)
            .map(|(_, letter, at)| view! { <b>{format!("{letter}{at}")}</b> })
            .collect();
        view! {
            <li class="gpu-cell" data-stage=place.pipeline % 10 title=all.clone() aria-label=all>
                <span>{(pipeline > 1).then(|| format!("P{}", place.pipeline))}</span><span>{short}</span>
            </li>
        }
    };
    let rows: Vec<_> = grid
        .nodes
        .iter()
        .enumerate()
        .map(|(at, places)| {
            let name = preview.scripts.get(at).map_or_else(|| format!("{at}"), |node| node.node.clone());
            let cells: Vec<_> = places.iter().map(cell).collect();
            view! { <div class="gpu-row"><span class="gpu-node">{name}</span><ul class="gpu-cells">{cells}</ul></div> }
        })
        .collect();
    let stages: Vec<_> = grid
        .stages
        .iter()
        .enumerate()
        .filter(|_| pipeline > 1)
        .map(|(at, (first, layers))| {
            let last = (first + layers).saturating_sub(1);
            view! { <li data-stage=at % 10><i></i>{format!("P{at}: {} {first} … {last}", t::layers(language))}</li> }
        })
        .collect();
    view! {
        <section class="gpu-grid" aria-label=t::grid(language)>
            <h3>{t::grid(language)}</h3>
            {rows}
            {(!stages.is_empty()).then(|| view! { <ul class="legend">{stages}</ul> })}
            {grid.is_split.then(|| view! { <p class="finding" data-weight="warning">{t::split(language)}</p> })}
        </section>
    }
    .into_any()
}

fn memory(outlook: &Outlook, language: Language) -> AnyView {
    let (Some(estimate), Some((name, bytes))) = (&outlook.memory, &outlook.gpu) else {
        return view! { <p class="soft">{t::memory_unknown(language)}</p> }.into_any();
    };
    let fit = estimate.fit(*bytes);
    let (word, mark) = match fit {
        Fit::Fits => (t::fits(language), "ok"),
        Fit::Tight => (t::tight(language), "warning"),
        Fit::TooLarge => (t::too_large(language), "stops"),
    };
    let likely = size(estimate.likely() as u64);
    let bands = format!(
        "{} {} … {}",
        t::between(language),
        size(estimate.low as u64),
        size(estimate.high as u64)
    );
    let measured = outlook
        .measured
        .as_ref()
        .map(|(run, gib)| t::measured(language, run, *gib));
    view! {
        <section class="memory" data-fit=mark>
            <h3>{t::memory(language)} " " <span class="soft">{name.clone()}</span></h3>
            <p class="memory-said"><strong>{likely}</strong> " " {t::of(language)} " " {size(*bytes as u64)} " " <span class="mark" data-mark=mark>{word}</span>
                " " <span class="soft">{bands} {measured.map(|text| format!(" · {text}"))}</span></p>
            {bar(estimate, *bytes, language)}
            {(!estimate.is_counted).then(|| view! { <p class="soft">{t::uncounted(language)}</p> })}
            {helps(estimate, *bytes, fit, language)}
        </section>
    }
    .into_any()
}

/// The bar is this many units long.
const LONG: f64 = 1000.0;

/// A bar on a scale that ends beyond the GPU and the high band. A picture, since pages may not style what they bring inline.
fn bar(estimate: &Estimate, bytes: f64, language: Language) -> AnyView {
    let end = estimate.high.max(bytes) * 1.04;
    let along = |bytes: f64| LONG * bytes / end;
    let parts = estimate.parts.named();
    let shown: Vec<_> = parts
        .iter()
        .enumerate()
        .filter(|(_, (_, bytes))| *bytes > 0.0)
        .collect();
    let mut from = 0.0;
    let pieces: Vec<_> = shown
        .iter()
        .map(|(at, (name, bytes))| {
            let title = format!("{} {}", t::part(language, name), size(*bytes as u64));
            let x = format!("{:.2}", along(from));
            from += bytes;
            let width = format!("{:.2}", along(*bytes));
            view! { <rect data-part=*at x=x y="5" width=width height="22"><title>{title}</title></rect> }
        })
        .collect();
    let legend: Vec<_> = shown
        .iter()
        .map(|(at, (name, bytes))| {
            view! { <li data-part=*at><i></i>{t::part(language, name)} " " <b>{size(*bytes as u64)}</b></li> }
        })
        .collect();
    let band = (
        format!("{:.2}", along(estimate.low)),
        format!("{:.2}", along(estimate.high - estimate.low)),
    );
    view! {
        <svg class="memory-bar" viewBox=format!("0 0 {LONG} 34") preserveAspectRatio="none" role="img"
            aria-label=format!("{} / {}", size(estimate.likely() as u64), size(bytes as u64))>
            <rect class="memory-ground" x="0" y="5" width=LONG height="22"></rect>
            {pieces}
            <rect class="memory-band" x=band.0 y="29" width=band.1 height="3"></rect>
            <rect class="memory-end" x=format!("{:.2}", along(bytes)) y="0" width="3" height="34"></rect>
        </svg>
        <ul class="legend">{legend}</ul>
    }
    .into_any()
}

fn helps(estimate: &Estimate, bytes: f64, fit: Fit, language: Language) -> Option<AnyView> {
    if estimate.helps.is_empty() {
        return None;
    }
    let rows: Vec<_> = estimate
        .helps
        .iter()
        .take(8)
        .map(|help| {
            let set = serde_json::to_string(&help.set).unwrap_or_default();
            let mark = if help.after <= bytes { "ok" } else { "stops" };
            view! {
                <li><b class="number">{format!("−{}", size(help.saves as u64))}</b>
                    <span>{help.text.in_language(language).to_owned()} " " <span class="soft" data-mark=mark>{format!("→ {}", size(help.after as u64))}</span></span>
                    <button type="button" class="button-quiet" data-do="write" data-of=set>{t::write_it(language)}</button></li>
            }
        })
        .collect();
    Some(view! { <details class="helps" open=fit != Fit::Fits><summary>{t::helps(language)}</summary><ul>{rows}</ul></details> }.into_any())
}

fn rules(outlook: &Outlook, language: Language) -> Option<AnyView> {
    if outlook.breaches.is_empty() {
        return None;
    }
    let rows: Vec<_> = outlook
        .breaches
        .iter()
        .map(|breach| {
            let weight = match breach.finding.weight {
                Weight::Stops => "stops",
                Weight::Warning => "warning",
            };
            // What was found and what to write stands beside the field.
            let field = breach.finding.field.clone();
            let label = fields::find(&field).map(|known| said(known.label, language).to_owned());
            let address = format!("#{field}");
            view! {
                <li data-weight=weight><a href=address>{label.unwrap_or(field)}</a> " " <code>{breach.says.clone()}</code></li>
            }
        })
        .collect();
    Some(
        view! { <section class="rules"><h3>{t::rules(language)}</h3><ul>{rows}</ul></section> }
            .into_any(),
    )
}
