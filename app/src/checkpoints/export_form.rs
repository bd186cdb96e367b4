//! How a checkpoint becomes a Hugging Face model.

use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use super::server_fns::export_checkpoint;
use crate::context::use_language;
use crate::shared::{Findings, Submit, TextField};
use crate::texts::{checkpoints as t, models as m};

#[component]
pub fn ExportForm(checkpoint: String) -> impl IntoView {
    let language = use_language();
    let (name, output) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let test_precision = RwSignal::new(true);
    let export = Action::new(move |(): &()| {
        export_checkpoint(
            checkpoint.clone(),
            name.get_untracked(),
            output.get_untracked(),
            test_precision.get_untracked(),
        )
    });
    let go = use_navigate();
    Effect::new(move |_| {
        if let Some(Ok(job)) = export.value().get() {
            go(&format!("/jobs/{job}"), Default::default());
        }
    });
    let problem = Memo::new(move |_| export.value().get().and_then(Result::err));
    let findings = Signal::derive(move || {
        problem
            .get()
            .map(|e| e.findings().to_vec())
            .unwrap_or_default()
    });
    view! {
        <form class="form" on:submit=move |ev| { ev.prevent_default(); export.dispatch(()); }>
            <p class="soft">{t::export_help(language)}</p>
            <TextField name="export_name" label=t::export_name(language) help=t::export_name_help(language) value=name findings/>
            <TextField name="output" label=m::output(language) help=t::output_help(language) value=output findings/>
            <label class="check">
                <input type="checkbox" name="test_precision" checked on:change:target=move |ev| test_precision.set(ev.target().checked())/>
                {m::test_precision(language)}
            </label>
            <Findings of=findings field=""/>
            {move || problem.get().filter(|e| e.findings().is_empty()).map(|e| view! { <p class="finding" data-weight="stops" role="alert">{e.text(language)}</p> })}
            <Submit label=t::export(language).to_owned() pending=export.pending()/>
        </form>
    }
}
