//! Converting an HF model to MCore.

use leptos::prelude::*;

use super::server_fns::convert_model;
use crate::context::use_language;
use crate::shared::{Findings, Submit, TextField};
use crate::texts::models as t;

#[component]
pub fn ConvertForm(model: String) -> impl IntoView {
    let language = use_language();
    let output = RwSignal::new(String::new());
    let test_precision = RwSignal::new(true);
    let convert = Action::new(move |(): &()| {
        convert_model(
            model.clone(),
            output.get_untracked(),
            test_precision.get_untracked(),
        )
    });
    let problem = Memo::new(move |_| convert.value().get().and_then(Result::err));
    let findings = Signal::derive(move || {
        problem
            .get()
            .map(|e| e.findings().to_vec())
            .unwrap_or_default()
    });
    view! {
        <section class="section-body">
            <h2>{t::convert(language)}</h2>
            <p class="lead">{t::convert_lead(language)}</p>
            <form class="form form-narrow" on:submit=move |ev| { ev.prevent_default(); convert.dispatch(()); }>
                <TextField name="output" label=t::output(language) value=output findings help=t::output_help(language)/>
                <label class="check">
                    <input type="checkbox" name="test_precision" checked on:change:target=move |ev| test_precision.set(ev.target().checked())/>
                    {t::test_precision(language)} " " <code>"--test_convert_precision"</code>
                </label>
                <Findings of=findings field=""/>
                {move || problem.get().filter(|e| e.findings().is_empty()).map(|e| view! { <p class="finding" data-weight="stops" role="alert">{e.text(language)}</p> })}
                <Submit label=Signal::derive(move || t::convert(language).to_owned()) pending=convert.pending()/>
            </form>
        </section>
    }
}
