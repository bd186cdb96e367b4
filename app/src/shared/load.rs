//! The three faces of a load: waiting, failed with a retry, and there.

use leptos::prelude::*;

use crate::context::use_language;
use crate::error::AppError;
use crate::texts::common as t;

/// Shows what `children` make of a loaded value. They are built once and get a signal, so that a reload changes only what
/// differs; when a later reload fails, what was loaded stays, with a line that says so.
#[component]
pub fn Load<T, V>(
    resource: Resource<Result<T, AppError>>,
    children: impl Fn(Signal<T>) -> V + Clone + Send + Sync + 'static,
) -> impl IntoView
where
    T: Clone + PartialEq + serde::Serialize + serde::de::DeserializeOwned + Send + Sync + 'static,
    V: IntoView + 'static,
{
    let language = use_language();
    view! {
        <Transition fallback=move || view! { <p class="waiting" role="status">{t::loading(language)}</p> }>
            {faces(resource, children.clone())}
        </Transition>
    }
}

/// Called inside the `Transition`, so that what is read here counts as its reads.
fn faces<T, V>(
    resource: Resource<Result<T, AppError>>,
    children: impl Fn(Signal<T>) -> V + Send + Sync + 'static,
) -> impl IntoView
where
    T: Clone + PartialEq + serde::Serialize + serde::de::DeserializeOwned + Send + Sync + 'static,
    V: IntoView + 'static,
{
    let good = kept(move || resource.get().and_then(Result::ok));
    let problem = derived(move || resource.get().and_then(Result::err));
    let is_there = derived(move || good.with(Option::is_some));
    move || {
        let problem = move || {
            problem
                .get()
                .map(|error| view! { <Failed error retry=move || resource.refetch()/> })
        };
        let body = is_there.get().then(|| {
            let value = Signal::derive(move || {
                good.get()
                    .expect("this branch is shown only while a value is there")
            });
            children(value)
        });
        (problem, body)
    }
}

/// In the browser a memo: it tells only of differences. (A `Signal` over it would be simpler to name, and a tenth more wasm.)
#[cfg(not(feature = "ssr"))]
fn derived<T: PartialEq + Send + Sync + 'static>(
    read: impl Fn() -> T + Send + Sync + 'static,
) -> Memo<T> {
    Memo::new(move |_| read())
}

/// Keeps the last value that was there.
#[cfg(not(feature = "ssr"))]
fn kept<T: Clone + PartialEq + Send + Sync + 'static>(
    read: impl Fn() -> Option<T> + Send + Sync + 'static,
) -> Memo<Option<T>> {
    Memo::new(move |before: Option<&Option<T>>| read().or_else(|| before.cloned().flatten()))
}

/// On the server it is read straight from the resource. reactive_graph (0.2.16, `notify_subs`) tells a waiting `Suspense` that a
/// resource is ready before it marks what depends on it as dirty; a render on another thread could read a memo in between, find it still
/// empty, and send a page without its body beside the data for it. The browser then stopped on the first element that it missed.
#[cfg(feature = "ssr")]
fn derived<T: Send + Sync + 'static>(read: impl Fn() -> T + Send + Sync + 'static) -> Signal<T> {
    Signal::derive(read)
}

/// What is loaded once on the server is never loaded again there.
#[cfg(feature = "ssr")]
fn kept<T: Send + Sync + 'static>(
    read: impl Fn() -> Option<T> + Send + Sync + 'static,
) -> Signal<Option<T>> {
    derived(read)
}

/// A failed load: what happened, and the way to try again.
#[component]
pub fn Failed(error: AppError, retry: impl Fn() + Send + Sync + 'static) -> impl IntoView {
    let language = use_language();
    view! {
        <div class="failed" role="alert">
            <p>{t::load_failed(language)} " " {error.text(language)}</p>
            <button class="button" data-size="small" on:click=move |_| retry()>{t::retry(language)}</button>
        </div>
    }
}
