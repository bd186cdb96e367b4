//! Tags, notes, name and archive of one experiment, and what it said of itself.

use domain::finding::Finding;
use leptos::html;
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use super::profile_fns::{
    Said, about_experiment, archive_experiment, delete_experiment, keep_notes, preview_notes,
    rename_experiment, said_of_experiment, tag_experiment,
};
use crate::context::use_language;
use crate::error::AppError;
use crate::shared::live::use_live;
use crate::shared::{Findings, Fragment, Load};
use crate::texts::profiles as t;

/// What the page reads for these parts. Made by the page, outside of every `Load`.
#[derive(Clone, Copy)]
pub struct ProfileReads {
    id: Memo<String>,
    pub said: Resource<Result<Said, AppError>>,
    about: Resource<Result<String, AppError>>,
    search: RwSignal<String>,
    /// Rises when something was changed here.
    changed: RwSignal<u32>,
}

impl ProfileReads {
    pub fn new(id: impl Fn() -> String + Copy + Send + Sync + 'static) -> ProfileReads {
        let live = use_live();
        let (search, changed) = (RwSignal::new(String::new()), RwSignal::new(0));
        ProfileReads {
            id: Memo::new(move |_| id()),
            said: Resource::new(
                move || (id(), changed.get(), live.subject("experiment", &id())),
                |(id, ..)| said_of_experiment(id),
            ),
            about: Resource::new(
                move || (id(), search.get(), live.subject("experiment", &id())),
                |(id, search, _)| about_experiment(id, search),
            ),
            search,
            changed,
        }
    }

    /// An action on this experiment whose answer is read again.
    fn action<T: Clone + Send + Sync + 'static, F>(
        self,
        run: impl Fn(String, T) -> F + Copy + Send + Sync + 'static,
    ) -> Action<T, Result<(), AppError>>
    where
        F: Future<Output = Result<(), AppError>> + Send + 'static,
    {
        Action::new(move |what: &T| {
            let doing = run(self.id.get_untracked(), what.clone());
            async move {
                let answer = doing.await;
                if answer.is_ok() {
                    self.changed.update(|n| *n += 1);
                }
                answer
            }
        })
    }
}

/// The findings of an action; another failure as a finding of the whole.
fn findings(
    action: Action<impl Send + Sync + 'static, Result<(), AppError>>,
) -> Signal<Vec<Finding>> {
    Signal::derive(move || match action.value().get() {
        Some(Err(AppError::Invalid(findings))) => findings,
        Some(Err(AppError::Refused(text))) => vec![Finding::stops("", text.en, text.zh)],
        Some(Err(error)) => {
            let text = |language| error.text(language);
            use domain::language::Language;
            vec![Finding::stops("", text(Language::En), text(Language::Zh))]
        }
        _ => Vec::new(),
    })
}

/// Tags as chips that can be taken off, and a field for another one.
#[component]
pub fn Tags(reads: ProfileReads) -> impl IntoView {
    let language = use_language();
    let change = reads.action(|id, (tag, is_on): (String, bool)| tag_experiment(id, tag, is_on));
    let typed = RwSignal::new(String::new());
    let add = move || {
        let tag = typed.get_untracked();
        if !tag.trim().is_empty() {
            change.dispatch((tag, true));
            typed.set(String::new());
        }
    };
    view! {
        <div class="tag-line">
            <Load resource=reads.said let:said>
                {move || said.with(|said| said.tags.clone()).into_iter().map(|tag| {
                    let (off, label) = (tag.clone(), format!("{}: {tag}", t::take_off(language)));
                    let colour = domain::comparison::colours::own(&tag);
                    view! {
                        <span class="tag" data-colour=colour>{tag}
                            <button type="button" class="button-quiet" aria-label=label.clone() title=label on:click=move |_| { change.dispatch((off.clone(), false)); }>"✕"</button>
                        </span>
                    }
                }).collect_view()}
            </Load>
            <form on:submit=move |event| { event.prevent_default(); add(); }>
                <input class="input tag-field" name="tag" autocomplete="off" aria-label=t::add_tag(language) placeholder=t::add_tag(language)
                    prop:value=move || typed.get() on:input:target=move |ev| typed.set(ev.target().value())/>
            </form>
            <Findings of=findings(change) field="tag"/>
            <Findings of=findings(change) field=""/>
        </div>
    }
}

/// Notes as they read, and a field to write them; what was typed stays until it is kept.
#[component]
pub fn NotesTab(reads: ProfileReads) -> impl IntoView {
    view! { <Load resource=reads.said let:said><Notes said reads/></Load> }
}

#[component]
fn Notes(said: Signal<Said>, reads: ProfileReads) -> impl IntoView {
    let language = use_language();
    let is_writing = RwSignal::new(said.with_untracked(|said| said.notes.is_empty()));
    let typed = RwSignal::new(said.with_untracked(|said| said.notes.clone()));
    let shown = RwSignal::new(None::<String>);
    let keep = reads.action(|id, markdown: String| keep_notes(id, markdown));
    let preview = Action::new(move |markdown: &String| {
        let markdown = markdown.clone();
        async move {
            if let Ok(html) = preview_notes(markdown).await {
                shown.set(Some(html));
            }
        }
    });
    let is_changed = move || said.with(|said| said.notes != typed.get());
    let html = Signal::derive(move || {
        shown
            .get()
            .unwrap_or_else(|| said.with(|said| said.notes_html.clone()))
    });
    view! {
        <div class="notes">
            <div class="tabs" role="tablist">
                <button type="button" class="tab" role="tab" aria-selected=move || (!is_writing.get()).to_string()
                    on:click=move |_| { is_writing.set(false); preview.dispatch(typed.get_untracked()); }>{t::preview(language)}</button>
                <button type="button" class="tab" role="tab" aria-selected=move || is_writing.get().to_string() on:click=move |_| is_writing.set(true)>{t::write(language)}</button>
            </div>
            <div hidden=move || !is_writing.get()>
                <textarea class="input notes-field" name="notes" aria-label=t::notes(language) placeholder=t::no_notes(language) prop:value=move || typed.get()
                    on:input:target=move |ev| typed.set(ev.target().value())
                    on:keydown=move |event| if event.key() == "Enter" && event.ctrl_key() { keep.dispatch(typed.get_untracked()); }>
                    {typed.get_untracked()}
                </textarea>
                <p class="soft">{t::markdown(language)}</p>
            </div>
            <div class="markdown" hidden=move || is_writing.get()>
                <p class="soft" hidden=move || !typed.with(|typed| typed.trim().is_empty())>{t::no_notes(language)}</p>
                <Fragment html on_deed=Callback::new(|_| {})/>
            </div>
            <Findings of=findings(keep) field="notes"/>
            <Findings of=findings(keep) field=""/>
            <div class="form-row">
                <button type="button" class="button" data-kind="main" disabled=move || keep.pending().get() || !is_changed()
                    on:click=move |_| { keep.dispatch(typed.get_untracked()); }>{t::keep(language)}</button>
                <span class="soft" role="status">{move || (keep.value().with(|v| matches!(v, Some(Ok(())))) && !is_changed()).then(|| t::kept(language))}</span>
            </div>
        </div>
    }
}

/// Facts, configuration with a search, requirements.
#[component]
pub fn AboutTab(reads: ProfileReads) -> impl IntoView {
    let language = use_language();
    view! {
        <input class="input about-search" type="search" name="search" autocomplete="off" aria-label=t::search(language) placeholder=t::search(language)
            prop:value=move || reads.search.get() on:input:target=move |ev| reads.search.set(ev.target().value())/>
        <Load resource=reads.about let:html>
            <Fragment html on_deed=Callback::new(|_| {}) class="about"/>
        </Load>
    }
}

/// Rename, archive, delete.
#[component]
pub fn MoreMenu(reads: ProfileReads, name: String) -> impl IntoView {
    let language = use_language();
    view! {
        <details class="menu more">
            <summary class="button" aria-label=t::more(language) title=t::more(language)>"⋯"</summary>
            <div class="menu-body more-body">
                <Rename reads name/>
                <Load resource=reads.said let:said><Parting said reads/></Load>
            </div>
        </details>
    }
}

#[component]
fn Rename(reads: ProfileReads, name: String) -> impl IntoView {
    let language = use_language();
    let field = NodeRef::<html::Input>::new();
    let rename = reads.action(|id, name: String| rename_experiment(id, name));
    view! {
        <form class="form-row" on:submit=move |event| {
            event.prevent_default();
            if let Some(input) = field.get_untracked() { rename.dispatch(input.value()); }
        }>
            <input class="input" name="name" node_ref=field value=name aria-label=t::rename(language)/>
            <button class="button" data-size="small" type="submit">{t::rename(language)}</button>
        </form>
        <Findings of=findings(rename) field="name"/>
        <Findings of=findings(rename) field=""/>
    }
}

#[component]
fn Parting(said: Signal<Said>, reads: ProfileReads) -> impl IntoView {
    let language = use_language();
    let archive = reads.action(|id, is_archived: bool| archive_experiment(id, is_archived));
    let typed = NodeRef::<html::Input>::new();
    let delete =
        Action::new(move |name: &String| delete_experiment(reads.id.get_untracked(), name.clone()));
    let go = use_navigate();
    Effect::new(move |_| {
        if matches!(delete.value().get(), Some(Ok(()))) {
            go("/experiments", Default::default());
        }
    });
    let is_archived = move || said.with(|said| said.is_archived);
    view! {
        <p class="soft">{t::archive_help(language)}</p>
        <button class="button" data-size="small" type="button" on:click=move |_| { archive.dispatch(!is_archived()); }>
            {move || if is_archived() { t::restore(language) } else { t::archive(language) }}
        </button>
        <Findings of=findings(archive) field=""/>
        <form class="parting" on:submit=move |event| {
            event.prevent_default();
            if let Some(input) = typed.get_untracked() { delete.dispatch(input.value()); }
        }>
            <p class="confirm-lost">{move || t::lost(language, said.with(|said| said.extent))}</p>
            <input class="input" name="typed_name" node_ref=typed autocomplete="off" aria-label=t::type_name(language) placeholder=t::type_name(language)/>
            <Findings of=findings(delete) field="typed_name"/>
            <Findings of=findings(delete) field=""/>
            <button class="button" data-size="small" data-kind="danger" type="submit" disabled=move || delete.pending().get()>{t::delete_for_good(language)}</button>
        </form>
    }
}
