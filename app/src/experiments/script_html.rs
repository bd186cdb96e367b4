//! What a script was understood as, the list of all arguments, and what differs, as HTML: written on the server only, since the tables of
//! arguments are large.

use backend::experiments::{Change, ScriptRead};
use domain::finding::Weight;
use domain::language::{Language, Text};
use domain::recipes::arguments::{Argument, GENERATIONS, Kind, table};
use domain::recipes::command::ALWAYS_WRITTEN;
use domain::recipes::dialects::{strangers, synonyms};
use domain::recipes::review::{self, neutral_name};
use domain::recipes::{extra, fields};
use leptos::prelude::*;

use super::setup_fields::said;
use crate::context::use_language;
use crate::texts::scripts as t;

/// What a script was read as, with its findings by line.
pub fn seen(seen: &ScriptRead) -> String {
    let language = use_language();
    let review = &seen.review;
    let guess = &review.guess;
    let why = if guess.is_told {
        t::told(language).to_owned()
    } else if guess.because.is_empty() {
        t::assumed(language).to_owned()
    } else {
        let marks: Vec<&str> = guess
            .because
            .iter()
            .map(|text| text.in_language(language))
            .collect();
        format!("{} {}", t::guessed(language), marks.join(", "))
    };
    let target = (review.to != guess.version).then(|| view! { <p class="soft">{t::for_release(language)} " ms-swift " {review.to.to_string()}</p> });
    let findings: Vec<_> = review
        .findings
        .iter()
        .map(|finding| {
            let weight = if finding.weight == Weight::Stops {
                "stops"
            } else {
                "warning"
            };
            let sentence = finding.sentence();
            view! {
                <li class="finding" data-weight=weight>
                    <span class="script-line">{finding.at.line}":"{finding.at.column}</span> " "
                    {sentence.in_language(language).to_owned()}
                </li>
            }
        })
        .collect();
    let is_cut_off = review.script.statements().iter().any(|statement| {
        statement.follows_comment.is_some()
            && review.script.text()[statement.span.clone()].starts_with("--")
    });
    let mend = is_cut_off.then(|| view! { <button type="button" class="button" data-do="mend">{t::mend(language)}</button> });
    let script = &review.script;
    let is_report = |name: &str| name.starts_with("swanlab_") || strangers::is_secret(name);
    let has_reports = script
        .variables()
        .iter()
        .any(|variable| strangers::is_secret(&variable.name) && variable.value.is_exact)
        || script
            .programs()
            .iter()
            .any(|program| program.flags.iter().any(|flag| is_report(&flag.name)));
    let is_fine = findings.is_empty();
    view! {
        <p><strong>{t::understood(language)} " ms-swift " {guess.version.to_string()}</strong> " " <span class="soft">{why}</span></p>
        {target}
        {seen.read.is_none().then(|| view! { <p class="finding" data-weight="warning">{t::no_training(language)}</p> })}
        {is_fine.then(|| view! { <p class="finding" data-weight="fine">{t::nothing_wrong(language)}</p> })}
        <ul class="script-findings">{findings}</ul>
        {mend}
        {has_reports.then(|| view! { <button type="button" class="button" data-do="reports">{t::move_reports(language)}</button> })}
        {translated(review, language)}
        {taken(seen, language)}
        {kept(review, language)}
    }
    .to_html()
}

fn translated(review: &review::Review, language: Language) -> AnyView {
    if review.translated.is_empty() {
        return ().into_any();
    }
    let rows: Vec<_> = review
        .translated
        .iter()
        .map(|step| {
            let dash = |text: &str| if text.is_empty() { "–".to_owned() } else { text.to_owned() };
            view! { <tr title=step.why.in_language(language).to_owned()><td>{step.at.line}</td><td><code>{dash(&step.from)}</code></td><td><code>{dash(&step.to)}</code></td></tr> }
        })
        .collect();
    let count = rows.len();
    view! {
        <details class="script-more"><summary>{t::translated(language)} " · " {count}</summary>
            <table class="table script-table"><tbody>{rows}</tbody></table>
        </details>
    }
    .into_any()
}

fn taken(seen: &ScriptRead, language: Language) -> AnyView {
    let ours = seen
        .read
        .as_ref()
        .map(|read| read.set_by_us.clone())
        .unwrap_or_default();
    if ours.is_empty() {
        return ().into_any();
    }
    let count = ours.len();
    let rows: Vec<_> = ours.into_iter().map(|(name, value)| view! { <tr><td><code>"--"{name}</code></td><td><code>{value}</code></td></tr> }).collect();
    view! {
        <details class="script-more"><summary>{t::set_by_us(language)} " · " {count}</summary><table class="table script-table"><tbody>{rows}</tbody></table></details>
    }
    .into_any()
}

fn kept(review: &review::Review, language: Language) -> AnyView {
    let kept = review::kept(&review.script);
    if kept.is_empty() {
        return ().into_any();
    }
    let count = kept.len();
    let rows: Vec<_> = kept.into_iter().map(|(line, what, text)| view! { <tr><td>{line}</td><td>{what}</td><td><code>{text}</code></td></tr> }).collect();
    view! { <details class="script-more"><summary>{t::kept(language)} " · " {count}</summary><table class="table script-table"><tbody>{rows}</tbody></table></details> }.into_any()
}

/// The arguments whose name has all words of `search` in it; those that are set first.
pub fn arguments(
    release: &str,
    is_whole: bool,
    list: &[Argument],
    written: &str,
    search: &str,
) -> String {
    let language = use_language();
    let words: Vec<String> = search
        .trim()
        .trim_start_matches('-')
        .to_lowercase()
        .replace('-', "_")
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    let set = extra::read(written).unwrap_or_default();
    let value_of = |name: &str| {
        let found = set.iter().find(|(own, _)| {
            let own = own.replace('-', "_");
            own == name || synonyms("megatron sft", name).contains(&own.as_str())
        })?;
        let words: Vec<String> = found
            .1
            .iter()
            .map(|word| domain::shell::quote(word))
            .collect();
        Some((found.0.clone(), words.join(" ")))
    };
    let mut found: Vec<(&Argument, Option<(String, String)>)> = list
        .iter()
        .filter(|argument| {
            let help = help(&argument.name)
                .map(|help| help.in_language(language).to_lowercase())
                .unwrap_or_default();
            words.iter().all(|word| {
                argument.name.to_lowercase().contains(word.as_str()) || help.contains(word.as_str())
            })
        })
        .map(|argument| (argument, value_of(&argument.name)))
        .collect();
    found.sort_by_key(|(argument, value)| (value.is_none(), help(&argument.name).is_none()));
    let count = found.len();
    let rows: Vec<_> = found
        .into_iter()
        .map(|(argument, value)| row(argument, value, language))
        .collect();
    view! {
        <p class="soft" role="status">{t::count_of(language, count, release)}</p>
        {(!is_whole).then(|| view! { <p class="finding" data-weight="warning">{t::not_whole(language)}</p> })}
        {(count == 0).then(|| view! { <p class="empty">{t::nothing_found(language)}</p> })}
        <ul class="arguments">{rows}</ul>
    }
    .to_html()
}

fn row(argument: &Argument, value: Option<(String, String)>, language: Language) -> AnyView {
    let name = argument.name.clone();
    let neutral = neutral_name("megatron sft", &name);
    let own = fields::ALL.iter().find(|field| field.flag == neutral);
    let default = argument
        .default_text()
        .filter(|default| !default.is_empty())
        .unwrap_or_else(|| t::none(language).to_owned());
    let kind = review::kind_name(argument.kind);
    let many = if argument.takes_many { " …" } else { "" };
    let help = help(&name).map(|text| text.in_language(language).to_owned());
    let (key, text) = value.unwrap_or_else(|| (name.clone(), String::new()));
    let what = format!("argument {key}");
    let label = format!("--{name}");
    let field = match own {
        Some(field) => view! { <a class="soft" href=format!("#{}", field.key)>{t::has_field(language)}</a> }.into_any(),
        None if ALWAYS_WRITTEN.contains(&neutral.as_str()) => view! { <span class="soft">{t::set_by_us(language)}</span> }.into_any(),
        None => match argument.kind {
            Kind::Switch | Kind::Choice if !argument.takes_many => {
                let choices: Vec<String> = if argument.kind == Kind::Switch { vec!["true".to_owned(), "false".to_owned()] } else { argument.choices.clone() };
                let options: Vec<_> = choices
                    .into_iter()
                    .map(|choice| {
                        let is_chosen = choice == text;
                        view! { <option value=choice.clone() selected=is_chosen>{choice.clone()}</option> }
                    })
                    .collect();
                view! { <select class="input" aria-label=label.clone() data-do=what.clone()><option value="">{default.clone()}</option>{options}</select> }.into_any()
            }
            _ => view! { <input class="input" type="text" autocomplete="off" spellcheck="false" aria-label=label.clone() data-do=what.clone() value=text.clone() placeholder=default.clone()/> }.into_any(),
        },
    };
    let reset = (!text.is_empty()).then(|| view! { <button type="button" class="changed" data-do="argument-reset" data-of=key title=t::reset(language) aria-label=t::reset(language)></button> });
    view! {
        <li class="argument" data-set=(!text.is_empty()).to_string()>
            <span class="argument-name"><code>{label}</code> {reset}</span>
            {field}
            <span class="field-help">{help.map(|help| format!("{help} "))} {kind} {many} " · " {t::default(language)} " " {default} " · " {t::in_releases(language)} " " {releases(&name)}</span>
        </li>
    }
    .into_any()
}

/// The releases that have an argument under this name, as `3.9–3.12` or `4.x`.
fn releases(name: &str) -> String {
    let has: Vec<bool> = GENERATIONS
        .iter()
        .map(|(_, version)| table(*version).find("megatron rlhf", name).is_some())
        .collect();
    const FROM: [&str; 4] = ["3.9", "3.10", "3.12", "4.x"];
    const TO: [&str; 4] = ["3.9", "3.11", "3.12", "4.x"];
    match (
        has.iter().position(|has| *has),
        has.iter().rposition(|has| *has),
    ) {
        (Some(first), Some(last)) if FROM[first] == TO[last] => FROM[first].to_owned(),
        (Some(first), Some(last)) => format!("{}–{}", FROM[first], TO[last]),
        _ => "–".to_owned(),
    }
}

fn help(name: &str) -> Option<Text> {
    let neutral = neutral_name("megatron sft", name);
    if let Some(field) = fields::ALL.iter().find(|field| field.flag == neutral) {
        return Some(Text::new(
            said(field.help, Language::En),
            said(field.help, Language::Zh),
        ));
    }
    domain::recipes::arguments::help(&neutral)
}

/// What differs: argument, there, here.
pub fn changes(changes: Option<&[Change]>) -> String {
    let language = use_language();
    let Some(changes) = changes else {
        return view! { <p class="soft">{t::nothing_there(language)}</p> }.to_html();
    };
    if changes.is_empty() {
        return view! { <p class="soft">{t::no_difference(language)}</p> }.to_html();
    }
    let dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".to_owned());
    let rows: Vec<_> = changes
        .iter()
        .map(|(name, before, now)| {
            let shown = fields::find(name).map_or_else(|| format!("--{name}"), |field| said(field.label, language).to_owned());
            view! { <tr><td>{shown}</td><td><del>{dash(before)}</del></td><td><ins>{dash(now)}</ins></td></tr> }
        })
        .collect();
    view! {
        <table class="table script-table"><thead><tr><th></th><th>{t::before(language)}</th><th>{t::now(language)}</th></tr></thead><tbody>{rows}</tbody></table>
    }
    .to_html()
}
