//! Lines as a terminal shows them: of a line that a progress bar rewrote, what it said last.

/// A line to be shown: one line of the file, or one state of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// Where it begins in the file.
    pub offset: u64,
    pub bytes: &'a [u8],
    /// Line ends between the begin of the piece and this line.
    pub newlines: u64,
    /// Earlier states that are not shown.
    pub hidden: u32,
}

/// Splits a piece that begins at `offset`. A progress bar's line shows its last state; all of them when `is_expanded`, or when
/// `focus` lies in one that would be hidden.
///
/// tqdm rewrites a bar with `\r`, and one below another bar with a line end, `\r`, the bar and "cursor up" (`ESC [ A`): such a line end
/// begins no line.
pub fn lines(bytes: &[u8], offset: u64, is_expanded: bool, focus: Option<u64>) -> Vec<Line<'_>> {
    let mut all = Vec::new();
    let (mut at, mut newlines) = (0, 0);
    while at < bytes.len() {
        let end = line_end(bytes, at);
        let states = states(bytes, at, end);
        let last = states.len() - 1;
        let has_focus = focus.is_some_and(|focus| {
            let place = usize::try_from(focus.saturating_sub(offset)).unwrap_or(usize::MAX);
            focus >= offset + at as u64 && place < states[last].0
        });
        let shown = if is_expanded || has_focus { 0 } else { last };
        let mut counted = at;
        for (from, to) in &states[shown..] {
            newlines += count(&bytes[counted..*from]);
            counted = *from;
            all.push(Line {
                offset: offset + *from as u64,
                bytes: &bytes[*from..*to],
                newlines,
                hidden: u32::try_from(shown).unwrap_or(u32::MAX),
            });
        }
        newlines += count(&bytes[counted..end]);
        at = end;
    }
    all
}

fn count(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// Just after the line end that ends the line at `at`.
fn line_end(bytes: &[u8], at: usize) -> usize {
    let mut from = at;
    loop {
        let Some(found) = bytes[from..].iter().position(|byte| *byte == b'\n') else {
            return bytes.len();
        };
        from += found + 1;
        if !(bytes[at..from].ends_with(b"\x1b[A\n") && bytes.get(from) == Some(&b'\r')) {
            return from;
        }
    }
}

/// The states of a line that say something, as ranges; the last one if none does. Never empty.
fn states(bytes: &[u8], at: usize, end: usize) -> Vec<(usize, usize)> {
    let mut states = Vec::new();
    let mut from = at;
    let mut last = (at, at);
    for to in at..=end {
        if to < end && bytes[to] != b'\r' && bytes[to] != b'\n' {
            continue;
        }
        if from < to {
            last = (from, to);
            if says_something(&bytes[from..to]) {
                states.push(last);
            }
        }
        from = to + 1;
    }
    if states.is_empty() {
        states.push(last);
    }
    states
}

/// More than blanks and moves of the cursor.
fn says_something(state: &[u8]) -> bool {
    let mut rest = state;
    while let Some((first, after)) = rest.split_first() {
        rest = match first {
            b' ' | b'\t' => after,
            0x1b => match after {
                [b'[', b'0'..=b'9', b'A' | b'B' | b'K', more @ ..]
                | [b'[', b'A' | b'B' | b'K', more @ ..] => more,
                _ => return true,
            },
            _ => return true,
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const LORA: &[u8] = include_bytes!("../../fixtures/megatron-swift-4.6.0/lora_sft/stdout.log");
    const FULL: &[u8] = include_bytes!("../../fixtures/megatron-swift-4.6.0/full_sft/stdout.log");

    fn texts(bytes: &[u8], is_expanded: bool) -> Vec<String> {
        let all = lines(bytes, 0, is_expanded, None);
        all.iter()
            .map(|line| String::from_utf8_lossy(line.bytes).into_owned())
            .collect()
    }

    #[test]
    fn of_a_rewritten_line_the_last_state_is_shown_or_all() {
        let bytes = b"a\rb\rc\nd\r\n\n   \r  \ne";
        assert_eq!(texts(bytes, false), ["c", "d", "", "  ", "e"]);
        assert_eq!(texts(bytes, true), ["a", "b", "c", "d", "", "  ", "e"]);
        let all = lines(bytes, 100, false, None);
        assert_eq!((all[0].offset, all[0].hidden, all[1].offset), (104, 2, 106));
        assert_eq!(
            all.iter().map(|line| line.newlines).collect::<Vec<_>>(),
            [0, 1, 2, 3, 4]
        );
    }

    #[test]
    fn a_place_in_a_hidden_state_brings_the_states_out() {
        let shown = |focus| lines(b"x\none\rtwo\nz\n", 10, false, Some(focus)).len();
        assert_eq!((shown(10), shown(13), shown(16), shown(20)), (3, 4, 3, 3));
    }

    #[test]
    fn the_bars_of_captured_runs_collapse_and_every_record_stays() {
        for (log, expected, half_way) in
            [(LORA, 50, "Evaluate:  50%"), (FULL, 40, "Evaluate:  33%")]
        {
            let shown = texts(log, false);
            let all = texts(log, true);
            let records = |of: &[String]| {
                of.iter()
                    .filter(|line| line.contains("'iteration': "))
                    .count()
            };
            assert_eq!((records(&shown), records(&all)), (expected, expected));
            // Nested bars, too: half-way states of an evaluation are gone, its end is there.
            assert!(!shown.iter().any(|line| line.contains(half_way)));
            assert!(all.iter().any(|line| line.contains(half_way)));
            let newest = lines(log, 0, false, None);
            let newest = newest.last().expect("lines");
            assert_eq!(newest.newlines, count(log) - 1);
        }
    }
}
