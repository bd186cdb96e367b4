//! What the words of a script come to, as far as the script itself says: own variables, defaults, arrays. Nothing is run; what only
//! a shell could know stays as it is written and is marked as not exact.

use std::collections::BTreeMap;
use std::ops::Range;

use super::programs::Argument;
use super::word::{Expansion, Part, PartKind, Word};

/// A text as a program would get it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Value {
    pub text: String,
    /// False where a part of it is known only when it runs (`$HOME`, `$(date)`, a loop's variable, a glob).
    pub is_exact: bool,
}

/// An assignment in the script.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    pub name: String,
    pub value: Value,
    /// From the name to the end of the value.
    pub span: Range<usize>,
    /// What stands behind the `=`.
    pub value_span: Range<usize>,
    /// Whether programs get it.
    pub is_exported: bool,
    /// Whether it stands before a command and holds for that one alone.
    pub is_prefix: bool,
    /// Whether it is set only under a condition or in a loop.
    pub is_conditional: bool,
    /// An array.
    pub is_array: bool,
}

/// A text that knows where each of its bytes comes from.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Traced {
    pub text: String,
    /// Offset of each byte in the script; None where it was computed.
    origin: Vec<Option<usize>>,
    pub is_inexact: bool,
}

impl Traced {
    fn push(&mut self, c: char, at: Option<usize>) {
        self.text.push(c);
        for byte in 0..c.len_utf8() {
            self.origin.push(at.map(|at| at + byte));
        }
    }

    fn push_computed(&mut self, text: &str) {
        self.text.push_str(text);
        self.origin.resize(self.text.len(), None);
    }

    pub fn extend(&mut self, other: &Traced) {
        self.text.push_str(&other.text);
        self.origin.extend(&other.origin);
        self.is_inexact |= other.is_inexact;
    }

    fn part(&self, range: Range<usize>) -> Traced {
        Traced {
            text: self.text[range.clone()].to_owned(),
            origin: self.origin[range].to_vec(),
            is_inexact: self.is_inexact,
        }
    }

    /// Where it stands unchanged in the script.
    fn place(&self) -> Option<Range<usize>> {
        let first = (*self.origin.first()?)?;
        let follows = self
            .origin
            .iter()
            .enumerate()
            .all(|(index, at)| *at == Some(first + index));
        follows.then(|| first..first + self.origin.len())
    }

    pub fn value(&self) -> Value {
        Value {
            text: self.text.clone(),
            is_exact: !self.is_inexact,
        }
    }
}

/// What a name holds.
#[derive(Debug, Clone, Default)]
pub(super) struct Entry {
    pub text: Traced,
    pub elements: Option<Vec<Argument>>,
    pub is_exported: bool,
}

/// The variables that the script has set so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Environment {
    pub entries: BTreeMap<String, Entry>,
    /// `set -a`
    pub exports_all: bool,
}

/// A stretch of a word's value.
struct Segment {
    traced: Traced,
    /// Outside quotes and from a variable, so that blanks in it separate words.
    splits: bool,
    /// `"${ARRAY[@]}"`
    elements: Option<Vec<Argument>>,
    is_quoted: bool,
}

impl Environment {
    /// The value of an assignment, or of a word that is not split.
    pub fn text(&self, script: &str, parts: &[Part]) -> Traced {
        let mut whole = Traced::default();
        for segment in self.segments(script, parts) {
            match segment.elements {
                Some(elements) => {
                    let all: Vec<&str> = elements.iter().map(|e| e.value.text.as_str()).collect();
                    whole.push_computed(&all.join(" "));
                    whole.is_inexact |= elements.iter().any(|e| !e.value.is_exact);
                }
                None => whole.extend(&segment.traced),
            }
        }
        whole
    }

    /// The words that a program gets for this one.
    pub fn arguments(&self, script: &str, word: &Word) -> Vec<Argument> {
        let segments = self.segments(script, &word.parts);
        let variable = sole_variable(&word.parts);
        if let [segment] = segments.as_slice() {
            if let Some(elements) = &segment.elements {
                return elements.clone();
            }
            // A backquoted comment and an empty variable without quotes leave no word at all.
            if segment.splits && segment.traced.text.is_empty() && !segment.is_quoted {
                return Vec::new();
            }
        }
        let mut fields: Vec<(Traced, bool)> = Vec::new();
        let mut open = false;
        for segment in &segments {
            if let Some(elements) = &segment.elements {
                // The first joins what stands before it, what follows joins the last.
                for (index, element) in elements.iter().enumerate() {
                    let mut traced = Traced::default();
                    traced.push_computed(&element.value.text);
                    traced.is_inexact = !element.value.is_exact;
                    match fields.last_mut() {
                        Some((last, _)) if open && index == 0 => last.extend(&traced),
                        _ => fields.push((traced, true)),
                    }
                    open = true;
                }
                continue;
            }
            if !segment.splits {
                match fields.last_mut() {
                    Some((last, _)) if open => last.extend(&segment.traced),
                    _ => fields.push((segment.traced.clone(), false)),
                }
                open = true;
                continue;
            }
            let text = &segment.traced.text;
            let mut from = 0;
            let blank = |c: char| matches!(c, ' ' | '\t' | '\n');
            open &= !text.starts_with(blank);
            for piece in text.split(blank) {
                let range = from..from + piece.len();
                from = range.end + 1;
                if piece.is_empty() {
                    open &= text.is_empty();
                    continue;
                }
                let part = segment.traced.part(range);
                match fields.last_mut() {
                    Some((last, _)) if open => last.extend(&part),
                    _ => fields.push((part, true)),
                }
                open = from > text.len();
            }
        }
        let is_alone = fields.len() == 1;
        fields
            .into_iter()
            .map(|(traced, is_split)| {
                let inside = traced.place().filter(|_| is_split && !is_alone);
                let (span, is_within) = match (inside, is_alone) {
                    (Some(place), _) => (Some(place), true),
                    (None, true) => (Some(word.span.clone()), false),
                    (None, false) => (None, false),
                };
                Argument {
                    value: traced.value(),
                    word: word.span.clone(),
                    place: span,
                    is_within,
                    is_open: is_split && traced.is_inexact,
                    variable: variable.clone().filter(|_| is_alone),
                }
            })
            .collect()
    }

    fn segments(&self, script: &str, parts: &[Part]) -> Vec<Segment> {
        let mut segments = Vec::new();
        for part in parts {
            let raw = &script[part.span.clone()];
            let start = part.span.start;
            match &part.kind {
                PartKind::Plain => segments.push(Segment::quoted(plain(raw, start), false)),
                PartKind::Single => {
                    let inner = raw.strip_prefix('\'').unwrap_or(raw);
                    let mut traced = Traced::default();
                    for (at, c) in inner.strip_suffix('\'').unwrap_or(inner).char_indices() {
                        traced.push(c, Some(start + 1 + at));
                    }
                    segments.push(Segment::quoted(traced, true));
                }
                PartKind::Ansi => segments.push(Segment::quoted(ansi(raw), true)),
                PartKind::Double(inner) => {
                    let mut whole = Traced::default();
                    let mut is_array = false;
                    for part in inner {
                        match &part.kind {
                            PartKind::Plain => whole
                                .extend(&in_double(&script[part.span.clone()], part.span.start)),
                            PartKind::Variable(expansion) => {
                                let segment = self.expand(script, expansion, part);
                                match segment.elements {
                                    Some(elements) if inner.len() == 1 => {
                                        segments.push(Segment {
                                            elements: Some(elements),
                                            ..Segment::quoted(Traced::default(), true)
                                        });
                                        is_array = true;
                                    }
                                    Some(elements) => {
                                        for element in elements {
                                            whole.push_computed(&element.value.text);
                                        }
                                        whole.is_inexact = true;
                                    }
                                    None => whole.extend(&segment.traced),
                                }
                            }
                            _ => {
                                whole.push_computed(&script[part.span.clone()]);
                                whole.is_inexact = true;
                            }
                        }
                    }
                    if !is_array {
                        segments.push(Segment::quoted(whole, true));
                    }
                }
                PartKind::Variable(expansion) => match self.default_of(expansion) {
                    // Outside quotes the words of a default are words of their own, but for those in quotes.
                    Some(default) => {
                        let mut inner = self.segments(script, default);
                        for segment in &mut inner {
                            segment.splits |= !segment.is_quoted && segment.elements.is_none();
                        }
                        if inner.is_empty() {
                            inner.push(Segment {
                                splits: true,
                                ..Segment::quoted(Traced::default(), false)
                            });
                        }
                        segments.extend(inner);
                    }
                    None => segments.push(self.expand(script, expansion, part)),
                },
                PartKind::Command => {
                    let inner = raw.trim_start_matches(['$', '(', '`']).trim_start();
                    let is_comment =
                        raw.starts_with('`') && inner.starts_with('#') && !inner.contains('\n');
                    let mut traced = Traced::default();
                    if !is_comment {
                        traced.push_computed(raw);
                        traced.is_inexact = true;
                    }
                    segments.push(Segment {
                        splits: is_comment,
                        ..Segment::quoted(traced, false)
                    });
                }
                PartKind::Array(_) => {}
            }
        }
        segments
    }

    /// The default of an expansion, where it holds.
    fn default_of<'e>(&self, expansion: &'e Expansion) -> Option<&'e [Part]> {
        let (default, replaces_empty) =
            expansion.default.as_ref().filter(|_| !expansion.is_other)?;
        let holds = match self.entries.get(&expansion.name) {
            None => true,
            Some(entry) => {
                *replaces_empty && entry.elements.is_none() && entry.text.text.is_empty()
            }
        };
        holds.then_some(default.as_slice())
    }

    fn expand(&self, script: &str, expansion: &Expansion, part: &Part) -> Segment {
        let raw = &script[part.span.clone()];
        let unknown = || {
            let mut traced = Traced::default();
            traced.push_computed(raw);
            traced.is_inexact = true;
            Segment {
                splits: true,
                ..Segment::quoted(traced, false)
            }
        };
        let known = |traced: Traced| Segment {
            splits: true,
            ..Segment::quoted(traced, false)
        };
        if expansion.is_other {
            return unknown();
        }
        let entry = self.entries.get(&expansion.name);
        if let Some(elements) = entry.and_then(|entry| entry.elements.as_ref()) {
            if expansion.is_all {
                return Segment {
                    elements: Some(elements.clone()),
                    ..Segment::quoted(Traced::default(), false)
                };
            }
            return match elements.get(expansion.index.unwrap_or(0)) {
                Some(element) => {
                    let mut traced = Traced::default();
                    traced.push_computed(&element.value.text);
                    traced.is_inexact = !element.value.is_exact;
                    known(traced)
                }
                None => known(Traced::default()),
            };
        }
        match (entry, &expansion.default) {
            (Some(entry), Some((default, true))) if entry.text.text.is_empty() => {
                known(self.text(script, default))
            }
            (Some(entry), _) => known(entry.text.clone()),
            (None, Some((default, _))) => known(self.text(script, default)),
            (None, None) => unknown(),
        }
    }
}

impl Segment {
    fn quoted(traced: Traced, is_quoted: bool) -> Segment {
        Segment {
            traced,
            splits: false,
            elements: None,
            is_quoted,
        }
    }
}

/// The name of the variable that a word consists of: `$A`, `"$A"`, `${A}`.
fn sole_variable(parts: &[Part]) -> Option<String> {
    let part = match parts {
        [
            Part {
                kind: PartKind::Double(inner),
                ..
            },
        ] => match inner.as_slice() {
            [part] => part,
            _ => return None,
        },
        [part] => part,
        _ => return None,
    };
    match &part.kind {
        PartKind::Variable(expansion)
            if !expansion.is_other
                && !expansion.is_all
                && expansion.index.is_none()
                && expansion.default.is_none() =>
        {
            Some(expansion.name.clone())
        }
        _ => None,
    }
}

/// Outside quotes: a backslash keeps the next character, a line end behind one vanishes; a glob, a tilde or braces are for the shell.
fn plain(raw: &str, start: usize) -> Traced {
    let mut traced = Traced::default();
    let mut chars = raw.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c != '\\' {
            traced.is_inexact |= matches!(c, '*' | '?');
            traced.push(c, Some(start + at));
            continue;
        }
        match chars.next() {
            Some((_, '\r')) if chars.peek().is_some_and(|(_, c)| *c == '\n') => {
                chars.next();
            }
            Some((_, '\n')) | None => {}
            Some((at, escaped)) => traced.push(escaped, Some(start + at)),
        }
    }
    let has_braces =
        raw.contains('{') && raw.contains('}') && (raw.contains(',') || raw.contains(".."));
    traced.is_inexact |= raw.starts_with('~') || has_braces;
    traced
}

fn in_double(raw: &str, start: usize) -> Traced {
    let mut traced = Traced::default();
    let mut chars = raw.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        match (c, next) {
            ('\\', Some('\n')) => {
                chars.next();
            }
            ('\\', Some('\r')) if raw[at + 1..].starts_with("\r\n") => {
                chars.next();
                chars.next();
            }
            ('\\', Some(escaped @ ('$' | '`' | '"' | '\\'))) => {
                chars.next();
                traced.push(escaped, Some(start + at + 1));
            }
            _ => traced.push(c, Some(start + at)),
        }
    }
    traced
}

/// `$'…'`
fn ansi(raw: &str) -> Traced {
    let inner = raw.strip_prefix("$'").unwrap_or(raw);
    let inner = inner.strip_suffix('\'').unwrap_or(inner);
    let mut traced = Traced::default();
    let mut chars = inner.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            traced.push(c, None);
            continue;
        }
        let read = match chars.next() {
            Some('n') => Some('\n'),
            Some('t') => Some('\t'),
            Some('r') => Some('\r'),
            Some('a') => Some('\u{7}'),
            Some('b') => Some('\u{8}'),
            Some('e' | 'E') => Some('\u{1b}'),
            Some('x') => ansi_digits(&mut chars, 2, 16, None),
            Some('u') => ansi_digits(&mut chars, 4, 16, None),
            Some('U') => ansi_digits(&mut chars, 8, 16, None),
            Some(octal @ '0'..='7') => ansi_digits(&mut chars, 3, 8, Some(octal)),
            other => other,
        };
        if let Some(read) = read {
            traced.push(read, None);
        }
    }
    traced
}

fn ansi_digits(
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    most: usize,
    radix: u32,
    first: Option<char>,
) -> Option<char> {
    let mut text: String = first.into_iter().collect();
    while text.len() < most
        && let Some(digit) = chars.next_if(|c| c.is_digit(radix))
    {
        text.push(digit);
    }
    u32::from_str_radix(&text, radix)
        .ok()
        .and_then(char::from_u32)
}
