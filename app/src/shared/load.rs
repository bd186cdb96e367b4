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

/// Called inside the `Transition`, so that the memos made here count as its reads.
fn faces<T, V>(
    resource: Resource<Result<T, AppError>>,
    children: impl Fn(Signal<T>) -> V + Send + Sync + 'static,
) -> impl IntoView
where
    T: Clone + PartialEq + serde::Serialize + serde::de::DeserializeOwned + Send + Sync + 'static,
    V: IntoView + 'static,
{
    let good = Memo::new(move |before: Option<&Option<T>>| match resource.get() {
        Some(Ok(value)) => Some(value),
        _ => before.cloned().flatten(),
    });
    let problem = Memo::new(move |_| match resource.get() {
        Some(Err(error)) => Some(error),
        _ => None,
    });
    let is_there = Memo::new(move |_| good.with(Option::is_some));
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
