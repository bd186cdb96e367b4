//! Why a program failed, as its log says: the line that a person would look for.

/// The line that names the cause: the first exception of the last failure, not the wrapper's `ChildFailedError` or `See root cause above`
/// that follows it. None: the log names none.
pub fn find(log: &str) -> Option<String> {
    let lines: Vec<&str> = log
        .lines()
        .map(|line| line.rsplit('\r').next().unwrap_or(line))
        .collect();
    // A log that was appended to by an earlier failure begins anew with its command.
    let begin = lines
        .iter()
        .rposition(|line| line.starts_with("run sh: `"))
        .unwrap_or(0);
    let found: Vec<(usize, &str)> = (begin..lines.len())
        .filter_map(|at| Some((at, exception(lines[at])?)))
        .collect();
    let (at, line) = found
        .iter()
        .find(|(_, line)| !is_consequence(line))
        .or(found.first())?;
    // pydantic tells what is wrong on the line below.
    let said = match lines
        .get(at + 1)
        .filter(|_| line.contains("validation error for "))
    {
        Some(below) => format!("{line}: {}", below.trim()),
        None => (*line).to_owned(),
    };
    Some(said.chars().take(500).collect())
}

/// The last line that says something.
pub fn last_line(log: &str) -> Option<String> {
    let line = log.lines().rev().find(|line| !line.trim().is_empty())?;
    Some(line.trim().chars().take(500).collect())
}

/// The exception of a line, without the prefixes of rank and process: `[rank1]: ValueError: …`, `(APIServer pid=1) … ValueError: …`.
fn exception(line: &str) -> Option<&str> {
    let mut line = line.trim();
    if let Some(rest) = line.strip_prefix("[rank") {
        line = rest.split_once("]:")?.1.trim();
    } else if line.starts_with('(') && line.contains(" pid=") {
        line = line.split_once(')')?.1.trim();
        // `ERROR 11-24 00:06:41 [core.py:900] ValueError: …`
        if let Some((_, rest)) = line.split_once("] ").filter(|_| line.starts_with("ERROR")) {
            line = rest.trim();
        }
    }
    if line.contains(": error: ") {
        return Some(line);
    }
    let (name, said) = line
        .split_once(": ")
        .or_else(|| line.strip_suffix(':').map(|name| (name, "")))?;
    let last = name.rsplit('.').next()?;
    let is_name = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_'))
        && name
            .chars()
            .next()
            .is_some_and(|c| c.is_alphabetic() || c == '_');
    let is_exception = ["Error", "Exception", "Interrupt"]
        .iter()
        .any(|end| last.ends_with(end) && last.len() > end.len())
        || last == "KeyError";
    (is_name && is_exception && !said.is_empty()).then_some(line)
}

fn is_consequence(line: &str) -> bool {
    [
        "ChildFailedError",
        "See root cause above",
        "EngineDeadError",
    ]
    .iter()
    .any(|mark| line.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_captured_failures_name_their_cause() {
        for (log, said) in [
            (
                include_str!("../../fixtures/vllm-failures/autotool.log"),
                "TypeError: Error: --enable-auto-tool-choice requires --tool-call-parser",
            ),
            (
                include_str!("../../fixtures/vllm-failures/unknownarg.log"),
                "vllm: error: unrecognized arguments: --foo-bar 3",
            ),
            (
                include_str!("../../fixtures/vllm-failures/port.log"),
                "OSError: [Errno 98] Address already in use",
            ),
            (
                include_str!("../../fixtures/vllm-failures/maxlen.log"),
                "is greater than the derived max_model_len",
            ),
            (
                include_str!("../../fixtures/vllm-failures/badpath.log"),
                "Repo id must be in the form",
            ),
            (
                include_str!("../../fixtures/megatron-swift-3.9.3/apex_missing.log"),
                "fused_weight_gradient_mlp_cuda module is not found",
            ),
            (
                include_str!("../../fixtures/megatron-swift-3.9.3/numpy_too_new.log"),
                "numpy<2.0 is required",
            ),
            (
                include_str!("../../fixtures/megatron-swift-3.9.3/load_weights_only.log"),
                "Weights only load failed",
            ),
            (
                include_str!("../../fixtures/megatron-swift-4.6.0/export_to_hf_rope_theta.log"),
                "has no attribute 'rope_theta'",
            ),
        ] {
            let found = find(log).unwrap_or_else(|| panic!("nothing for {said}"));
            assert!(found.contains(said), "{found:?} is not {said:?}");
        }
    }

    #[test]
    fn a_rank_in_front_is_taken_off_and_training_lines_are_no_cause() {
        let log = "{'loss': 1.0, 'iteration': '1/4'}\n[rank1]: Traceback (most recent call last):\n[rank1]: ValueError: remaining_argv: ['--x']\n\
                   torch.distributed.elastic.multiprocessing.errors.ChildFailedError: \n";
        assert_eq!(
            find(log).as_deref(),
            Some("ValueError: remaining_argv: ['--x']")
        );
        assert_eq!(find("INFO: all is well\nnote: this is no Error\n"), None);
    }
}
