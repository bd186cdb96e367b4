//! Checks a dataset file in one pass: bytes in, findings out, memory flat.
//!
//! What a row is worth is told for one release of ms-swift: kept, changed, trained as an empty turn, dropped, or the end of the whole
//! file. `scripts/test_datasets.py` compares these verdicts with what installed releases really do with the same files.

mod array;
mod calls;
mod columns;
mod contents;
mod ending;
mod extras;
mod faults;
mod file;
mod json;
mod kind;
mod notes;
mod pairs;
mod report;
mod rows;
mod schema;
mod splitter;
mod text;
mod tools;
mod traits;
mod turn;
mod turns;
mod values;
mod view;

#[cfg(test)]
mod tests;

pub use file::{Checker, MOST_ROW_BYTES, Mark, Shape};
pub use kind::Kind;
pub use notes::LISTED;
pub use report::{Count, Effect, LongRow, Problem, Report, Severity, Verdict};
