//! Series, their summaries and their points, always changed in one transaction with how far their source was read.
//!
//! Points lie packed (`domain::metrics::codec`, docs/metrics-format.md): a small batch is a small row of `series_tails`, a few of those
//! become one, and `FULL` points become a block. What was stored is packed again by that, and never changed.

mod append;
mod compact;
mod read;

pub use append::Origin;
pub(super) use append::append;
pub use read::Overview;

use domain::ids::ExperimentId;
use domain::metrics::{Labels, SeriesKey, Source, Summary};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::error::Result;
use crate::store::{Store, failed, from_json, to_json};

/// A series as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesRow {
    pub id: i64,
    pub summary: Summary,
}

fn source(word: &str) -> Source {
    match word {
        "jsonl" => Source::Jsonl,
        "client" => Source::Client,
        "tfevents" => Source::Tfevents,
        "sampled" => Source::Sampled,
        _ => Source::Stdout,
    }
}

impl Store {
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
             and source in ('jsonl', 'client', 'tfevents', 'stdout', 'sampled') and name = $3 and labels = $4",
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

    /// The greatest step that a run itself has told; 0: none yet.
    pub async fn newest_step(&self, experiment: &ExperimentId, attempt: u32) -> Result<i64> {
        let newest: Option<i64> = sqlx::query_scalar(
            "select max(last_step) from series where experiment_id = $1 and attempt = $2 and source <> 'sampled'",
        )
        .bind(experiment.as_str())
        .bind(i64::from(attempt))
        .fetch_one(&self.reader)
        .await
        .map_err(failed("find the newest step"))?;
        Ok(newest.unwrap_or(0))
    }

    /// When the first point of an attempt was taken, by the node's clock; None: not known.
    pub async fn attempt_began(
        &self,
        experiment: &ExperimentId,
        attempt: u32,
    ) -> Result<Option<i64>> {
        sqlx::query_scalar(
            "select min(first_time) from series where experiment_id = $1 and attempt = $2",
        )
        .bind(experiment.as_str())
        .bind(i64::from(attempt))
        .fetch_one(&self.reader)
        .await
        .map_err(failed("look for an attempt's first point"))
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

#[cfg(test)]
mod tests {
    use super::*;
    use domain::metrics::{Batch, Point};

    use crate::store::Offset;
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

    async fn one_series(store: &Store, id: &ExperimentId) -> SeriesRow {
        let rows = store.series_of(id, 1, &SeriesKey::plain("loss")).await;
        rows.expect("read").remove(0)
    }

    fn client(id: &ExperimentId) -> Origin<'_> {
        Origin {
            experiment: id,
            attempt: 1,
            source: Source::Client,
        }
    }

    #[tokio::test]
    async fn points_that_come_one_by_one_end_in_full_blocks() {
        let (store, _folder) = fresh().await;
        let id = experiment(&store).await;
        let mut all = Vec::new();
        for size in (1..).map(|n| [1, 1, 1, 70, 1, 700, 3][n % 7]) {
            let from = all.len() as i64;
            let next = batch(from..from + size);
            all.extend(next.0[&SeriesKey::plain("loss")].clone());
            assert!(
                store
                    .append_points(&client(&id), &next, None)
                    .await
                    .expect("stored")
            );
            if all.len() > 9000 {
                break;
            }
        }
        let row = one_series(&store, &id).await;
        for from in [0, 1, 63, 64, 4095, 4096, 8999, all.len() - 1, all.len()] {
            let columns = store.columns(&row, from as u64).await.expect("read");
            assert_eq!(columns.points().collect::<Vec<_>>(), all[from..], "{from}");
        }
        let count = async |table: &'static str| {
            let of = sqlx::query_scalar::<_, i64>(table);
            of.fetch_one(&store.reader).await.expect("counted")
        };
        assert_eq!(
            count("select count(*) from series_blocks where count = 4096").await,
            2
        );
        assert_eq!(count("select count(*) from series_blocks").await, 2);
        let rows = count("select count(*) from series_tails").await;
        assert!((2..150).contains(&rows), "{rows}");
        assert_eq!(store.loose_series(&id).await.expect("looked"), [row.id]);
        store.compact(row.id).await.expect("packed");
        assert_eq!(count("select count(*) from series_tails").await, 1);
        let columns = store.columns(&row, 0).await.expect("read");
        assert_eq!(columns.points().collect::<Vec<_>>(), all);
        let (blocks, tail) = store.overview(&row).await.expect("read");
        assert_eq!((blocks.len(), tail.len()), (2, all.len() - 8192));
        assert_eq!(
            (blocks[1].least_step, blocks[1].greatest_step),
            (4096, 8191)
        );
        assert_eq!(
            blocks[0].values,
            Some([1.0, 1.0 / 4096.0, 1.0, 1.0 / 4096.0])
        );
    }

    #[tokio::test]
    async fn raw_chunks_of_an_earlier_console_are_read_and_packed() {
        let (store, _folder) = fresh().await;
        let id = experiment(&store).await;
        let all = batch(0..5005)
            .0
            .remove(&SeriesKey::plain("loss"))
            .expect("points");
        store
            .append_points(&client(&id), &batch(0..5), None)
            .await
            .expect("stored");
        // As 0006 described them: two chunks, the second one open.
        sqlx::query("delete from series_tails")
            .execute(&store.writer)
            .await
            .expect("deleted");
        sqlx::query("update series set count = 5000, first_time = null")
            .execute(&store.writer)
            .await
            .expect("set");
        for (number, chunk) in (0_i64..).zip(all[..5000].chunks(2048)) {
            let bytes = |of: fn(&Point) -> [u8; 8]| chunk.iter().flat_map(of).collect::<Vec<u8>>();
            sqlx::query(
                "insert into series_chunks (series_id, number, count, first_step, last_step, non_finite, steps, times, vals) \
                 values ((select id from series), $1, 0, 0, 0, 0, $2, $3, $4)",
            )
            .bind(number)
            .bind(bytes(|p| p.step.to_le_bytes()))
            .bind(bytes(|p| p.time_millis.to_le_bytes()))
            .bind(bytes(|p| p.value.to_le_bytes()))
            .execute(&store.writer)
            .await
            .expect("stored");
        }
        let row = one_series(&store, &id).await;
        let read = async |from: u64| {
            let columns = store.columns(&row, from).await.expect("read");
            columns.points().collect::<Vec<_>>()
        };
        assert_eq!(read(0).await, all[..5000]);
        assert_eq!(read(5000).await, []);
        store
            .append_points(&client(&id), &batch(5000..5005), None)
            .await
            .expect("stored");
        assert_eq!(
            (read(0).await, read(4999).await, read(5001).await),
            (all.clone(), all[4999..].to_vec(), all[5001..].to_vec())
        );
        assert_eq!(store.overview(&row).await.expect("read").1.len(), 5005);
        assert_eq!(store.loose_series(&id).await.expect("looked"), [row.id]);
        store.compact(row.id).await.expect("packed");
        assert_eq!(store.loose_series(&id).await.expect("looked"), [0; 0]);
        assert_eq!(
            (read(0).await, read(4999).await),
            (all.clone(), all[4999..].to_vec())
        );
        // And goes on.
        store
            .append_points(&client(&id), &batch(5005..9000), None)
            .await
            .expect("stored");
        assert_eq!(read(0).await, batch(0..9000).0[&SeriesKey::plain("loss")]);
    }

    #[tokio::test]
    async fn a_damaged_chunk_is_named() {
        let (store, _folder) = fresh().await;
        let id = experiment(&store).await;
        store
            .append_points(&client(&id), &batch(0..5000), None)
            .await
            .expect("stored");
        let row = one_series(&store, &id).await;
        for (change, what) in [
            (
                "update series_blocks set data = substr(data, 1, 900)",
                "its checksum is wrong",
            ),
            ("update series_blocks set data = x'00'", "it ends too early"),
            (
                "update series_tails set count = 3",
                "another number of points",
            ),
        ] {
            sqlx::query(change)
                .execute(&store.writer)
                .await
                .expect("damaged");
            let Err(crate::Error::Internal { source, .. }) = store.columns(&row, 0).await else {
                panic!("{change} was read");
            };
            let text = source.to_string();
            assert!(
                text.contains("\"loss\"")
                    && text.contains(what)
                    && text.contains("begins at point"),
                "{text}"
            );
            sqlx::query("delete from series_blocks where length(data) < 1000")
                .execute(&store.writer)
                .await
                .expect("deleted");
            if !what.contains("number") {
                let block = batch(0..4096)
                    .0
                    .remove(&SeriesKey::plain("loss"))
                    .expect("points")
                    .into_iter()
                    .collect();
                let mut transaction = store.writer.begin().await.expect("begun");
                let tail = append::Tail {
                    id: row.id,
                    name: "loss",
                };
                tail.put_block(&mut transaction, 0, &block)
                    .await
                    .expect("stored");
                transaction.commit().await.expect("stored");
                assert_eq!(store.columns(&row, 0).await.expect("mended").len(), 5000);
            }
        }
    }

    #[tokio::test]
    async fn a_summary_tells_of_the_greatest_step_however_points_arrive() {
        let (store, _folder) = fresh().await;
        let id = experiment(&store).await;
        let point = |step, time_millis, value| {
            (
                SeriesKey::plain("loss"),
                Point {
                    step,
                    time_millis,
                    value,
                },
            )
        };
        for batch in [
            vec![point(7, 70, 7.0), point(9, 90, 9.0), point(3, 30, 3.0)],
            vec![point(5, 10, 5.0)],
            vec![point(9, 95, 10.0)],
        ] {
            store
                .append_points(&client(&id), &batch.into_iter().collect(), None)
                .await
                .expect("stored");
        }
        let summary = one_series(&store, &id).await.summary;
        assert_eq!(
            (
                summary.first_step,
                summary.last_step,
                summary.last,
                summary.count
            ),
            (3, 9, Some(10.0), 5)
        );
        assert_eq!(store.attempt_began(&id, 1).await.expect("read"), Some(10));
        assert_eq!(store.attempt_began(&id, 2).await.expect("read"), None);
        let read = store
            .points(&client(&id), &SeriesKey::plain("loss"), 4, 99)
            .await
            .expect("read");
        assert_eq!(
            read.iter().map(|p| (p.step, p.value)).collect::<Vec<_>>(),
            [(5, 5.0), (7, 7.0), (9, 10.0)]
        );
    }
}
