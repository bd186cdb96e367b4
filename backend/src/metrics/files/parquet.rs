//! Apache Parquet with the columns of the CSV; `time` is a timestamp in milliseconds UTC. zstd, row groups of about 128 Ki points.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use domain::metrics::{Point, Summary};
use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::Writer;
use crate::error::{Error, Result};
use crate::store::to_json;

const SCHEMA: &str = "message points {
    required int32 attempt;
    required binary source (UTF8);
    required binary name (UTF8);
    required binary labels (UTF8);
    required int64 step;
    required int64 time (TIMESTAMP_MILLIS);
    required double value;
}";

/// Points of a row group, give or take the last series: small series share one.
const GROUP: usize = 128 << 10;

/// Where the file writer puts its bytes, and where they are taken from.
#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The rows of the next row group.
#[derive(Default)]
struct Rows {
    attempts: Vec<i32>,
    sources: Vec<ByteArray>,
    names: Vec<ByteArray>,
    labels: Vec<ByteArray>,
    steps: Vec<i64>,
    times: Vec<i64>,
    values: Vec<f64>,
}

pub struct Parquet {
    buffer: Buffer,
    file: SerializedFileWriter<Buffer>,
    rows: Rows,
}

impl Parquet {
    pub fn new() -> Result<Parquet> {
        let failed = || Error::internal::<ParquetError>("begin a Parquet file");
        let schema = Arc::new(parse_message_type(SCHEMA).map_err(failed())?);
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build();
        let buffer = Buffer::default();
        let file = SerializedFileWriter::new(buffer.clone(), schema, Arc::new(properties))
            .map_err(failed())?;
        Ok(Parquet {
            buffer,
            file,
            rows: Rows::default(),
        })
    }

    fn write_group(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.rows);
        if rows.steps.is_empty() {
            return Ok(());
        }
        let mut write = || {
            let mut group = self.file.next_row_group()?;
            column::<Int32Type>(&mut group, &rows.attempts)?;
            column::<ByteArrayType>(&mut group, &rows.sources)?;
            column::<ByteArrayType>(&mut group, &rows.names)?;
            column::<ByteArrayType>(&mut group, &rows.labels)?;
            column::<Int64Type>(&mut group, &rows.steps)?;
            column::<Int64Type>(&mut group, &rows.times)?;
            column::<DoubleType>(&mut group, &rows.values)?;
            group.close().map(|_| ())
        };
        write().map_err(Error::internal::<ParquetError>("write a row group"))
    }
}

/// The next column of a row group.
fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Buffer>,
    values: &[T::T],
) -> parquet::errors::Result<()> {
    let mut column = group
        .next_column()?
        .ok_or_else(|| ParquetError::General("the schema has no more columns".to_owned()))?;
    column.typed::<T>().write_batch(values, None, None)?;
    column.close()
}

impl Writer for Parquet {
    fn series(&mut self, summary: &Summary, points: &[Point]) -> Result<Vec<u8>> {
        let attempt = i32::try_from(summary.attempt).unwrap_or(i32::MAX);
        let source = ByteArray::from(summary.source.name());
        let name = ByteArray::from(summary.key.name.as_str());
        let labels = ByteArray::from(to_json(&summary.key.labels)?.into_bytes());
        for points in points.chunks(GROUP) {
            let rows = &mut self.rows;
            rows.attempts.extend(points.iter().map(|_| attempt));
            rows.sources.extend(points.iter().map(|_| source.clone()));
            rows.names.extend(points.iter().map(|_| name.clone()));
            rows.labels.extend(points.iter().map(|_| labels.clone()));
            rows.steps.extend(points.iter().map(|point| point.step));
            rows.times
                .extend(points.iter().map(|point| point.time_millis));
            rows.values.extend(points.iter().map(|point| point.value));
            if rows.steps.len() >= GROUP {
                self.write_group()?;
            }
        }
        Ok(self.buffer.take())
    }

    fn end(mut self: Box<Self>) -> Result<Vec<u8>> {
        self.write_group()?;
        let Parquet { buffer, file, .. } = *self;
        file.close()
            .map_err(Error::internal::<ParquetError>("end a Parquet file"))?;
        Ok(buffer.take())
    }
}
