//! What there is to know of a run, as HTML: facts, attempts, configuration, requirements. Written on the server only.

use std::collections::BTreeMap;

use backend::store::Profile;
use domain::comparison::config::{flatten, kind, shown};
use domain::experiments::ExperimentView;
use domain::language::Language;
use leptos::prelude::*;
use serde_json::Value;

use crate::context::use_language;
use crate::shared::badge::state_word;
use crate::shared::format::{moment, span};
use crate::texts::profiles as t;

/// Values longer than this are shown from their beginning; the title has all.
const LONGEST: usize = 2000;

pub fn about(view: &ExperimentView, profile: &Profile, person: &str, search: &str) -> String {
    let language = use_language();
    view! {
        {facts(view, profile, person, language)}
        {attempts(view, language)}
        {configuration(profile, search, language)}
        {reported(profile, search, language)}
        {text_section(t::requirements(language), &profile.requirements)}
        {text_section("conda", &profile.conda)}
    }
    .to_html()
}

fn facts(view: &ExperimentView, profile: &Profile, person: &str, language: Language) -> AnyView {
    let mut rows: Vec<(&'static str, AnyView)> = vec![
        (t::made_by(language), person.to_owned().into_any()),
        (
            t::made_at(language),
            moment(view.experiment.created_at.0).into_any(),
        ),
    ];
    let times = match (&view.tracked, view.job()) {
        (Some(run), _) => Some((run.started_at, run.finished_at)),
        (None, Some(job)) => job.started_at.map(|from| (from, job.ended_at)),
        (None, None) => None,
    };
    if let Some((from, to)) = times {
        let end = to.unwrap_or_else(backend::clock::now);
        rows.push((
            t::lasted(language),
            span(end.0 - from.0, language).into_any(),
        ));
    }
    if let Some(run) = &view.tracked {
        rows.push((t::written_by(language), run.origin.clone().into_any()));
        if run.rejected > 0 {
            rows.push((t::rejected(language), run.rejected.to_string().into_any()));
        }
    }
    if !view.nodes.is_empty() {
        let gpus = view
            .experiment
            .setup
            .as_ref()
            .map(|setup| format!(" × {} GPU", setup.gpus_per_node));
        rows.push((
            t::nodes(language),
            format!("{}{}", view.nodes.join(", "), gpus.unwrap_or_default()).into_any(),
        ));
    }
    for (name, value) in told(&profile.metadata) {
        let word = match name {
            "hostname" => t::host(language),
            "command" => t::command(language),
            "cwd" => t::folder(language),
            "git_remote" => t::git_remote(language),
            "branch" => t::git_branch(language),
            "commit" => t::git_commit(language),
            "gpu" => t::gpus(language),
            _ => "Python",
        };
        rows.push((word, view! { <code class="wrap">{value}</code> }.into_any()));
    }
    let rows: Vec<_> = rows
        .into_iter()
        .map(|(name, value)| view! { <dt>{name}</dt><dd>{value}</dd> })
        .collect();
    view! { <dl class="facts">{rows}</dl> }.into_any()
}

/// The few things of what a client reports that people ask for, in that order. The names are those of SwanLab's clients: before 0.8 flat
/// (`git_info`: branch and commit), later in parts (`runtime`, `git`, `hardware`).
fn told(metadata: &Value) -> Vec<(&'static str, String)> {
    let at = |path: &str| metadata.pointer(path).map(shown);
    let found = |paths: &[&str]| {
        let mut texts = paths.iter().filter_map(|path| at(path));
        texts.find(|text| !text.is_empty() && text != "null")
    };
    let named = [
        ("hostname", found(&["/hostname", "/runtime/hostname"])),
        ("command", found(&["/command", "/runtime/command"])),
        ("cwd", found(&["/cwd", "/runtime/cwd"])),
        ("python", found(&["/python", "/runtime/python_version"])),
        ("git_remote", found(&["/git_remote", "/git/remote_url"])),
        ("branch", found(&["/git_info/0", "/git/branch"])),
        ("commit", found(&["/git_info/1", "/git/commit"])),
        ("gpu", Some(gpus(metadata)).filter(|gpus| !gpus.is_empty())),
    ];
    named
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

/// The names of the accelerators, whoever made them.
fn gpus(metadata: &Value) -> String {
    let old = metadata.get("gpu").and_then(Value::as_object);
    let types = old
        .into_iter()
        .flatten()
        .filter_map(|(_, maker)| maker.get("type"))
        .flat_map(|types| match types {
            Value::Array(types) => types.iter().map(shown).collect(),
            one => vec![shown(one)],
        });
    let makers = metadata.pointer("/hardware/accelerators");
    let devices = makers
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|maker| maker.get("devices")?.as_array())
        .flatten()
        .filter_map(|device| device.get("name").map(shown));
    types.chain(devices).collect::<Vec<_>>().join(", ")
}

fn attempts(view: &ExperimentView, language: Language) -> Option<AnyView> {
    if view.attempts.len() < 2 {
        return None;
    }
    let rows: Vec<_> = view
        .attempts
        .iter()
        .rev()
        .map(|(attempt, job)| {
            let lasted = job.started_at.map(|from| {
                let end = job.ended_at.unwrap_or_else(backend::clock::now);
                span(end.0 - from.0, language)
            });
            view! {
                <tr>
                    <td>{t::attempt(language)} " " {attempt.number}</td>
                    <td><a href=format!("/jobs/{}", job.id)><span class="badge" data-state=job.state.name()>{state_word(&job.state, job.kind, language)}</span></a></td>
                    <td class="number">{lasted}</td>
                    <td class="soft">{moment(attempt.created_at.0)}</td>
                </tr>
            }
        })
        .collect();
    Some(view! { <section><h2>{t::attempts(language)}</h2><table class="table"><tbody>{rows}</tbody></table></section> }.into_any())
}

fn configuration(profile: &Profile, search: &str, language: Language) -> AnyView {
    let search = search.trim().to_lowercase();
    let fits = |name: &str, value: &Value| {
        name.to_lowercase().contains(&search) || shown(value).to_lowercase().contains(&search)
    };
    let found = profile
        .config
        .iter()
        .filter(|(name, value)| fits(name, value));
    let tree = tree(found.map(|(name, value)| (name.as_str(), value)), language);
    view! { <section><h2>{t::configuration(language)} " " <small class="soft">{profile.config.len()}</small></h2>{tree}</section> }.into_any()
}

/// Everything else that the client said of its machine.
fn reported(profile: &Profile, search: &str, language: Language) -> Option<AnyView> {
    let Value::Object(object) = &profile.metadata else {
        return None;
    };
    let flat = flatten(object);
    if flat.is_empty() {
        return None;
    }
    let search = search.trim().to_lowercase();
    let found = flat.iter().filter(|(name, value)| {
        name.to_lowercase().contains(&search) || shown(value).to_lowercase().contains(&search)
    });
    let tree = tree(found.map(|(name, value)| (name.as_str(), value)), language);
    Some(view! { <details class="section"><summary>{t::reported(language)} " (" {flat.len()} ")"</summary>{tree}</details> }.into_any())
}

/// Names with a common beginning stand together under it.
fn tree<'a>(entries: impl Iterator<Item = (&'a str, &'a Value)>, language: Language) -> AnyView {
    let mut groups: BTreeMap<&str, Vec<(&str, &Value)>> = BTreeMap::new();
    for (name, value) in entries {
        let (group, rest) = name.split_once('.').unwrap_or(("", name));
        groups.entry(group).or_default().push((rest, value));
    }
    if groups.is_empty() {
        return view! { <p class="soft">{t::nothing_found(language)}</p> }.into_any();
    }
    let parts: Vec<_> = groups
        .into_iter()
        .map(|(group, entries)| {
            let rows: Vec<_> = entries.into_iter().map(|(name, value)| entry(name, value)).collect();
            let table = view! { <table class="table config"><tbody>{rows}</tbody></table> };
            if group.is_empty() {
                table.into_any()
            } else {
                view! { <details class="section" open><summary>{group.to_owned()}</summary>{table}</details> }.into_any()
            }
        })
        .collect();
    view! { <div class="config-tree">{parts}</div> }.into_any()
}

fn entry(name: &str, value: &Value) -> AnyView {
    let text = shown(value);
    let cut: String = text.chars().take(LONGEST).collect();
    view! { <tr><td class="config-name">{name.to_owned()}</td><td class="config-value"><code>{cut}</code></td><td class="soft">{kind(value)}</td></tr> }.into_any()
}

fn text_section(title: &'static str, text: &str) -> Option<AnyView> {
    let lines = text.lines().count();
    let text = text.to_owned();
    (!text.trim().is_empty()).then(|| {
        view! { <details class="section"><summary>{title} " (" {lines} ")"</summary><pre class="code">{text}</pre></details> }.into_any()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_people_ask_for_is_found_in_what_a_client_reports() {
        let metadata = json!({
            "hostname": "node-7", "command": "python train.py", "git_info": ["main", "abc123"], "python": "3.11.4",
            "gpu": {"nvidia": {"type": ["H100", "H100"], "driver": "550"}}, "cwd": "", "pid": 7
        });
        let names: Vec<(&str, String)> = told(&metadata);
        let pairs: Vec<(&str, &str)> = names
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        assert_eq!(
            pairs,
            [
                ("hostname", "node-7"),
                ("command", "python train.py"),
                ("python", "3.11.4"),
                ("branch", "main"),
                ("commit", "abc123"),
                ("gpu", "H100, H100")
            ]
        );
        let later = json!({
            "runtime": {"hostname": "node-8", "python_version": "3.12"}, "git": {"branch": "dev", "commit": null},
            "hardware": {"accelerators": [{"vendor": "nvidia", "devices": [{"index": 0, "name": "A100"}]}]}
        });
        let pairs: Vec<String> = told(&later)
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(
            pairs,
            ["hostname=node-8", "python=3.12", "branch=dev", "gpu=A100"]
        );
        assert!(told(&Value::Null).is_empty());
    }
}
