//! How far followed files were read. Offsets move in the transaction that stores what was read.

use std::collections::BTreeMap;

use domain::ids::ExperimentId;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};

use super::metrics::Origin;
use super::{Store, failed, from_json, to_json};
use crate::error::Result;

/// How far a followed file was read when a batch was cut from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offset {
    pub file: String,
    /// Where the batch began: the batch is refused when somebody has read on since.
    pub from: u64,
    pub to: u64,
    pub inode: u64,
}

/// Where the reading of a file stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    pub offset: u64,
    /// 0: no file was seen yet.
    pub inode: u64,
    /// Of a file that replaced an earlier one: the newest steps that the series had by then. What the new file repeats up to there is
    /// stored already.
    pub floors: BTreeMap<String, i64>,
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn standing(row: &SqliteRow) -> Result<Standing> {
    let number = |column: &str| u64::try_from(row.get::<i64, _>(column)).unwrap_or_default();
    let state: String = row.get("state");
    Ok(Standing {
        offset: number("byte_offset"),
        inode: number("inode"),
        floors: if state.is_empty() {
            BTreeMap::new()
        } else {
            from_json(state)?
        },
    })
}

impl Store {
    /// Where the reading of a file stands; None: nothing was read yet.
    pub async fn metric_offset(
        &self,
        experiment: &ExperimentId,
        attempt: u32,
        file: &str,
    ) -> Result<Option<Standing>> {
        let row = sqlx::query(
            "select byte_offset, inode, state from metric_offsets where experiment_id = $1 and attempt = $2 and file = $3",
        )
        .bind(experiment.as_str())
        .bind(i64::from(attempt))
        .bind(file)
        .fetch_optional(&self.reader)
        .await
        .map_err(failed("read an offset"))?;
        row.as_ref().map(standing).transpose()
    }

    /// The file was replaced or became shorter: it will be read from its beginning, and what its series have stays as it is.
    pub async fn begin_file_anew(
        &self,
        origin: &Origin<'_>,
        file: &str,
        from: &Standing,
    ) -> Result<()> {
        let mut transaction = self.begin().await?;
        let rows = sqlx::query(
            "select name, last_step from series where experiment_id = $1 and attempt = $2 and source = $3",
        )
        .bind(origin.experiment.as_str())
        .bind(i64::from(origin.attempt))
        .bind(origin.source.name())
        .fetch_all(&mut *transaction)
        .await
        .map_err(failed("list series"))?;
        let floors: BTreeMap<String, i64> = rows
            .iter()
            .map(|row| (row.get("name"), row.get("last_step")))
            .collect();
        sqlx::query(
            "update metric_offsets set byte_offset = 0, inode = 0, state = $6 \
             where experiment_id = $1 and attempt = $2 and file = $3 and byte_offset = $4 and inode = $5",
        )
        .bind(origin.experiment.as_str())
        .bind(i64::from(origin.attempt))
        .bind(file)
        .bind(signed(from.offset))
        .bind(signed(from.inode))
        .bind(to_json(&floors)?)
        .execute(&mut *transaction)
        .await
        .map_err(failed("begin a file anew"))?;
        transaction.commit().await.map_err(failed("commit"))
    }
}

/// Moves a file's offset from where the batch began. False: it stands elsewhere.
pub(super) async fn advance(
    transaction: &mut Transaction<'_, Sqlite>,
    origin: &Origin<'_>,
    offset: &Offset,
) -> Result<bool> {
    let moved = sqlx::query(
        "insert into metric_offsets (experiment_id, attempt, file, byte_offset, inode, state) values ($1, $2, $3, $5, $6, '') \
         on conflict (experiment_id, attempt, file) do update set byte_offset = excluded.byte_offset, inode = excluded.inode \
         where metric_offsets.byte_offset = $4",
    )
    .bind(origin.experiment.as_str())
    .bind(i64::from(origin.attempt))
    .bind(&offset.file)
    .bind(signed(offset.from))
    .bind(signed(offset.to))
    .bind(signed(offset.inode))
    .execute(&mut **transaction)
    .await
    .map_err(failed("move an offset"))?;
    Ok(moved.rows_affected() > 0)
}
