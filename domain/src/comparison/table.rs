//! The project's table: which columns there are, what is asked for, and what one page of it holds.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::ExperimentId;
use crate::time::Timestamp;

/// What the console itself knows of every experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fact {
    Name,
    State,
    Tags,
    /// The first line of the notes.
    Notes,
    /// Of the newest attempt, in milliseconds.
    Duration,
    Created,
    Attempts,
}

/// All facts, with the words by which addresses and filters name them.
pub const FACTS: [(Fact, &str); 7] = [
    (Fact::Name, "name"),
    (Fact::State, "state"),
    (Fact::Tags, "tags"),
    (Fact::Notes, "notes"),
    (Fact::Duration, "duration"),
    (Fact::Created, "created"),
    (Fact::Attempts, "attempts"),
];

/// Which of a metric's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Which {
    Last,
    Min,
    Max,
}

/// One column. As text: `state`, `config:args.lr`, `last:loss`, `min:eval_loss`, `max:acc`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Column {
    Fact(Fact),
    /// A configuration value by its flat name.
    Config(String),
    Metric(String, Which),
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Column::Fact(fact) => {
                let known = FACTS.iter().find(|(known, _)| known == fact);
                f.write_str(known.map_or("", |(_, word)| word))
            }
            Column::Config(name) => write!(f, "config:{name}"),
            Column::Metric(name, Which::Last) => write!(f, "last:{name}"),
            Column::Metric(name, Which::Min) => write!(f, "min:{name}"),
            Column::Metric(name, Which::Max) => write!(f, "max:{name}"),
        }
    }
}

/// The text names no column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a column: {0:?}")]
pub struct NotAColumn(pub String);

impl FromStr for Column {
    type Err = NotAColumn;

    fn from_str(text: &str) -> Result<Column, NotAColumn> {
        if let Some((fact, _)) = FACTS.iter().find(|(_, word)| *word == text) {
            return Ok(Column::Fact(*fact));
        }
        let (kind, name) = text
            .split_once(':')
            .filter(|(_, name)| !name.is_empty())
            .ok_or_else(|| NotAColumn(text.to_owned()))?;
        let name = name.to_owned();
        match kind {
            "config" => Ok(Column::Config(name)),
            "last" => Ok(Column::Metric(name, Which::Last)),
            "min" => Ok(Column::Metric(name, Which::Min)),
            "max" => Ok(Column::Metric(name, Which::Max)),
            _ => Err(NotAColumn(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Column {
    type Error = NotAColumn;

    fn try_from(text: String) -> Result<Column, NotAColumn> {
        text.parse()
    }
}

impl From<Column> for String {
    fn from(column: Column) -> String {
        column.to_string()
    }
}

/// What the table shows to who has not chosen: what one asks first of a training run.
pub fn usual_columns() -> Vec<Column> {
    vec![
        Column::Fact(Fact::State),
        Column::Metric("loss".to_owned(), Which::Last),
        Column::Metric("eval_loss".to_owned(), Which::Min),
        Column::Config("learning_rate".to_owned()),
        Column::Fact(Fact::Duration),
        Column::Fact(Fact::Tags),
        Column::Fact(Fact::Notes),
        Column::Fact(Fact::Created),
    ]
}

/// A change to the columns that a person sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnChange {
    /// At the right end.
    Show(Column),
    Hide(Column),
    /// One place to the left.
    Earlier(Column),
    /// One place to the right.
    Later(Column),
    /// Back to the usual ones.
    Usual,
}

impl ColumnChange {
    /// Reads what a button says; None: it says nothing of columns.
    pub fn of(what: &str, column: &str) -> Option<ColumnChange> {
        let column = || column.parse().ok();
        match what {
            "show" => Some(ColumnChange::Show(column()?)),
            "hide" => Some(ColumnChange::Hide(column()?)),
            "earlier" => Some(ColumnChange::Earlier(column()?)),
            "later" => Some(ColumnChange::Later(column()?)),
            "usual" => Some(ColumnChange::Usual),
            _ => None,
        }
    }

    /// The columns after it. The name is always there and is no column of its own; a change that was made already changes nothing.
    pub fn made(&self, mut columns: Vec<Column>) -> Vec<Column> {
        let at = |columns: &[Column], wanted: &Column| columns.iter().position(|c| c == wanted);
        match self {
            ColumnChange::Show(column) => {
                if at(&columns, column).is_none() && *column != Column::Fact(Fact::Name) {
                    columns.push(column.clone());
                }
            }
            ColumnChange::Hide(column) => columns.retain(|shown| shown != column),
            ColumnChange::Earlier(column) => {
                if let Some(place) = at(&columns, column).filter(|place| *place > 0) {
                    columns.swap(place - 1, place);
                }
            }
            ColumnChange::Later(column) => {
                if let Some(place) = at(&columns, column).filter(|place| place + 1 < columns.len())
                {
                    columns.swap(place, place + 1);
                }
            }
            ColumnChange::Usual => columns = usual_columns(),
        }
        columns
    }
}

/// Rows of one page.
pub const PAGE_ROWS: u32 = 50;

/// A page of the table, as its address says it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TableRequest {
    /// As typed; see [`super::filter`].
    pub filter: String,
    /// None: the newest first.
    pub sort: Option<Column>,
    /// The greatest (or last) first.
    pub is_descending: bool,
    pub group: Option<Column>,
    /// The filter of the group whose experiments are shown below it.
    pub open: Option<String>,
    /// 0 for the first.
    pub page: u32,
}

impl TableRequest {
    /// The same as the query of an address, without `?`; empty for the first page as it comes.
    pub fn address(&self) -> String {
        let mut parts = Vec::new();
        if !self.filter.is_empty() {
            parts.push(format!("filter={}", escaped(&self.filter)));
        }
        if let Some(sort) = &self.sort {
            let sign = if self.is_descending { "-" } else { "" };
            parts.push(format!("sort={sign}{}", escaped(&sort.to_string())));
        }
        if let Some(group) = &self.group {
            parts.push(format!("group={}", escaped(&group.to_string())));
        }
        if let Some(open) = &self.open {
            parts.push(format!("open={}", escaped(open)));
        }
        if self.page > 0 {
            parts.push(format!("page={}", self.page + 1));
        }
        parts.join("&")
    }

    /// Reads what `address` writes, given the values of its query. What cannot be read is as if it were not there: an old address still
    /// opens the table.
    pub fn of_query(get: impl Fn(&str) -> Option<String>) -> TableRequest {
        let sort = get("sort").unwrap_or_default();
        let (is_descending, sort) = match sort.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, sort.as_str()),
        };
        let page = get("page").and_then(|page| page.parse::<u32>().ok());
        TableRequest {
            filter: get("filter").unwrap_or_default(),
            sort: sort.parse().ok(),
            is_descending,
            group: get("group").and_then(|group| group.parse().ok()),
            open: get("open"),
            page: page.unwrap_or(1).saturating_sub(1),
        }
    }
}

/// A text as the value of an address's query.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b':' | b'/' => {
                out.push(byte as char);
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// What stands in one field of the table.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub enum Cell {
    #[default]
    Missing,
    Number(f64),
    Text(String),
}

/// One experiment of a page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub id: ExperimentId,
    pub name: String,
    /// Name of a `domain::jobs::State`; empty: nothing is known of it.
    pub state: String,
    pub attempts: u32,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub is_archived: bool,
    pub tags: Vec<String>,
    /// The first line of the notes.
    pub notes: String,
    /// In the order of the asked columns; a fact's stays empty, since it is above.
    pub cells: Vec<Cell>,
}

/// Experiments with the same value in the column that is grouped by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    pub value: Cell,
    pub count: u64,
    /// The filter that finds exactly these.
    pub filter: String,
    /// (mean, least, greatest) in the order of the asked columns; None: no numbers.
    pub means: Vec<Option<(f64, f64, f64)>>,
}

/// One page of the table, or its groups.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Listing {
    pub columns: Vec<Column>,
    pub rows: Vec<Row>,
    /// The largest first; only when it is grouped, and then `rows` are the first of the group that is open.
    pub groups: Vec<Group>,
    /// Experiments that pass the filter.
    pub count: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_read_as_it_is_written() {
        for text in [
            "name",
            "duration",
            "config:args.lr",
            "last:train/loss",
            "min:a:b",
            "max:x",
        ] {
            let column: Column = text.parse().expect(text);
            assert_eq!(column.to_string(), text);
        }
        for bad in ["", "nothing", "config:", "mean:loss", ":x"] {
            assert_eq!(bad.parse::<Column>(), Err(NotAColumn(bad.to_owned())));
        }
    }

    #[test]
    fn columns_are_shown_hidden_and_moved() {
        let column = |text: &str| -> Column { text.parse().expect("a column") };
        let (a, b, c) = (column("config:a"), column("last:b"), column("tags"));
        let mut columns = vec![a.clone(), b.clone()];
        for (what, of, wanted) in [
            ("show", "tags", vec![&a, &b, &c]),
            ("show", "tags", vec![&a, &b, &c]),
            ("show", "name", vec![&a, &b, &c]),
            ("earlier", "tags", vec![&a, &c, &b]),
            ("earlier", "config:a", vec![&a, &c, &b]),
            ("later", "config:a", vec![&c, &a, &b]),
            ("later", "last:b", vec![&c, &a, &b]),
            ("hide", "last:b", vec![&c, &a]),
        ] {
            columns = ColumnChange::of(what, of).expect("a change").made(columns);
            assert_eq!(columns.iter().collect::<Vec<_>>(), wanted, "{what} {of}");
        }
        assert_eq!(ColumnChange::Usual.made(columns), usual_columns());
        assert_eq!(ColumnChange::of("show", "nonsense"), None);
        assert_eq!(ColumnChange::of("pick", "tags"), None);
    }

    #[test]
    fn an_address_holds_the_whole_request() {
        let request = TableRequest {
            filter: "lr > 1e-4 & 学习率".to_owned(),
            sort: "min:eval_loss".parse().ok(),
            is_descending: true,
            group: "config:model".parse().ok(),
            open: Some("3".to_owned()),
            page: 2,
        };
        let address = request.address();
        assert_eq!(
            address,
            "filter=lr%20%3E%201e-4%20%26%20%E5%AD%A6%E4%B9%A0%E7%8E%87&sort=-min:eval_loss&group=config:model&open=3&page=3"
        );
        let read = TableRequest::of_query(|name| match name {
            "filter" => Some(request.filter.clone()),
            "sort" => Some("-min:eval_loss".to_owned()),
            "group" => Some("config:model".to_owned()),
            _ => Some("3".to_owned()),
        });
        assert_eq!(read, request);
        assert_eq!(TableRequest::of_query(|_| None), TableRequest::default());
        assert_eq!(TableRequest::default().address(), "");
        let damaged = TableRequest::of_query(|_| Some("-".to_owned()));
        assert_eq!((damaged.sort, damaged.page), (None, 0));
    }
}
