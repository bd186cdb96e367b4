//! Conditions and orders as SQL. What a person typed is bound; all words are here.

use domain::comparison::filter::{Compare, Value};
use domain::comparison::{Fact, Which};
use domain::time::Timestamp;
use sqlx::{QueryBuilder, Sqlite};

use super::Wanted;

/// What rows must be like.
#[derive(Debug, Clone, PartialEq)]
pub enum Where {
    All(Vec<Where>),
    Any(Vec<Where>),
    Not(Box<Where>),
    Archived,
    Fact(Fact, Compare, Value),
    /// A value by its column's id.
    Value(i64, Which, Compare, Value),
}

/// What rows are sorted or grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Fact(Fact),
    Value(i64, Which),
}

/// The columns of `experiment_values` that hold numbers.
pub(super) const FIELDS: [&str; 3] = ["number", "low", "high"];

/// Configuration values are their own last.
pub(super) fn field(which: Which) -> &'static str {
    match which {
        Which::Last => FIELDS[0],
        Which::Min => FIELDS[1],
        Which::Max => FIELDS[2],
    }
}

fn sign(compare: Compare) -> &'static str {
    match compare {
        Compare::Equal | Compare::Contains => "=",
        Compare::NotEqual | Compare::ContainsNot => "<>",
        Compare::Less => "<",
        Compare::LessOrEqual => "<=",
        Compare::Greater => ">",
        Compare::GreaterOrEqual => ">=",
    }
}

fn is_negative(compare: Compare) -> bool {
    matches!(compare, Compare::NotEqual | Compare::ContainsNot)
}

/// A condition on the row `r`.
pub(super) fn condition(query: &mut QueryBuilder<Sqlite>, of: &Where, wanted: &Wanted<'_>) {
    match of {
        Where::All(parts) => listed(query, parts, " and ", "1 = 1", wanted),
        Where::Any(parts) => listed(query, parts, " or ", "1 = 0", wanted),
        Where::Not(part) => {
            query.push("not (");
            condition(query, part, wanted);
            query.push(")");
        }
        Where::Archived => {
            query.push("r.is_archived = 1");
        }
        Where::Fact(fact, compare, value) => of_fact(query, *fact, *compare, value, wanted),
        Where::Value(column, which, compare, value) => {
            of_value(query, *column, *which, *compare, value)
        }
    }
}

fn listed(
    query: &mut QueryBuilder<Sqlite>,
    parts: &[Where],
    between: &str,
    empty: &str,
    wanted: &Wanted<'_>,
) {
    if parts.is_empty() {
        query.push(empty);
        return;
    }
    query.push("(");
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            query.push(between);
        }
        condition(query, part, wanted);
    }
    query.push(")");
}

/// `… > bound`, or whether a text holds another.
fn compared(query: &mut QueryBuilder<Sqlite>, what: &str, compare: Compare, value: &Value) {
    match (compare, value) {
        (Compare::Contains | Compare::ContainsNot, value) => {
            let text = match value {
                Value::Text(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                Value::Missing => String::new(),
            };
            query
                .push(format!("instr(lower({what}), lower("))
                .push_bind(text);
            query.push(if is_negative(compare) {
                ")) = 0"
            } else {
                ")) > 0"
            });
        }
        (compare, Value::Number(number)) => {
            query
                .push(format!("{what} {} ", sign(compare)))
                .push_bind(*number);
        }
        (compare, Value::Text(text)) => {
            query
                .push(format!("{what} {} ", sign(compare)))
                .push_bind(text.clone());
        }
        (compare, Value::Missing) => {
            let not = if is_negative(compare) { "not " } else { "" };
            query.push(format!("{what} is {not}null"));
        }
    }
}

fn of_fact(
    query: &mut QueryBuilder<Sqlite>,
    fact: Fact,
    compare: Compare,
    value: &Value,
    wanted: &Wanted<'_>,
) {
    match fact {
        Fact::Name => compared(query, "r.name", compare, &as_text(value)),
        Fact::State => compared(query, "r.state", compare, &as_text(value)),
        Fact::Attempts => compared(query, "r.attempts", compare, value),
        Fact::Duration => {
            let now = wanted.now.0;
            compared(
                query,
                &format!("(coalesce(r.ended_at, {now}) - r.started_at)"),
                compare,
                value,
            );
        }
        Fact::Created => {
            let now = wanted.now.0;
            compared(query, &format!("({now} - r.created_at)"), compare, value);
        }
        Fact::Tags => {
            let is_missing = *value == Value::Missing;
            // `!=` a tag means: it has none like it. `= none` means: it has none at all.
            let not = if is_negative(compare) != is_missing {
                "not "
            } else {
                ""
            };
            query.push(format!(
                "r.experiment_id {not}in (select experiment_id from tags"
            ));
            if !is_missing {
                let positive = match compare {
                    Compare::Contains | Compare::ContainsNot => Compare::Contains,
                    Compare::NotEqual => Compare::Equal,
                    other => other,
                };
                query.push(" where ");
                compared(query, "tag", positive, &as_text(value));
            }
            query.push(")");
        }
        Fact::Notes => {
            query.push("r.experiment_id in (select id from experiments where project_id = ");
            query.push_bind(wanted.project.as_str().to_owned());
            query.push(" and ");
            match value {
                Value::Missing => {
                    query.push(if is_negative(compare) {
                        "notes <> ''"
                    } else {
                        "notes = ''"
                    });
                }
                value => compared(query, "notes", compare, &as_text(value)),
            }
            query.push(")");
        }
    }
}

/// What is compared with a text is a text.
fn as_text(value: &Value) -> Value {
    match value {
        Value::Number(number) => Value::Text(number.to_string()),
        value => value.clone(),
    }
}

fn of_value(
    query: &mut QueryBuilder<Sqlite>,
    column: i64,
    which: Which,
    compare: Compare,
    value: &Value,
) {
    let is_missing = *value == Value::Missing;
    let not = if is_missing && !is_negative(compare) {
        "not "
    } else {
        ""
    };
    query.push(format!(
        "r.row_id {not}in (select row_id from experiment_values where column_id = "
    ));
    query.push_bind(column);
    if !is_missing {
        query.push(" and ");
        let is_number = matches!(value, Value::Number(_))
            && !matches!(compare, Compare::Contains | Compare::ContainsNot);
        if is_number {
            if compare == Compare::NotEqual {
                query.push("(text is not null or ");
                compared(query, field(which), compare, value);
                query.push(")");
            } else {
                compared(query, field(which), compare, value);
            }
        } else if is_negative(compare) {
            query.push("(text is null or ");
            compared(query, "text", compare, value);
            query.push(")");
        } else {
            compared(query, "text", compare, value);
        }
    }
    query.push(")");
}

pub(super) fn push_fact_order(
    query: &mut QueryBuilder<Sqlite>,
    fact: Fact,
    way: &str,
    now: Timestamp,
) {
    let now = now.0;
    let by = match fact {
        Fact::Name => "r.name".to_owned(),
        Fact::State => "r.state".to_owned(),
        Fact::Attempts => "r.attempts".to_owned(),
        Fact::Duration => {
            format!("r.started_at is null, coalesce(r.ended_at, {now}) - r.started_at")
        }
        Fact::Created => "r.created_at".to_owned(),
        Fact::Tags => {
            "(select min(tag) is null from tags where tags.experiment_id = r.experiment_id), \
             (select min(tag) from tags where tags.experiment_id = r.experiment_id)"
                .to_owned()
        }
        Fact::Notes => {
            "(select notes = '' from experiments where experiments.id = r.experiment_id), \
             (select substr(notes, 1, 100) from experiments where experiments.id = r.experiment_id)"
                .to_owned()
        }
    };
    query.push(format!("{by} {way}, r.row_id {way}"));
}

/// Number and text by which groups are told apart. Days, not moments; whole hours, not milliseconds.
pub(super) fn grouped_by(by: Order) -> (String, &'static str) {
    match by {
        Order::Value(_, which) => (format!("s.{}", field(which)), "s.text"),
        Order::Fact(Fact::State) => ("null".to_owned(), "r.state"),
        Order::Fact(Fact::Tags) => ("null".to_owned(), "t.tag"),
        Order::Fact(Fact::Attempts) => ("cast(r.attempts as double precision)".to_owned(), "null"),
        Order::Fact(_) => ("null".to_owned(), "r.name"),
    }
}
