//! The same for a person, harmless to a terminal whatever a file is called.

use std::fmt::Write;
use std::path::Path;

use domain::checkpoints::inspect::{Fault, Layout, Problem, Report, Verdict};

use crate::inspect::plain;

/// Problems of one folder beyond this are counted.
const SHOWN: usize = 30;

pub(super) fn table(dir: &Path, report: &Report) -> String {
    let mut text = String::new();
    block(
        &mut text,
        &plain(&dir.to_string_lossy()),
        report,
        &mut String::new(),
    );
    text
}

fn block(text: &mut String, name: &str, report: &Report, indent: &mut String) {
    let mut put = |line: std::fmt::Arguments<'_>| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{indent}{line}");
    };
    put(format_args!("{name}: {}", verdict(report.verdict)));
    put(format_args!("  layout     {}", layout(report.layout)));
    if let Some(iteration) = report.iteration {
        put(format_args!("  iteration  {iteration}"));
    }
    if let Some(shards) = &report.shards {
        put(format_args!(
            "  shards     {} of {} whole, {} needed",
            shards.whole,
            shards.needed,
            bytes(shards.needed_bytes)
        ));
    }
    if let Some(weights) = &report.weights {
        put(format_args!(
            "  weights    {} parameters in {} tensors, {}",
            grouped(weights.parameters),
            grouped(weights.tensors),
            plain(&weights.dtype)
        ));
    }
    if let Some(has_optimizer) = report.has_optimizer {
        let said = if has_optimizer {
            "in it: training can go on where it stopped"
        } else {
            "not in it: a new run can start from the weights, the old one cannot go on"
        };
        put(format_args!("  optimizer  {said}"));
    }
    for problem in report.problems.iter().take(SHOWN) {
        put(format_args!("  ! {}", said(problem)));
    }
    if report.problems.len() > SHOWN {
        put(format_args!(
            "  ! and {} more",
            report.problems.len() - SHOWN
        ));
    }
    for extra in report.extra.iter().take(SHOWN) {
        put(format_args!(
            "  + {} ({}) belongs to nothing here",
            plain(&extra.path),
            bytes(extra.bytes)
        ));
    }
    if report.extra.len() > SHOWN {
        put(format_args!("  + and {} more", report.extra.len() - SHOWN));
    }
    for note in &report.notes {
        put(format_args!("  - {}", plain(&note.en)));
    }
    indent.push_str("  ");
    for below in &report.folders {
        block(text, &plain(&below.path), below, indent);
    }
    indent.truncate(indent.len() - 2);
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Complete => "complete",
        Verdict::Incomplete => "incomplete",
        Verdict::Unreadable => "unreadable",
    }
}

fn layout(layout: Layout) -> &'static str {
    match layout {
        Layout::Runs => "folders of runs",
        Layout::Run => "run folder with checkpoint-N",
        Layout::Mcore => {
            "iter_NNNNNNN beside a tracker (a run of 3.9 to 3.11, or weights converted to MCore)"
        }
        Layout::Checkpoint => "checkpoint-N of 3.12 or 4.x",
        Layout::CheckpointWithSafetensors => "checkpoint-N of 3.12 or 4.x, with safetensors beside",
        Layout::SafetensorsWithCommon => {
            "checkpoint-N of 3.12 or 4.x saved without optimizer: safetensors and common.pt"
        }
        Layout::SafetensorsOnly => "checkpoint-N of 3.10 or 3.11 with safetensors alone",
        Layout::Merged => "checkpoint-N-merged: LoRA merged into a Hugging Face model",
        Layout::Iteration => "iter_NNNNNNN: one iteration in shards",
        Layout::TorchDistributed => "torch.distributed.checkpoint without Megatron's files",
        Layout::HuggingFace => "Hugging Face model",
        Layout::Adapter => "PEFT adapter",
        Layout::Unknown => "none that is known",
    }
}

fn said(problem: &Problem) -> String {
    let fault = match problem.fault {
        Fault::Missing => "missing",
        Fault::Truncated => "truncated",
        Fault::TooLong => "too long",
        Fault::Damaged => "damaged",
        Fault::Unfinished => "unfinished",
        Fault::Unreadable => "unreadable",
    };
    let mut said = format!("{fault}: {}", plain(&problem.path));
    let _ = match (problem.found_bytes, problem.needed_bytes) {
        (Some(found), Some(needed)) => {
            write!(said, " has {} of {} bytes", grouped(found), grouped(needed))
        }
        (Some(found), None) => write!(said, " has {} bytes", grouped(found)),
        (None, Some(needed)) => write!(said, ", {} bytes needed", grouped(needed)),
        (None, None) => Ok(()),
    };
    if !problem.text.en.is_empty() {
        let _ = write!(said, ". {}", plain(&problem.text.en));
    }
    said
}

/// `1,234,567`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn bytes(count: u64) -> String {
    const GIB: f64 = (1_u64 << 30) as f64;
    const MIB: f64 = (1_u64 << 20) as f64;
    match count {
        0..0x10_0000 => format!("{} bytes", grouped(count)),
        0x10_0000..0x4000_0000 => format!("{:.1} MiB", count as f64 / MIB),
        _ => format!("{:.2} GiB", count as f64 / GIB),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(123), "123");
        assert_eq!(grouped(1_234), "1,234");
        assert_eq!(grouped(12_345_678), "12,345,678");
        assert_eq!(bytes(1 << 30), "1.00 GiB");
    }
}
