//! Metric records in what a training prints: the log of a `train` job, or a file into which somebody piped one.
//!
//! 4.x prints a Python dict among the progress bars of tqdm, `Train:  1%| | 1/47 … {'loss': 8.5, 'iteration': '1/47', …}`. 3.x prints
//! Megatron's own line, ` [2025-10-23 20:15:01] iteration 10/ 100 | lm loss: 1.2E+00 | … |`, and evaluations as ` validation loss at
//! iteration 50 | lm loss value: 1.2E+00 | …`. Both give the records that logging.jsonl holds, under the same names.

use serde_json::{Map, Value};

use super::jsonl::{self, Record};

/// Reads a log that grows, cut anywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reader {
    tail: Vec<u8>,
}

/// A longer line is no record; what is held of it is dropped.
const LINE_LIMIT: usize = 1 << 20;

impl Reader {
    /// Takes the next bytes of the log.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Record> {
        let mut records = Vec::new();
        let mut rest = bytes;
        // A progress bar ends in a carriage return.
        while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.tail.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            records.extend(record(&String::from_utf8_lossy(&self.tail)));
            self.tail.clear();
        }
        if self.tail.len() + rest.len() > LINE_LIMIT {
            self.tail.clear();
        } else {
            self.tail.extend_from_slice(rest);
        }
        records
    }

    /// Reads a last line without its end, of a log that will not grow.
    pub fn finish(&mut self) -> Option<Record> {
        record(&String::from_utf8_lossy(&std::mem::take(&mut self.tail)))
    }
}

/// The record on a line, if there is one.
fn record(line: &str) -> Option<Record> {
    if let Some((_, said)) = line.split_once("{'") {
        let object = dict(said)?;
        let is_placed =
            object.contains_key("iteration") || object.contains_key("global_step/max_steps");
        return is_placed.then(|| jsonl::record(&object)).flatten();
    }
    let (head, said) = line.split_once(" | ")?;
    if let Some((_, step)) = head.split_once("validation loss at iteration ") {
        // After training 3.x evaluates once more, `… iteration 47 on validation set | …`.
        let step = step.split_whitespace().next()?;
        return evaluation(step.parse().ok()?, said);
    }
    let (_, place) = head.split_once("iteration ")?;
    let (step, steps) = place.split_once('/')?;
    training(step.trim().parse().ok()?, steps.trim().parse().ok()?, said)
}

/// A flat dict of Python's `repr`, after its `{'`. None: it is none, or not flat.
fn dict(said: &str) -> Option<Map<String, Value>> {
    let mut object = Map::new();
    let mut rest = said;
    loop {
        let (key, after) = rest.split_once("': ")?;
        let value;
        (value, rest) = if let Some(text) = after.strip_prefix('\'') {
            let (text, after) = text.split_once('\'')?;
            (Value::from(text), after)
        } else {
            let end = after.find([',', '}'])?;
            (number(&after[..end])?, &after[end..])
        };
        object.insert(key.to_owned(), value);
        match rest.strip_prefix(", '") {
            Some(next) => rest = next,
            None => return rest.starts_with('}').then_some(object),
        }
    }
}

/// As logging.jsonl has it: what JSON does not know is a text there.
fn number(text: &str) -> Option<Value> {
    Some(match text {
        "nan" | "-nan" => Value::from("NaN"),
        "inf" => Value::from("Infinity"),
        "-inf" => Value::from("-Infinity"),
        "None" => Value::Null,
        "True" => Value::from(true),
        "False" => Value::from(false),
        text => Value::from(text.parse::<f64>().ok().filter(|value| value.is_finite())?),
    })
}

/// ` name: value | name: value |`, values that are no numbers left out.
fn parts(said: &str) -> impl Iterator<Item = (&str, &str)> {
    said.split('|')
        .filter_map(|part| part.rsplit_once(':'))
        .map(|(name, value)| (name.trim(), value.trim()))
}

fn training(step: i64, steps: i64, said: &str) -> Option<Record> {
    let mut values = Vec::new();
    let mut elapsed_secs = None;
    for (name, text) in parts(said) {
        let value = text.parse::<f64>();
        match (name, value) {
            ("elapsed time", _) => elapsed_secs = jsonl::duration_secs(text),
            ("elapsed time per iteration (ms)", Ok(millis)) => {
                values.push(("seconds_per_iteration".to_owned(), millis / 1000.0));
            }
            (name, Ok(value)) => values.push((jsonl::canonical(name)?, value)),
            (_, Err(_)) => {}
        }
    }
    (!values.is_empty()).then_some(Record {
        step: Some(step),
        steps: Some(steps),
        elapsed_secs,
        values,
    })
}

fn evaluation(step: i64, said: &str) -> Option<Record> {
    let values: Vec<(String, f64)> = parts(said)
        .filter_map(|(name, text)| {
            let name = match name.strip_suffix(" value") {
                Some("lm loss") => "eval_loss".to_owned(),
                Some(name) => format!("eval_{}", jsonl::canonical(name)?),
                None => format!("eval_{}", jsonl::canonical(name)?),
            };
            Some((name, text.parse().ok()?))
        })
        .collect();
    (!values.is_empty()).then_some(Record {
        step: Some(step),
        steps: None,
        elapsed_secs: None,
        values,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LORA: &[u8] = include_bytes!("../../fixtures/megatron-swift-4.6.0/lora_sft/stdout.log");
    const FULL: &[u8] = include_bytes!("../../fixtures/megatron-swift-4.6.0/full_sft/stdout.log");
    const OF_3: &str = " [2025-10-23 20:15:01] iteration       10/     100 | consumed samples:          160 | elapsed time per iteration (ms): 1234.5 | memory(GiB): 61.2 | elapsed time: 12s | remaining time: 1m 51s | learning rate: 9.500000E-05 | global batch size:    16 | lm loss: 1.234567E+00 | loss scale: 1.0 | grad norm: nan | number of skipped iterations:   0 |\n validation loss at iteration 50 | lm loss value: 1.2E+00 | lm loss PPL: 3.3E+00 | \n";

    #[test]
    fn the_captured_logs_give_the_records_of_their_logging_jsonl() {
        let logs: [&[u8]; 2] = [
            include_bytes!("../../fixtures/megatron-swift-4.6.0/lora_sft/logging.jsonl"),
            include_bytes!("../../fixtures/megatron-swift-4.6.0/full_sft/logging.jsonl"),
        ];
        for (printed, log) in [LORA, FULL].into_iter().zip(logs) {
            let written = jsonl::Reader::default().push(log);
            assert!(written.len() > 30);
            for stride in [printed.len(), 1000, 13] {
                let mut reader = Reader::default();
                let pieces = printed.chunks(stride);
                let read: Vec<Record> = pieces.flat_map(|piece| reader.push(piece)).collect();
                assert_eq!(read, written);
            }
        }
    }

    #[test]
    fn megatrons_own_lines_are_read() {
        let records = Reader::default().push(OF_3.as_bytes());
        let of = |name: &str| {
            let values = records.iter().flat_map(|record| &record.values);
            values
                .filter(|(n, _)| n == name)
                .map(|(_, value)| *value)
                .next()
        };
        assert_eq!((records[0].step, records[0].steps), (Some(10), Some(100)));
        assert_eq!(records[0].elapsed_secs, Some(12.0));
        assert_eq!(of("loss"), Some(1.234567));
        assert_eq!(of("seconds_per_iteration"), Some(1.2345));
        assert_eq!(of("memory_gib"), Some(61.2));
        assert_eq!(of("learning_rate"), Some(9.5e-5));
        assert!(of("grad_norm").is_some_and(f64::is_nan));
        assert_eq!(records[1].step, Some(50));
        assert_eq!(of("eval_loss"), Some(1.2));
        assert_eq!(of("eval_lm_loss_PPL"), Some(3.3));
        let last = b" validation loss at iteration 47 on validation set | lm loss value: 1.1E+00 | lm loss PPL: 3.0E+00 | \n";
        let records = Reader::default().push(last);
        assert_eq!(records[0].step, Some(47), "the evaluation after training");
    }

    #[test]
    fn damaged_logs_break_nothing() {
        let part = &FULL[FULL.len() - 20_000..];
        fuzzing::run("train log", &[part, OF_3.as_bytes()], |bytes| {
            let mut reader = Reader::default();
            let (before, after) = bytes.split_at(bytes.len() / 3);
            let records = reader.push(before).len() + reader.push(after).len();
            assert!(records + usize::from(reader.finish().is_some()) <= bytes.len());
        });
    }
}
