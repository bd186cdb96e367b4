//! How a script sends its metrics here: with the `swanlab` package as it is, from ms-swift, or with one file of our own.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;

use super::server_fns::{Sending, ways_to_send};
use crate::browser;
use crate::context::use_language;
use crate::people::create_key;
use crate::shared::{Load, Submit};
use crate::texts::{common as c, experiments, tracking as t};

/// Stands where the key goes until one is made.
const NO_KEY: &str = "YOUR_KEY";

#[component]
pub fn SendPage() -> impl IntoView {
    let language = use_language();
    let sending = Resource::new(|| (), |()| ways_to_send());
    let make = Action::new(move |(): &()| create_key(t::key_name(language).to_owned()));
    let key = Memo::new(move |_| make.value().get().and_then(Result::ok));
    let problem = move || make.value().get().and_then(Result::err);
    view! {
        <Title text=t::send(language)/>
        <div class="page-head">
            <span class="crumb"><A href="/experiments">{experiments::experiments(language)}</A></span>
            <h1>{t::send(language)}</h1>
        </div>
        <p class="lead">{t::send_lead(language)}</p>
        <section class="section-body">
            <h2>{t::key(language)}</h2>
            <p class="soft">{t::key_help(language)}</p>
            {move || problem().map(|error| view! { <p class="finding" data-weight="stops" role="alert">{error.text(language)}</p> })}
            {move || key.get().map(|key| {
                let copied = key.clone();
                view! {
                    <p class="finding" data-weight="fine" role="status">
                        {t::key_made(language)} " " <code>{key}</code> " "
                        <button class="button" data-size="small" type="button" on:click=move |_| browser::copy(&copied)>{c::copy(language)}</button>
                    </p>
                }
            })}
            <form hidden=move || key.with(Option::is_some) on:submit=move |ev| { ev.prevent_default(); make.dispatch(()); }>
                <Submit label=Signal::derive(move || t::key_make(language).to_owned()) pending=make.pending()/>
            </form>
        </section>
        <Load resource=sending let:shown>
            <Ways shown key/>
        </Load>
    }
}

#[component]
fn Ways(shown: Signal<Sending>, key: Memo<Option<String>>) -> impl IntoView {
    let language = use_language();
    let origin = move || shown.with(|s| s.origin.clone());
    let key = move || key.get().unwrap_or_else(|| NO_KEY.to_owned());
    let variables = move || {
        let origin = origin();
        format!(
            "export SWANLAB_API_HOST={origin}/api\nexport SWANLAB_WEB_HOST={origin}\nexport SWANLAB_API_KEY={}\n",
            key()
        )
    };
    let swanlab = Signal::derive(move || format!("{}python train.py\n", variables()));
    let swift = Signal::derive(move || {
        format!(
            "{}megatron sft … --report_to swanlab --swanlab_project my-project\n",
            variables()
        )
    });
    let usage = Signal::derive(move || {
        format!(
            "from trainyard import Run\n\nwith Run(\"{}\", \"{}\", \"my-run\", config={{\"lr\": 1e-4}}) as run:\n    for step in range(100):\n        run.log({{\"train/loss\": 1 / (step + 1)}}, step=step)\n",
            origin(),
            key()
        )
    });
    let client = Signal::derive(move || {
        let client = shown.with(|s| s.client.replace("http://console:7860", &s.origin));
        client.replace(NO_KEY, &key())
    });
    view! {
        <section class="section-body">
            <h2>{t::with_swanlab(language)}</h2>
            <p class="soft">{t::with_swanlab_help(language)}</p>
            <Code text=swanlab/>
        </section>
        <section class="section-body">
            <h2>"ms-swift"</h2>
            <p class="soft">{t::with_swift_help(language)}</p>
            <Code text=swift/>
        </section>
        <section class="section-body">
            <h2>{t::with_client(language)}</h2>
            <p class="soft">{t::with_client_help(language)}</p>
            <Code text=usage/>
            <details>
                <summary>"trainyard.py"</summary>
                <Code text=client/>
            </details>
        </section>
    }
}

/// A text to take along.
#[component]
fn Code(text: Signal<String>) -> impl IntoView {
    let language = use_language();
    view! {
        <div class="taken-along">
            <button class="button" data-size="small" type="button" on:click=move |_| browser::copy(&text.get_untracked())>{c::copy(language)}</button>
            <pre class="code" tabindex="0">{text}</pre>
        </div>
    }
}
