//! Lines that clients sent, in the order in which they came.

use domain::ids::ExperimentId;
use domain::tracking::posts::LogLine;
use futures::TryStreamExt;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};

use super::super::{Store, failed};
use crate::error::Result;

/// A line with its place in the run's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLine {
    /// Rises with every line of any run.
    pub number: i64,
    pub line: LogLine,
}

pub(in crate::store) async fn insert_lines_in(
    transaction: &mut Transaction<'_, Sqlite>,
    experiment: &ExperimentId,
    lines: &[LogLine],
) -> Result<()> {
    for line in lines {
        sqlx::query(
            "insert into client_logs (experiment_id, line, written_micros, level, message) values ($1, $2, $3, $4, $5) \
             on conflict (experiment_id, line, written_micros) do nothing",
        )
        .bind(experiment.as_str())
        .bind(line.line)
        .bind(line.micros)
        .bind(&line.level)
        .bind(&line.message)
        .execute(&mut **transaction)
        .await
        .map_err(failed("store a line"))?;
    }
    Ok(())
}

fn stored(row: &SqliteRow) -> StoredLine {
    StoredLine {
        number: row.get("number"),
        line: LogLine {
            line: row.get("line"),
            micros: row.get("written_micros"),
            level: row.get("level"),
            message: row.get("message"),
        },
    }
}

impl Store {
    /// Stores lines; those that are there already stay as they are.
    pub async fn insert_lines(&self, experiment: &ExperimentId, lines: &[LogLine]) -> Result<()> {
        let mut transaction = self.begin().await?;
        insert_lines_in(&mut transaction, experiment, lines).await?;
        transaction.commit().await.map_err(failed("commit"))
    }

    /// At most `limit` lines: those after `after` if it is given, else the last before `before`; in the order in which they came.
    pub async fn lines(
        &self,
        experiment: &ExperimentId,
        after: Option<i64>,
        before: i64,
        limit: u32,
    ) -> Result<Vec<StoredLine>> {
        let query = match after {
            Some(_) => {
                "select * from client_logs where experiment_id = $1 and number > $2 order by number limit $3"
            }
            None => {
                "select * from (select * from client_logs where experiment_id = $1 and number < $2 order by number desc limit $3) \
                 as newest order by number"
            }
        };
        let rows = sqlx::query(query)
            .bind(experiment.as_str())
            .bind(after.unwrap_or(before))
            .bind(i64::from(limit))
            .fetch_all(&self.reader)
            .await
            .map_err(failed("read lines"))?;
        Ok(rows.iter().map(stored).collect())
    }

    /// Shows every line to `look`, in the order in which they came, until it answers false.
    pub async fn each_line(
        &self,
        experiment: &ExperimentId,
        mut look: impl FnMut(&StoredLine) -> bool,
    ) -> Result<()> {
        let mut rows =
            sqlx::query("select * from client_logs where experiment_id = $1 order by number")
                .bind(experiment.as_str())
                .fetch(&self.reader);
        while let Some(row) = rows.try_next().await.map_err(failed("search lines"))? {
            if !look(&stored(&row)) {
                break;
            }
        }
        Ok(())
    }

    /// The greatest number that the client gave a line; 0: it sent none.
    pub async fn last_line(&self, experiment: &ExperimentId) -> Result<i64> {
        sqlx::query_scalar(
            "select coalesce(max(line), 0) from client_logs where experiment_id = $1",
        )
        .bind(experiment.as_str())
        .fetch_one(&self.reader)
        .await
        .map_err(failed("find the last line"))
    }
}
