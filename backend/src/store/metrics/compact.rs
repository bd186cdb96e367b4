//! Packing what arrived in small pieces, once nothing more comes.

use sqlx::Row;

use super::append::{FULL, Tail, count};
use super::read::raw_columns;
use crate::error::Result;
use crate::store::{Store, failed};

/// A series whose points lie in more rows than they need.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Loose {
    pub series: i64,
    /// Rows of its tail, and the place of the newest: as long as points come, these move.
    pub rows: i64,
    pub newest: i64,
}

impl Store {
    /// Series with several rows behind their last block, at most `limit`.
    pub async fn loose_series(&self, limit: i64) -> Result<Vec<Loose>> {
        let rows = sqlx::query(
            "select series_id, count(*) as pieces, max(number) as newest from series_tails group by series_id having count(*) > 1 limit $1",
        )
        .bind(limit)
        .fetch_all(&self.reader)
        .await
        .map_err(failed("look for loose series"))?;
        let loose = |row: &sqlx::sqlite::SqliteRow| Loose {
            series: row.get("series_id"),
            rows: row.get("pieces"),
            newest: row.get("newest"),
        };
        Ok(rows.iter().map(loose).collect())
    }

    /// Series with points in the raw form of earlier consoles, at most `limit`.
    pub async fn raw_series(&self, limit: i64) -> Result<Vec<i64>> {
        sqlx::query_scalar("select distinct series_id from series_chunks limit $1")
            .bind(limit)
            .fetch_all(&self.reader)
            .await
            .map_err(failed("look for raw series"))
    }

    /// Makes one row of a series' tail, and blocks of raw points. The points stay what they are.
    pub async fn compact(&self, series: i64) -> Result<()> {
        let mut transaction = self.writer.begin().await.map_err(failed("begin"))?;
        let name: Option<String> = sqlx::query_scalar("select name from series where id = $1")
            .bind(series)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(failed("read a series"))?;
        let Some(name) = name else {
            return Ok(());
        };
        let tail = Tail {
            id: series,
            name: &name,
        };
        let raw = raw_columns(&mut transaction, series, &name).await?;
        let length = count(raw.len());
        let (number, all) = tail.take(&mut transaction, 0, length).await?;
        if raw.is_empty() {
            tail.put(&mut transaction, number, &all).await?;
        } else {
            // Raw points stand before all others.
            let mut left = raw;
            let mut number = 0;
            while count(left.len()) > FULL {
                let behind = left.split_off(usize::try_from(FULL).unwrap_or_default());
                tail.put_block(&mut transaction, number, &left).await?;
                number += FULL;
                left = behind;
            }
            tail.put_block(&mut transaction, number, &left).await?;
            tail.put(&mut transaction, length, &all).await?;
            sqlx::query("delete from series_chunks where series_id = $1")
                .bind(series)
                .execute(&mut *transaction)
                .await
                .map_err(failed("take out raw points"))?;
        }
        transaction.commit().await.map_err(failed("commit"))
    }
}
