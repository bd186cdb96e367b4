//! The answer as JSON; docs/guide/scripts.md describes it.

use std::collections::BTreeMap;

use domain::finding::Weight;
use domain::recipes::dialects::strangers::is_secret;
use domain::recipes::review::{self, HIDDEN, Review};
use domain::recipes::script::Remark;
use serde_json::{Value, json};

pub fn json(review: &Review) -> String {
    let guess = &review.guess;
    let how = match (guess.is_told, guess.because.is_empty()) {
        (true, _) => "told",
        (false, false) => "guessed",
        (false, true) => "assumed",
    };
    let variables: Vec<Value> = review
        .script
        .variables()
        .iter()
        .map(|variable| {
            let at = review.script.place(variable.span.start);
            let value = if is_secret(&variable.name) { HIDDEN } else { &variable.value.text };
            json!({
                "name": variable.name, "line": at.line, "column": at.column, "value": value, "is_exact": variable.value.is_exact,
                "exported": variable.is_exported,
            })
        })
        .collect();
    let fields: BTreeMap<String, Vec<String>> = review
        .script
        .main_program()
        .map(|program| review::neutral(program, guess.version))
        .unwrap_or_default()
        .into_iter()
        .map(|(name, values)| {
            let values = if is_secret(&name) {
                vec![HIDDEN.to_owned()]
            } else {
                values
            };
            (name, values)
        })
        .collect();
    let kept: Vec<Value> = review::kept(&review.script)
        .into_iter()
        .map(|(line, what, text)| json!({ "line": line, "what": what, "text": text }))
        .collect();
    let translated: Vec<Value> = review
        .translated
        .iter()
        .map(|step| {
            json!({
                "line": step.at.line, "column": step.at.column, "program": step.program, "from": text_or_null(&step.from), "to": text_or_null(&step.to),
                "why": step.why,
            })
        })
        .collect();
    pretty(&json!({
        "version": {
            "release": guess.version.to_string(),
            "how": how,
            "because": guess.because,
        },
        "to": review.to.to_string(),
        "programs": review::programs(&review.script, guess.version),
        "variables": variables,
        "fields": fields,
        "kept": kept,
        "translated": translated,
        "findings": review.findings.iter().map(finding).collect::<Vec<_>>(),
        "script": review.new.text(),
    }))
}

fn text_or_null(text: &str) -> Value {
    if text.is_empty() {
        Value::Null
    } else {
        text.into()
    }
}

pub fn finding(remark: &Remark) -> Value {
    json!({
        "severity": match remark.weight { Weight::Stops => "stops", Weight::Warning => "warning" },
        "line": remark.at.line,
        "column": remark.at.column,
        "flag": text_or_null(&remark.flag),
        "found": remark.found,
        "text": remark.text,
        "write": remark.write,
    })
}

pub fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}
