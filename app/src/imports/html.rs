//! What is known of imports, as HTML.

use std::collections::BTreeMap;

use domain::imports::{ImportView, ImportedFile, ImportedRun};
use domain::language::Language;
use leptos::prelude::*;

use crate::context::use_language;
use crate::shared::format::{count, moment, size};
use crate::texts::{common as c, imports as t};

/// All imports, newest first; empty when there are none.
pub fn list(imports: &[ImportView]) -> String {
    let language = use_language();
    if imports.is_empty() {
        return String::new();
    }
    let rows: Vec<_> = imports.iter().map(|import| row(import, language)).collect();
    view! {
        <h2>{t::earlier(language)}</h2>
        <table class="table">
            <thead><tr><th>{c::name(language)}</th><th>{c::state(language)}</th><th>{t::runs(language)}</th><th>{c::size(language)}</th><th>{c::created(language)}</th></tr></thead>
            <tbody>{rows}</tbody>
        </table>
    }
    .to_html()
}

fn row(view: &ImportView, language: Language) -> AnyView {
    let (_, whole) = view.progress();
    let import = &view.import;
    view! {
        <tr>
            <td><a href=format!("/imports/{}", import.id)>{import.name.clone()}</a><div class="soft">{place(view, language)}</div></td>
            <td>{standing(view, language)}</td>
            <td class="number">{count(view.runs.len() as u64)}</td>
            <td class="number">{size(whole)}</td>
            <td class="soft">{moment(import.created_at.0)}</td>
        </tr>
    }
    .into_any()
}

/// Where its files lie.
fn place(view: &ImportView, language: Language) -> String {
    match &view.node_name {
        Some(node) => format!("{node} · {}", view.import.folder),
        None => t::uploaded(language).to_owned(),
    }
}

/// Being read, and how far; followed; or read to its end. Damage and a failed look are said too.
fn standing(view: &ImportView, language: Language) -> AnyView {
    let (read, whole) = view.progress();
    let is_read = read >= whole && !view.runs.is_empty();
    let (mark, word) = match (view.import.is_open, is_read) {
        (_, false) => {
            let percent = (read * 100).checked_div(whole).unwrap_or(0);
            ("starting", t::reading(language, percent))
        }
        (true, true) => ("running", t::following(language).to_owned()),
        (false, true) => ("succeeded", t::read(language).to_owned()),
    };
    let damaged = view
        .files
        .iter()
        .filter(|file| file.damage_count > 0)
        .count();
    let bar = (!is_read).then(|| view! { <progress class="bar" max=whole.max(1).to_string() value=read.to_string() aria-label=word.clone()></progress> });
    view! {
        <span class="badge" data-state=mark>{word.clone()}</span>
        {bar}
        {view.import.trouble.is_some().then(|| view! { <div class="soft">{t::troubled(language)}</div> })}
        {(damaged > 0).then(|| view! { <div class="soft">{t::damaged_files(language, damaged)}</div> })}
    }
    .into_any()
}

/// One import with its runs and what could not be read.
pub fn detail(view: &ImportView) -> String {
    let language = use_language();
    let import = &view.import;
    let look = if import.is_open {
        t::look_now(language)
    } else {
        t::follow_again(language)
    };
    let trouble = import.trouble.as_ref().map(|text| {
        view! { <p class="finding" role="alert">{text.in_language(language).to_owned()}</p> }
    });
    let rows: Vec<_> = view
        .runs
        .iter()
        .map(|(run, name)| run_row(view, run, name, language))
        .collect();
    view! {
        <div class="page-head">
            <h1>{import.name.clone()}</h1>
            {standing(view, language)}
            {import.node_id.is_some().then(|| view! {
                <div class="page-head-actions"><button class="button" type="button" data-do="look">{look}</button></div>
            })}
        </div>
        <p class="soft wrap">{place(view, language)}</p>
        {trouble}
        <table class="table">
            <thead><tr><th>{t::run(language)}</th><th>{t::event_files(language)}</th><th>{c::size(language)}</th><th>{t::attempts(language)}</th></tr></thead>
            <tbody>{rows}</tbody>
        </table>
        {damage(&view.files, language)}
    }
    .to_html()
}

fn run_row(view: &ImportView, run: &ImportedRun, name: &str, language: Language) -> AnyView {
    let own: Vec<&ImportedFile> = view
        .files
        .iter()
        .filter(|file| file.run == run.run)
        .collect();
    let bytes = own.iter().map(|file| file.size_bytes).sum();
    let attempts = own.iter().map(|file| file.attempt).max().unwrap_or(1);
    view! {
        <tr>
            <td><a href=format!("/experiments/{}", run.experiment_id)>{name.to_owned()}</a><div class="soft">{kinds(run, language)}</div></td>
            <td class="number">{t::files(language, own.len() as u64)}</td>
            <td class="number">{size(bytes)}</td>
            <td class="number">{t::attempt_count(language, attempts)}</td>
        </tr>
    }
    .into_any()
}

/// What is in it besides scalars: `434 text, 2 images`.
fn kinds(run: &ImportedRun, language: Language) -> Option<String> {
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for other in run.notes.others.values() {
        *kinds.entry(&other.plugin).or_default() += 1;
    }
    let said: Vec<String> = kinds
        .into_iter()
        .filter(|(kind, _)| !kind.is_empty())
        .map(|(kind, tags)| format!("{} {kind}", count(tags)))
        .collect();
    (!said.is_empty()).then(|| t::also(language, &said.join(", ")))
}

/// Each damaged place by file and byte; nothing when all is well.
fn damage(files: &[ImportedFile], language: Language) -> Option<AnyView> {
    let mut lines = Vec::new();
    for file in files {
        let mut say = |said: String| lines.push((file.file.clone(), said));
        for damage in &file.damage {
            say(t::damage(language, damage));
        }
        let more = file.damage_count.saturating_sub(file.damage.len() as u64);
        if more > 0 {
            say(t::more_damage(language, more));
        }
        if !file.is_stopped && file.unread_bytes() > 0 {
            say(t::unfinished(language, file.unread_bytes()));
        }
    }
    if lines.is_empty() {
        return None;
    }
    let lines: Vec<_> = lines
        .into_iter()
        .map(|(file, said)| view! { <dt><code class="wrap">{file}</code></dt><dd>{said}</dd> })
        .collect();
    let shown = view! {
        <h2>{t::damage_title(language)}</h2>
        <dl class="facts">{lines}</dl>
    };
    Some(shown.into_any())
}
