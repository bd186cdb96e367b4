//! Series as chunks of columns, their summaries, and how far their sources were read, always in one transaction.
//!
//! A chunk holds up to `CHUNK_POINTS` points of one series as three columns (steps i64, times i64 milliseconds, values f64, each little
//! endian). Only the newest chunk of a series is open: new points are added to it until it is full.

use domain::ids::ExperimentId;
use domain::metrics::{Batch, Columns, Labels, Point, SeriesKey, Source, Summary};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};

use crate::error::{Error, Result};
use crate::store::offsets::{Offset, advance};
use crate::store::{Store, failed, from_json, to_json};

/// Points of a full chunk: 48 KiB of columns.
const CHUNK_POINTS: usize = 2048;

/// What a batch belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin<'a> {
    pub experiment: &'a ExperimentId,
    pub attempt: u32,
    pub source: Source,
}

/// A series as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesRow {
    pub id: i64,
    pub summary: Summary,
}

pub(in crate::store) fn source_word(source: Source) -> &'static str {
    match source {
        Source::Jsonl => "jsonl",
        Source::Client => "client",
        Source::Tfevents => "tfevents",
        Source::Stdout => "stdout",
    }
}

fn source(word: &str) -> Source {
    match word {
        "jsonl" => Source::Jsonl,
        "client" => Source::Client,
        "tfevents" => Source::Tfevents,
        _ => Source::Stdout,
    }
}

/// The three columns of a chunk.
fn columns(points: &[Point]) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let of = |bytes: &dyn Fn(&Point) -> [u8; 8]| points.iter().flat_map(bytes).collect();
    (
        of(&|p| p.step.to_le_bytes()),
        of(&|p| p.time_millis.to_le_bytes()),
        of(&|p| p.value.to_le_bytes()),
    )
}

fn points(row: &SqliteRow) -> Result<Vec<Point>> {
    let words = |column: &str| -> Vec<[u8; 8]> {
        row.get::<Vec<u8>, _>(column).as_chunks::<8>().0.to_vec()
    };
    let (steps, times, values) = (words("steps"), words("times"), words("vals"));
    if steps.len() != times.len() || steps.len() != values.len() {
        return Err(Error::internal("read a chunk")(
            "its columns differ in length",
        ));
    }
    let rows = steps.into_iter().zip(times).zip(values);
    Ok(rows
        .map(|((step, time), value)| Point {
            step: i64::from_le_bytes(step),
            time_millis: i64::from_le_bytes(time),
            value: f64::from_le_bytes(value),
        })
        .collect())
}

/// Finite extremes and ends of some points.
struct Facts {
    min: Option<f64>,
    max: Option<f64>,
    non_finite: i64,
}

fn facts(points: &[Point]) -> Facts {
    let finite = || {
        points
            .iter()
            .map(|point| point.value)
            .filter(|value| value.is_finite())
    };
    Facts {
        min: finite().reduce(f64::min),
        max: finite().reduce(f64::max),
        non_finite: i64::try_from(points.len() - finite().count()).unwrap_or(i64::MAX),
    }
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

impl Store {
    /// Adds points to their series and moves the source's offset, all or nothing. False: the offset was moved by somebody else, so
    /// these points are stored already; nothing was done.
    pub async fn append_points(
        &self,
        origin: &Origin<'_>,
        batch: &Batch,
        offset: Option<&Offset>,
    ) -> Result<bool> {
        let mut transaction = self.writer.begin().await.map_err(failed("begin"))?;
        if let Some(offset) = offset
            && !advance(&mut transaction, origin, offset).await?
        {
            return Ok(false);
        }
        for (key, points) in &batch.0 {
            append(&mut transaction, origin, key, points).await?;
        }
        transaction.commit().await.map_err(failed("commit"))?;
        Ok(true)
    }

    /// The summaries of all series of an experiment, by attempt, name and source.
    pub async fn summaries(&self, experiment: &ExperimentId) -> Result<Vec<Summary>> {
        let rows = sqlx::query(
            "select * from series where experiment_id = $1 order by attempt, name, labels, source",
        )
        .bind(experiment.as_str())
        .fetch_all(&self.reader)
        .await
        .map_err(failed("list series"))?;
        rows.iter()
            .map(|row| Ok(series_row(row)?.summary))
            .collect()
    }

    /// The attempts of an experiment that have series, oldest first.
    pub async fn attempts_with_series(&self, experiment: &ExperimentId) -> Result<Vec<u32>> {
        let attempts: Vec<i64> = sqlx::query_scalar(
            "select distinct attempt from series where experiment_id = $1 order by attempt",
        )
        .bind(experiment.as_str())
        .fetch_all(&self.reader)
        .await
        .map_err(failed("list attempts with series"))?;
        Ok(attempts
            .into_iter()
            .filter_map(|attempt| u32::try_from(attempt).ok())
            .collect())
    }

    /// The series of one name and labels in an attempt, one for each source that has it.
    pub async fn series_of(
        &self,
        experiment: &ExperimentId,
        attempt: u32,
        key: &SeriesKey,
    ) -> Result<Vec<SeriesRow>> {
        let rows = sqlx::query(
            "select * from series where experiment_id = $1 and attempt = $2 \
             and source in ('jsonl', 'client', 'tfevents', 'stdout') and name = $3 and labels = $4",
        )
        .bind(experiment.as_str())
        .bind(i64::from(attempt))
        .bind(&key.name)
        .bind(to_json(&key.labels)?)
        .fetch_all(&self.reader)
        .await
        .map_err(failed("find a series"))?;
        rows.iter().map(series_row).collect()
    }

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
        let columns = self.columns(&series).await?.read_as(origin.source);
        Ok(columns
            .points()
            .filter(|point| (from..=to).contains(&point.step))
            .collect())
    }

    /// All points of a series in the order of arrival.
    pub async fn columns(&self, series: &SeriesRow) -> Result<Columns> {
        let rows = sqlx::query(
            "select steps, times, vals from series_chunks where series_id = $1 order by number",
        )
        .bind(series.id)
        .fetch_all(&self.reader)
        .await
        .map_err(failed("read points"))?;
        let mut all = Columns::default();
        for row in &rows {
            all.append(points(row)?.into_iter().collect());
        }
        Ok(all)
    }
}

fn series_row(row: &SqliteRow) -> Result<SeriesRow> {
    let number = |column: &str| u64::try_from(row.get::<i64, _>(column)).unwrap_or_default();
    Ok(SeriesRow {
        id: row.get("id"),
        summary: Summary {
            attempt: u32::try_from(row.get::<i64, _>("attempt")).unwrap_or_default(),
            source: source(&row.get::<String, _>("source")),
            key: SeriesKey {
                name: row.get("name"),
                labels: from_json::<Labels>(row.get("labels"))?,
            },
            count: number("count"),
            non_finite: number("non_finite"),
            first_step: row.get("first_step"),
            last_step: row.get("last_step"),
            last: row.get("last_value"),
            min: row.get("min_value"),
            max: row.get("max_value"),
        },
    })
}

async fn append(
    transaction: &mut Transaction<'_, Sqlite>,
    origin: &Origin<'_>,
    key: &SeriesKey,
    new: &[Point],
) -> Result<()> {
    let (Some(first), Some(last)) = (new.first(), new.last()) else {
        return Ok(());
    };
    let known = facts(new);
    let series: i64 = sqlx::query_scalar(
        "insert into series (experiment_id, attempt, source, name, labels, count, non_finite, first_step, last_step, last_time, \
         last_value, min_value, max_value) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
         on conflict (experiment_id, attempt, source, name, labels) do update set count = series.count + excluded.count, \
         non_finite = series.non_finite + excluded.non_finite, last_step = excluded.last_step, last_time = excluded.last_time, \
         last_value = excluded.last_value, \
         min_value = case when series.min_value is null or excluded.min_value < series.min_value then excluded.min_value else series.min_value end, \
         max_value = case when series.max_value is null or excluded.max_value > series.max_value then excluded.max_value else series.max_value end \
         returning id",
    )
    .bind(origin.experiment.as_str())
    .bind(i64::from(origin.attempt))
    .bind(source_word(origin.source))
    .bind(&key.name)
    .bind(to_json(&key.labels)?)
    .bind(count(new.len()))
    .bind(known.non_finite)
    .bind(first.step)
    .bind(last.step)
    .bind(last.time_millis)
    .bind(finite(last.value))
    .bind(known.min)
    .bind(known.max)
    .fetch_one(&mut **transaction)
    .await
    .map_err(failed("sum up a series"))?;
    let open = sqlx::query("select number, steps, times, vals from series_chunks where series_id = $1 order by number desc limit 1")
        .bind(series)
        .fetch_optional(&mut **transaction)
        .await
        .map_err(failed("read the open chunk"))?;
    let (mut number, mut held) = match &open {
        Some(row) => (row.get::<i64, _>("number"), points(row)?),
        None => (0, Vec::new()),
    };
    if held.len() >= CHUNK_POINTS {
        number += 1;
        held.clear();
    }
    held.extend_from_slice(new);
    for chunk in held.chunks(CHUNK_POINTS) {
        write_chunk(transaction, series, number, chunk).await?;
        number += 1;
    }
    Ok(())
}

async fn write_chunk(
    transaction: &mut Transaction<'_, Sqlite>,
    series: i64,
    number: i64,
    chunk: &[Point],
) -> Result<()> {
    let (Some(first), Some(last)) = (chunk.first(), chunk.last()) else {
        return Ok(());
    };
    let known = facts(chunk);
    let (steps, times, values) = columns(chunk);
    sqlx::query(
        "insert into series_chunks (series_id, number, count, first_step, last_step, min_value, max_value, first_value, last_value, \
         non_finite, steps, times, vals) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
         on conflict (series_id, number) do update set count = excluded.count, last_step = excluded.last_step, \
         min_value = excluded.min_value, max_value = excluded.max_value, last_value = excluded.last_value, \
         non_finite = excluded.non_finite, steps = excluded.steps, times = excluded.times, vals = excluded.vals",
    )
    .bind(series)
    .bind(number)
    .bind(count(chunk.len()))
    .bind(first.step)
    .bind(last.step)
    .bind(known.min)
    .bind(known.max)
    .bind(finite(first.value))
    .bind(finite(last.value))
    .bind(known.non_finite)
    .bind(steps)
    .bind(times)
    .bind(values)
    .execute(&mut **transaction)
    .await
    .map_err(failed("write a chunk"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Standing;
    use crate::store::tests::fresh;

    async fn experiment(store: &Store) -> ExperimentId {
        crate::store::tests::experiment(store, None).await.1
    }

    fn batch(steps: std::ops::Range<i64>) -> Batch {
        steps
            .map(|step| {
                (
                    SeriesKey::plain("loss"),
                    Point {
                        step,
                        time_millis: step * 10,
                        value: 1.0 / (step + 1) as f64,
                    },
                )
            })
            .collect()
    }

    #[tokio::test]
    async fn a_batch_that_is_sent_again_is_stored_once() {
        let (store, _folder) = fresh().await;
        let id = experiment(&store).await;
        let origin = Origin {
            experiment: &id,
            attempt: 1,
            source: Source::Jsonl,
        };
        let offset = |from, to| Offset {
            file: "logging.jsonl".to_owned(),
            from,
            to,
            inode: 7,
        };
        assert!(
            store
                .append_points(&origin, &batch(0..10), Some(&offset(0, 100)))
                .await
                .expect("stored")
        );
        // The console was killed after the commit and before it knew: it sends the same bytes again.
        assert!(
            !store
                .append_points(&origin, &batch(0..10), Some(&offset(0, 100)))
                .await
                .expect("asked")
        );
        assert!(
            store
                .append_points(&origin, &batch(10..20), Some(&offset(100, 200)))
                .await
                .expect("stored")
        );
        assert_eq!(
            store
                .metric_offset(&id, 1, "logging.jsonl")
                .await
                .expect("read"),
            Some(Standing {
                offset: 200,
                inode: 7,
                ..Standing::default()
            })
        );
        let steps: Vec<i64> = store
            .points(&origin, &SeriesKey::plain("loss"), i64::MIN, i64::MAX)
            .await
            .expect("read")
            .iter()
            .map(|p| p.step)
            .collect();
        assert_eq!(steps, (0..20).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn many_small_batches_give_the_points_of_one() {
        let (store, _folder) = fresh().await;
        let id = experiment(&store).await;
        let (small, large) = (
            Origin {
                experiment: &id,
                attempt: 1,
                source: Source::Jsonl,
            },
            Origin {
                experiment: &id,
                attempt: 2,
                source: Source::Jsonl,
            },
        );
        let whole = batch(0..5000);
        for from in (0..5000).step_by(700) {
            assert!(
                store
                    .append_points(&small, &batch(from..(from + 700).min(5000)), None)
                    .await
                    .expect("stored")
            );
        }
        assert!(
            store
                .append_points(&large, &whole, None)
                .await
                .expect("stored")
        );
        let (one, other) = (
            store
                .points(&small, &SeriesKey::plain("loss"), 100, 4200)
                .await
                .expect("read"),
            store
                .points(&large, &SeriesKey::plain("loss"), 100, 4200)
                .await
                .expect("read"),
        );
        assert_eq!(one.len(), 4101);
        assert_eq!(one, other);
        let summaries = store.summaries(&id).await.expect("read");
        assert_eq!(summaries[0].count, 5000);
        assert_eq!(
            (summaries[0].max, summaries[0].min),
            (Some(1.0), Some(1.0 / 5000.0))
        );
        assert_eq!((summaries[1].first_step, summaries[1].last_step), (0, 4999));
    }

    #[tokio::test]
    async fn what_is_not_finite_is_kept_and_counted_apart() {
        let (store, _folder) = fresh().await;
        let id = experiment(&store).await;
        let origin = Origin {
            experiment: &id,
            attempt: 1,
            source: Source::Jsonl,
        };
        let values = [f64::NAN, 2.0, f64::INFINITY];
        let points: Batch = (0..)
            .zip(values)
            .map(|(step, value)| {
                (
                    SeriesKey::plain("loss"),
                    Point {
                        step,
                        time_millis: 0,
                        value,
                    },
                )
            })
            .collect();
        store
            .append_points(&origin, &points, None)
            .await
            .expect("stored");
        let read = store
            .points(&origin, &SeriesKey::plain("loss"), 0, 9)
            .await
            .expect("read");
        assert!(read[0].value.is_nan() && read[2].value == f64::INFINITY);
        let summary = &store.summaries(&id).await.expect("read")[0];
        assert_eq!(
            (summary.non_finite, summary.min, summary.max, summary.last),
            (2, Some(2.0), Some(2.0), None)
        );
    }
}
