//! From what the nodes answered to what stands against the launch.

mod machines;
mod material;
mod network;

use super::{Cell, Fix, Mark, Problem, Report, Row, Seen};
use crate::finding::{Finding, Weight};
use crate::language::Text;
use crate::recipes::memory::Estimate;
use crate::recipes::rules::Breach;
use crate::recipes::version::Version;

/// One node's answer.
#[derive(Debug, Clone)]
pub struct Sight {
    pub name: String,
    /// Err: why it did not answer.
    pub answer: Result<Seen, Text>,
    /// The console's clock when the question left and the answer was there, in seconds.
    pub asked: (f64, f64),
    /// GPUs that a job of ours has reserved: (index, the job's title).
    pub reserved: Vec<(u32, String)>,
    /// Where work runs: in the login, or in which container or image.
    pub environment: String,
    pub needs_image: bool,
    /// The interface that carries traffic between the nodes, as the launch will write it.
    pub interface: String,
    /// Folders on this node.
    pub model: String,
    pub mcore: String,
    pub dataset: String,
    pub cache: String,
}

/// What should be found.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    pub model: String,
    /// Ids, for buttons.
    pub model_id: String,
    pub mcore_id: String,
    pub dataset_id: String,
    /// On which node, from 0, the model and its MCore form were registered.
    pub model_at: usize,
    pub mcore_at: usize,
    pub dataset_bytes: u64,
    pub dataset_sha256: String,
    /// Bytes that one checkpoint takes on each node, and how many will be kept.
    pub checkpoint_bytes: f64,
    pub checkpoints: u64,
    /// Bytes of the machine's memory that an offloaded optimizer takes on each node.
    pub offloaded_bytes: f64,
}

/// A launch before it is made.
pub struct Situation<'a> {
    pub version: Version,
    pub sights: &'a [Sight],
    pub gpus: &'a [u32],
    /// None: the model's sizes are not known.
    pub estimate: Option<&'a Estimate>,
    pub expected: &'a Expected,
    pub port: u16,
    /// Rules that are broken, and how many there are.
    pub breaches: &'a [Breach],
    pub rules: usize,
    /// What the form itself was found to have.
    pub findings: &'a [Finding],
    /// Variables that the launch sets on every node.
    pub variables: &'a [(String, String)],
}

/// Judges everything. `seconds`: how long the looking took.
pub fn judge(situation: &Situation<'_>, seconds: f64) -> Report {
    let mut rows = machines::rows(situation);
    rows.extend(material::rows(situation));
    rows.extend(network::rows(situation));
    rows.push(rules(situation));
    Report {
        nodes: situation
            .sights
            .iter()
            .map(|sight| sight.name.clone())
            .collect(),
        rows,
        seconds,
    }
}

/// The rules of the release, bad pairs of packages among them, and the form's own findings.
fn rules(situation: &Situation<'_>) -> Row {
    let mark = |weight: Weight| match weight {
        Weight::Stops => Mark::Stops,
        Weight::Warning => Mark::Warning,
    };
    let mut problems: Vec<Problem> = situation
        .breaches
        .iter()
        .map(|breach| Problem {
            mark: mark(breach.finding.weight),
            why: breach.finding.text.clone(),
            evidence: breach.says.clone(),
            fix: (breach.rule == "unreadable_checkpoints"
                && breach.finding.weight == Weight::Stops)
                .then(|| Fix::Write {
                    set: vec![(
                        "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD".to_owned(),
                        "1".to_owned(),
                    )],
                }),
        })
        .collect();
    for finding in situation.findings {
        if !problems.iter().any(|problem| problem.why == finding.text) {
            problems.push(Problem {
                mark: mark(finding.weight),
                why: finding.text.clone(),
                evidence: String::new(),
                fix: None,
            });
        }
    }
    let broken = situation.breaches.len();
    let cell = Cell {
        mark: problems
            .iter()
            .map(|problem| problem.mark)
            .max()
            .unwrap_or(Mark::Ok),
        value: format!(
            "{} / {}",
            situation.rules - broken.min(situation.rules),
            situation.rules
        ),
    };
    Row {
        key: "rules".to_owned(),
        title: Text::new(
            format!("Rules of ms-swift {}", situation.version),
            format!("ms-swift {} 的规则", situation.version),
        ),
        cells: vec![cell],
        problems,
    }
}

/// A row being made: one cell a node that answered, unknown for others.
struct Making<'a> {
    sights: &'a [Sight],
    row: Row,
}

impl<'a> Making<'a> {
    fn new(situation: &Situation<'a>, key: &str, en: &str, zh: &str) -> Self {
        Making {
            sights: situation.sights,
            row: Row {
                key: key.to_owned(),
                title: Text::new(en, zh),
                cells: Vec::new(),
                problems: Vec::new(),
            },
        }
    }

    /// Fills the cells, node by node.
    fn each(mut self, mut look: impl FnMut(usize, &Sight, &Seen) -> (Mark, String)) -> Self {
        for (at, sight) in self.sights.iter().enumerate() {
            let (mark, value) = match &sight.answer {
                Ok(seen) => look(at, sight, seen),
                Err(_) => (Mark::Unknown, "–".to_owned()),
            };
            self.row.cells.push(Cell { mark, value });
        }
        self
    }

    fn problem(&mut self, mark: Mark, why: Text, evidence: String, fix: Option<Fix>) {
        self.row.problems.push(Problem {
            mark,
            why,
            evidence,
            fix,
        });
    }

    /// One problem for all nodes whose cell has this mark or a worse one, said with their names; none where there is no such node.
    fn blame(&mut self, mark: Mark, why: impl FnOnce(&str) -> Text) {
        let names = self.names(mark);
        if !names.is_empty() {
            let evidence = self.evidence();
            self.problem(mark, why(&list(&names)), evidence, None);
        }
    }

    /// Names of the nodes whose cell has this mark or a worse one.
    fn names(&self, mark: Mark) -> Vec<String> {
        let marked = self
            .sights
            .iter()
            .zip(&self.row.cells)
            .filter(|(_, cell)| cell.mark >= mark);
        marked.map(|(sight, _)| sight.name.clone()).collect()
    }

    /// `node-1: a; node-2: b`.
    fn evidence(&self) -> String {
        let pairs = self.sights.iter().zip(&self.row.cells);
        pairs
            .map(|(sight, cell)| format!("{}: {}", sight.name, cell.value))
            .collect::<Vec<_>>()
            .join("; ")
    }

    /// Marks all cells when the nodes that answered do not say the same. True: they do not.
    fn must_agree(&mut self, mark: Mark) -> bool {
        let known: Vec<&Cell> = self
            .row
            .cells
            .iter()
            .filter(|cell| cell.mark != Mark::Unknown)
            .collect();
        let differs = known.windows(2).any(|two| two[0].value != two[1].value);
        if differs {
            for cell in self
                .row
                .cells
                .iter_mut()
                .filter(|cell| cell.mark != Mark::Unknown)
            {
                cell.mark = cell.mark.max(mark);
            }
        }
        differs
    }

    fn done(self) -> Row {
        self.row
    }
}

/// `12.3 GiB`.
fn gib(bytes: f64) -> String {
    format!("{:.1} GiB", bytes / crate::recipes::memory::GIB)
}

fn list(names: &[String]) -> String {
    names.join(", ")
}

#[cfg(test)]
mod tests;
