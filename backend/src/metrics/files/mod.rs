//! Series as files to take away: CSV, JSON or Parquet, of one series or a whole experiment.
//!
//! A file is written while it is read, one series in memory at a time, and stops when nobody takes it.

mod csv;
mod json;
mod parquet;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use domain::experiments::Experiment;
use domain::finding::Finding;
use domain::ids::ExperimentId;
use domain::metrics::{Labels, Point, Summary};
use futures::Stream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::store::Origin;
use crate::{Actor, Backend, Error, Result, experiments};

/// Pieces that wait for a slow reader.
const AHEAD: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Csv,
    Json,
    Parquet,
}

impl Format {
    /// By the word in an address; a finding on `format` else.
    pub fn named(word: &str) -> Result<Format> {
        match word {
            "csv" => Ok(Format::Csv),
            "json" => Ok(Format::Json),
            "parquet" => Ok(Format::Parquet),
            other => Err(Error::Invalid(vec![Finding::stops(
                "format",
                format!("There is no format {other:?}; write csv, json or parquet."),
                format!("没有格式 {other:?};请写 csv、json 或 parquet。"),
            )])),
        }
    }

    pub fn extension(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Json => "json",
            Format::Parquet => "parquet",
        }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Format::Csv => "text/csv; charset=utf-8",
            Format::Json => "application/json",
            Format::Parquet => "application/vnd.apache.parquet",
        }
    }
}

/// Which series a file holds. What is None restricts nothing.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub name: Option<String>,
    pub labels: Option<Labels>,
    pub attempt: Option<u32>,
}

impl Wanted {
    fn has(&self, summary: &Summary) -> bool {
        self.name
            .as_ref()
            .is_none_or(|name| *name == summary.key.name)
            && self
                .labels
                .as_ref()
                .is_none_or(|labels| *labels == summary.key.labels)
            && self
                .attempt
                .is_none_or(|attempt| attempt == summary.attempt)
    }
}

/// What writes one format. Every call answers the bytes that are ready.
trait Writer: Send {
    fn series(&mut self, summary: &Summary, points: &[Point]) -> Result<Vec<u8>>;
    fn end(self: Box<Self>) -> Result<Vec<u8>>;
}

/// A file's name, and its bytes.
pub struct File<S> {
    pub name: String,
    pub bytes: S,
}

/// All points of the wanted series: every attempt and source, as they are stored.
pub async fn file(
    backend: &Backend,
    actor: &Actor,
    id: &ExperimentId,
    wanted: &Wanted,
    format: Format,
) -> Result<File<impl Stream<Item = Result<Bytes>> + Send + use<>>> {
    let experiment = experiments::find(backend, actor, id).await?;
    let mut summaries = backend.store().summaries(id).await?;
    summaries.retain(|summary| wanted.has(summary));
    if summaries.is_empty() && wanted.name.is_some() {
        return Err(Error::NotFound("series"));
    }
    let name = name_of(&experiment, wanted, format);
    let mut writer = writer(&experiment, format)?;
    let (backend, id) = (backend.clone(), id.clone());
    let (give, take) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        for summary in &summaries {
            let piece = match read(&backend, &id, summary).await {
                Ok(points) => writer.series(summary, &points),
                Err(error) => Err(error),
            };
            let is_broken = piece.is_err();
            if give.send(piece.map(Bytes::from)).await.is_err() || is_broken {
                return;
            }
        }
        // A reader that left has nothing to be told.
        let _ = give.send(writer.end().map(Bytes::from)).await;
    });
    Ok(File {
        name,
        bytes: ReceiverStream::new(take),
    })
}

async fn read(backend: &Backend, id: &ExperimentId, summary: &Summary) -> Result<Vec<Point>> {
    let origin = Origin {
        experiment: id,
        attempt: summary.attempt,
        source: summary.source,
    };
    backend
        .store()
        .points(&origin, &summary.key, i64::MIN, i64::MAX)
        .await
}

fn writer(experiment: &Experiment, format: Format) -> Result<Box<dyn Writer>> {
    Ok(match format {
        Format::Csv => Box::new(csv::Csv::default()),
        Format::Json => Box::new(json::Json::new(experiment)),
        Format::Parquet => Box::new(parquet::Parquet::new()?),
    })
}

/// `run-3.loss.csv`: what a file system takes everywhere, and no more of it than one reads.
fn name_of(experiment: &Experiment, wanted: &Wanted, format: Format) -> String {
    let plain = |text: &str| -> String {
        let safe = |c: char| {
            if c.is_alphanumeric() || "-_".contains(c) {
                c
            } else {
                '_'
            }
        };
        text.chars().take(60).map(safe).collect()
    };
    let mut name = plain(&experiment.name);
    if let Some(series) = &wanted.name {
        name = format!("{name}.{}", plain(series));
    }
    format!("{name}.{}", format.extension())
}
