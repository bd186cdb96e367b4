//! One word of a script: its quotes and expansions as places in the text (POSIX 2.2 and 2.6).

use std::ops::Range;

use super::remark::{Place, Remark};

/// Quotes and expansions within one another; deeper ones are refused, so that no input exhausts the stack.
const DEEPEST: usize = 48;

#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    pub span: Range<usize>,
    pub parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    pub span: Range<usize>,
    pub kind: PartKind,
}

#[derive(Debug, Clone, PartialEq)]
pub enum PartKind {
    /// Outside quotes, with its backslashes.
    Plain,
    /// `'…'`
    Single,
    /// `$'…'`
    Ansi,
    /// `"…"`: what stands between the quotes.
    Double(Vec<Part>),
    /// `$NAME`, `${NAME}`, `${NAME:-word}`, `${NAME[@]}`
    Variable(Expansion),
    /// `$(…)`, `` `…` ``, `$((…))`, `<(…)`: known only to a shell that runs it.
    Command,
    /// `( … )` of `NAME=( … )`.
    Array(Vec<Word>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Expansion {
    pub name: String,
    /// All elements of an array: `[@]` or `[*]`, or the parameters `$@`, `$*`.
    pub is_all: bool,
    /// The index of `${NAME[3]}`.
    pub index: Option<usize>,
    /// After `:-`, `-`, `:=` or `=`; the flag says whether an empty value is replaced too.
    pub default: Option<(Vec<Part>, bool)>,
    /// A form such as `${#NAME}` or `${NAME%.*}`, whose value is not computed.
    pub is_other: bool,
}

/// Where a word ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Until {
    /// At a blank or an operator.
    Blank,
    /// At `"`.
    Quote,
    /// At `}`.
    Brace,
}

pub fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Reads words out of a text; what is unclosed becomes a remark and ends with the text.
pub struct Scanner<'a> {
    pub text: &'a str,
    pub at: usize,
    pub remarks: Vec<Remark>,
    depth: usize,
}

impl<'a> Scanner<'a> {
    pub fn new(text: &'a str) -> Self {
        Scanner {
            text,
            at: 0,
            remarks: Vec::new(),
            depth: 0,
        }
    }

    pub fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    pub fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Length of the line end here: `\n` or `\r\n`.
    pub fn line_end(&self, ahead: usize) -> Option<usize> {
        match (self.peek(ahead), self.peek(ahead + 1)) {
            (Some(b'\n'), _) => Some(1),
            (Some(b'\r'), Some(b'\n')) => Some(2),
            _ => None,
        }
    }

    /// One character on; the text is UTF-8, so never into the middle of one.
    fn step(&mut self) {
        self.at += self.rest().chars().next().map_or(0, char::len_utf8);
    }

    /// The word here; the caller has seen that one begins.
    pub fn word(&mut self) -> Word {
        let start = self.at;
        let parts = self.parts(Until::Blank);
        Word {
            span: start..self.at,
            parts,
        }
    }

    fn ends(&self, until: Until) -> bool {
        match (self.peek(0), until) {
            (None, _) => true,
            (Some(b'"'), Until::Quote) | (Some(b'}'), Until::Brace) => true,
            (_, Until::Quote | Until::Brace) => false,
            (Some(b'<' | b'>'), Until::Blank) => self.peek(1) != Some(b'('),
            (Some(b' ' | b'\t' | b'\n' | b'|' | b'&' | b';' | b'(' | b')'), Until::Blank) => true,
            (Some(b'\r'), Until::Blank) => true,
            (Some(b'\\'), Until::Blank) => {
                // `1e-4\⏎   --x`: the word ends before the continuation. `1e\⏎-4`: it goes on behind it.
                self.line_end(1).is_some_and(|end| {
                    matches!(
                        self.peek(1 + end),
                        None | Some(
                            b' ' | b'\t'
                                | b'\n'
                                | b'\r'
                                | b'|'
                                | b'&'
                                | b';'
                                | b'('
                                | b')'
                                | b'<'
                                | b'>'
                        )
                    )
                })
            }
            _ => false,
        }
    }

    fn parts(&mut self, until: Until) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        while !self.ends(until) {
            let start = self.at;
            let kind = match self.peek(0) {
                Some(b'\\') => {
                    self.at += 1;
                    match self.line_end(0) {
                        Some(end) => self.at += end,
                        None => self.step(),
                    }
                    PartKind::Plain
                }
                Some(b'\'') if until != Until::Quote => self.single(),
                Some(b'"') => self.double(),
                Some(b'$') => self.dollar(until),
                Some(b'`') => self.backquoted(),
                Some(b'<' | b'>') if until == Until::Blank => {
                    self.at += 1;
                    self.parentheses(start)
                }
                Some(b'=')
                    if until == Until::Blank
                        && self.peek(1) == Some(b'(')
                        && names_array(self.text, &parts) =>
                {
                    self.at += 1;
                    push(&mut parts, start..self.at, PartKind::Plain);
                    let start = self.at;
                    let array = self.array();
                    push(&mut parts, start..self.at, array);
                    continue;
                }
                _ => {
                    self.step();
                    PartKind::Plain
                }
            };
            push(&mut parts, start..self.at, kind);
        }
        parts
    }

    fn unclosed(&mut self, start: usize, what: &str) {
        self.at = self.text.len();
        let at = Place::of(self.text, start);
        let found = self.text[start..].to_owned();
        self.remarks.push(
            Remark::stops(at, found)
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
                    format!(
                        "Close it with {}, or put a backslash before it.",
                        closing(what)
                    ),
                    format!("请用 {} 闭合，或在其前加反斜杠。", closing(what)),
                ),
        );
    }

    /// Runs `read` one level deeper, or takes the rest of the text where that is too deep.
    fn deeper(&mut self, start: usize, read: impl FnOnce(&mut Self) -> PartKind) -> PartKind {
        if self.depth >= DEEPEST {
            self.at = self.text.len();
            let at = Place::of(self.text, start);
            self.remarks.push(
                Remark::stops(at, &self.text[start..])
                    .says(
                        format!("Quotes and expansions stand more than {DEEPEST} deep in one another here."),
                        format!("此处引号与展开的嵌套超过 {DEEPEST} 层。"),
                    )
                    .write("Split the line.", "请拆分该行。"),
            );
            return PartKind::Plain;
        }
        self.depth += 1;
        let kind = read(self);
        self.depth -= 1;
        kind
    }

    fn single(&mut self) -> PartKind {
        let start = self.at;
        match self.text[start + 1..].find('\'') {
            Some(length) => self.at = start + 1 + length + 1,
            None => self.unclosed(start, "'"),
        }
        PartKind::Single
    }

    fn ansi(&mut self) -> PartKind {
        self.at += 1;
        self.escaped_until(b'\'', "'");
        PartKind::Ansi
    }

    /// From the opening character past the closing one, which is the same; a backslash takes the next character along.
    fn escaped_until(&mut self, end: u8, said: &str) {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek(0) {
                None => {
                    self.unclosed(start, said);
                    break;
                }
                Some(byte) if byte == end => {
                    self.at += 1;
                    break;
                }
                Some(b'\\') => {
                    self.at += 1;
                    self.step();
                }
                Some(_) => self.step(),
            }
        }
    }

    fn double(&mut self) -> PartKind {
        let start = self.at;
        self.deeper(start, |scanner| {
            scanner.at += 1;
            let parts = scanner.parts(Until::Quote);
            if scanner.peek(0) == Some(b'"') {
                scanner.at += 1;
            } else {
                scanner.unclosed(start, "\"");
            }
            PartKind::Double(parts)
        })
    }

    fn dollar(&mut self, until: Until) -> PartKind {
        let start = self.at;
        match self.peek(1) {
            Some(b'(') => {
                self.at += 1;
                self.parentheses(start)
            }
            Some(b'{') => self.deeper(start, |scanner| scanner.braces(start)),
            Some(b'\'') if until != Until::Quote => self.ansi(),
            Some(b'"') if until != Until::Quote => {
                self.at += 1;
                self.double()
            }
            Some(b) if b.is_ascii_alphabetic() || b == b'_' => {
                self.at += 1;
                let name: String = self
                    .rest()
                    .chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                    .collect();
                self.at += name.len();
                PartKind::Variable(Expansion::of(&name))
            }
            Some(b) if b.is_ascii_digit() || b"@*#?$!-".contains(&b) => {
                self.at += 2;
                PartKind::Variable(Expansion {
                    is_all: matches!(b, b'@' | b'*'),
                    ..Expansion::of(&char::from(b).to_string())
                })
            }
            _ => {
                self.at += 1;
                PartKind::Plain
            }
        }
    }

    /// `${…}`, at the `$`.
    fn braces(&mut self, start: usize) -> PartKind {
        self.at += 2;
        let name: String = self
            .rest()
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect();
        self.at += name.len();
        let mut expansion = Expansion {
            is_other: name.is_empty(),
            ..Expansion::of(&name)
        };
        if self.peek(0) == Some(b'[')
            && let Some(length) = self.rest().find(']')
        {
            let index = &self.rest()[1..length];
            expansion.is_all = index == "@" || index == "*";
            expansion.index = index.parse().ok();
            expansion.is_other |= !expansion.is_all && expansion.index.is_none();
            self.at += length + 1;
        }
        let (replaces_empty, operator) = match (self.peek(0), self.peek(1)) {
            (Some(b':'), Some(operator @ (b'-' | b'=' | b'?' | b'+'))) => (true, Some(operator)),
            (Some(operator @ (b'-' | b'=' | b'?' | b'+')), _) => (false, Some(operator)),
            _ => (false, None),
        };
        if operator.is_some() {
            self.at += 1 + usize::from(replaces_empty);
        }
        let is_plain = self.peek(0) == Some(b'}');
        let parts = self.parts(Until::Brace);
        if self.peek(0) == Some(b'}') {
            self.at += 1;
        } else {
            self.unclosed(start, "${");
        }
        match operator {
            Some(b'-' | b'=') => expansion.default = Some((parts, replaces_empty)),
            // `${NAME:?message}` has the value or ends the script.
            Some(b'?') => {}
            Some(_) => expansion.is_other = true,
            None => expansion.is_other |= !is_plain,
        }
        PartKind::Variable(expansion)
    }

    /// `( … )` with everything in it, at the parenthesis.
    fn parentheses(&mut self, start: usize) -> PartKind {
        self.deeper(start, |scanner| {
            let mut open = 0usize;
            loop {
                let begins_word = scanner.at == 0
                    || scanner.text.as_bytes()[scanner.at - 1].is_ascii_whitespace();
                match scanner.peek(0) {
                    None => {
                        scanner.unclosed(start, "$(");
                        return PartKind::Command;
                    }
                    Some(b'(') => {
                        open += 1;
                        scanner.at += 1;
                    }
                    Some(b')') => {
                        open -= 1;
                        scanner.at += 1;
                        if open == 0 {
                            return PartKind::Command;
                        }
                    }
                    Some(b'\\') => {
                        scanner.at += 1;
                        scanner.step();
                    }
                    Some(b'\'') => {
                        scanner.single();
                    }
                    Some(b'"') => {
                        scanner.double();
                    }
                    Some(b'`') => {
                        scanner.backquoted();
                    }
                    Some(b'$') if scanner.peek(1) == Some(b'{') => {
                        scanner.dollar(Until::Blank);
                    }
                    Some(b'#') if begins_word => {
                        scanner.at += scanner.rest().find('\n').unwrap_or(scanner.rest().len());
                    }
                    Some(_) => scanner.step(),
                }
            }
        })
    }

    fn backquoted(&mut self) -> PartKind {
        self.escaped_until(b'`', "`");
        PartKind::Command
    }

    /// `( words )`, at the parenthesis: words, blanks, line ends and comments.
    fn array(&mut self) -> PartKind {
        let start = self.at;
        self.deeper(start, |scanner| {
            scanner.at += 1;
            let mut words = Vec::new();
            loop {
                match scanner.peek(0) {
                    None => {
                        scanner.unclosed(start, "(");
                        break;
                    }
                    Some(b')') => {
                        scanner.at += 1;
                        break;
                    }
                    Some(b' ' | b'\t' | b'\n' | b'\r') => scanner.at += 1,
                    Some(b'\\') if scanner.line_end(1).is_some() => {
                        scanner.at += 1 + scanner.line_end(1).unwrap_or(0);
                    }
                    Some(b'#') => {
                        scanner.at += scanner.rest().find('\n').unwrap_or(scanner.rest().len());
                    }
                    // No words of an array; a shell would refuse them, we go on.
                    Some(b'|' | b'&' | b';' | b'(') => scanner.at += 1,
                    Some(b'<' | b'>') if scanner.peek(1) != Some(b'(') => scanner.at += 1,
                    Some(_) => words.push(scanner.word()),
                }
            }
            PartKind::Array(words)
        })
    }
}

fn closing(what: &str) -> &str {
    match what {
        "${" => "}",
        "$(" | "(" => ")",
        other => other,
    }
}

/// Whether what stands before `=(` names an array: `NAME` or `NAME+`.
fn names_array(text: &str, parts: &[Part]) -> bool {
    match parts {
        [part] if part.kind == PartKind::Plain => {
            let name = &text[part.span.clone()];
            is_name(name.strip_suffix('+').unwrap_or(name))
        }
        _ => false,
    }
}

/// Adds a part; plain ones that touch are one.
fn push(parts: &mut Vec<Part>, span: Range<usize>, kind: PartKind) {
    if let (Some(last), PartKind::Plain) = (parts.last_mut(), &kind)
        && last.kind == PartKind::Plain
        && last.span.end == span.start
    {
        last.span.end = span.end;
        return;
    }
    parts.push(Part { span, kind });
}

impl Expansion {
    pub fn of(name: &str) -> Expansion {
        Expansion {
            name: name.to_owned(),
            is_all: false,
            index: None,
            default: None,
            is_other: false,
        }
    }
}

impl Word {
    /// The text of a word that has no quotes, backslashes or expansions.
    pub fn bare<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self.parts.as_slice() {
            [part] if part.kind == PartKind::Plain => {
                let bare = &text[part.span.clone()];
                (!bare.contains('\\')).then_some(bare)
            }
            _ => None,
        }
    }

    /// `NAME=value` or `NAME+=value`: name, whether it adds, and where the value begins.
    pub fn assignment<'t>(&self, text: &'t str) -> Option<(&'t str, bool, usize)> {
        let first = self.parts.first()?;
        if first.kind != PartKind::Plain {
            return None;
        }
        let plain = &text[first.span.clone()];
        let (name, _) = plain.split_once('=')?;
        let begin = first.span.start + name.len() + 1;
        let (name, adds) = match name.strip_suffix('+') {
            Some(name) => (name, true),
            None => (name, false),
        };
        is_name(name).then_some((name, adds, begin))
    }

    /// The parts from `begin` on, the first of them cut.
    pub fn parts_from(&self, begin: usize) -> Vec<Part> {
        self.parts
            .iter()
            .filter(|part| part.span.end > begin)
            .map(|part| {
                let mut part = part.clone();
                part.span.start = part.span.start.max(begin);
                part
            })
            .collect()
    }
}
