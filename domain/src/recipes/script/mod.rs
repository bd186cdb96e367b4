//! A shell script as a person wrote it: read without losing a byte, edited in place.
//!
//! The text is the truth. It is cut into pieces that join to it again, and commands, variables and the programs that Trainyard
//! understands are places in it. An edit replaces such a place and leaves every other byte as it is. What is not understood
//! (`for`, `if`, here-documents, other programs) is kept as text. Nothing is ever run.
//!
//! Source: POSIX.1-2024, volume XCU chapter 2 (token recognition 2.3, quoting 2.2, expansions 2.6, here-documents 2.7.4), and bash 5's
//! arrays, `$'…'`, `[[ … ]]`, `<<<`, `&>` and `<( … )`.

pub mod bytes;
pub mod edit;
mod lexer;
mod programs;
pub mod remark;
mod statements;
mod values;
mod word;

pub use bytes::decode;
pub use edit::Refused;
pub use lexer::{Kind, Piece};
pub use programs::{Argument, Flag, Program};
pub use remark::{Place, Remark};
pub use statements::{End, Statement};
pub use values::{Value, Variable};

/// A script that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    text: String,
    pieces: Vec<Piece>,
    statements: Vec<Statement>,
    programs: Vec<Program>,
    variables: Vec<Variable>,
    remarks: Vec<Remark>,
    kept: Vec<Kept>,
}

/// A stretch that is left as it stands, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub at: Place,
    /// `for`, `if`, `here-document`, `rm`, …
    pub what: String,
    /// Its first line.
    pub text: String,
}

impl Script {
    /// Reads any text; what is wrong with it is in [`Script::remarks`].
    pub fn read(text: impl Into<String>) -> Script {
        let text = text.into();
        let lexed = lexer::lex(&text);
        let mut remarks = lexed.remarks;
        let parsed = statements::parse(&text, &lexed.pieces);
        remarks.extend(parsed.remarks);
        let mut kept = lexed.kept;
        kept.extend(parsed.kept);
        let read = programs::find(&text, &parsed.statements);
        remarks.extend(read.remarks);
        kept.extend(read.kept);
        remarks.extend(remark::of_lines(&text));
        remarks.sort_by_key(|remark| remark.at);
        kept.sort_by_key(|kept| kept.at);
        Script {
            text,
            pieces: lexed.pieces,
            statements: parsed.statements,
            programs: read.programs,
            variables: read.variables,
            remarks,
            kept,
        }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Every byte of the text, cut up.
    pub fn pieces(&self) -> impl Iterator<Item = (Kind, &str)> {
        self.pieces
            .iter()
            .map(|piece| (piece.kind, &self.text[piece.span.clone()]))
    }

    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// The commands of ms-swift in it, in order.
    pub fn programs(&self) -> &[Program] {
        &self.programs
    }

    /// Assignments at the level of the script, in order; of two to one name the later one holds.
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// What is wrong with it as a shell script, by place.
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    pub fn kept(&self) -> &[Kept] {
        &self.kept
    }

    /// Where a byte of it is for a person.
    pub fn place(&self, offset: usize) -> Place {
        Place::of(&self.text, offset)
    }

    /// The first training command, else the first command of ms-swift.
    pub fn main_program(&self) -> Option<&Program> {
        self.programs
            .iter()
            .find(|program| program.trains())
            .or_else(|| self.programs.first())
    }
}

#[cfg(test)]
mod tests;
