//! The project's table, and comparing chosen experiments.

mod overlay;
mod resolve;

pub use overlay::{draw, metrics_of, reached};

use domain::comparison::config::Config;
use domain::comparison::table::{ColumnChange, usual_columns};
use domain::comparison::{Column, Fact, Filter, Group, Listing, Row, TableRequest, Which, filter};
use domain::finding::Finding;
use domain::ids::ExperimentId;

use crate::store::Wanted;
use crate::{Actor, Backend, Error, Result, clock};

/// Where a column's values are; None: a fact, or nothing has such a value yet.
type Place = Option<(i64, Which)>;

/// Columns beside the name that one page shows.
const MOST_COLUMNS: usize = 200;
/// Columns that a search answers with.
const MOST_FOUND: i64 = 100;

/// A page of the project's table with the columns that the person chose, or its groups. The finding of a filter that cannot be read is
/// on the field `filter`.
pub async fn table(backend: &Backend, actor: &Actor, request: &TableRequest) -> Result<Listing> {
    let columns = columns(backend, actor).await?;
    page(backend, actor, request, columns).await
}

/// The same with columns that are given.
pub async fn page(
    backend: &Backend,
    actor: &Actor,
    request: &TableRequest,
    columns: Vec<Column>,
) -> Result<Listing> {
    let parsed = Filter::parse(&request.filter).map_err(|finding| Error::Invalid(vec![finding]))?;
    let with_archived = parsed.names_archived();
    let of = resolve::conditions(backend, actor, &parsed).await?;
    let wanted = Wanted {
        project: &actor.project,
        of: &of,
        with_archived,
        now: clock::now(),
    };
    let places = resolve::places(backend, actor, &columns).await?;
    let asked: Vec<(i64, Which)> = places.iter().flatten().copied().collect();
    let mut listing = Listing {
        count: backend.store().count_rows(&wanted).await?,
        ..Listing::default()
    };
    if let Some(by) = &request.group {
        listing.groups = groups(backend, actor, &wanted, by, &request.filter, &places).await?;
        let open = request.open.as_ref();
        if let Some(group) = listing
            .groups
            .iter()
            .find(|group| Some(&group.filter) == open)
        {
            let inside = TableRequest {
                filter: group.filter.clone(),
                group: None,
                open: None,
                page: 0,
                ..request.clone()
            };
            listing.rows = Box::pin(page(backend, actor, &inside, columns.clone()))
                .await?
                .rows;
        }
    } else {
        let is_usual = request.sort.is_none();
        let sort = request.sort.clone().unwrap_or(Column::Fact(Fact::Created));
        let order = resolve::order(backend, actor, &sort).await?;
        let mut rows = backend
            .store()
            .page_of_rows(
                &wanted,
                order,
                is_usual || request.is_descending,
                request.page,
                &asked,
            )
            .await?;
        spread(&mut rows, &places);
        listing.rows = rows;
    }
    listing.columns = columns;
    Ok(listing)
}

/// Values stand in the order of all columns again, facts and unknown ones between them.
fn spread(rows: &mut [Row], places: &[Place]) {
    for row in rows {
        let mut values = std::mem::take(&mut row.cells).into_iter();
        row.cells = places
            .iter()
            .map(|place| place.and_then(|_| values.next()).unwrap_or_default())
            .collect();
    }
}

async fn groups(
    backend: &Backend,
    actor: &Actor,
    wanted: &Wanted<'_>,
    by: &Column,
    typed: &str,
    places: &[Place],
) -> Result<Vec<Group>> {
    let asked: Vec<(i64, Which)> = places.iter().flatten().copied().collect();
    let order = resolve::order(backend, actor, by).await?;
    let found = backend.store().group_rows(wanted, order, &asked).await?;
    let own = |value: &domain::comparison::Cell| {
        let condition = filter::typed(by, value);
        if typed.trim().is_empty() {
            condition
        } else {
            format!("({typed}) {condition}")
        }
    };
    Ok(found
        .into_iter()
        .map(|group| Group {
            filter: own(&group.value),
            count: group.count,
            means: places
                .iter()
                .map(|place| {
                    let (id, which) = (*place)?;
                    let known = group
                        .means
                        .iter()
                        .find(|mean| (mean.0, mean.1) == (id, which))?;
                    Some((known.2, known.3, known.4))
                })
                .collect(),
            value: group.value,
        })
        .collect())
}

/// The columns that the person sees beside the name.
pub async fn columns(backend: &Backend, actor: &Actor) -> Result<Vec<Column>> {
    match backend
        .store()
        .table_view(&actor.user, &actor.project)
        .await?
    {
        Some(columns) => Ok(columns),
        None => Ok(usual_columns()),
    }
}

/// Keeps which columns the person sees, and in which order.
pub async fn change_columns(backend: &Backend, actor: &Actor, change: &ColumnChange) -> Result<()> {
    let columns = change.made(columns(backend, actor).await?);
    if columns.len() > MOST_COLUMNS {
        return Err(Error::Invalid(vec![Finding::stops(
            "columns",
            format!("The table has {MOST_COLUMNS} columns already; hide one first."),
            format!("表格已有 {MOST_COLUMNS} 列，请先隐藏一列。"),
        )]));
    }
    backend
        .store()
        .set_table_view(&actor.user, &actor.project, &columns)
        .await
}

/// What can be a column and has the text in its name.
pub async fn find_columns(backend: &Backend, actor: &Actor, text: &str) -> Result<Vec<Column>> {
    let text = text.trim().to_lowercase();
    let facts = domain::comparison::table::FACTS.iter();
    let mut found: Vec<Column> = facts
        .filter(|(fact, word)| *fact != Fact::Name && word.contains(&text))
        .map(|(fact, _)| Column::Fact(*fact))
        .collect();
    for column in backend
        .store()
        .find_columns(&actor.project, &text, MOST_FOUND)
        .await?
    {
        if column.is_metric {
            for which in [Which::Last, Which::Min, Which::Max] {
                found.push(Column::Metric(column.name.clone(), which));
            }
        } else {
            found.push(Column::Config(column.name));
        }
    }
    Ok(found)
}

/// Tags of the project with how many experiments have each.
pub async fn tags(backend: &Backend, actor: &Actor) -> Result<Vec<(String, u64)>> {
    backend.store().tags_of_project(&actor.project).await
}

/// Chosen experiments with the values of some columns, in the order of choosing; what is not in the project is left out.
pub async fn rows(
    backend: &Backend,
    actor: &Actor,
    experiments: &[ExperimentId],
    columns: &[Column],
) -> Result<Vec<Row>> {
    let places = resolve::places(backend, actor, columns).await?;
    let asked: Vec<(i64, Which)> = places.iter().flatten().copied().collect();
    let mut rows = backend
        .store()
        .rows_of(&actor.project, experiments, &asked)
        .await?;
    spread(&mut rows, &places);
    Ok(rows)
}

/// The configurations of chosen experiments, in their order.
pub async fn configs(
    backend: &Backend,
    actor: &Actor,
    experiments: &[ExperimentId],
) -> Result<Vec<Config>> {
    let mut all = Vec::with_capacity(experiments.len());
    for id in experiments {
        all.push(
            crate::experiments::profile(backend, actor, id)
                .await?
                .config,
        );
    }
    Ok(all)
}
