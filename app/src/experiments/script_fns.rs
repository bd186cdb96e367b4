//! A pasted script, all arguments and what differs, for the new-experiment page. What only shows comes as HTML.

use std::collections::BTreeMap;

use crate::wire::Json;
use domain::experiments::form::Form;
use domain::finding::Finding;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::AppError;

/// A script that was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScriptSeen {
    /// What was understood and what is wrong.
    pub html: String,
    /// For the form's fields; empty: no training command.
    pub recipe: BTreeMap<String, String>,
    pub extra: String,
}

#[server(prefix = "/fn", endpoint = "experiments/script/read", input = Json, output = Json)]
pub async fn read_script(text: String, cluster: String) -> Result<ScriptSeen, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let seen = backend::experiments::read_script(&backend, &actor, &text, &cluster).await?;
    let html = super::script_html::seen(&seen);
    let read = seen.read.unwrap_or_default();
    Ok(ScriptSeen {
        html,
        recipe: read.recipe,
        extra: read.extra,
    })
}

/// The script with the form's values in it.
#[server(prefix = "/fn", endpoint = "experiments/script/follow", input = Json, output = Json)]
pub async fn follow_script(form: Form) -> Result<(String, Vec<Finding>), AppError> {
    crate::context::backend_and_actor()?;
    Ok(backend::experiments::follow_script(&form)?)
}

#[server(prefix = "/fn", endpoint = "experiments/script/mend", input = Json, output = Json)]
pub async fn mend_script(text: String) -> Result<String, AppError> {
    crate::context::backend_and_actor()?;
    Ok(backend::experiments::mend_script(&text)?)
}

/// All arguments of the form's command whose name has `search` in it, with what the form says of them.
#[server(prefix = "/fn", endpoint = "experiments/arguments", input = Json, output = Json)]
pub async fn arguments_of_form(form: Form, search: String) -> Result<String, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let (release, is_whole, list) =
        backend::experiments::arguments(&backend, &actor, &form).await?;
    Ok(super::script_html::arguments(
        &release,
        is_whole,
        list,
        &form.extra,
        &search,
    ))
}

/// What the form says otherwise than `preset`, `last` or an experiment, by its id.
#[server(prefix = "/fn", endpoint = "experiments/changes", input = Json, output = Json)]
pub async fn changes_of_form(form: Form, against: String) -> Result<String, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let against = match against.as_str() {
        "preset" => backend::experiments::Against::Preset,
        "last" => backend::experiments::Against::Last,
        id => backend::experiments::Against::Experiment(id.parse()?),
    };
    let changes = backend::experiments::changes(&backend, &actor, &form, &against).await?;
    Ok(super::script_html::changes(changes.as_deref()))
}

/// Keeps a key of the reports; what comes back stands in the form for it.
#[server(prefix = "/fn", endpoint = "experiments/reports/keep", input = Json, output = Json)]
pub async fn keep_report_secret(key: String, value: String) -> Result<String, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let id = backend::experiments::keep_secret(&backend, &actor, &key, &value).await?;
    Ok(id.to_string())
}

/// The script without what belongs to the reports, and that as the form holds it.
#[server(prefix = "/fn", endpoint = "experiments/script/reports", input = Json, output = Json)]
pub async fn take_reports(text: String) -> Result<(String, BTreeMap<String, String>), AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::experiments::take_reports(&backend, &actor, &text).await?)
}
