//! Packing what arrived in small pieces, once nothing more comes.

use domain::ids::ExperimentId;

use super::append::{FULL, Tail, count};
use super::read::raw_columns;
use crate::error::Result;
use crate::store::{Store, failed};

impl Store {
    /// Series of an experiment with several rows behind their last block, or with points in the raw form of earlier consoles.
    pub async fn loose_series(&self, experiment: &ExperimentId) -> Result<Vec<i64>> {
        sqlx::query_scalar(
            "select id from series where experiment_id = $1 and \
             ((select count(*) from series_tails where series_id = id) > 1 or exists (select 1 from series_chunks where series_id = id))",
        )
        .bind(experiment.as_str())
        .fetch_all(&self.reader)
        .await
        .map_err(failed("look for loose series"))
    }

    /// Makes one row of a series' tail, and blocks of raw points. The points stay what they are.
    pub async fn compact(&self, series: i64) -> Result<()> {
        let mut transaction = self.begin().await?;
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
