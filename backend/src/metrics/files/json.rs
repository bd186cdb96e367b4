//! `{"experiment": {"id", "name"}, "series": [{"attempt", "source", "name", "labels", "steps", "times_millis", "values"}]}`. JSON knows no NaN
//! and no infinities: they are the texts `"NaN"`, `"Infinity"` and `"-Infinity"`.

use domain::experiments::Experiment;
use domain::metrics::{Point, Summary};
use serde::Serialize;
use serde_json::{Value, json};

use super::Writer;
use crate::error::{Error, Result};

pub struct Json {
    /// What stands before the next series.
    head: String,
}

#[derive(Serialize)]
struct Series<'a> {
    #[serde(flatten)]
    key: &'a domain::metrics::SeriesKey,
    attempt: u32,
    source: &'static str,
    steps: Vec<i64>,
    times_millis: Vec<i64>,
    values: Vec<Value>,
}

impl Json {
    pub fn new(experiment: &Experiment) -> Json {
        let about = json!({"id": experiment.id, "name": experiment.name});
        Json {
            head: format!("{{\"experiment\":{about},\"series\":["),
        }
    }
}

fn value(value: f64) -> Value {
    match value {
        value if value.is_nan() => "NaN".into(),
        f64::INFINITY => "Infinity".into(),
        f64::NEG_INFINITY => "-Infinity".into(),
        value => value.into(),
    }
}

impl Writer for Json {
    fn series(&mut self, summary: &Summary, points: &[Point]) -> Result<Vec<u8>> {
        let series = Series {
            key: &summary.key,
            attempt: summary.attempt,
            source: summary.source.name(),
            steps: points.iter().map(|point| point.step).collect(),
            times_millis: points.iter().map(|point| point.time_millis).collect(),
            values: points.iter().map(|point| value(point.value)).collect(),
        };
        let mut bytes = std::mem::replace(&mut self.head, ",\n".to_owned()).into_bytes();
        serde_json::to_writer(&mut bytes, &series).map_err(Error::internal("write a series"))?;
        Ok(bytes)
    }

    fn end(self: Box<Self>) -> Result<Vec<u8>> {
        // No series came: the head is still to be written.
        let head = if self.head.starts_with('{') {
            self.head
        } else {
            String::new()
        };
        Ok(format!("{head}]}}\n").into_bytes())
    }
}
