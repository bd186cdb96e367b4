//! The trainer's `logging.jsonl`: bytes as they arrive → records.
//!
//! 4.x writes `{"loss": …, "iteration": "5/47", …}` and, at the end, one record without `iteration`. 3.x writes `lm loss` and
//! `global_step/max_steps`, and its evaluation records carry no step at all: their step is the smallest multiple of the evaluation
//! interval that is not below the newest training record's.

use serde_json::{Map, Value};

/// One line that carries numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// None: an evaluation record of 3.x, whose step follows from `evaluation_step`.
    pub step: Option<i64>,
    /// Iterations of the whole run, where the record says so.
    pub steps: Option<i64>,
    /// Seconds since the run's first step, where the record says so: what orders records in time, since none carries a clock.
    pub elapsed_secs: Option<f64>,
    /// (canonical name, value), in the order of the line. NaN and infinities are kept.
    pub values: Vec<(String, f64)>,
}

/// Reads a file that grows: keeps the unfinished last line, counts what it cannot read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reader {
    tail: Vec<u8>,
    /// Where the line in `tail` begins, counted from the first byte taken.
    line_at: u64,
    /// Lines that were no JSON object; they are skipped, never fatal.
    pub bad_lines: u64,
    /// Where the first hundred of them begin, counted from the first byte taken.
    pub bad_offsets: Vec<u64>,
}

/// Bad lines whose place is kept.
const BAD_LIMIT: usize = 100;

/// A line beyond this is no metric record; it is dropped instead of being kept in memory.
const LINE_LIMIT: usize = 4 << 20;

impl Reader {
    /// Takes the next bytes of the file, cut anywhere.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Record> {
        let mut records = Vec::new();
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at(end);
            rest = &after[1..];
            let before = self.tail.len();
            if before == 0 {
                self.line(line, &mut records);
            } else {
                let mut whole = std::mem::take(&mut self.tail);
                whole.extend_from_slice(line);
                self.line(&whole, &mut records);
            }
            self.line_at += (before + end + 1) as u64;
        }
        if self.tail.len() + rest.len() > LINE_LIMIT {
            self.bad();
            self.line_at += (self.tail.len() + rest.len()) as u64;
            self.tail.clear();
        } else {
            self.tail.extend_from_slice(rest);
        }
        records
    }

    /// Bytes that were taken but belong to a line without its end: a restart reads them again.
    pub fn pending_bytes(&self) -> usize {
        self.tail.len()
    }

    fn line(&mut self, line: &[u8], records: &mut Vec<Record>) {
        let text = String::from_utf8_lossy(line);
        if text.trim().is_empty() {
            return;
        }
        match object(&text) {
            Some(object) => records.extend(record(&object)),
            None => self.bad(),
        }
    }

    fn bad(&mut self) {
        self.bad_lines += 1;
        if self.bad_offsets.len() < BAD_LIMIT {
            self.bad_offsets.push(self.line_at);
        }
    }
}

/// Python's json writes NaN, Infinity and -Infinity bare, which JSON does not know: they become texts.
fn object(line: &str) -> Option<Map<String, Value>> {
    if let Ok(Value::Object(object)) = serde_json::from_str(line) {
        return Some(object);
    }
    let mut mended = String::with_capacity(line.len() + 16);
    let (mut is_quoted, mut is_escaped, mut rest) = (false, false, line);
    while let Some(c) = rest.chars().next() {
        let word = ["-Infinity", "Infinity", "NaN"]
            .into_iter()
            .find(|word| !is_quoted && rest.starts_with(word));
        if let Some(word) = word {
            mended.push_str(&format!("\"{word}\""));
            rest = &rest[word.len()..];
            continue;
        }
        if c == '"' && !is_escaped {
            is_quoted = !is_quoted;
        }
        is_escaped = c == '\\' && !is_escaped;
        mended.push(c);
        rest = &rest[c.len_utf8()..];
    }
    match serde_json::from_str(&mended) {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn record(object: &Map<String, Value>) -> Option<Record> {
    let place = ["iteration", "global_step/max_steps"]
        .into_iter()
        .find_map(|key| object.get(key)?.as_str());
    let (step, steps) = match place.and_then(|text| text.split_once('/')) {
        Some((step, steps)) => (step.trim().parse().ok(), steps.trim().parse().ok()),
        None => (None, None),
    };
    let values: Vec<(String, f64)> = object
        .iter()
        .filter_map(|(key, value)| Some((canonical(key)?, number(value)?)))
        .collect();
    let is_evaluation = values.iter().any(|(name, _)| name.starts_with("eval_"));
    // The last record of 4.x names folders and has no step: it carries no points.
    (!values.is_empty() && (step.is_some() || is_evaluation)).then_some(Record {
        step,
        steps,
        elapsed_secs: object
            .get("elapsed_time")
            .and_then(Value::as_str)
            .and_then(duration_secs),
        values,
    })
}

/// Seconds of `1d 2h 3m 4s`, of which any part may be missing.
pub(crate) fn duration_secs(text: &str) -> Option<f64> {
    let mut seconds = 0.0;
    for part in text.split_whitespace() {
        let unit = part.chars().next_back()?;
        let number: f64 = part[..part.len() - unit.len_utf8()].parse().ok()?;
        seconds += number
            * match unit {
                'd' => 86_400.0,
                'h' => 3_600.0,
                'm' => 60.0,
                's' => 1.0,
                _ => return None,
            };
    }
    (!text.trim().is_empty()).then_some(seconds)
}

/// The name under which a key of any release is shown; None for what is no metric.
pub fn canonical(key: &str) -> Option<String> {
    Some(match key {
        "iteration"
        | "global_step/max_steps"
        | "elapsed_time"
        | "remaining_time"
        | "best_metric" => return None,
        "lm loss" => "loss".to_owned(),
        "eval_lm loss" => "eval_loss".to_owned(),
        "memory(GiB)" => "memory_gib".to_owned(),
        "train_speed(s/it)" | "elapsed_time_per_iteration" => "seconds_per_iteration".to_owned(),
        other => other.replace(' ', "_"),
    })
}

/// The step of a 3.x evaluation record, after a training record at `newest`; at the end of a run it is the last iteration.
pub fn evaluation_step(newest: i64, interval: i64, iterations: i64) -> i64 {
    let interval = interval.max(1);
    newest
        .div_euclid(interval)
        .saturating_add(i64::from(newest.rem_euclid(interval) != 0))
        .saturating_mul(interval)
        .min(iterations)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LORA: &[u8] =
        include_bytes!("../../fixtures/megatron-swift-4.6.0/lora_sft/logging.jsonl");
    const FULL: &[u8] =
        include_bytes!("../../fixtures/megatron-swift-4.6.0/full_sft/logging.jsonl");

    fn read(bytes: &[u8], stride: usize) -> (Vec<Record>, Reader) {
        let mut reader = Reader::default();
        let records = bytes
            .chunks(stride)
            .flat_map(|chunk| reader.push(chunk))
            .collect();
        (records, reader)
    }

    #[test]
    fn elapsed_times_are_read_in_all_their_forms() {
        assert_eq!(duration_secs("15s"), Some(15.0));
        assert_eq!(duration_secs("1d 2h 3m 4s"), Some(93_784.0));
        assert_eq!(duration_secs("soon"), None);
        assert_eq!(duration_secs(""), None);
        assert_eq!(read(LORA, 50).0[0].elapsed_secs, Some(15.0));
    }

    #[test]
    fn the_captured_run_gives_its_points() {
        let (records, reader) = read(LORA, LORA.len());
        assert_eq!((reader.bad_lines, reader.pending_bytes()), (0, 0));
        let of = |name: &str| -> Vec<(i64, f64)> {
            let points = records
                .iter()
                .flat_map(|r| r.values.iter().map(move |(n, v)| (r.step, n, *v)));
            points
                .filter(|(_, n, _)| *n == name)
                .map(|(step, _, value)| (step.expect("4.x names it"), value))
                .collect()
        };
        assert_eq!(of("loss").len(), 47);
        assert_eq!(of("loss")[0], (1, 8.506_966_59));
        assert_eq!(of("loss")[46], (47, 2.863_272_43));
        assert_eq!(
            of("eval_loss")
                .iter()
                .map(|(step, _)| *step)
                .collect::<Vec<_>>(),
            [20, 40, 47]
        );
        assert_eq!(records[0].steps, Some(47));
        for name in [
            "grad_norm",
            "learning_rate",
            "memory_gib",
            "seconds_per_iteration",
        ] {
            assert!(of(name).len() >= 47, "{name}");
        }
    }

    #[test]
    fn it_does_not_matter_where_the_bytes_are_cut() {
        for bytes in [LORA, FULL] {
            let whole = read(bytes, bytes.len());
            for stride in [1, 2, 3, 7, 64, 1000] {
                assert_eq!(read(bytes, stride), whole);
            }
        }
    }

    #[test]
    fn what_python_writes_and_json_forbids_is_read() {
        let (records, reader) = read(b"{\"loss\": NaN, \"grad_norm\": -Infinity, \"note\": \"NaN\\\" Infinity\", \"iteration\": \"3/9\"}\n", 5);
        assert_eq!(reader.bad_lines, 0);
        assert_eq!(records[0].step, Some(3));
        assert!(records[0].values[1].1.is_nan() || records[0].values[0].1.is_nan());
        assert!(
            records[0]
                .values
                .iter()
                .any(|(name, value)| name == "grad_norm" && *value == f64::NEG_INFINITY)
        );
    }

    #[test]
    fn bad_lines_are_counted_and_skipped() {
        let (records, reader) = read(
            b"half a line\n\xff\xfe\n{\"loss\": 1.0, \"iteration\": \"1/2\"}\n\n{\"loss\": 2",
            4,
        );
        assert_eq!((records.len(), reader.bad_lines), (1, 2));
        assert_eq!(reader.bad_offsets, [0, 12]);
        assert_eq!(reader.pending_bytes(), "{\"loss\": 2".len());
    }

    #[test]
    fn an_evaluation_of_3_x_is_placed_by_its_interval() {
        let (records, _) = read(
            b"{\"lm loss\": 2.5, \"global_step/max_steps\": \"95/100\"}\n{\"eval_lm loss\": 2.1}\n",
            9,
        );
        assert_eq!(records[0].values, [("loss".to_owned(), 2.5)]);
        assert_eq!(
            (records[1].step, records[1].values[0].0.as_str()),
            (None, "eval_loss")
        );
        assert_eq!(evaluation_step(95, 50, 100), 100);
        assert_eq!(evaluation_step(100, 50, 100), 100);
        assert_eq!(evaluation_step(45, 20, 47), 47);
        assert_eq!(evaluation_step(40, 20, 47), 40);
    }

    #[test]
    fn damaged_logs_break_nothing() {
        let bare = b"{\"loss\": NaN, \"note\": \"\\\"\", \"iteration\": \"3/9\", \"elapsed_time\": \"1d 2h 3m 4s\"}\n{\"eval_lm loss\": 2.1}\n";
        fuzzing::run("logging.jsonl", &[LORA, FULL, bare], |bytes| {
            let mut reader = Reader::default();
            let (before, after) = bytes.split_at(bytes.len() / 3);
            let records = [reader.push(before), reader.push(after)].concat();
            assert!(records.len() as u64 + reader.bad_lines <= bytes.len() as u64 + 1);
            assert!(reader.pending_bytes() <= bytes.len());
            for record in records {
                evaluation_step(
                    record.step.unwrap_or(i64::MAX),
                    i64::MIN,
                    record.steps.unwrap_or(0),
                );
            }
        });
    }
}
