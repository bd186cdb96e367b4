//! From a text to its pieces: words, blanks, comments, line ends, operators, here-documents. They join to the text again.

use std::ops::Range;

use super::Kept;
use super::remark::{Place, Remark, shortened};
use super::word::{Scanner, Word};

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The byte order mark.
    Mark,
    /// Spaces and tabs.
    Blank,
    Newline,
    /// A backslash at the end of a line.
    Continuation,
    /// From `#` to the end of the line.
    Comment,
    Word,
    /// `;`, `&`, `|`, `&&`, `||`, `(`, `)`, `;;` …
    Operator,
    /// `>`, `2>>`, `<`, `<<`, `>&` … with the number before it.
    Redirect,
    /// The lines of a here-document with its closing one.
    Here,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    pub kind: Kind,
    pub span: Range<usize>,
    pub(super) word: Option<Word>,
}

pub struct Lexed {
    pub pieces: Vec<Piece>,
    pub remarks: Vec<Remark>,
    pub kept: Vec<Kept>,
}

/// A here-document whose lines come after this line.
struct Here {
    closing: String,
    strips_tabs: bool,
    start: usize,
}

const OPERATORS: &[&str] = &[";;&", "&&", "||", ";;", ";&", "|&", ";", "&", "|", "(", ")"];
const REDIRECTS: &[&str] = &[
    "&>>", "<<<", "<<-", "&>", "<<", ">>", ">|", "<>", ">&", "<&", "<", ">",
];

pub fn lex(text: &str) -> Lexed {
    let mut scanner = Scanner::new(text);
    let mut pieces: Vec<Piece> = Vec::new();
    let mut kept = Vec::new();
    let mut pending: Vec<Here> = Vec::new();
    // The operator of a here-document whose closing word comes next.
    let mut here: Option<(bool, usize)> = None;
    while scanner.at < text.len() {
        let start = scanner.at;
        let kind = one(&mut scanner, &pieces);
        let (kind, word) = match kind {
            Found::Piece(kind) => (kind, None),
            Found::Word => {
                let word = scanner.word();
                if scanner.at == start {
                    // Nothing that a word could begin with; never stand still.
                    scanner.at += scanner.rest().chars().next().map_or(1, char::len_utf8);
                }
                (Kind::Word, Some(word))
            }
        };
        let span = start..scanner.at;
        if kind == Kind::Redirect {
            let operator = text[span.clone()].trim_start_matches(|c: char| c.is_ascii_digit());
            if operator == "<<" || operator == "<<-" {
                here = Some((operator == "<<-", start));
            }
        } else if let (Kind::Word, Some((strips_tabs, start))) = (kind, here) {
            let closing = text[span.clone()].replace(['\'', '"', '\\'], "");
            pending.push(Here {
                closing,
                strips_tabs,
                start,
            });
            here = None;
        }
        pieces.push(Piece { kind, span, word });
        if kind == Kind::Newline {
            for document in pending.drain(..) {
                let start = scanner.at;
                if !body(&mut scanner, &document) {
                    scanner.remarks.push(unclosed(text, &document));
                }
                kept.push(Kept {
                    at: Place::of(text, document.start),
                    what: "here-document".to_owned(),
                    text: shortened(&text[document.start..]),
                });
                if scanner.at > start {
                    pieces.push(Piece {
                        kind: Kind::Here,
                        span: start..scanner.at,
                        word: None,
                    });
                }
            }
        }
    }
    for document in &pending {
        scanner.remarks.push(unclosed(text, document));
    }
    Lexed {
        pieces,
        remarks: scanner.remarks,
        kept,
    }
}

enum Found {
    Piece(Kind),
    Word,
}

/// Takes one piece, or says that a word begins here.
fn one(scanner: &mut Scanner<'_>, pieces: &[Piece]) -> Found {
    let rest = scanner.rest();
    if scanner.at == 0 && rest.starts_with('\u{feff}') {
        scanner.at += '\u{feff}'.len_utf8();
        return Found::Piece(Kind::Mark);
    }
    if let Some(end) = scanner.line_end(0) {
        scanner.at += end;
        return Found::Piece(Kind::Newline);
    }
    let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    if blanks > 0 {
        scanner.at += blanks;
        return Found::Piece(Kind::Blank);
    }
    match scanner.peek(0) {
        // A lone carriage return; with a line feed it was a line end.
        Some(b'\r') => {
            scanner.at += 1;
            return Found::Piece(Kind::Blank);
        }
        Some(b'\\') => {
            if let Some(end) = scanner.line_end(1) {
                scanner.at += 1 + end;
                return Found::Piece(Kind::Continuation);
            }
            return Found::Word;
        }
        // Pieces before it end a word, so that one begins here.
        Some(b'#') if pieces.last().is_none_or(|piece| piece.kind != Kind::Word) => {
            let end = rest.find('\n').unwrap_or(rest.len());
            let line = &rest[..end];
            scanner.at += line.strip_suffix('\r').unwrap_or(line).len();
            return Found::Piece(Kind::Comment);
        }
        _ => {}
    }
    let is_substitution = rest.starts_with("<(") || rest.starts_with(">(");
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if !is_substitution
        && let Some(operator) = REDIRECTS
            .iter()
            .find(|operator| rest[digits..].starts_with(**operator))
        && (digits == 0 || !operator.starts_with('&'))
        && !(digits > 0 && rest[digits..].starts_with("<("))
    {
        scanner.at += digits + operator.len();
        return Found::Piece(Kind::Redirect);
    }
    if let Some(operator) = OPERATORS
        .iter()
        .find(|operator| rest.starts_with(**operator))
    {
        scanner.at += operator.len();
        return Found::Piece(Kind::Operator);
    }
    Found::Word
}

/// Takes the lines of a here-document. False where its closing line is missing.
fn body(scanner: &mut Scanner<'_>, document: &Here) -> bool {
    while scanner.at < scanner.text.len() {
        let rest = scanner.rest();
        let end = rest.find('\n').map_or(rest.len(), |at| at + 1);
        let line = rest[..end].trim_end_matches(['\n', '\r']);
        let line = if document.strips_tabs {
            line.trim_start_matches('\t')
        } else {
            line
        };
        scanner.at += end;
        if line == document.closing {
            return true;
        }
    }
    false
}

fn unclosed(text: &str, document: &Here) -> Remark {
    let at = Place::of(text, document.start);
    Remark::stops(at, &text[document.start..])
        .says(
            format!(
                "Line {}: the here-document ends with no line \"{}\".",
                at.line, document.closing
            ),
            format!(
                "第 {} 行：here-document 没有以“{}”一行结束。",
                at.line, document.closing
            ),
        )
        .write(
            format!(
                "Write {} on a line of its own, without blanks.",
                document.closing
            ),
            format!("请在单独一行写 {}，前后不留空格。", document.closing),
        )
}
