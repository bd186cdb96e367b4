//! The answer as a person reads it.

use std::fmt::Write;

use domain::finding::Weight;
use domain::recipes::review::{self, Review};
use domain::recipes::script::Remark;

pub fn text(review: &Review, name: &str) -> String {
    let mut text = String::new();
    let guess = &review.guess;
    let why = match (guess.is_told, guess.because.is_empty()) {
        (true, _) => "as told".to_owned(),
        (false, true) => "assumed: nothing in it decides".to_owned(),
        (false, false) => format!(
            "by {}",
            guess
                .because
                .iter()
                .map(|text| text.en.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        ),
    };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{name}: ms-swift {} ({why})", guess.version);
    for program in review::programs(&review.script, guess.version) {
        let mut notes = Vec::new();
        if let Some(inside) = program.inside {
            notes.push(format!("inside {inside}"));
        }
        notes.extend(program.wrappers.clone());
        if program.background {
            notes.push("in the background".to_owned());
        }
        if let Some(output) = &program.output {
            notes.push(format!("writes to {output}"));
        }
        let notes = if notes.is_empty() {
            String::new()
        } else {
            format!(" ({})", notes.join(", "))
        };
        let _ = writeln!(text, "\nline {}: {}{notes}", program.line, program.program);
        let wide = program
            .variables
            .keys()
            .map(String::len)
            .chain(program.flags.iter().map(|flag| flag.flag.len() + 2))
            .max()
            .unwrap_or(0);
        for (name, value) in &program.variables {
            let _ = writeln!(text, "  {name:wide$}  {value}");
        }
        for flag in &program.flags {
            let known = if flag.kind.is_none() {
                "   (unknown)"
            } else {
                ""
            };
            let _ = writeln!(
                text,
                "  {:wide$}  {}{known}",
                format!("--{}", flag.flag),
                flag.values.join(" ")
            );
        }
    }
    let kept = review::kept(&review.script);
    if !kept.is_empty() {
        let _ = writeln!(text, "\nkept as text:");
        for (line, what, first) in kept {
            let _ = writeln!(text, "  line {line}: {what}: {first}");
        }
    }
    if !review.translated.is_empty() {
        let _ = writeln!(text, "\nfor ms-swift {}:", review.to);
        for step in &review.translated {
            let change = match (step.from.as_str(), step.to.as_str()) {
                ("", to) => format!("+ {to}"),
                (from, "") => format!("- {from}"),
                (from, to) => format!("{from} → {to}"),
            };
            let _ = writeln!(
                text,
                "  line {}: {change}\n      {}",
                step.at.line, step.why.en
            );
        }
    }
    if !review.findings.is_empty() {
        let _ = writeln!(text, "\nfindings:");
        for remark in &review.findings {
            let _ = writeln!(text, "  {}", finding(remark));
        }
    }
    let (stops, warnings) = super::counts(review);
    let _ = writeln!(text, "\n{stops} stop a launch, {warnings} are warnings");
    if review.new.text() != review.script.text() {
        let _ = write!(
            text,
            "\n----- for ms-swift {} -----\n{}",
            review.to,
            review.new.text()
        );
        if !review.new.text().ends_with('\n') {
            text.push('\n');
        }
    }
    text
}

/// `12:5 stops --lr: …`
pub fn finding(remark: &Remark) -> String {
    let weight = match remark.weight {
        Weight::Stops => "stops",
        Weight::Warning => "warning",
    };
    let about = if remark.flag.is_empty() {
        String::new()
    } else {
        format!(" --{}", remark.flag)
    };
    format!(
        "{}:{} {weight}{about}: {}",
        remark.at.line,
        remark.at.column,
        remark.sentence().en
    )
}
