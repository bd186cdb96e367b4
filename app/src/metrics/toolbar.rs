//! What charts are drawn by: search, axis, smoothing, attempts, and what is shown of the values.

use domain::language::Language;
use domain::metrics::view::{
    ChartView, attempts_word, axis_word, of_parts, parts, read_attempts, read_axis,
};
use domain::metrics::{Attempts, XAxis};
use leptos::prelude::*;

use super::names;
use super::panel::Found;
use super::state::Panel;
use crate::context::use_language;
use crate::texts::metrics as t;

/// A switch: its words, whether it is on, and what a click does.
type Check = (&'static str, fn(&ChartView) -> bool, fn(&mut ChartView));

#[component]
pub fn Toolbar(panel: Panel, found: Signal<Found>) -> impl IntoView {
    let language = use_language();
    let change = move |change: fn(&mut ChartView)| panel.view.update(change);
    let checks: [Check; 5] = [
        (
            t::log_x(language),
            |view| view.log_x,
            |view| {
                view.log_x = !view.log_x;
                view.range = None;
            },
        ),
        (
            t::log_y(language),
            |view| view.log_y,
            |view| view.log_y = !view.log_y,
        ),
        (
            t::hide_outliers(language),
            |view| view.hides_outliers,
            |view| view.hides_outliers = !view.hides_outliers,
        ),
        (
            t::band(language),
            |view| view.has_band,
            |view| view.has_band = !view.has_band,
        ),
        (
            t::linked(language),
            |view| !view.is_apart,
            |view| view.is_apart = !view.is_apart,
        ),
    ];
    let is_zoomed = move || {
        panel.view.with(|view| view.range.is_some()) || panel.own.with(|own| !own.is_empty())
    };
    view! {
        <div class="chart-tools" role="group" aria-label=t::tools(language)>
            <Search panel found/>
            <label class="chart-tool">{t::axis(language)} <Axis panel/></label>
            <Smoothing panel/>
            <AttemptChoice panel/>
            {checks.map(|(words, is_on, flip)| view! {
                <button class="chart-toggle" type="button" aria-pressed=move || panel.view.with(is_on).to_string() on:click=move |_| change(flip)>{words}</button>
            }).collect_view()}
        </div>
        <div class="chart-keys">
            <span class="chart-hint">{t::keys(language)}</span>
            <button class="button" data-size="small" type="button" hidden=move || !is_zoomed()
                on:click=move |_| { panel.own.update(|own| own.clear()); change(|view| view.range = None); }>
                {t::reset_zoom(language)}
            </button>
            <span class="chart-files">{t::all_points(language)} {["csv", "json", "parquet"].map(|format| {
                let address = panel.experiment.with_value(|id| format!("/console/v1/experiments/{id}/points?format={format}"));
                view! { <a href=address download="" rel="external">{format.to_uppercase()}</a> }
            })}</span>
        </div>
    }
}

#[component]
fn Search(panel: Panel, found: Signal<Found>) -> impl IntoView {
    let language = use_language();
    let wrong = move || match found.get() {
        Some(Err(findings)) => findings
            .first()
            .map(|finding| finding.text.in_language(language).to_owned()),
        _ => None,
    };
    let has_wrong = Memo::new(move |_| wrong().is_some());
    view! {
        <span class="chart-search">
            <input class="input" type="search" aria-label=t::search(language) placeholder=t::search(language)
                aria-invalid=move || has_wrong.get().to_string() aria-describedby="chart-search-finding"
                prop:value=move || panel.view.with(|view| view.search.clone()) value=panel.view.with_untracked(|view| view.search.clone())
                on:input:target=move |ev| panel.view.update(|view| view.search = ev.target().value())/>
            <button class="chart-toggle" type="button" title=t::regex(language) aria-label=t::regex(language)
                aria-pressed=move || panel.view.with(|view| view.is_regex).to_string()
                on:click=move |_| panel.view.update(|view| view.is_regex = !view.is_regex)>".*"</button>
            <span class="chart-finding" id="chart-search-finding" role="status">{wrong}</span>
        </span>
    }
}

/// Series that count something while training goes on: each is an axis where the run has it.
fn is_axis(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    matches!(last, "epoch" | "global_step")
        || ["tokens", "samples", "flops", "flos"]
            .iter()
            .any(|word| last.ends_with(word) && !last.contains("per_s"))
        || last.starts_with("consumed")
        || last == "num_input_tokens_seen"
}

#[component]
fn Axis(panel: Panel) -> impl IntoView {
    let language = use_language();
    let offered = Memo::new(move |_| {
        let mut all = vec![XAxis::Step, XAxis::Relative, XAxis::Wall];
        panel.catalog.with(|catalog| {
            if catalog.samples_per_step.is_some() {
                all.push(XAxis::Samples);
            }
            let counts = catalog
                .charts
                .iter()
                .filter(|chart| chart.labels.is_empty() && is_axis(&chart.name));
            all.extend(
                counts
                    .take(20)
                    .map(|chart| XAxis::Series(chart.name.clone())),
            );
        });
        // One that a link names is offered, too; what it cannot show is said by the charts.
        let now = panel.view.with(|view| view.x.clone());
        if !all.contains(&now) {
            all.push(now);
        }
        all
    });
    let choose = move |word: String| {
        if let Some(x) = read_axis(&word) {
            panel.own.update(|own| own.clear());
            panel.cursor.set(None);
            panel.view.update(|view| {
                view.x = x;
                view.range = None;
            });
        }
    };
    options(
        move || {
            offered
                .get()
                .into_iter()
                .map(|x| (axis_word(&x), names::axis(&x, language)))
                .collect()
        },
        move || panel.view.with(|view| axis_word(&view.x)),
        choose,
    )
}

/// A choice of words; the one that holds is marked in the page itself, so that it holds without wasm, too.
fn options(
    all: impl Fn() -> Vec<(String, String)> + Send + Sync + 'static,
    now: impl Fn() -> String + Copy + Send + Sync + 'static,
    choose: impl Fn(String) + Send + Sync + 'static,
) -> AnyView {
    view! {
        <select on:change:target=move |ev| choose(ev.target().value()) prop:value=now>
            {move || all().into_iter().map(|(word, words)| {
                let is_now = now() == word;
                view! { <option value=word selected=is_now>{words}</option> }
            }).collect_view()}
        </select>
    }
    .into_any()
}

fn smoothing_kinds(language: Language) -> Vec<(String, String)> {
    [
        ("none", t::smoothing_none(language)),
        ("ema", t::smoothing_ema(language)),
        ("time", t::smoothing_time(language)),
        ("gauss", t::smoothing_gauss(language)),
        ("mean", t::smoothing_mean(language)),
    ]
    .map(|(word, words)| (word.to_owned(), words.to_owned()))
    .into()
}

#[component]
fn Smoothing(panel: Panel) -> impl IntoView {
    let language = use_language();
    let now = Memo::new(move |_| panel.view.with(|view| parts(view.smoothing)));
    let set = move |kind: &str, amount: Option<f64>| {
        if let Some(smoothing) = of_parts(kind, amount) {
            panel.view.update(|view| view.smoothing = smoothing);
        }
    };
    // Lowest, highest and step of the slider.
    let ends = move || match now.get().0 {
        "gauss" => ("0.5", "50", "0.5"),
        "mean" => ("2", "200", "1"),
        _ => ("0", "0.99", "0.01"),
    };
    view! {
        <label class="chart-tool">
            {t::smoothing(language)}
            {options(move || smoothing_kinds(language), move || now.get().0.to_owned(), move |kind| set(&kind, None))}
        </label>
        <label class="chart-tool" hidden=move || now.get().1.is_none()>
            <input type="range" aria-label=t::strength(language) min=move || ends().0 max=move || ends().1 step=move || ends().2
                prop:value=move || now.get().1.unwrap_or_default().to_string() value=now.get_untracked().1.map(|amount| amount.to_string())
                on:input:target=move |ev| set(now.get_untracked().0, ev.target().value().parse().ok())/>
            <output class="chart-number">{move || now.get().1.map(|amount| amount.to_string())}</output>
        </label>
    }
}

#[component]
fn AttemptChoice(panel: Panel) -> impl IntoView {
    let language = use_language();
    let attempts = Memo::new(move |_| panel.catalog.with(|catalog| catalog.attempts.clone()));
    let all = move || {
        let kinds = [
            (Attempts::Each, t::attempts_each(language)),
            (Attempts::Newest, t::newest(language)),
            (Attempts::Merged, t::attempts_merged(language)),
        ];
        let kinds = kinds.map(|(kind, words)| (attempts_word(kind), words.to_owned()));
        let ones = attempts
            .get()
            .into_iter()
            .map(|number| (number.to_string(), number.to_string()));
        kinds.into_iter().chain(ones).collect()
    };
    let choose = move |word: String| {
        if let Some(attempts) = read_attempts(&word) {
            panel.view.update(|view| view.attempts = attempts);
        }
    };
    view! {
        <label class="chart-tool" hidden=move || attempts.with(|all| all.len() < 2)>
            {t::attempt(language)}
            {options(all, move || panel.view.with(|view| attempts_word(view.attempts)), choose)}
        </label>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_training_is_an_axis_and_rates_are_none() {
        for name in [
            "epoch",
            "train/epoch",
            "consumed_train_samples",
            "num_tokens",
            "train/num_input_tokens_seen",
            "total_flos",
        ] {
            assert!(is_axis(name), "{name}");
        }
        for name in ["loss", "tokens_per_second", "tokens_per_s", "epochs_left"] {
            assert!(!is_axis(name), "{name}");
        }
    }
}
