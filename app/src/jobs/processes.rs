//! The processes of a job, each with its node: as a line of states, and as a table.

use domain::jobs::{JobView, ProcessView};
use domain::language::Language;
use leptos::prelude::*;

use crate::context::use_language;
use crate::shared::Ago;
use crate::texts::{common as c, jobs as t};

/// The badge and the word of a process's phase.
fn phase(process: &ProcessView, language: Language) -> (&'static str, &'static str) {
    match (process.phase.as_str(), process.exit_code) {
        ("running", _) => ("running", t::running(language)),
        ("exited", Some(0) | None) => ("succeeded", t::exited(language)),
        ("exited", Some(_)) => ("failed", t::exited(language)),
        ("lost", _) => ("lost", t::lost(language)),
        _ => ("pending", t::waiting(language)),
    }
}

/// Phase, exit code, and since when the node cannot be reached.
#[component]
fn Standing(process: ProcessView) -> impl IntoView {
    let language = use_language();
    let (state, word) = phase(&process, language);
    view! {
        <span class="badge" data-state=state>{word}</span>
        {process.exit_code.map(|code| view! { <span class="soft">{t::exit_code(language)} " " {code}</span> })}
        {process.unreachable_since.map(|at| view! { <span class="badge" data-state="unreachable">{t::unreachable_since(language)} " " <Ago at/></span> })}
    }
}

/// One entry a node: its name, and how its process stands.
#[component]
pub fn ProcessLine(
    job: Signal<JobView>,
    /// Names of the nodes, by rank.
    names: Signal<Vec<String>>,
) -> impl IntoView {
    let processes = Memo::new(move |_| job.with(|job| job.processes.clone()));
    view! {
        <ul class="processes">
            {move || processes.get().into_iter().enumerate().map(|(at, process)| {
                let name = names.with(|names| names.get(at).cloned()).unwrap_or_default();
                let address = format!("/nodes/{}", process.node_id);
                view! { <li class="processes-one"><a href=address>{name}</a> <Standing process/></li> }
            }).collect_view()}
        </ul>
    }
}

/// All there is to know of each process; nothing for a job of one process that is in sight.
#[component]
pub fn ProcessTable(job: Signal<JobView>, names: Vec<String>) -> impl IntoView {
    let language = use_language();
    let names = StoredValue::new(names);
    let processes = Memo::new(move |_| job.with(|job| job.processes.clone()));
    move || {
        let processes = processes.get();
        (processes.len() > 1 || processes.iter().any(|p| p.unreachable_since.is_some())).then(|| view! {
            <table class="table">
                <thead><tr><th>{t::process(language)}</th><th>{c::state(language)}</th><th>{t::gpus(language)}</th><th>{t::last_seen(language)}</th></tr></thead>
                <tbody>
                    {processes.into_iter().enumerate().map(|(at, p)| view! {
                        <tr>
                            <td>{t::whole_log(language)} " " {p.rank} " " <span class="soft">{names.with_value(|names| names.get(at).cloned())}</span></td>
                            <td><span class="processes-one"><Standing process=p.clone()/></span></td>
                            <td>{p.gpus.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")}</td>
                            <td>{p.seen_at.map(|at| view! { <Ago at/> })}</td>
                        </tr>
                    }).collect_view()}
                </tbody>
            </table>
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phase_has_its_word_in_both_languages_and_a_bad_end_its_mark() {
        let of = |phase_name: &str, exit_code: Option<i32>, language: Language| {
            let process = ProcessView {
                rank: 0,
                node_id: "00000000-0000-7000-8000-000000000001".parse().unwrap(),
                gpus: Vec::new(),
                phase: phase_name.to_owned(),
                exit_code,
                seen_at: None,
                unreachable_since: None,
            };
            phase(&process, language)
        };
        for (name, code, state, zh) in [
            ("waiting", None, "pending", "等待中"),
            ("running", None, "running", "运行中"),
            ("exited", Some(0), "succeeded", "已退出"),
            ("exited", Some(1), "failed", "已退出"),
            ("lost", None, "lost", "失联"),
        ] {
            assert_eq!(of(name, code, Language::Zh), (state, zh));
            assert!(of(name, code, Language::En).1.is_ascii());
        }
    }
}
