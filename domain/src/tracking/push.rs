//! The body of a native push: one batch of a run's points, its configuration and its lines (docs/api.md).
//!
//! Points come as columns that share their steps: a thousand steps of twenty metrics are one list of steps and twenty of values, which is
//! what makes a batch cheap to read.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::RunState;
use super::posts::LogLine;
use crate::finding::Finding;
use crate::metrics::{Batch, Labels, Point, SeriesKey};

/// Longest name of a run or a series, in bytes.
const NAME_BYTES: usize = 4096;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body<'a> {
    /// The sender's own id of the run.
    #[serde(borrow)]
    run: Cow<'a, str>,
    /// What the run is called; its id without.
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(default = "first")]
    attempt: u32,
    #[serde(default)]
    config: Map<String, Value>,
    #[serde(default)]
    metadata: Option<Value>,
    #[serde(default)]
    state: Option<RunState>,
    #[serde(borrow, default)]
    points: Vec<Table<'a>>,
    #[serde(borrow, default)]
    lines: Vec<Line<'a>>,
}

fn first() -> u32 {
    1
}

/// Columns over the same steps.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table<'a> {
    steps: Vec<i64>,
    /// Milliseconds UTC; all of the moment of arrival without.
    #[serde(default)]
    times_millis: Option<Vec<i64>>,
    #[serde(default)]
    labels: Labels,
    #[serde(borrow)]
    values: BTreeMap<Cow<'a, str>, Vec<Number>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    /// Counted by the sender from 1; with the time it tells a line that is sent again.
    number: i64,
    time_millis: i64,
    #[serde(borrow)]
    text: Cow<'a, str>,
    #[serde(borrow, default)]
    level: Option<Cow<'a, str>>,
}

/// A number, `"NaN"`, `"Infinity"`, `"-Infinity"`, or null where the series has nothing at that step.
#[derive(Debug, Clone, Copy)]
struct Number(Option<f64>);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Number, D::Error> {
        // serde_json's own reading of numbers may be off in the last bit; std's is exact, and as fast.
        let text = <&RawValue>::deserialize(from)?.get();
        match text {
            "null" => Ok(Number(None)),
            "\"NaN\"" | "\"nan\"" => Ok(Number(Some(f64::NAN))),
            "\"Infinity\"" | "\"inf\"" => Ok(Number(Some(f64::INFINITY))),
            "\"-Infinity\"" | "\"-inf\"" => Ok(Number(Some(f64::NEG_INFINITY))),
            _ => text.parse().map(|value| Number(Some(value))).map_err(|_| {
                D::Error::custom(format!(
                    "{text} is no number; write a number, \"NaN\", \"Infinity\", \"-Infinity\" or null"
                ))
            }),
        }
    }
}

/// A push that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Push {
    pub run: String,
    pub name: String,
    pub attempt: u32,
    pub config: Map<String, Value>,
    pub metadata: Option<Value>,
    pub state: Option<RunState>,
    pub batch: Batch,
    pub lines: Vec<LogLine>,
    /// Milliseconds UTC of the earliest point that says one itself.
    pub earliest_millis: Option<i64>,
}

/// Reads a body; `now_millis` is the time of points that say none. Errors: findings by field, what was found and what to write.
pub fn read(body: &[u8], now_millis: i64) -> Result<Push, Vec<Finding>> {
    let body: Body<'_> = serde_json::from_slice(body).map_err(|error| vec![unreadable(&error)])?;
    let mut findings = Vec::new();
    check_name("run", &body.run, &mut findings);
    let name = body.name.as_ref().unwrap_or(&body.run).trim().to_owned();
    check_name("name", &name, &mut findings);
    if body.attempt == 0 {
        findings.push(Finding::stops(
            "attempt",
            "Attempts are counted from 1.",
            "attempt 从 1 开始计数。",
        ));
    }
    let mut batch = Batch::default();
    let mut earliest_millis = None;
    for (at, table) in body.points.iter().enumerate() {
        if let Some(times) = &table.times_millis {
            let first = times.iter().min().copied();
            earliest_millis = match (earliest_millis, first) {
                (Some(known), Some(new)) => Some(i64::min(known, new)),
                (known, new) => known.or(new),
            };
        }
        take(at, table, now_millis, &mut batch, &mut findings);
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    Ok(Push {
        run: body.run.into_owned(),
        name,
        attempt: body.attempt,
        config: body.config,
        metadata: body.metadata,
        state: body.state,
        batch,
        lines: body.lines.into_iter().map(line).collect(),
        earliest_millis,
    })
}

fn unreadable(error: &serde_json::Error) -> Finding {
    Finding::stops(
        "body",
        format!("The body cannot be read: {error}. docs/api.md shows its form."),
        format!("无法读取请求体:{error}。格式见 docs/api.md。"),
    )
}

fn check_name(field: &str, name: &str, findings: &mut Vec<Finding>) {
    if name.trim().is_empty() || name.len() > NAME_BYTES {
        findings.push(Finding::stops(
            field,
            format!(
                "{field} has {} bytes; write 1 to {NAME_BYTES}.",
                name.trim().len()
            ),
            format!(
                "{field} 有 {} 字节;请写 1 到 {NAME_BYTES} 字节。",
                name.trim().len()
            ),
        ));
    }
}

fn take(
    at: usize,
    table: &Table<'_>,
    now_millis: i64,
    batch: &mut Batch,
    findings: &mut Vec<Finding>,
) {
    let steps = table.steps.len();
    let mut check_length = |column: String, length: usize| {
        let fits = length == steps;
        if !fits {
            findings.push(Finding::stops(
                column,
                format!("There are {length} entries for {steps} steps; write one for each step."),
                format!("{steps} 个 step 却有 {length} 项;请为每个 step 写一项。"),
            ));
        }
        fits
    };
    if let Some(times) = &table.times_millis
        && !check_length(format!("points[{at}].times_millis"), times.len())
    {
        return;
    }
    for (name, values) in &table.values {
        if !check_length(format!("points[{at}].values.{name}"), values.len()) {
            return;
        }
        let time = |place: usize| {
            table
                .times_millis
                .as_ref()
                .map_or(now_millis, |times| times[place])
        };
        let points = (table.steps.iter().zip(values).enumerate()).filter_map(
            |(place, (step, Number(value)))| {
                Some(Point {
                    step: *step,
                    time_millis: time(place),
                    value: (*value)?,
                })
            },
        );
        let key = SeriesKey {
            name: name.clone().into_owned(),
            labels: table.labels.clone(),
        };
        batch.0.entry(key).or_default().extend(points);
    }
    for name in table.values.keys() {
        check_name(&format!("points[{at}].values"), name, findings);
    }
}

fn line(line: Line<'_>) -> LogLine {
    LogLine {
        line: line.number,
        micros: line.time_millis.saturating_mul(1000),
        level: line.level.as_deref().unwrap_or("INFO").to_owned(),
        message: line.text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn columns_become_points_and_null_is_no_point() {
        let body = r#"{"run": "r1", "points": [{"steps": [1, 2, 3], "times_millis": [10, 20, 30],
            "values": {"train/loss": [1.5, "NaN", null], "lr": [1, 2e-5, "-Infinity"]}}]}"#;
        let push = read(body.as_bytes(), 99).expect("read");
        assert_eq!((push.name.as_str(), push.attempt), ("r1", 1));
        let loss = &push.batch.0[&SeriesKey::plain("train/loss")];
        assert_eq!(loss.len(), 2);
        assert_eq!(
            (loss[0].step, loss[0].time_millis, loss[0].value),
            (1, 10, 1.5)
        );
        assert!(loss[1].value.is_nan());
        let lr = &push.batch.0[&SeriesKey::plain("lr")];
        assert_eq!((lr[0].value, lr[2].value), (1.0, f64::NEG_INFINITY));
        assert_eq!(push.earliest_millis, Some(10));
    }

    #[test]
    fn every_number_arrives_to_the_last_bit() {
        let values: Vec<f64> = (1..2000).map(|n| 1.0 / f64::from(n)).collect();
        let steps: Vec<i64> = (1..2000).collect();
        let body =
            serde_json::json!({"run": "r", "points": [{"steps": steps, "values": {"x": values}}]});
        let push = read(body.to_string().as_bytes(), 0).expect("read");
        let read = push.batch.0[&SeriesKey::plain("x")]
            .iter()
            .map(|point| point.value);
        assert!(read.eq(values));
    }

    #[test]
    fn points_without_times_are_of_the_moment_they_came() {
        let push = read(
            br#"{"run": "r", "points": [{"steps": [4], "values": {"x": [0]}}]}"#,
            99,
        )
        .expect("read");
        assert_eq!(push.batch.0[&SeriesKey::plain("x")][0].time_millis, 99);
    }

    #[test]
    fn what_is_wrong_is_named_by_its_field() {
        for (body, field) in [
            ("{", "body"),
            (r#"{"run": "r", "pionts": []}"#, "body"),
            (r#"{"run": " "}"#, "run"),
            (r#"{"run": "r", "attempt": 0}"#, "attempt"),
            (
                r#"{"run": "r", "points": [{"steps": [1, 2], "values": {"loss": [1]}}]}"#,
                "points[0].values.loss",
            ),
            (
                r#"{"run": "r", "points": [{"steps": [1], "times_millis": [], "values": {}}]}"#,
                "points[0].times_millis",
            ),
            (
                r#"{"run": "r", "points": [{"steps": [1], "values": {"loss": ["low"]}}]}"#,
                "body",
            ),
        ] {
            let findings = read(body.as_bytes(), 0).expect_err(body);
            assert_eq!(findings[0].field, field, "{body}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&body, 0);
        }

        #[test]
        fn a_body_that_was_changed_somewhere_is_read_or_refused(at in 0_usize..120, byte in any::<u8>()) {
            let mut body = br#"{"run":"r","config":{"a":{"b":1}},"points":[{"steps":[1,2],"values":{"loss":[1.5,null]}}],"lines":[]}"#.to_vec();
            let length = body.len();
            body[at % length] = byte;
            let _ = read(&body, 0);
        }
    }
}
