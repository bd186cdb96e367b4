//! Edits in place: a flag or a variable is set, renamed or taken out, and every other byte stays.

use std::ops::Range;

use super::lexer::Kind;
use super::programs::{Argument, Flag, Program};
use super::statements::End;
use super::{Script, Statement};
use crate::language::Text;
use crate::shell::quote;

/// Why an edit cannot be made in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub Text);

impl Refused {
    fn of_flag(flag: &str) -> Refused {
        Refused(Text::new(
            format!("--{flag} is put together from several places of the script; change it there."),
            format!("--{flag} 由脚本中多处内容拼成，请在那里修改。"),
        ))
    }
}

/// A value in the quotes of the one that it replaces, where it can stand in them.
fn quoted_like(old: &str, new: &str) -> String {
    let inner = |mark: char| {
        old.len() >= 2
            && old.starts_with(mark)
            && old.ends_with(mark)
            && !old[1..old.len() - 1].contains(mark)
    };
    if inner('"') && !new.contains(['"', '$', '`', '\\', '!']) {
        return format!("\"{new}\"");
    }
    if inner('\'') && !new.contains('\'') {
        return format!("'{new}'");
    }
    quote(new)
}

/// Whether a text can stand within any quotes, and as one word without.
fn is_plain(text: &str) -> bool {
    quote(text) == text
}

impl Script {
    fn replaced(&self, mut edits: Vec<(Range<usize>, String)>) -> Script {
        edits.sort_by_key(|(range, _)| std::cmp::Reverse((range.start, range.end)));
        let mut text = self.text.clone();
        for (range, new) in edits {
            text.replace_range(range, &new);
        }
        Script::read(text)
    }

    /// The script with this flag of a program at these values: changed where it stands, else added behind the last word.
    pub fn with_flag(
        &self,
        program: usize,
        name: &str,
        values: &[String],
    ) -> Result<Script, Refused> {
        let Some(of) = self.programs.get(program) else {
            return Ok(self.clone());
        };
        let Some(flag) = of.flag(name) else {
            return self.added(of, name, values);
        };
        if flag.values.len() == values.len()
            && flag
                .values
                .iter()
                .zip(values)
                .all(|(old, new)| old.value.is_exact && old.value.text == *new)
        {
            return Ok(self.clone());
        }
        match self.value_edits(flag, values) {
            Some(edits) => Ok(self.replaced(edits)),
            // The last of two flags holds.
            None => self.added(of, name, values),
        }
    }

    /// What replaces the values of a flag; None where they stand in no place of their own.
    fn value_edits(&self, flag: &Flag, values: &[String]) -> Option<Vec<(Range<usize>, String)>> {
        if flag.values.len() == values.len() {
            let mut edits = Vec::new();
            for (old, new) in flag.values.iter().zip(values) {
                if !(old.value.is_exact && old.value.text == *new) {
                    edits.push(self.value_edit(old, new)?);
                }
            }
            return Some(edits);
        }
        let place = flag.place.clone()?;
        let is_within = flag.values.iter().any(|value| value.is_within);
        if is_within && !values.iter().all(|value| is_plain(value)) || flag.is_joined {
            return None;
        }
        let words: Vec<String> = values.iter().map(|value| quote(value)).collect();
        let joined = words.join(" ");
        match (flag.values.first(), flag.values.last()) {
            (Some(first), Some(last)) => {
                let range = first.place.clone()?.start..last.place.clone()?.end;
                if range.start < place.end || range.end < range.start {
                    return None;
                }
                if values.is_empty() {
                    return Some(vec![(place.end..range.end, String::new())]);
                }
                Some(vec![(range, joined)])
            }
            _ => Some(vec![(place.end..place.end, format!(" {joined}"))]),
        }
    }

    /// A value that is a variable used only here is changed where the variable is set.
    fn value_edit(&self, old: &Argument, new: &str) -> Option<(Range<usize>, String)> {
        if let Some(name) = &old.variable {
            let mut set = self
                .variables
                .iter()
                .filter(|variable| variable.name == *name);
            let uses = self.text.matches(&format!("${name}")).count()
                + self.text.matches(&format!("${{{name}")).count();
            if let (Some(variable), None, 1) = (set.next(), set.next(), uses)
                && !variable.is_conditional
                && !variable.is_array
                && !variable.is_prefix
            {
                let raw = &self.text[variable.value_span.clone()];
                return Some((variable.value_span.clone(), quoted_like(raw, new)));
            }
        }
        let place = old.place.clone()?;
        if old.is_within {
            return is_plain(new).then(|| (place, new.to_owned()));
        }
        let raw = &self.text[place.clone()];
        Some((place, quoted_like(raw, new)))
    }

    fn added(&self, program: &Program, name: &str, values: &[String]) -> Result<Script, Refused> {
        let statement = &self.statements[program.statement];
        let Some(last) = statement.words.last() else {
            return Err(Refused::of_flag(name));
        };
        let mut words = vec![format!("--{name}")];
        words.extend(values.iter().map(|value| quote(value)));
        let at = last.span.end;
        let text = format!("{}{}", self.gap(statement, at), words.join(" "));
        Ok(self.replaced(vec![(at..at, text)]))
    }

    /// What stands between two flags of a command: a blank, or a continuation and the indentation of its lines.
    fn gap(&self, statement: &Statement, at: usize) -> String {
        let mut lines = self.pieces.iter().filter(|piece| {
            piece.kind == Kind::Continuation
                && piece.span.start >= statement.span.start
                && piece.span.end <= at
        });
        let Some(first) = lines.next() else {
            return " ".to_owned();
        };
        let last = lines.next_back().unwrap_or(first);
        let behind = &self.text[last.span.end..];
        let indent = &behind[..behind.len() - behind.trim_start_matches([' ', '\t']).len()];
        format!(" {}{indent}", &self.text[first.span.clone()])
    }

    /// The script without this flag and its values, wherever it stands in the program.
    pub fn without_flag(&self, program: usize, name: &str) -> Result<Script, Refused> {
        let Some(of) = self.programs.get(program) else {
            return Ok(self.clone());
        };
        let mut edits = Vec::new();
        for flag in of.flags.iter().filter(|flag| flag.name == name) {
            edits.push((
                self.removal(flag).ok_or_else(|| Refused::of_flag(name))?,
                String::new(),
            ));
        }
        if edits.is_empty() {
            return Ok(self.clone());
        }
        Ok(self.replaced(edits))
    }

    /// The bytes that go with a flag, so that its neighbours stay words of the same command.
    fn removal(&self, flag: &Flag) -> Option<Range<usize>> {
        let start = flag.place.clone()?.start;
        let end = match flag.values.last() {
            Some(last) => last.place.clone()?.end,
            None => flag.place.clone()?.end,
        };
        if end < start {
            return None;
        }
        let before = &self.text[..start];
        let after = &self.text[end..];
        let line = before.rfind('\n').map_or(0, |at| at + 1);
        let begins_line = self.text[line..start].trim().is_empty();
        let rest = after.trim_start_matches([' ', '\t']);
        let ends_line = rest.is_empty() || rest.starts_with(['\n', '\r', '\\', ')', '"', '\'']);
        if begins_line && !ends_line {
            return Some(start..end + (after.len() - rest.len()));
        }
        Some(before_gap(before)..end)
    }

    /// A flag under another name, at other values where some are given.
    pub fn with_renamed(
        &self,
        program: usize,
        name: &str,
        new: &str,
        values: Option<&[String]>,
    ) -> Result<Script, Refused> {
        let Some(flag) = self.programs.get(program).and_then(|of| of.flag(name)) else {
            return Ok(self.clone());
        };
        let place = flag.place.clone().ok_or_else(|| Refused::of_flag(name))?;
        let mut edits = match values {
            Some(values) => self
                .value_edits(flag, values)
                .ok_or_else(|| Refused::of_flag(name))?,
            None => Vec::new(),
        };
        edits.push((place, format!("--{new}")));
        Ok(self.replaced(edits))
    }

    /// The program under another name, e.g. `megatron pt`.
    pub fn with_program_named(&self, program: usize, name: &str) -> Script {
        match self.programs.get(program) {
            Some(of) if of.name != name => self.replaced(vec![(of.head.clone(), name.to_owned())]),
            _ => self.clone(),
        }
    }

    /// The script with this variable, such that the program gets it: changed where it is set, else exported on a line before it.
    pub fn with_variable(&self, program: usize, name: &str, value: &str) -> Script {
        let Some(of) = self.programs.get(program) else {
            return self.clone();
        };
        let holds = self
            .variables
            .iter()
            .rev()
            .filter(|variable| variable.name == name && !variable.is_array)
            .find(|variable| {
                if variable.is_prefix {
                    variable.span.start >= of.span.start && variable.span.end <= of.span.end
                } else {
                    variable.span.start < of.span.start && !variable.is_conditional
                }
            });
        match holds {
            Some(variable) => {
                let raw = &self.text[variable.value_span.clone()];
                // `${A:-1}` may be another at run time.
                let is_it = variable.value.is_exact
                    && variable.value.text == value
                    && !raw.contains(['$', '`']);
                let mut edits = Vec::new();
                if !is_it {
                    edits.push((variable.value_span.clone(), quoted_like(raw, value)));
                }
                if !variable.is_exported {
                    edits.push((
                        variable.span.start..variable.span.start,
                        "export ".to_owned(),
                    ));
                }
                if edits.is_empty() {
                    return self.clone();
                }
                self.replaced(edits)
            }
            None => {
                let at = self.line_of(of.span.start);
                let behind = &self.text[at..];
                let indent = &behind[..behind.len() - behind.trim_start_matches([' ', '\t']).len()];
                let line = format!("{indent}export {name}={}{}", quote(value), self.newline());
                self.replaced(vec![(at..at, line)])
            }
        }
    }

    /// The script without any assignment of this variable.
    pub fn without_variable(&self, name: &str) -> Script {
        let mut edits = Vec::new();
        for variable in self
            .variables
            .iter()
            .filter(|variable| variable.name == name)
        {
            let alone = self.statements.iter().find(|statement| {
                statement.span.contains(&variable.span.start)
                    && match statement.words.first() {
                        None => statement.assignments.len() == 1,
                        Some(first) => {
                            statement.words.len() == 2
                                && statement.assignments.is_empty()
                                && first.bare(&self.text) == Some("export")
                        }
                    }
            });
            let range = match alone {
                Some(statement)
                    if matches!(statement.end, End::Line | End::Semicolon | End::Other) =>
                {
                    let line = self.text[..statement.span.start]
                        .rfind('\n')
                        .map_or(0, |at| at + 1);
                    let is_whole = self.text[line..statement.span.start].trim().is_empty()
                        && statement.end == End::Line;
                    if is_whole {
                        line..statement.end_span.end
                    } else {
                        statement.span.start..statement.end_span.end
                    }
                }
                _ => {
                    // Before a command: with the blanks behind it.
                    let behind = &self.text[variable.span.end..];
                    let rest = behind.trim_start_matches([' ', '\t']);
                    variable.span.start..variable.span.end + (behind.len() - rest.len())
                }
            };
            edits.push((range, String::new()));
        }
        if edits.is_empty() {
            return self.clone();
        }
        self.replaced(edits)
    }

    fn newline(&self) -> &'static str {
        if self.text.contains("\r\n") {
            "\r\n"
        } else {
            "\n"
        }
    }

    /// Where the line begins whose continuation holds this byte.
    fn line_of(&self, at: usize) -> usize {
        let mut start = self.text[..at].rfind('\n').map_or(0, |at| at + 1);
        while start > 0 {
            let before = self.text[..start].trim_end_matches(['\n', '\r']);
            if !before.ends_with('\\') {
                break;
            }
            start = before.rfind('\n').map_or(0, |at| at + 1);
        }
        // A byte order mark stays first.
        if start == 0 && self.text.starts_with('\u{feff}') {
            return '\u{feff}'.len_utf8();
        }
        start
    }

    /// The script such that the program runs in the foreground and writes to its own output: without `nohup`, `setsid`, `&`, `> file`
    /// and `| tee file`. Trainyard keeps output and exit code itself.
    pub fn in_foreground(&self, program: usize) -> Script {
        let Some(of) = self.programs.get(program) else {
            return self.clone();
        };
        let statement = &self.statements[of.statement];
        let mut edits: Vec<(Range<usize>, String)> = Vec::new();
        for word in &statement.words {
            if word.span.start < of.head.start
                && matches!(word.bare(&self.text), Some("nohup" | "setsid"))
            {
                let behind = &self.text[word.span.end..of.head.start];
                let gap = behind.len() - behind.trim_start_matches([' ', '\t']).len();
                edits.push((word.span.start..word.span.end + gap, String::new()));
            }
        }
        let mut last = of.statement;
        while self.statements[last].end == End::Pipe && last + 1 < self.statements.len() {
            last += 1;
        }
        let end = &self.statements[last];
        if last > of.statement
            && self.statements[of.statement + 1]
                .words
                .first()
                .and_then(|word| word.bare(&self.text))
                == Some("tee")
        {
            let from = statement
                .words
                .last()
                .map_or(statement.span.end, |word| word.span.end);
            edits.push((from..end.span.end, String::new()));
        } else {
            for redirection in &statement.redirections {
                if redirection.operator.contains('>') {
                    let from = before_gap(&self.text[..redirection.span.start]);
                    edits.push((from..redirection.span.end, String::new()));
                }
            }
        }
        if end.end == End::Background {
            let from = before_gap(&self.text[..end.end_span.start]);
            let behind = &self.text[end.end_span.end..];
            // What follows on the same line needs an end before it.
            let new = if behind
                .trim_start_matches([' ', '\t'])
                .starts_with(['\n', '\r', '#'])
                || behind.trim().is_empty()
            {
                ""
            } else {
                ";"
            };
            edits.push((from.max(end.span.end)..end.end_span.end, new.to_owned()));
        }
        edits.sort_by_key(|(range, _)| range.start);
        edits.dedup_by(|later, earlier| later.0.start < earlier.0.end);
        if edits.is_empty() {
            return self.clone();
        }
        self.replaced(edits)
    }

    /// The script with the comments that cut a command off moved above it; the lines behind them belong to the command again.
    pub fn with_comments_above(&self) -> Script {
        let mut edits: Vec<(Range<usize>, String)> = Vec::new();
        for statement in &self.statements {
            let Some(comment) = statement.follows_comment else {
                continue;
            };
            if !self.text[statement.span.clone()].starts_with("--") {
                continue;
            }
            // The first comment behind the continuation.
            let mut first = comment;
            for piece in self
                .pieces
                .iter()
                .rev()
                .filter(|piece| piece.span.end <= comment)
            {
                match piece.kind {
                    Kind::Comment => first = piece.span.start,
                    Kind::Blank | Kind::Newline => {}
                    _ => break,
                }
            }
            let moved = &self.text[first..statement.span.start];
            let line = self.line_of(first);
            let mut above = String::new();
            for comment in moved
                .lines()
                .map(|line| line.trim().trim_end_matches('\\').trim_end())
            {
                if !comment.is_empty() {
                    above.push_str(comment);
                    above.push_str(self.newline());
                }
            }
            edits.push((first..statement.span.start, String::new()));
            edits.push((line..line, above));
        }
        if edits.is_empty() {
            return self.clone();
        }
        // One command may be cut several times: each pass mends one, from the top.
        edits.truncate(2);
        self.replaced(edits).with_comments_above()
    }

    /// As a shell wants it: no byte order mark, Unix line ends.
    pub fn for_shell(&self) -> String {
        self.text
            .trim_start_matches('\u{feff}')
            .replace("\r\n", "\n")
    }
}

/// Where the blanks, line ends and continuations begin that end this text.
fn before_gap(before: &str) -> usize {
    let mut end = before.len();
    loop {
        let trimmed = before[..end].trim_end_matches([' ', '\t', '\n', '\r']);
        let is_line_end = before[trimmed.len()..end].contains('\n');
        let cut = match trimmed.strip_suffix('\\') {
            Some(cut) if is_line_end => cut,
            _ => trimmed,
        };
        if cut.len() == end {
            return end;
        }
        end = cut.len();
    }
}
