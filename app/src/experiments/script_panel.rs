//! A person's own script beside the form: whichever was edited last leads, the other follows.

use std::collections::BTreeMap;

use domain::experiments::form::Form;
use domain::finding::Finding;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::script_fns::{follow_script, mend_script, read_script, take_reports};
use crate::context::use_language;
use crate::error::AppError;
use crate::shared::{Deed, Findings, Fragment};
use crate::texts::scripts as t;

/// What script and form said when they last agreed.
#[derive(Debug, Clone, PartialEq, Default)]
struct InStep {
    script: String,
    recipe: BTreeMap<String, String>,
    extra: String,
    cluster: String,
}

impl InStep {
    fn of(form: &Form) -> InStep {
        InStep {
            script: form.script.clone(),
            recipe: form.recipe.clone(),
            extra: form.extra.clone(),
            cluster: form.cluster_id.clone(),
        }
    }
}

#[component]
pub fn ScriptPanel(
    form: RwSignal<Form>,
    /// The form when typing has paused.
    settled: RwSignal<Form>,
    findings: Memo<Vec<Finding>>,
) -> impl IntoView {
    let language = use_language();
    let html = RwSignal::new(String::new());
    let error = RwSignal::new(None::<AppError>);
    let lost = RwSignal::new(Vec::<Finding>::new());
    let is_busy = RwSignal::new(false);
    // Of a form that began with a script, only the script is looked through: they agree already.
    let agreed = StoredValue::new(InStep::default());
    let is_first = StoredValue::new(true);
    Effect::new(move |_| {
        let now = settled.get();
        let begins = is_first.get_value();
        is_first.set_value(false);
        if now.script.trim().is_empty() {
            html.set(String::new());
            agreed.set_value(InStep::of(&now));
            return;
        }
        let before = agreed.get_value();
        let (script_changed, cluster_changed) = (
            now.script != before.script,
            now.cluster_id != before.cluster,
        );
        let form_changed = now.recipe != before.recipe || now.extra != before.extra;
        if !(script_changed || cluster_changed || form_changed) {
            return;
        }
        agreed.set_value(InStep::of(&now));
        is_busy.set(true);
        spawn_local(async move {
            let done = if script_changed || cluster_changed {
                read_script(now.script.clone(), now.cluster_id.clone())
                    .await
                    .map(|seen| {
                        html.set(seen.html);
                        lost.set(Vec::new());
                        let takes = script_changed && !seen.recipe.is_empty() && !begins;
                        // What was typed meanwhile is looked at at the next pause.
                        if takes && form.with_untracked(|form| form.script == now.script) {
                            form.update(|form| {
                                form.recipe.extend(seen.recipe);
                                form.extra = seen.extra;
                            });
                            agreed.set_value(InStep::of(&form.get_untracked()));
                        }
                    })
            } else {
                follow_script(now.clone()).await.map(|(script, findings)| {
                    lost.set(findings);
                    if form.with_untracked(|form| form.script == now.script) && script != now.script
                    {
                        agreed.update_value(|agreed| agreed.script.clone_from(&script));
                        form.update(|form| form.script = script);
                    }
                })
            };
            // What is wrong with the form's own fields stands beside them.
            error.set(done.err().filter(|error| error.findings().is_empty()));
            is_busy.set(false);
        });
    });
    let mend = move || {
        let text = form.with_untracked(|form| form.script.clone());
        spawn_local(async move {
            match mend_script(text.clone()).await {
                Ok(mended) if form.with_untracked(|form| form.script == text) => {
                    form.update(|form| form.script = mended)
                }
                Ok(_) => {}
                Err(why) => error.set(Some(why)),
            }
        });
    };
    let move_reports = move || {
        let text = form.with_untracked(|form| form.script.clone());
        spawn_local(async move {
            match take_reports(text.clone()).await {
                Ok((script, taken)) if form.with_untracked(|form| form.script == text) => form
                    .update(|form| {
                        form.script = script;
                        form.reports.extend(taken);
                    }),
                Ok(_) => {}
                Err(why) => error.set(Some(why)),
            }
        });
    };
    let on_deed = move |deed: Deed| match deed.what.as_str() {
        "mend" => mend(),
        "reports" => move_reports(),
        _ => {}
    };
    let is_empty = Memo::new(move |_| form.with(|form| form.script.trim().is_empty()));
    let lines = Memo::new(move |_| form.with(|form| form.script.lines().count().clamp(6, 30)));
    view! {
        <section class="setup-group" id="own-script">
            <h2>{t::script(language)}</h2>
            <div class="field" data-wide="true">
                <label class="field-label" for="script">{t::script_label(language)}
                    <button type="button" class="button-quiet" hidden=move || is_empty.get() on:click=move |_| form.update(|form| form.script.clear())>{t::leave_out(language)}</button>
                </label>
                <textarea id="script" name="script" class="script-text" rows=move || lines.get() spellcheck="false" autocomplete="off" wrap="off"
                    placeholder="megatron sft \\\n    --model … \\\n    --lr 1e-4"
                    prop:value=move || form.with(|form| form.script.clone())
                    on:input:target=move |ev| form.update(|form| form.script = ev.target().value())>{form.with_untracked(|form| form.script.clone())}</textarea>
                <span class="field-help">{t::script_help(language)}</span>
                <Findings of=findings field="script"/>
                <Findings of=Signal::derive(move || lost.get()) field="script"/>
                {move || error.get().map(|error| view! { <p class="finding" data-weight="stops" role="alert">{error.text(language)}</p> })}
                <p class="soft" role="status" hidden=move || !is_busy.get()>{t::taking_in(language)}</p>
                <Fragment html class="script-seen" on_deed=Callback::new(on_deed)/>
            </div>
        </section>
    }
}
