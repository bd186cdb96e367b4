//! From names as typed to columns of the project.

use domain::comparison::filter::{Condition, Name};
use domain::comparison::{Column, Filter, Which};
use domain::finding::Finding;
use domain::recipes::fields;

use crate::store::{Order, ValueColumn, Where};
use crate::{Actor, Backend, Error, Result};

/// A filter's conditions with the columns that they name.
pub async fn conditions(backend: &Backend, actor: &Actor, filter: &Filter) -> Result<Where> {
    // One look-up for each name; filters are small.
    let mut known = Vec::new();
    for condition in filter.conditions() {
        if !known.iter().any(|(name, _)| *name == condition.name) {
            let place = place(backend, actor, &condition.name).await?;
            known.push((condition.name.clone(), place));
        }
    }
    Ok(built(filter, &known))
}

fn built(filter: &Filter, known: &[(Name, Order)]) -> Where {
    let all = |parts: &[Filter]| parts.iter().map(|part| built(part, known)).collect();
    match filter {
        Filter::All(parts) => Where::All(all(parts)),
        Filter::Any(parts) => Where::Any(all(parts)),
        Filter::Not(part) => Where::Not(Box::new(built(part, known))),
        Filter::IsArchived => Where::Archived,
        Filter::Is(Condition {
            name,
            compare,
            value,
        }) => {
            match known.iter().find(|(known, _)| known == name) {
                Some((_, Order::Fact(fact))) => Where::Fact(*fact, *compare, value.clone()),
                Some((_, Order::Value(id, which))) => {
                    Where::Value(*id, *which, *compare, value.clone())
                }
                // Every name was looked up above.
                None => Where::Any(Vec::new()),
            }
        }
    }
}

async fn place(backend: &Backend, actor: &Actor, name: &Name) -> Result<Order> {
    let open = match name {
        Name::Known(column) => return order(backend, actor, column).await,
        Name::Open(open) => open,
    };
    let mut found = backend.store().columns_called(&actor.project, open).await?;
    // A recipe's values may be asked for by their arguments' names: `lr` is `learning_rate`.
    let argument = fields::ALL.iter().find(|field| field.flag == open.as_str());
    if found.is_empty()
        && let Some(field) = argument
    {
        found = backend
            .store()
            .columns_called(&actor.project, field.key)
            .await?;
        if let [first, ..] = found.as_slice() {
            return Ok(Order::Value(first.id, Which::Last));
        }
    }
    let exact: Vec<&ValueColumn> = found.iter().filter(|column| column.name == *open).collect();
    match (exact.as_slice(), found.as_slice()) {
        // A configuration value comes before a metric of the same name; `last:` means the other.
        ([first, ..], _) => Ok(Order::Value(first.id, Which::Last)),
        ([], [only]) => Ok(Order::Value(only.id, Which::Last)),
        ([], []) => Err(unknown(backend, actor, open).await?),
        ([], several) => {
            let names: Vec<&str> = several.iter().map(|column| column.name.as_str()).collect();
            let names = names.join(", ");
            Err(problem(
                format!("Several values are called {open}: {names}. Write one of them."),
                format!("有多个名为 {open} 的配置项：{names}。请写其中之一。"),
            ))
        }
    }
}

/// Where a column's values are.
pub async fn order(backend: &Backend, actor: &Actor, column: &Column) -> Result<Order> {
    let (name, which, is_metric) = match column {
        Column::Fact(fact) => return Ok(Order::Fact(*fact)),
        Column::Config(name) => (name, Which::Last, false),
        Column::Metric(name, which) => (name, *which, true),
    };
    let found = backend.store().columns_called(&actor.project, name).await?;
    match found
        .iter()
        .find(|known| known.name == *name && known.is_metric == is_metric)
    {
        Some(known) => Ok(Order::Value(known.id, which)),
        None => Err(unknown(backend, actor, name).await?),
    }
}

/// Where the values of these columns are; None: a fact, or nothing has such a value yet.
pub async fn places(
    backend: &Backend,
    actor: &Actor,
    columns: &[Column],
) -> Result<Vec<Option<(i64, Which)>>> {
    let known = backend.store().all_columns(&actor.project, columns).await?;
    Ok(columns
        .iter()
        .map(|column| {
            let (name, which, is_metric) = match column {
                Column::Fact(_) => return None,
                Column::Config(name) => (name, Which::Last, false),
                Column::Metric(name, which) => (name, *which, true),
            };
            let found = known
                .iter()
                .find(|known| known.name == *name && known.is_metric == is_metric);
            found.map(|found| (found.id, which))
        })
        .collect())
}

async fn unknown(backend: &Backend, actor: &Actor, name: &str) -> Result<Error> {
    let part = name.rsplit(['.', '/', '_']).next().unwrap_or(name);
    let near = backend
        .store()
        .find_columns(&actor.project, part, 5)
        .await?;
    let near: Vec<String> = near.into_iter().map(|column| column.name).collect();
    let (en, zh) = if near.is_empty() {
        (
            "Configuration values, metrics, name, state, tag, notes, duration, created and attempts can be asked for.".to_owned(),
            "可用：配置项、指标，以及 name、state、tag、notes、duration、created、attempts。".to_owned(),
        )
    } else {
        let near = near.join(", ");
        (format!("There are: {near}."), format!("现有：{near}。"))
    };
    Ok(problem(
        format!("No experiment here has a value called {name}. {en}"),
        format!("没有实验含有名为 {name} 的值。{zh}"),
    ))
}

fn problem(en: String, zh: String) -> Error {
    Error::Invalid(vec![Finding::stops("filter", en, zh)])
}
