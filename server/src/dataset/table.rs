//! A report as text for a terminal.

use std::fmt::Write;
use std::path::Path;

use domain::datasets::check::{Effect, Problem, Report};

pub(super) fn table(path: &Path, report: &Report) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = write(&mut out, path, report);
    out
}

fn write(out: &mut String, path: &Path, report: &Report) -> std::fmt::Result {
    let verdict = &report.verdict;
    writeln!(
        out,
        "{}: {} rows, {} bytes, for ms-swift {}",
        path.display(),
        report.rows,
        report.bytes,
        report.version
    )?;
    if verdict.file_fails {
        writeln!(out, "  the whole file is refused: no row of it is trained")?;
    } else {
        writeln!(
            out,
            "  {} kept, {} changed, {} trained as an empty turn, {} lost",
            verdict.kept, verdict.changed, verdict.empty_turn, verdict.dropped
        )?;
    }
    let list = |map: &std::collections::BTreeMap<String, u64>| {
        let all: Vec<_> = map
            .iter()
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        all.join(", ")
    };
    if !report.forms.is_empty() {
        writeln!(out, "  forms: {}", list(&report.forms))?;
    }
    if !report.turns.is_empty() {
        writeln!(out, "  turns: {}", list(&report.turns))?;
    }
    if let Some(longest) = report.longest_rows.first() {
        writeln!(
            out,
            "  longest row: {} bytes, line {}",
            longest.bytes, longest.line
        )?;
    }
    for problem in &report.findings {
        finding(out, problem)?;
    }
    for count in &report.counts {
        let listed = report
            .findings
            .iter()
            .filter(|problem| problem.kind == count.kind)
            .count() as u64;
        if count.count > listed {
            let more = count.count - listed;
            writeln!(out, "\n{}: {more} more like these", name(count.kind))?;
        }
    }
    Ok(())
}

fn finding(out: &mut String, problem: &Problem) -> std::fmt::Result {
    let place = if problem.row == 0 {
        "file".to_owned()
    } else {
        format!("line {}, column {}", problem.line, problem.column)
    };
    let path = if problem.path.is_empty() {
        String::new()
    } else {
        format!("  {}", problem.path)
    };
    let effect = match problem.effect {
        Effect::Kept => "kept",
        Effect::Changed => "changed",
        Effect::EmptyTurn => "empty turn",
        Effect::Dropped => "row lost",
        Effect::FileFails => "file refused",
    };
    writeln!(out, "\n{place}  {}{path}  [{effect}]", name(problem.kind))?;
    writeln!(out, "  found: {}", problem.found.en)?;
    writeln!(out, "  write: {}", problem.write.en)
}

fn name(kind: domain::datasets::check::Kind) -> String {
    serde_json::to_value(kind)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}
