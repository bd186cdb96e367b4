//! The document around the pages, and the policy that says what it may load.
#![cfg(feature = "ssr")]

use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_meta::MetaTags;

use crate::context::Viewer;
use crate::layout::App;

/// The whole document. Provided by the server beforehand: what `context` lists.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let viewer = Viewer::current();
    set_policy();
    view! {
        <!DOCTYPE html>
        <html
            lang=viewer.language.tag()
            data-theme=viewer.theme.name()
            data-person=viewer.person
        >
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <link rel="icon" type="image/svg+xml" href="/pkg/icon.svg"/>
                <link rel="stylesheet" href="/pkg/trainyard.css"/>
                <HydrationScripts options/>
                <MetaTags/>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}

/// Scripts only with this answer's nonce, styles only from our stylesheet: nothing that a person typed can run.
fn set_policy() {
    let (Some(nonce), Some(response)) =
        (use_nonce(), use_context::<leptos_axum::ResponseOptions>())
    else {
        return;
    };
    let policy = format!(
        "default-src 'self'; script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; \
         connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    if let Ok(value) = http::HeaderValue::from_str(&policy) {
        response.insert_header(http::header::CONTENT_SECURITY_POLICY, value);
    }
}
