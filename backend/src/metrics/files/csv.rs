//! One row per point: `attempt,source,name,labels,step,time_millis,value`. Labels are a JSON object; NaN and infinities are `NaN`, `inf` and
//! `-inf`, as pandas reads them.

use domain::metrics::{Point, Summary};

use super::Writer;
use crate::error::{Error, Result};
use crate::store::to_json;

const HEAD: [&str; 7] = [
    "attempt",
    "source",
    "name",
    "labels",
    "step",
    "time_millis",
    "value",
];

#[derive(Default)]
pub struct Csv {
    has_head: bool,
}

impl Csv {
    fn rows(
        &mut self,
        add: impl FnOnce(&mut csv::Writer<Vec<u8>>) -> csv::Result<()>,
    ) -> Result<Vec<u8>> {
        let mut rows = csv::Writer::from_writer(Vec::new());
        let written = if self.has_head {
            Ok(())
        } else {
            rows.write_record(HEAD)
        };
        self.has_head = true;
        written
            .and_then(|()| add(&mut rows))
            .map_err(Error::internal("write rows"))?;
        rows.into_inner()
            .map_err(|error| Error::internal("write rows")(error.to_string()))
    }
}

impl Writer for Csv {
    fn series(&mut self, summary: &Summary, points: &[Point]) -> Result<Vec<u8>> {
        let attempt = summary.attempt.to_string();
        let labels = to_json(&summary.key.labels)?;
        self.rows(|rows| {
            for point in points {
                rows.write_record([
                    attempt.as_str(),
                    summary.source.name(),
                    &summary.key.name,
                    &labels,
                    &point.step.to_string(),
                    &point.time_millis.to_string(),
                    &point.value.to_string(),
                ])?;
            }
            Ok(())
        })
    }

    fn end(mut self: Box<Self>) -> Result<Vec<u8>> {
        self.rows(|_| Ok(()))
    }
}
