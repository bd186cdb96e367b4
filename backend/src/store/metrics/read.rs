//! Reading points.

use domain::metrics::{Columns, Point, SeriesKey, codec};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};

use super::append::FULL;
use super::{Origin, SeriesRow};
use crate::error::{Error, Result};
use crate::store::{Store, failed};

/// Bytes of the checksum (CRC-32C, little endian) behind a chunk.
const CHECK: usize = 4;

/// What a row of blocks says of its points without being opened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Overview {
    pub least_step: i64,
    pub greatest_step: i64,
    /// (first, min, max, last) of the finite values; None: there are none.
    pub values: Option<[f64; 4]>,
}

/// A chunk as it lies in its row.
pub(super) fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let check = crc32c::crc32c(&bytes);
    bytes.extend(check.to_le_bytes());
    bytes
}

/// Adds the points of a row with `number`, `count` and `data` to `columns`; damage is named by series and chunk.
pub(super) fn opened(row: &SqliteRow, name: &str, columns: &mut Columns) -> Result<()> {
    let damaged = |what: &str| {
        let number: i64 = row.get("number");
        let text = format!("the chunk of series {name:?} that begins at point {number}: {what}");
        Err(Error::internal("read points")(text))
    };
    let data: &[u8] = row.get("data");
    let Some((bytes, check)) = data.split_last_chunk::<CHECK>() else {
        return damaged("it ends too early");
    };
    if crc32c::crc32c(bytes) != u32::from_le_bytes(*check) {
        return damaged("its checksum is wrong");
    }
    let count = usize::try_from(row.get::<i64, _>("count")).unwrap_or_default();
    match codec::decode(bytes, count, columns) {
        Ok(()) => Ok(()),
        Err(codec::Damaged(what)) => damaged(what),
    }
}

/// The points of a row of `series_chunks`: three columns of eight little endian bytes each, as consoles wrote before 0011.
fn raw(row: &SqliteRow, name: &str, columns: &mut Columns) -> Result<()> {
    let words = |column: &str| row.get::<&[u8], _>(column).as_chunks::<8>();
    let ((steps, a), (times, b), (values, c)) = (words("steps"), words("times"), words("vals"));
    let is_whole = a.is_empty() && b.is_empty() && c.is_empty();
    if !is_whole || steps.len() != times.len() || steps.len() != values.len() {
        let number: i64 = row.get("number");
        let text = format!("chunk {number} of series {name:?}: its columns differ in length");
        return Err(Error::internal("read points")(text));
    }
    columns.append(Columns {
        steps: steps.iter().map(|word| i64::from_le_bytes(*word)).collect(),
        times_millis: times.iter().map(|word| i64::from_le_bytes(*word)).collect(),
        values: values
            .iter()
            .map(|word| f64::from_le_bytes(*word))
            .collect(),
    });
    Ok(())
}

/// All rows of `series_chunks`, in the order of arrival.
pub(super) async fn raw_columns(
    transaction: &mut Transaction<'_, Sqlite>,
    series: i64,
    name: &str,
) -> Result<Columns> {
    let rows = sqlx::query(
        "select number, steps, times, vals from series_chunks where series_id = $1 order by number",
    )
    .bind(series)
    .fetch_all(&mut **transaction)
    .await
    .map_err(failed("read raw points"))?;
    let mut columns = Columns::default();
    for row in &rows {
        raw(row, name, &mut columns)?;
    }
    Ok(columns)
}

impl Store {
    /// The points of one series in a range of steps (both included), as they are read: `Columns::read_as` says how.
    pub async fn points(
        &self,
        origin: &Origin<'_>,
        key: &SeriesKey,
        from: i64,
        to: i64,
    ) -> Result<Vec<Point>> {
        let rows = self
            .series_of(origin.experiment, origin.attempt, key)
            .await?;
        let Some(series) = rows
            .into_iter()
            .find(|row| row.summary.source == origin.source)
        else {
            return Ok(Vec::new());
        };
        let columns = self.columns(&series, 0).await?.read_as(origin.source);
        Ok(columns
            .points()
            .filter(|point| (from..=to).contains(&point.step))
            .collect())
    }

    /// The points of a series in the order of arrival, without the first `from`.
    pub async fn columns(&self, series: &SeriesRow, from: u64) -> Result<Columns> {
        let name = &series.summary.key.name;
        let from = i64::try_from(from).unwrap_or(i64::MAX);
        // One look at all tables: a tail may become a block meanwhile.
        let mut transaction = self.reader.begin().await.map_err(failed("begin"))?;
        let rows = sqlx::query(
            "select number, count, data from series_blocks where series_id = $1 and number > $3 and number + count > $2 \
             union all select number, count, data from series_tails where series_id = $1 and number > $3 and number + count > $2 \
             order by number",
        )
        .bind(series.id)
        .bind(from)
        // No row has more points than a full block: those before need not be looked at.
        .bind(from.saturating_sub(FULL))
        .fetch_all(&mut *transaction)
        .await
        .map_err(failed("read points"))?;
        let mut columns = Columns::default();
        let mut begin = rows.first().map_or(i64::MAX, |row| row.get("number"));
        if begin > from {
            // Either nothing is new, or these were written before there were blocks.
            columns = raw_columns(&mut transaction, series.id, name).await?;
            if !columns.is_empty() || rows.is_empty() {
                begin = 0;
            }
        }
        transaction.commit().await.map_err(failed("commit"))?;
        if columns.is_empty() {
            let count = |row: &SqliteRow| usize::try_from(row.get::<i64, _>("count"));
            columns = Columns::with_capacity(rows.iter().flat_map(count).sum());
        }
        for row in &rows {
            opened(row, name, &mut columns)?;
        }
        let known = usize::try_from(from - begin).unwrap_or_default();
        if known == 0 {
            return Ok(columns);
        }
        Ok(columns.split_off(known.min(columns.len())))
    }

    /// When the earliest point of a series was taken; for series of which the row does not say.
    pub async fn first_time(&self, series: &SeriesRow) -> Result<i64> {
        let columns = self.columns(series, 0).await?;
        Ok(columns.times_millis.into_iter().min().unwrap_or_default())
    }

    /// What the blocks of a series say of their points, and the points that are in none, in the order of arrival.
    pub async fn overview(&self, series: &SeriesRow) -> Result<(Vec<Overview>, Columns)> {
        let mut transaction = self.reader.begin().await.map_err(failed("begin"))?;
        let blocks = sqlx::query(
            "select number, count, least_step, greatest_step, first_value, last_value, min_value, max_value from series_blocks \
             where series_id = $1 order by number",
        )
        .bind(series.id)
        .fetch_all(&mut *transaction)
        .await
        .map_err(failed("read an overview"))?;
        let tails = sqlx::query(
            "select number, count, data from series_tails where series_id = $1 order by number",
        )
        .bind(series.id)
        .fetch_all(&mut *transaction)
        .await
        .map_err(failed("read a tail"))?;
        let name = &series.summary.key.name;
        let mut columns = raw_columns(&mut transaction, series.id, name).await?;
        transaction.commit().await.map_err(failed("commit"))?;
        for row in &tails {
            opened(row, name, &mut columns)?;
        }
        let block = |row: &SqliteRow| {
            let value = |column: &str| row.get::<Option<f64>, _>(column);
            let values = || {
                Some([
                    value("first_value")?,
                    value("min_value")?,
                    value("max_value")?,
                    value("last_value")?,
                ])
            };
            Overview {
                least_step: row.get("least_step"),
                greatest_step: row.get("greatest_step"),
                values: values(),
            }
        };
        Ok((blocks.iter().map(block).collect(), columns))
    }
}
