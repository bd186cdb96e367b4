//! Images, texts and files that a run logged, each name with the steps it has.

use domain::tracking::media::{FileView, MediaList, MediaSeries, MediaView, Shape};
use leptos::prelude::*;

use super::server_fns::{list_media, media_at};
use crate::context::use_language;
use crate::error::AppError;
use crate::shared::Load;
use crate::shared::format::size;
use crate::shared::live::use_live;
use crate::texts::tracking as t;

/// What the tab reads, made in the page's own body.
#[derive(Clone, Copy)]
pub struct MediaReads(Resource<Result<MediaList, AppError>>);

impl MediaReads {
    pub fn new(id: impl Fn() -> String + Copy + Send + Sync + 'static) -> MediaReads {
        let live = use_live();
        MediaReads(Resource::new(
            move || (id(), live.subject("series", &id())),
            |(id, _)| list_media(id),
        ))
    }
}

#[component]
pub fn MediaTab(id: String, reads: MediaReads) -> impl IntoView {
    let language = use_language();
    let (resource, id) = (reads.0, StoredValue::new(id));
    view! {
        <Load resource=resource let:shown>
            <p class="empty" hidden=move || shown.with(|m| !m.series.is_empty() || !m.files.is_empty())>{t::no_media(language)}</p>
            <For each=move || shown.with(|m| m.series.clone()) key=|one| one.name.clone() let:one>
                <Series id shown first=one/>
            </For>
            <Files id shown/>
        </Load>
    }
}

/// One name: a slider over its steps, and what was logged at the chosen one. The newest step is followed until one is chosen.
#[component]
fn Series(id: StoredValue<String>, shown: Signal<MediaList>, first: MediaSeries) -> impl IntoView {
    let language = use_language();
    let name = StoredValue::new(first.name.clone());
    let steps = Memo::new(move |_| {
        let of = |m: &MediaList| {
            let own = m
                .series
                .iter()
                .find(|one| name.with_value(|name| one.name == *name));
            own.map(|one| one.steps.clone())
        };
        shown.with(of).unwrap_or_else(|| first.steps.clone())
    });
    let chosen = RwSignal::new(None::<usize>);
    let last = move || steps.with(|steps| steps.len().saturating_sub(1));
    let at = Memo::new(move |_| chosen.get().unwrap_or(usize::MAX).min(last()));
    let step = Memo::new(move |_| steps.with(|steps| steps.get(at.get()).copied().unwrap_or(0)));
    let read = Action::new(move |step: &i64| media_at(id.get_value(), name.get_value(), *step));
    Effect::new(move |_| {
        read.dispatch(step.get());
    });
    view! {
        <section class="section-body media">
            <h2 class="long-name">{first.name}</h2>
            <label class="media-step" hidden=move || last() == 0>
                {t::step(language)}
                <input type="range" min="0" max=last prop:value=at aria-valuetext=move || step.get().to_string()
                    on:input:target=move |ev| chosen.set(ev.target().value().parse().ok())/>
            </label>
            <p class="soft">{t::step(language)} " " {step}</p>
            {move || read.value().get().map(|items| match items {
                Ok(items) => view! { <div class="media-items">{items.into_iter().map(|item| id.with_value(|id| shape(id, item))).collect_view()}</div> }.into_any(),
                Err(error) => view! { <p class="finding" data-weight="stops" role="alert">{error.text(language)}</p> }.into_any(),
            })}
        </section>
    }
}

fn shape(id: &str, item: MediaView) -> AnyView {
    let language = use_language();
    let caption = item.caption.clone();
    let body = match (item.shape, item.path.as_deref().map(|path| address(id, path))) {
        (Shape::Text, _) => view! { <pre class="code media-text" tabindex="0">{item.text}</pre> }.into_any(),
        (_, None) => view! { <p class="soft">{t::not_come(language)}</p> }.into_any(),
        (Shape::Image, Some(address)) => view! {
            <a href=address.clone() target="_blank"><img src=address.clone() alt=item.caption.clone() loading="lazy"/></a>
        }.into_any(),
        (Shape::Audio, Some(address)) => view! { <audio controls src=address></audio> }.into_any(),
        (Shape::Video, Some(address)) => view! { <video controls src=address></video> }.into_any(),
        (Shape::File, Some(address)) => view! {
            <a href=address download="">{t::download(language)}</a> " " <span class="soft">{size(item.size_bytes)}</span>
        }.into_any(),
    };
    view! { <figure class="media-item">{body}<figcaption>{caption}</figcaption></figure> }
        .into_any()
}

#[component]
fn Files(id: StoredValue<String>, shown: Signal<MediaList>) -> impl IntoView {
    let language = use_language();
    move || {
        let files = shown.with(|m| m.files.clone());
        (!files.is_empty()).then(|| view! {
            <section class="section-body">
                <h2>{t::files(language)}</h2>
                <table class="table"><tbody>{files.into_iter().map(|file| id.with_value(|id| row(id, file))).collect_view()}</tbody></table>
            </section>
        })
    }
}

fn row(id: &str, file: FileView) -> AnyView {
    let address = address(id, &file.path);
    view! { <tr><td><a href=address download="">{file.path}</a></td><td class="number">{size(file.size_bytes)}</td></tr> }.into_any()
}

/// Where the bytes of a file are read.
fn address(id: &str, path: &str) -> String {
    let mut address = format!("/console/v1/experiments/{id}/files?path=");
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/') {
            address.push(char::from(byte));
        } else {
            address.push_str(&format!("%{byte:02X}"));
        }
    }
    address
}
