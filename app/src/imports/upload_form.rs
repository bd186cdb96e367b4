//! Files of this computer: chosen, sent with word of how far it is, and then the import's page.

use leptos::html;
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;
use serde::Deserialize;

use crate::browser::{Uploaded, upload};
use crate::context::use_language;
use crate::error::AppError;
use crate::shared::format::size;
use crate::shared::{Findings, TextField};
use crate::texts::{common as c, imports as t};

/// What the console's API answers to an upload.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Made { id: String },
    Refused { error: Refusal },
}

#[derive(Deserialize)]
struct Refusal {
    message: domain::language::Text,
    #[serde(default)]
    findings: Vec<domain::finding::Finding>,
}

fn answered(uploaded: Uploaded) -> Result<String, AppError> {
    match uploaded {
        Uploaded::Answered(text) => match serde_json::from_str(&text) {
            Ok(Answer::Made { id }) => Ok(id),
            Ok(Answer::Refused { error }) if error.findings.is_empty() => {
                Err(AppError::Refused(error.message))
            }
            Ok(Answer::Refused { error }) => Err(AppError::Invalid(error.findings)),
            Err(_) => Err(AppError::Unreachable),
        },
        Uploaded::Unreachable => Err(AppError::Unreachable),
        Uploaded::NothingWanted(chosen) => Err(AppError::Invalid(vec![t::no_event_files(chosen)])),
    }
}

#[component]
pub fn UploadForm() -> impl IntoView {
    let language = use_language();
    let name = RwSignal::new(String::new());
    // Sent so far of all bytes; none while nothing is on its way.
    let sent = RwSignal::new(None::<(f64, f64)>);
    let problem = RwSignal::new(None::<AppError>);
    let findings = Signal::derive(move || {
        problem.with(|p| {
            p.as_ref()
                .map(|p| p.findings().to_vec())
                .unwrap_or_default()
        })
    });
    let go = use_navigate();
    let send = move || {
        problem.set(None);
        sent.set(Some((0.0, 1.0)));
        let go = go.clone();
        upload(
            &["import-folder", "import-files"],
            &name.get_untracked(),
            move |now, all| sent.set(Some((now, all))),
            move |uploaded| {
                sent.set(None);
                match answered(uploaded) {
                    Ok(id) => go(&format!("/imports/{id}"), Default::default()),
                    Err(error) => problem.set(Some(error)),
                }
            },
        );
    };
    // Not among the attributes that `view!` knows.
    let folder = html::input()
        .id("import-folder")
        .r#type("file")
        .multiple(true)
        .attr("webkitdirectory", "");
    view! {
        <form class="form form-narrow" on:submit=move |ev| { ev.prevent_default(); send(); }>
            <div class="field">
                <label class="field-label" for="import-folder">{t::folder(language)}</label>
                {folder}
                <span class="field-help">{t::folder_help(language)}</span>
            </div>
            <div class="field">
                <label class="field-label" for="import-files">{t::or_files(language)}</label>
                <input id="import-files" type="file" multiple/>
                <Findings of=findings field="files"/>
            </div>
            <TextField name="import-name" label=c::name(language) value=name findings help=t::name_help(language)/>
            {move || problem.get().filter(|p| p.findings().is_empty()).map(|p| view! { <p class="finding" data-weight="stops" role="alert">{p.text(language)}</p> })}
            <div class="form-row">
                <button class="button" data-kind="main" type="submit" disabled=move || sent.get().is_some()>
                    {move || if sent.get().is_some() { t::uploading(language) } else { t::upload(language) }}
                </button>
                {move || sent.get().map(|(now, all)| view! {
                    <progress class="bar" max=all.to_string() value=now.to_string() aria-label=t::uploading(language)></progress>
                    <span class="soft">{size(now as u64)} " / " {size(all as u64)}</span>
                })}
            </div>
        </form>
    }
}
