//! Adding points.

use domain::ids::ExperimentId;
use domain::metrics::{Batch, Columns, Point, SeriesKey, Source, codec};
use domain::time::Timestamp;
use sqlx::{Row, Sqlite, Transaction};

use super::read::{opened, sealed};
use crate::error::Result;
use crate::store::offsets::{Offset, advance};
use crate::store::{Store, failed, to_json};

/// Points of a full block.
pub(super) const FULL: i64 = 4096;
/// Rows of a tail become one when their points pass a multiple of this.
const SOME: i64 = 64;

/// What a batch belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin<'a> {
    pub experiment: &'a ExperimentId,
    pub attempt: u32,
    pub source: Source,
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
        let mut transaction = self.begin().await?;
        if let Some(offset) = offset
            && !advance(&mut transaction, origin, offset).await?
        {
            return Ok(false);
        }
        self.add(transaction, origin, batch).await?;
        Ok(true)
    }

    /// Adds points that a client pushed. False: this key of the experiment was taken before; nothing was done.
    pub async fn append_pushed(
        &self,
        origin: &Origin<'_>,
        batch: &Batch,
        key: Option<&str>,
        now: Timestamp,
    ) -> Result<bool> {
        let mut transaction = self.begin().await?;
        if let Some(key) = key {
            let done = sqlx::query(
                "insert into push_keys (experiment_id, push_key, at) values ($1, $2, $3) on conflict do nothing",
            )
            .bind(origin.experiment.as_str())
            .bind(key)
            .bind(now.0)
            .execute(&mut *transaction)
            .await
            .map_err(failed("note a push"))?;
            if done.rows_affected() == 0 {
                return Ok(false);
            }
        }
        self.add(transaction, origin, batch).await?;
        Ok(true)
    }

    /// Ends a transaction that has noted where the points come from.
    async fn add(
        &self,
        mut transaction: Transaction<'_, Sqlite>,
        origin: &Origin<'_>,
        batch: &Batch,
    ) -> Result<()> {
        for (key, points) in &batch.0 {
            append(&mut transaction, origin, key, points).await?;
        }
        transaction.commit().await.map_err(failed("commit"))?;
        self.grew.note(origin.experiment);
        Ok(())
    }
}

/// What a summary says of some points.
struct Facts {
    first_step: i64,
    first_time: i64,
    /// Of the greatest step; of equal ones the last to come.
    last: Point,
    min: Option<f64>,
    max: Option<f64>,
    non_finite: i64,
}

fn facts(points: &[Point]) -> Option<Facts> {
    let first = points.first()?;
    let mut facts = Facts {
        first_step: first.step,
        first_time: first.time_millis,
        last: *first,
        min: None,
        max: None,
        non_finite: 0,
    };
    for point in points {
        facts.first_step = facts.first_step.min(point.step);
        facts.first_time = facts.first_time.min(point.time_millis);
        if point.step >= facts.last.step {
            facts.last = *point;
        }
        if point.value.is_finite() {
            facts.min = Some(facts.min.map_or(point.value, |min| min.min(point.value)));
            facts.max = Some(facts.max.map_or(point.value, |max| max.max(point.value)));
        } else {
            facts.non_finite += 1;
        }
    }
    Some(facts)
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

pub(super) fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

pub(in crate::store) async fn append(
    transaction: &mut Transaction<'_, Sqlite>,
    origin: &Origin<'_>,
    key: &SeriesKey,
    new: &[Point],
) -> Result<()> {
    let Some(known) = facts(new) else {
        return Ok(());
    };
    let row = sqlx::query(
        "insert into series (experiment_id, attempt, source, name, labels, count, non_finite, first_step, first_time, last_step, last_time, \
         last_value, min_value, max_value) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
         on conflict (experiment_id, attempt, source, name, labels) do update set count = series.count + excluded.count, \
         non_finite = series.non_finite + excluded.non_finite, \
         first_step = case when excluded.first_step < series.first_step then excluded.first_step else series.first_step end, \
         first_time = case when excluded.first_time < series.first_time then excluded.first_time else series.first_time end, \
         last_time = case when excluded.last_step >= series.last_step then excluded.last_time else series.last_time end, \
         last_value = case when excluded.last_step >= series.last_step then excluded.last_value else series.last_value end, \
         last_step = case when excluded.last_step >= series.last_step then excluded.last_step else series.last_step end, \
         min_value = case when series.min_value is null or excluded.min_value < series.min_value then excluded.min_value else series.min_value end, \
         max_value = case when series.max_value is null or excluded.max_value > series.max_value then excluded.max_value else series.max_value end \
         returning id, count",
    )
    .bind(origin.experiment.as_str())
    .bind(i64::from(origin.attempt))
    .bind(origin.source.name())
    .bind(&key.name)
    .bind(to_json(&key.labels)?)
    .bind(count(new.len()))
    .bind(known.non_finite)
    .bind(known.first_step)
    .bind(known.first_time)
    .bind(known.last.step)
    .bind(known.last.time_millis)
    .bind(finite(known.last.value))
    .bind(known.min)
    .bind(known.max)
    .fetch_one(&mut **transaction)
    .await
    .map_err(failed("sum up a series"))?;
    let series = Tail {
        id: row.get("id"),
        name: &key.name,
    };
    let after: i64 = row.get("count");
    let before = after - count(new.len());
    let columns: Columns = new.iter().copied().collect();
    let passes = |size: i64| before / size != after / size;
    if passes(FULL) {
        series.seal(transaction, before, columns).await
    } else if passes(SOME) && after - before < SOME {
        let from = before / SOME * SOME;
        let (number, mut some) = series.take(transaction, from, before).await?;
        some.append(columns);
        series.put(transaction, number, &some).await
    } else {
        series.put(transaction, before, &columns).await
    }
}

/// What of a series is not in blocks.
pub(super) struct Tail<'a> {
    pub id: i64,
    pub name: &'a str,
}

impl Tail<'_> {
    /// Takes out the rows that begin at `from` or behind: the place of the first of their points, and all of them. `end` is where the
    /// next point would stand.
    pub async fn take(
        &self,
        transaction: &mut Transaction<'_, Sqlite>,
        from: i64,
        end: i64,
    ) -> Result<(i64, Columns)> {
        let rows = sqlx::query("select number, count, data from series_tails where series_id = $1 and number >= $2 order by number")
            .bind(self.id)
            .bind(from)
            .fetch_all(&mut **transaction)
            .await
            .map_err(failed("read a tail"))?;
        let number = rows.first().map_or(end, |row| row.get("number"));
        let mut columns = Columns::default();
        for row in &rows {
            opened(row, self.name, &mut columns)?;
        }
        if !rows.is_empty() {
            sqlx::query("delete from series_tails where series_id = $1 and number >= $2")
                .bind(self.id)
                .bind(from)
                .execute(&mut **transaction)
                .await
                .map_err(failed("take out a tail"))?;
        }
        Ok((number, columns))
    }

    pub async fn put(
        &self,
        transaction: &mut Transaction<'_, Sqlite>,
        number: i64,
        columns: &Columns,
    ) -> Result<()> {
        if columns.is_empty() {
            return Ok(());
        }
        sqlx::query(
            "insert into series_tails (series_id, number, count, data) values ($1, $2, $3, $4)",
        )
        .bind(self.id)
        .bind(number)
        .bind(count(columns.len()))
        .bind(sealed(codec::encode(columns)))
        .execute(&mut **transaction)
        .await
        .map_err(failed("write a tail"))?;
        Ok(())
    }

    /// Writes the tail and `new` behind it as blocks that end at multiples of `FULL`; what is left becomes the new tail.
    pub async fn seal(
        &self,
        transaction: &mut Transaction<'_, Sqlite>,
        before: i64,
        new: Columns,
    ) -> Result<()> {
        let (mut number, mut all) = self.take(transaction, 0, before).await?;
        all.append(new);
        let mut left = all;
        loop {
            let room = usize::try_from(FULL - number % FULL).unwrap_or_default();
            if left.len() < room {
                return self.put(transaction, number, &left).await;
            }
            let behind = left.split_off(room);
            self.put_block(transaction, number, &left).await?;
            number += count(room);
            left = behind;
        }
    }

    pub async fn put_block(
        &self,
        transaction: &mut Transaction<'_, Sqlite>,
        number: i64,
        columns: &Columns,
    ) -> Result<()> {
        let finite = || columns.values.iter().copied().filter(|v| v.is_finite());
        sqlx::query(
            "insert into series_blocks (series_id, number, count, least_step, greatest_step, first_value, last_value, min_value, max_value, \
             non_finite, data) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(self.id)
        .bind(number)
        .bind(count(columns.len()))
        .bind(columns.steps.iter().min())
        .bind(columns.steps.iter().max())
        .bind(finite().next())
        .bind(finite().next_back())
        .bind(finite().reduce(f64::min))
        .bind(finite().reduce(f64::max))
        .bind(count(columns.len() - finite().count()))
        .bind(sealed(codec::encode(columns)))
        .execute(&mut **transaction)
        .await
        .map_err(failed("write a block"))?;
        Ok(())
    }
}
