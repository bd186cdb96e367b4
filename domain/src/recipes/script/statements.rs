//! From pieces to simple commands: assignments, words and redirections, how each ends, and what compound command it stands in.

use std::ops::Range;

use super::Kept;
use super::lexer::{Kind, Piece};
use super::remark::{Place, Remark, shortened};
use super::word::Word;

/// Of what is never closed, the outermost are told; a person mends from there.
const MOST_UNCLOSED: usize = 8;

/// What follows a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Line,
    /// `;`
    Semicolon,
    /// `&`
    Background,
    /// `|`
    Pipe,
    /// `&&` or `||`
    Logic,
    /// The end of a compound command, or of the text.
    Other,
}

/// One simple command.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// From its first word to its last, redirections included; what ends it is not.
    pub span: Range<usize>,
    /// Assignments before the first word.
    pub assignments: Vec<Word>,
    pub words: Vec<Word>,
    pub redirections: Vec<Redirection>,
    pub end: End,
    /// Where what ends it stands; empty at the end of the text.
    pub end_span: Range<usize>,
    /// The innermost compound command around it: `for`, `if`, `function`, `(` …
    pub inside: Option<&'static str>,
    /// Whether it comes directly after a comment that stands behind a continuation, so that a person may take it for the same command.
    pub follows_comment: Option<usize>,
    /// Whether it takes another command's output: it stands behind `|`.
    pub is_piped: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Redirection {
    /// Operator and target.
    pub span: Range<usize>,
    pub operator: String,
    pub target: Option<Word>,
}

pub struct Parsed {
    pub statements: Vec<Statement>,
    pub remarks: Vec<Remark>,
    pub kept: Vec<Kept>,
}

/// A compound command that is open.
struct Open {
    what: &'static str,
    closing: &'static str,
    start: usize,
    /// A function whose `{` is still to come.
    awaits_brace: bool,
}

struct Parser<'a> {
    text: &'a str,
    statements: Vec<Statement>,
    remarks: Vec<Remark>,
    kept: Vec<Kept>,
    open: Vec<Open>,
    now: Option<Statement>,
    /// Until this closing word everything is passed over: `[[ … ]]`, the patterns of `case`, the list of `for`.
    skip: Skip,
    skip_start: usize,
    /// Where a comment ended a line that a continuation led to.
    comment_after_continuation: Option<usize>,
    is_piped: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Skip {
    Nothing,
    /// To `]]`.
    Test,
    /// To the end of the line or `;`: `for NAME in …`.
    Head,
    /// To `))`.
    Arithmetic(usize),
}

const COMPOUNDS: &[(&str, &str)] = &[
    ("if", "fi"),
    ("for", "done"),
    ("select", "done"),
    ("while", "done"),
    ("until", "done"),
    ("case", "esac"),
    ("{", "}"),
];

pub fn parse(text: &str, pieces: &[Piece]) -> Parsed {
    let mut parser = Parser {
        text,
        statements: Vec::new(),
        remarks: Vec::new(),
        kept: Vec::new(),
        open: Vec::new(),
        now: None,
        skip: Skip::Nothing,
        skip_start: 0,
        comment_after_continuation: None,
        is_piped: false,
    };
    let mut redirect: Option<Range<usize>> = None;
    for (index, piece) in pieces.iter().enumerate() {
        if let Some(operator) =
            redirect.take_if(|_| !matches!(piece.kind, Kind::Blank | Kind::Continuation))
        {
            let target = (piece.kind == Kind::Word)
                .then(|| piece.word.clone())
                .flatten();
            parser.redirection(operator, target);
            if piece.kind == Kind::Word {
                continue;
            }
        }
        match piece.kind {
            Kind::Word => {
                if let Some(word) = &piece.word {
                    parser.word(word);
                }
            }
            Kind::Redirect => redirect = Some(piece.span.clone()),
            Kind::Operator => parser.operator(piece, pieces.get(index + 1)),
            Kind::Newline => {
                parser.finish(End::Line, piece.span.clone());
                if parser.skip == Skip::Head {
                    parser.skip = Skip::Nothing;
                }
            }
            Kind::Comment => {
                // The last thing before it, blanks aside, is a continuation.
                let before = pieces[..index]
                    .iter()
                    .rev()
                    .find(|piece| piece.kind != Kind::Blank);
                if before.is_some_and(|piece| piece.kind == Kind::Continuation) {
                    parser.comment_after_continuation = Some(piece.span.start);
                }
            }
            Kind::Mark | Kind::Blank | Kind::Continuation | Kind::Here => {}
        }
    }
    if let Some(operator) = redirect {
        parser.redirection(operator, None);
    }
    parser.finish(End::Other, text.len()..text.len());
    let passed_over = match parser.skip {
        Skip::Test => Some(("[[", "]]")),
        Skip::Arithmetic(_) => Some(("((", "))")),
        Skip::Nothing | Skip::Head => None,
    };
    if let Some((what, closing)) = passed_over {
        parser.unclosed(&Open {
            what,
            closing,
            start: parser.skip_start,
            awaits_brace: false,
        });
    }
    for open in std::mem::take(&mut parser.open).iter().take(MOST_UNCLOSED) {
        parser.unclosed(open);
    }
    Parsed {
        statements: parser.statements,
        remarks: parser.remarks,
        kept: parser.kept,
    }
}

impl Parser<'_> {
    fn inside(&self) -> Option<&'static str> {
        self.open.last().map(|open| open.what)
    }

    fn statement(&mut self, start: usize) -> &mut Statement {
        let inside = self.inside();
        let follows_comment = self.comment_after_continuation.take();
        let is_piped = std::mem::take(&mut self.is_piped);
        self.now.get_or_insert_with(|| Statement {
            span: start..start,
            assignments: Vec::new(),
            words: Vec::new(),
            redirections: Vec::new(),
            end: End::Other,
            end_span: start..start,
            inside,
            follows_comment,
            is_piped,
        })
    }

    fn finish(&mut self, end: End, end_span: Range<usize>) {
        if let Some(mut statement) = self.now.take() {
            statement.end = end;
            statement.end_span = end_span;
            self.statements.push(statement);
        }
        if end == End::Pipe {
            self.is_piped = true;
        }
    }

    fn open(&mut self, what: &'static str, closing: &'static str, start: usize) {
        if self.open.is_empty() && what != "{" && what != "(" {
            self.kept.push(Kept {
                at: Place::of(self.text, start),
                what: what.to_owned(),
                text: shortened(&self.text[start..]),
            });
        }
        self.open.push(Open {
            what,
            closing,
            start,
            awaits_brace: what == "function",
        });
    }

    /// Whether this `{` is the one that a function waits for.
    fn begins_function(&mut self, bare: &str) -> bool {
        match self.open.last_mut() {
            Some(open) if open.awaits_brace && bare == "{" => {
                open.awaits_brace = false;
                true
            }
            _ => false,
        }
    }

    fn close(&mut self, closing: &str, start: usize) {
        match self.open.last() {
            Some(open) if open.closing == closing => {
                self.open.pop();
            }
            _ => {
                let at = Place::of(self.text, start);
                let opening = COMPOUNDS
                    .iter()
                    .find(|(_, own)| *own == closing)
                    .map_or("(", |(opening, _)| *opening);
                let opening = if closing == "done" {
                    "for / while"
                } else {
                    opening
                };
                self.remarks.push(
                    Remark::stops(at, closing)
                        .says(
                            format!(
                                "Line {}: \"{closing}\" closes nothing that is open.",
                                at.line
                            ),
                            format!("第 {} 行：“{closing}”前没有对应的开头。", at.line),
                        )
                        .write(
                            format!("Take it out, or write the missing {opening}."),
                            format!("请删除它，或补上缺少的 {opening}。"),
                        ),
                );
            }
        }
    }

    fn unclosed(&mut self, open: &Open) {
        let at = Place::of(self.text, open.start);
        let what = if open.what == "function" {
            "{"
        } else {
            open.what
        };
        self.remarks.push(
            Remark::stops(at, &self.text[open.start..])
                .says(
                    format!(
                        "Line {}, column {}: the {what} that opens here is not closed.",
                        at.line, at.column
                    ),
                    format!(
                        "第 {} 行第 {} 列：此处的 {what} 没有闭合。",
                        at.line, at.column
                    ),
                )
                .write(
                    format!("Close it with {}.", open.closing),
                    format!("请用 {} 闭合。", open.closing),
                ),
        );
    }

    fn word(&mut self, word: &Word) {
        let bare = word.bare(self.text).unwrap_or_default();
        match self.skip {
            Skip::Test => {
                if bare == "]]" {
                    self.skip = Skip::Nothing;
                }
                return;
            }
            Skip::Head => {
                if self.begins_function(bare) || (bare == "in" && self.inside() == Some("case")) {
                    self.skip = Skip::Nothing;
                }
                return;
            }
            Skip::Arithmetic(_) => return,
            Skip::Nothing => {}
        }
        let is_first = self.now.as_ref().is_none_or(|now| {
            now.words.is_empty() && now.assignments.is_empty() && now.redirections.is_empty()
        });
        if is_first && self.reserved(bare, word.span.start) {
            return;
        }
        // Inside a case, a word before `)` is a pattern; it becomes a statement and is dropped there.
        let is_assignment = word.assignment(self.text).is_some();
        let statement = self.statement(word.span.start);
        statement.span.end = word.span.end;
        if is_assignment && statement.words.is_empty() {
            statement.assignments.push(word.clone());
        } else {
            statement.words.push(word.clone());
        }
    }

    /// Takes a reserved word that stands first in a command.
    fn reserved(&mut self, bare: &str, start: usize) -> bool {
        if self.begins_function(bare) {
            return true;
        }
        if let Some((what, closing)) = COMPOUNDS.iter().find(|(what, _)| *what == bare) {
            self.open(what, closing, start);
            if matches!(bare, "for" | "select" | "case") {
                self.skip = Skip::Head;
            }
            return true;
        }
        match bare {
            "then" | "else" | "elif" | "do" | "!" | "time" | "in" => true,
            "fi" | "done" | "esac" | "}" => {
                self.close(bare, start);
                true
            }
            "[[" => {
                self.skip = Skip::Test;
                self.skip_start = start;
                true
            }
            "function" => {
                // `function name {`: the brace that follows opens it.
                self.skip = Skip::Head;
                self.open("function", "}", start);
                true
            }
            _ => false,
        }
    }

    fn operator(&mut self, piece: &Piece, next: Option<&Piece>) {
        let operator = &self.text[piece.span.clone()];
        match (self.skip, operator) {
            (Skip::Test, _) => return,
            (Skip::Arithmetic(open), "(") => {
                self.skip = Skip::Arithmetic(open + 1);
                return;
            }
            (Skip::Arithmetic(open), ")") => {
                self.skip = if open <= 1 {
                    Skip::Nothing
                } else {
                    Skip::Arithmetic(open - 1)
                };
                return;
            }
            (Skip::Arithmetic(_), _) => return,
            (Skip::Head, ";") => {
                self.skip = Skip::Nothing;
                return;
            }
            (Skip::Head, "(") => {
                // `for ((i = 0; i < 3; i++))`
                if next.is_some_and(|next| &self.text[next.span.clone()] == "(") {
                    self.skip = Skip::Arithmetic(1);
                }
                return;
            }
            (Skip::Head, ")") => return,
            _ => {}
        }
        let span = piece.span.clone();
        match operator {
            "(" => {
                let words = self
                    .now
                    .as_ref()
                    .map_or(0, |now| now.words.len() + now.assignments.len());
                let next_text = next.map(|next| &self.text[next.span.clone()]);
                if words == 1 && next_text == Some(")") {
                    // `name () {`: a function; its name is no command.
                    self.now = None;
                    self.open("function", "}", span.start);
                    self.skip = Skip::Arithmetic(1);
                } else if words == 0 && next_text == Some("(") {
                    self.skip = Skip::Arithmetic(1);
                    self.skip_start = span.start;
                } else if self.inside() == Some("case") {
                    // `(pattern)` of a case.
                    self.now = None;
                } else {
                    self.finish(End::Other, span.clone());
                    self.open("(", ")", span.start);
                }
            }
            ")" => {
                if self.inside() == Some("case") {
                    self.now = None;
                } else {
                    self.finish(End::Other, span.clone());
                    self.close(")", span.start);
                }
            }
            "&" => self.finish(End::Background, span),
            "|" | "|&"
                if self.inside() == Some("case")
                    && self.now.as_ref().is_some_and(|now| now.words.len() == 1) =>
            {
                // Between patterns; a pipe of one word within a case is rare and only kept as text.
                self.finish(End::Pipe, span);
            }
            "|" | "|&" => self.finish(End::Pipe, span),
            "&&" | "||" => self.finish(End::Logic, span),
            _ => self.finish(End::Semicolon, span),
        }
    }

    fn redirection(&mut self, operator: Range<usize>, target: Option<Word>) {
        if self.skip != Skip::Nothing {
            return;
        }
        let text = self.text[operator.clone()].to_owned();
        if target.is_none() {
            let at = Place::of(self.text, operator.start);
            self.remarks.push(
                Remark::stops(at, text.clone())
                    .says(
                        format!(
                            "Line {}, column {}: nothing stands behind {text}.",
                            at.line, at.column
                        ),
                        format!(
                            "第 {} 行第 {} 列：{text} 后面没有内容。",
                            at.line, at.column
                        ),
                    )
                    .write("Write the name of a file behind it.", "请在其后写文件名。"),
            );
        }
        let span = operator.start..target.as_ref().map_or(operator.end, |word| word.span.end);
        let statement = self.statement(operator.start);
        statement.span.end = span.end;
        statement.redirections.push(Redirection {
            span,
            operator: text,
            target,
        });
    }
}
