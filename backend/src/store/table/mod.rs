//! The project's table: pages, counts and groups of experiments by any column.
//!
//! Conditions and orders come as values, never as text: every query is put together from the words in this file, and what a person typed
//! is bound. Rows and values are kept by the triggers of migration 0014.

mod query;

use domain::comparison::table::PAGE_ROWS;
use domain::comparison::{Cell, Column, Fact, Row, Which};
use domain::ids::{ExperimentId, ProjectId, UserId};
use domain::time::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite};

use super::{Store, failed, from_json, parsed, to_json};
use crate::error::Result;
use query::{FIELDS, condition, field};
pub use query::{Order, Where};

/// A column of values as the database names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueColumn {
    pub id: i64,
    pub is_metric: bool,
    pub name: String,
}

/// Which experiments of a project are meant.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted<'a> {
    pub project: &'a ProjectId,
    pub of: &'a Where,
    /// Archived ones too.
    pub with_archived: bool,
    pub now: Timestamp,
}

/// Experiments that have one value, and (column id, which, mean, least, greatest) of some columns over them.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupRow {
    pub value: Cell,
    pub count: u64,
    pub means: Vec<(i64, Which, f64, f64, f64)>,
}

/// Groups that are told apart; a column with more values groups nothing.
const MOST_GROUPS: i64 = 200;

fn cell(number: Option<f64>, text: Option<String>) -> Cell {
    match (number, text) {
        (Some(number), _) => Cell::Number(number),
        (None, Some(text)) => Cell::Text(text),
        (None, None) => Cell::Missing,
    }
}

fn named(row: &SqliteRow) -> ValueColumn {
    ValueColumn {
        id: row.get("column_id"),
        is_metric: row.get::<String, _>("kind") == "metric",
        name: row.get("name"),
    }
}

fn row(row: &SqliteRow, cells: usize) -> Result<Row> {
    Ok(Row {
        id: parsed(row.get("experiment_id"))?,
        name: row.get("name"),
        state: row.get("state"),
        attempts: u32::try_from(row.get::<i64, _>("attempts")).unwrap_or_default(),
        created_at: Timestamp(row.get("created_at")),
        started_at: row.get::<Option<i64>, _>("started_at").map(Timestamp),
        ended_at: row.get::<Option<i64>, _>("ended_at").map(Timestamp),
        is_archived: row.get::<i64, _>("is_archived") == 1,
        tags: Vec::new(),
        notes: String::new(),
        cells: vec![Cell::Missing; cells],
    })
}

/// `where …` of the wanted rows `r`.
fn push_wanted(query: &mut QueryBuilder<Sqlite>, wanted: &Wanted<'_>) {
    query
        .push(" where r.project_id = ")
        .push_bind(wanted.project.as_str().to_owned());
    if !wanted.with_archived {
        query.push(" and r.is_archived = 0");
    }
    query.push(" and ");
    condition(query, wanted.of, wanted);
}

impl Store {
    /// Columns whose names hold a text, whatever its case: configuration first, then metrics, by name.
    pub async fn find_columns(
        &self,
        project: &ProjectId,
        text: &str,
        most: i64,
    ) -> Result<Vec<ValueColumn>> {
        let rows = sqlx::query(
            "select column_id, kind, name from value_columns where project_id = $1 and instr(lower(name), lower($2)) > 0 \
             order by kind, name limit $3",
        )
        .bind(project.as_str())
        .bind(text)
        .bind(most)
        .fetch_all(&self.reader)
        .await
        .map_err(failed("look for columns"))?;
        Ok(rows.iter().map(named).collect())
    }

    /// Columns that are called so: by their whole name, or by the last part of a nested one.
    pub async fn columns_called(
        &self,
        project: &ProjectId,
        name: &str,
    ) -> Result<Vec<ValueColumn>> {
        let rows = sqlx::query(
            "select column_id, kind, name from value_columns where project_id = $1 \
             and (name = $2 or (kind = 'config' and substr(name, -length($2) - 1) = '.' || $2)) order by name <> $2, kind, name limit 20",
        )
        .bind(project.as_str())
        .bind(name)
        .fetch_all(&self.reader)
        .await
        .map_err(failed("look for a column"))?;
        Ok(rows.iter().map(named).collect())
    }

    /// Those of some columns that hold values.
    pub async fn all_columns(
        &self,
        project: &ProjectId,
        columns: &[Column],
    ) -> Result<Vec<ValueColumn>> {
        let names = columns.iter().filter_map(|column| match column {
            Column::Config(name) | Column::Metric(name, _) => Some(name),
            Column::Fact(_) => None,
        });
        let mut query = QueryBuilder::new(
            "select column_id, kind, name from value_columns where project_id = ",
        );
        query.push_bind(project.as_str().to_owned());
        query.push(" and name in (");
        let mut listed = query.separated(", ");
        for name in names {
            listed.push_bind(name.clone());
        }
        query.push(")");
        let rows = query
            .build()
            .fetch_all(&self.reader)
            .await
            .map_err(failed("read columns"))?;
        Ok(rows.iter().map(named).collect())
    }

    /// How many experiments are wanted.
    pub async fn count_rows(&self, wanted: &Wanted<'_>) -> Result<u64> {
        let mut query = QueryBuilder::new("select count(*) from experiment_rows r");
        push_wanted(&mut query, wanted);
        let count: i64 = query
            .build_query_scalar()
            .fetch_one(&self.reader)
            .await
            .map_err(failed("count experiments"))?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// One page of the wanted, sorted, with the values of `columns`; those that have nothing to sort by come last.
    pub async fn page_of_rows(
        &self,
        wanted: &Wanted<'_>,
        order: Order,
        is_descending: bool,
        page: u32,
        columns: &[(i64, Which)],
    ) -> Result<Vec<Row>> {
        let offset = i64::from(page) * i64::from(PAGE_ROWS);
        let found = match order {
            Order::Value(column, which) => {
                self.by_index(wanted, (column, which), is_descending, offset)
                    .await?
            }
            Order::Fact(fact) => self.by_sorting(wanted, fact, is_descending, offset).await?,
        };
        self.filled(found, columns).await
    }

    /// In the order of a value: those with a number, then those with a text alone, then those without. Each part comes in the order of
    /// its index, so that a page costs about as much as lies before it.
    async fn by_index(
        &self,
        wanted: &Wanted<'_>,
        (column, which): (i64, Which),
        is_descending: bool,
        mut offset: i64,
    ) -> Result<Vec<SqliteRow>> {
        let field = field(which);
        let way = if is_descending { "desc" } else { "asc" };
        // `cross join` keeps SQLite at walking the index first, `not indexed` at walking the rows in their order.
        let valued = "experiment_values s cross join experiment_rows r on r.row_id = s.row_id";
        let parts = [
            (
                valued,
                format!("s.{field} is not null"),
                format!("s.{field} {way}, s.row_id {way}"),
            ),
            (
                valued,
                format!("s.text is not null and s.{field} is null"),
                format!("s.text {way}, s.row_id {way}"),
            ),
            (
                "experiment_rows r not indexed",
                String::new(),
                format!("r.row_id {way}"),
            ),
        ];
        let mut found = Vec::new();
        for (from, condition, order) in parts {
            let push = |query: &mut QueryBuilder<Sqlite>| {
                query.push(format!(" from {from}"));
                push_wanted(query, wanted);
                if condition.is_empty() {
                    query.push(format!(
                        " and not exists (select 1 from experiment_values s where s.row_id = r.row_id \
                         and (s.{field} is not null or s.text is not null) and s.column_id = "
                    ));
                    query.push_bind(column).push(")");
                } else {
                    query.push(format!(" and {condition} and s.column_id = "));
                    query.push_bind(column);
                }
            };
            let most = PAGE_ROWS as usize - found.len();
            let mut query = QueryBuilder::new("select r.*");
            push(&mut query);
            query.push(format!(" order by {order} limit {most} offset "));
            query.push_bind(offset);
            let rows = query
                .build()
                .fetch_all(&self.reader)
                .await
                .map_err(failed("list experiments by a value"))?;
            let is_full = rows.len() == most;
            let is_first = found.is_empty() && rows.is_empty();
            found.extend(rows);
            if is_full || condition.is_empty() {
                break;
            }
            // The part ended within the page, or before it began.
            offset = if !is_first || offset == 0 {
                0
            } else {
                let mut query = QueryBuilder::new("select count(*)");
                push(&mut query);
                let before: i64 = query
                    .build_query_scalar()
                    .fetch_one(&self.reader)
                    .await
                    .map_err(failed("count experiments with a value"))?;
                offset - before
            };
        }
        Ok(found)
    }

    async fn by_sorting(
        &self,
        wanted: &Wanted<'_>,
        fact: Fact,
        is_descending: bool,
        offset: i64,
    ) -> Result<Vec<SqliteRow>> {
        let way = if is_descending { "desc" } else { "asc" };
        let mut query = QueryBuilder::new("select r.* from experiment_rows r");
        push_wanted(&mut query, wanted);
        query.push(" order by ");
        query::push_fact_order(&mut query, fact, way, wanted.now);
        query.push(format!(" limit {PAGE_ROWS} offset "));
        query.push_bind(offset);
        query
            .build()
            .fetch_all(&self.reader)
            .await
            .map_err(failed("list experiments"))
    }

    /// Rows with their tags, the first line of their notes, and the values of some columns.
    async fn filled(&self, found: Vec<SqliteRow>, columns: &[(i64, Which)]) -> Result<Vec<Row>> {
        let mut rows = Vec::with_capacity(found.len());
        let mut places = std::collections::HashMap::new();
        for (at, one) in found.iter().enumerate() {
            places.insert(one.get::<i64, _>("row_id"), at);
            rows.push(row(one, columns.len())?);
        }
        if rows.is_empty() {
            return Ok(rows);
        }
        let listed = |numbers: &mut dyn Iterator<Item = i64>| {
            let words: Vec<String> = numbers.map(|number| number.to_string()).collect();
            words.join(", ")
        };
        let row_ids = listed(&mut places.keys().copied());
        let said = QueryBuilder::<Sqlite>::new(format!(
            "select r.row_id, substr(e.notes, 1, 300) as notes, t.tag from experiment_rows r \
             join experiments e on e.id = r.experiment_id left join tags t on t.experiment_id = e.id \
             where r.row_id in ({row_ids}) order by t.tag"
        ))
        .build()
        .fetch_all(&self.reader)
        .await
        .map_err(failed("read tags and notes"))?;
        for one in &said {
            let Some(at) = places.get(&one.get::<i64, _>("row_id")) else {
                continue;
            };
            let notes: String = one.get("notes");
            // The first line that says something, without the mark of a heading.
            let mut lines = notes
                .lines()
                .map(|line| line.trim_start_matches('#').trim());
            rows[*at].notes = lines
                .find(|line| !line.is_empty())
                .unwrap_or_default()
                .to_owned();
            rows[*at].tags.extend(one.get::<Option<String>, _>("tag"));
        }
        if columns.is_empty() {
            return Ok(rows);
        }
        let column_ids = listed(&mut columns.iter().map(|(id, _)| *id));
        let values = QueryBuilder::<Sqlite>::new(format!(
            "select row_id, column_id, number, low, high, text from experiment_values \
             where row_id in ({row_ids}) and column_id in ({column_ids})"
        ))
        .build()
        .fetch_all(&self.reader)
        .await
        .map_err(failed("read a page's values"))?;
        for value in &values {
            let Some(at) = places.get(&value.get::<i64, _>("row_id")) else {
                continue;
            };
            let id: i64 = value.get("column_id");
            for (place, (_, which)) in columns
                .iter()
                .enumerate()
                .filter(|(_, (known, _))| *known == id)
            {
                rows[*at].cells[place] = cell(value.get(field(*which)), value.get("text"));
            }
        }
        Ok(rows)
    }

    /// Rows of these experiments, in their order; one of another project is left out.
    pub async fn rows_of(
        &self,
        project: &ProjectId,
        experiments: &[ExperimentId],
        columns: &[(i64, Which)],
    ) -> Result<Vec<Row>> {
        let mut query =
            QueryBuilder::new("select r.* from experiment_rows r where r.project_id = ");
        query.push_bind(project.as_str().to_owned());
        query.push(" and r.experiment_id in (");
        let mut listed = query.separated(", ");
        for id in experiments {
            listed.push_bind(id.as_str().to_owned());
        }
        query.push(")");
        let found = query
            .build()
            .fetch_all(&self.reader)
            .await
            .map_err(failed("read chosen experiments"))?;
        let mut rows = self.filled(found, columns).await?;
        rows.sort_by_key(|row| experiments.iter().position(|id| *id == row.id));
        Ok(rows)
    }

    /// Groups of the wanted by a column's value, the largest first; with the means of some columns.
    pub async fn group_rows(
        &self,
        wanted: &Wanted<'_>,
        by: Order,
        columns: &[(i64, Which)],
    ) -> Result<Vec<GroupRow>> {
        let mut query = QueryBuilder::new("");
        push_grouped(&mut query, wanted, by, "count(*) as members", "");
        query.push(format!(
            " group by g_number, g_text order by members desc limit {MOST_GROUPS}"
        ));
        let found = query
            .build()
            .fetch_all(&self.reader)
            .await
            .map_err(failed("group experiments"))?;
        let of = |row: &SqliteRow| cell(row.get("g_number"), row.get("g_text"));
        let mut groups: Vec<GroupRow> = found
            .iter()
            .map(|row| GroupRow {
                value: of(row),
                count: u64::try_from(row.get::<i64, _>("members")).unwrap_or_default(),
                means: Vec::new(),
            })
            .collect();
        if columns.is_empty() || groups.is_empty() {
            return Ok(groups);
        }
        let ids: Vec<String> = columns.iter().map(|(id, _)| id.to_string()).collect();
        let join = format!(
            " join experiment_values m on m.row_id = r.row_id and m.column_id in ({})",
            ids.join(", ")
        );
        let shown: Vec<String> = FIELDS
            .iter()
            .map(|field| {
                format!("avg(m.{field}) as mean_{field}, min(m.{field}) as least_{field}, max(m.{field}) as most_{field}")
            })
            .collect();
        let mut query = QueryBuilder::new("");
        push_grouped(
            &mut query,
            wanted,
            by,
            &format!("m.column_id as of, {}", shown.join(", ")),
            &join,
        );
        query.push(" group by g_number, g_text, m.column_id");
        let means = query
            .build()
            .fetch_all(&self.reader)
            .await
            .map_err(failed("sum up groups"))?;
        for row in &means {
            let value = of(row);
            let Some(group) = groups.iter_mut().find(|group| group.value == value) else {
                continue;
            };
            let id: i64 = row.get("of");
            for (_, which) in columns.iter().filter(|(known, _)| *known == id) {
                let name = field(*which);
                let number =
                    |what: &str| row.get::<Option<f64>, _>(format!("{what}_{name}").as_str());
                if let (Some(mean), Some(least), Some(most)) =
                    (number("mean"), number("least"), number("most"))
                {
                    group.means.push((id, *which, mean, least, most));
                }
            }
        }
        Ok(groups)
    }

    /// The columns that a person chose; None: none yet.
    pub async fn table_view(
        &self,
        user: &UserId,
        project: &ProjectId,
    ) -> Result<Option<Vec<Column>>> {
        let columns: Option<String> = sqlx::query_scalar(
            "select columns from table_views where user_id = $1 and project_id = $2",
        )
        .bind(user.as_str())
        .bind(project.as_str())
        .fetch_optional(&self.reader)
        .await
        .map_err(failed("read chosen columns"))?;
        columns.map(from_json).transpose()
    }

    pub async fn set_table_view(
        &self,
        user: &UserId,
        project: &ProjectId,
        columns: &[Column],
    ) -> Result<()> {
        sqlx::query(
            "insert into table_views (user_id, project_id, columns) values ($1, $2, $3) \
             on conflict (user_id, project_id) do update set columns = excluded.columns",
        )
        .bind(user.as_str())
        .bind(project.as_str())
        .bind(to_json(&columns)?)
        .execute(&self.writer)
        .await
        .map_err(failed("keep chosen columns"))?;
        Ok(())
    }

    /// Tags of the project with how many experiments have each, the most used first.
    pub async fn tags_of_project(&self, project: &ProjectId) -> Result<Vec<(String, u64)>> {
        let rows = sqlx::query(
            "select tags.tag, count(*) as members from tags join experiment_rows r on r.experiment_id = tags.experiment_id \
             where r.project_id = $1 and r.is_archived = 0 group by tags.tag order by members desc, tags.tag limit 200",
        )
        .bind(project.as_str())
        .fetch_all(&self.reader)
        .await
        .map_err(failed("list tags"))?;
        let count =
            |row: &SqliteRow| u64::try_from(row.get::<i64, _>("members")).unwrap_or_default();
        Ok(rows
            .iter()
            .map(|row| (row.get("tag"), count(row)))
            .collect())
    }
}

/// `select g_number, g_text, <shown> from … where …`
fn push_grouped(
    query: &mut QueryBuilder<Sqlite>,
    wanted: &Wanted<'_>,
    by: Order,
    shown: &str,
    join: &str,
) {
    let (number, text) = query::grouped_by(by);
    query.push(format!(
        "select {number} as g_number, {text} as g_text, {shown} from experiment_rows r"
    ));
    match by {
        Order::Value(column, _) => {
            query
                .push(" left join experiment_values s on s.row_id = r.row_id and s.column_id = ")
                .push_bind(column);
        }
        Order::Fact(domain::comparison::Fact::Tags) => {
            query.push(" left join tags t on t.experiment_id = r.experiment_id");
        }
        Order::Fact(_) => {}
    }
    query.push(join);
    push_wanted(query, wanted);
}

#[cfg(test)]
mod tests;
