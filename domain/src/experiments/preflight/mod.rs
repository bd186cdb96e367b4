//! What is looked at on every node at once right before a launch, and what stands against it.

mod judge;
mod probe;

pub use judge::{Expected, Sight, Situation, judge};
pub use probe::{Ask, Print, Seen, parse, script};

use serde::{Deserialize, Serialize};

use crate::finding::{Finding, Weight};
use crate::language::Text;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    Ok,
    /// Could not be looked at, or does not apply here.
    Unknown,
    Warning,
    Stops,
}

/// One check on one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    pub mark: Mark,
    /// What was found, short.
    pub value: String,
}

/// Why a row is not ok.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    pub mark: Mark,
    /// What was found and what to do.
    pub why: Text,
    /// What the machine said, or what the program would say.
    pub evidence: String,
    pub fix: Option<Fix>,
}

/// What a button does about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Fix {
    /// Copies the model to the nodes that lack it or have another.
    SpreadModel { model: String, nodes: Vec<String> },
    /// Makes a folder on the nodes.
    MakeFolder { path: String, nodes: Vec<String> },
    /// Writes values into the form: (a field's key or an argument's name, its value).
    Write { set: Vec<(String, String)> },
    /// Goes to a page.
    Open { address: String },
}

/// One check over all nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    pub key: String,
    pub title: Text,
    /// One a node, or a single one that is about the launch as a whole.
    pub cells: Vec<Cell>,
    pub problems: Vec<Problem>,
}

impl Row {
    /// Its worst mark.
    pub fn mark(&self) -> Mark {
        let cells = self.cells.iter().map(|cell| cell.mark);
        let problems = self.problems.iter().map(|problem| problem.mark);
        cells.chain(problems).max().unwrap_or(Mark::Unknown)
    }

    /// The nodes do not say the same.
    pub fn differs(&self) -> bool {
        self.cells.windows(2).any(|two| two[0] != two[1])
    }
}

/// Everything that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Names in rank order.
    pub nodes: Vec<String>,
    pub rows: Vec<Row>,
    /// From the first question to the last answer.
    pub seconds: f64,
}

impl Report {
    /// Nothing but the port where the ranks meet stops it: somebody took it after it was chosen, and another may be free.
    pub fn only_lacks_a_port(&self) -> bool {
        let mut stopping = self.rows.iter().filter(|row| row.mark() == Mark::Stops);
        stopping.next().is_some_and(|row| row.key == "port") && stopping.next().is_none()
    }

    /// How many rows stop the launch, and how many only warn.
    pub fn counts(&self) -> (usize, usize) {
        let of = |mark| self.rows.iter().filter(|row| row.mark() == mark).count();
        (of(Mark::Stops), of(Mark::Warning))
    }

    /// What stops the launch, as findings of the form: beside the field that can mend it.
    pub fn findings(&self) -> Vec<Finding> {
        let problems = self.rows.iter().flat_map(|row| {
            row.problems
                .iter()
                .map(move |problem| (row.key.as_str(), problem))
        });
        problems
            .filter(|(_, problem)| problem.mark == Mark::Stops)
            .map(|(key, problem)| Finding {
                field: field(key).to_owned(),
                weight: Weight::Stops,
                text: problem.why.clone(),
            })
            .collect()
    }
}

/// The form's field that a check is about.
fn field(key: &str) -> &'static str {
    match key {
        "model" | "mcore" | "template" => "model_id",
        "dataset" => "dataset_id",
        "gpus" | "memory" => "gpus_per_node",
        "rules" => "extra",
        _ => "cluster_id",
    }
}

/// How far a pre-flight is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Each node with whether it has answered.
    pub nodes: Vec<(String, bool)>,
    pub report: Option<Report>,
}
