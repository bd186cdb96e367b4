//! What a person looks for: checked and marked with the `regex` crate, searched for on a node with `grep`, the same in both.
//!
//! `regex` takes time linear in the text, whatever the pattern. GNU grep in the C locale does, too, for patterns without back
//! references, and none can be written here: what grep gets is rendered from the parsed expression.

use std::ops::Range;

use domain::finding::Finding;
use domain::logs::Find;
use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, ClassBytes, Hir, HirKind, Look};

use crate::hosts::Grep;
use crate::{Error, Result};

/// A pattern that can be searched for.
#[derive(Debug)]
pub struct Pattern {
    regex: Regex,
    pub grep: Grep,
}

impl Pattern {
    /// None: nothing is looked for. An error belongs to the field `find`.
    pub fn read(find: &Find) -> Result<Option<Pattern>> {
        if find.text.is_empty() {
            return Ok(None);
        }
        if find.text.len() > 1000 || find.text.contains(['\n', '\0']) {
            return Err(wrong(
                "one line of at most 1,000 bytes can be looked for",
                "只能查找一行、不超过 1000 字节的文本",
            ));
        }
        let source = if find.is_regex {
            find.text.clone()
        } else {
            regex::escape(&find.text)
        };
        let regex = RegexBuilder::new(&source)
            .unicode(false)
            .case_insensitive(!find.is_case_sensitive)
            .size_limit(1 << 20)
            .build()
            .map_err(|error| {
                // The last line says what, those before draw where.
                let text = error.to_string();
                let last = text.lines().last().unwrap_or_default();
                match last.trim().trim_start_matches("error: ") {
                    "Unicode not allowed here" => only_ascii(),
                    what => wrong(what, what),
                }
            })?;
        let pattern = if find.is_regex {
            let parsed = ParserBuilder::new()
                .unicode(false)
                .utf8(false)
                .build()
                .parse(&source);
            let hir = parsed.map_err(|error| wrong(&error.to_string(), &error.to_string()))?;
            let mut rendered = String::new();
            render(&hir, &mut rendered)?;
            rendered
        } else {
            find.text.clone()
        };
        Ok(Some(Pattern {
            regex,
            grep: Grep {
                pattern,
                is_regex: find.is_regex,
                ignores_case: !find.is_case_sensitive,
            },
        }))
    }

    /// Where it stands in a line.
    pub fn in_line(&self, text: &str) -> Vec<Range<usize>> {
        let found = self.regex.find_iter(text.as_bytes());
        found
            .map(|found| found.range())
            .filter(|range| !range.is_empty())
            .take(1000)
            .collect()
    }
}

fn wrong(en: &str, zh: &str) -> Error {
    Error::Invalid(vec![Finding::stops(
        "find",
        format!("This cannot be looked for: {en}."),
        format!("无法查找：{zh}。"),
    )])
}

/// An expression as POSIX extended syntax with GNU's `\b \B \< \>`.
fn render(hir: &Hir, out: &mut String) -> Result<()> {
    match hir.kind() {
        HirKind::Empty => out.push_str("()"),
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).ok();
            let text = text.filter(|text| !text.contains(['\n', '\0']));
            let text = text.ok_or_else(|| {
                wrong(
                    "line ends and bytes that are no text are not in lines",
                    "行内没有换行符或非文本字节",
                )
            })?;
            for c in text.chars() {
                if r"\.[]{}()*+?|^$".contains(c) {
                    out.push('\\');
                }
                out.push(c);
            }
        }
        HirKind::Class(Class::Bytes(class)) => bracket(class, out)?,
        HirKind::Class(Class::Unicode(class)) => match class.to_byte_class() {
            Some(class) => bracket(&class, out)?,
            None => return Err(only_ascii()),
        },
        HirKind::Look(look) => out.push_str(match look {
            Look::Start | Look::StartLF | Look::StartCRLF => "^",
            Look::End | Look::EndLF | Look::EndCRLF => "$",
            Look::WordAscii | Look::WordUnicode => r"\b",
            Look::WordAsciiNegate | Look::WordUnicodeNegate => r"\B",
            Look::WordStartAscii | Look::WordStartUnicode => r"\<",
            Look::WordEndAscii | Look::WordEndUnicode => r"\>",
            _ => {
                return Err(wrong(
                    "half word boundaries are not known here",
                    "不支持半边词界",
                ));
            }
        }),
        HirKind::Repetition(repetition) => {
            out.push('(');
            render(&repetition.sub, out)?;
            out.push(')');
            match (repetition.min, repetition.max) {
                (0, None) => out.push('*'),
                (1, None) => out.push('+'),
                (0, Some(1)) => out.push('?'),
                (min, None) => out.push_str(&format!("{{{min},}}")),
                (min, Some(max)) => out.push_str(&format!("{{{min},{max}}}")),
            }
        }
        HirKind::Capture(capture) => {
            out.push('(');
            render(&capture.sub, out)?;
            out.push(')');
        }
        HirKind::Concat(parts) => {
            for part in parts {
                render(part, out)?;
            }
        }
        HirKind::Alternation(parts) => {
            out.push('(');
            for (at, part) in parts.iter().enumerate() {
                if at > 0 {
                    out.push('|');
                }
                render(part, out)?;
            }
            out.push(')');
        }
    }
    Ok(())
}

fn only_ascii() -> Error {
    wrong(
        "classes in [ ] may hold ASCII characters only; write (损|失) for others",
        "[ ] 内只能使用 ASCII 字符；其他字符请写成 (损|失)",
    )
}

/// A class as a bracket expression; one that holds what is beyond ASCII as the negation of what it leaves out.
fn bracket(class: &ClassBytes, out: &mut String) -> Result<()> {
    let mut left_out = class.clone();
    left_out.negate();
    let (class, is_negated) = if class.is_ascii() {
        (class, false)
    } else if left_out.is_ascii() {
        (&left_out, true)
    } else {
        return Err(only_ascii());
    };
    let bytes = class
        .ranges()
        .iter()
        .flat_map(|range| range.start()..=range.end());
    // Neither stands in a line.
    let bytes: Vec<u8> = bytes.filter(|byte| !matches!(byte, b'\n' | 0)).collect();
    if bytes.is_empty() {
        if !is_negated {
            return Err(wrong("no line can have this", "没有任何行能匹配"));
        }
        out.push('.');
        return Ok(());
    }
    out.push_str(if is_negated { "[^" } else { "[" });
    // In a bracket `]` is plain as the first, `-` as the last, `^` not as the first, `[` when no `.`, `:` or `=` follows.
    let has = |byte: u8| bytes.contains(&byte);
    if has(b']') {
        out.push(']');
    }
    let plain: Vec<u8> = bytes
        .iter()
        .copied()
        .filter(|byte| !b"]-^[".contains(byte))
        .collect();
    let mut at = 0;
    while at < plain.len() {
        let first = plain[at];
        let length = plain[at..]
            .iter()
            .zip(first..)
            .take_while(|(byte, expected)| **byte == *expected)
            .count();
        let last = plain[at + length - 1];
        if length > 3 {
            out.extend([first as char, '-', last as char]);
        } else {
            out.extend(plain[at..at + length].iter().map(|byte| *byte as char));
        }
        at += length;
    }
    // Alone, `^` would negate.
    let is_first = plain.is_empty() && !has(b']') && !has(b'[') && !is_negated;
    if has(b'^') && is_first {
        if has(b'-') {
            out.push_str("-^]");
        } else {
            out.pop();
            out.push_str(r"\^");
        }
        return Ok(());
    }
    if has(b'[') {
        out.push('[');
    }
    if has(b'^') {
        out.push('^');
    }
    if has(b'-') {
        out.push('-');
    }
    out.push(']');
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use proptest::prelude::*;

    use super::*;

    fn find(text: &str) -> Find {
        Find {
            text: text.to_owned(),
            is_regex: true,
            is_case_sensitive: true,
        }
    }

    fn rendered(text: &str) -> String {
        Pattern::read(&find(text))
            .expect("readable")
            .expect("some")
            .grep
            .pattern
    }

    /// Begins of the matches that GNU grep sees in a line.
    fn by_grep(pattern: &str, line: &str) -> Vec<usize> {
        let mut child = Command::new("grep")
            .env("LC_ALL", "C")
            .args(["-abo", "-E", "-e", pattern])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("grep runs");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(line.as_bytes()).expect("fed");
        drop(stdin);
        let output = child.wait_with_output().expect("ended");
        assert!(output.status.code() != Some(2), "grep refuses {pattern:?}");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines()
            .filter_map(|line| line.split(':').next()?.parse().ok())
            .collect()
    }

    #[test]
    fn what_people_write_means_the_same_to_grep() {
        let line = "损失 loss=1.50 [rank0] lr-1e-05 ^x$ (a|b) C:\\dir \t ]end";
        for text in [
            r"\d+\.\d+",
            r"loss=\d",
            r"(?:rank)\d",
            r"\bl\w+",
            r"[^a-z ]+",
            r".",
            r"a|b",
            r"\(a\|b\)",
            r"[\]\[]",
            r"[-^]",
            r"[\^]",
            r"x\$",
            r"1e-0{1,3}5",
            r"损失|失",
            r"\s+",
            r"\S{4,}",
            r"^损",
            r"end$",
            r"C:\\dir",
            r"(loss|lr)[=-]",
            r"\x41|e",
            r"[!-~]+",
        ] {
            let pattern = Pattern::read(&find(text)).expect("readable").expect("some");
            let ours: Vec<usize> = pattern
                .in_line(line)
                .iter()
                .map(|range| range.start)
                .collect();
            assert_eq!(
                ours,
                by_grep(&pattern.grep.pattern, line),
                "{text} as {}",
                pattern.grep.pattern
            );
        }
        assert_eq!(rendered(r"\d+"), "([0-9])+");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        #[test]
        fn any_class_means_the_same_to_grep(bytes in proptest::collection::vec(0x20u8..0x7f, 1..8), is_negated: bool) {
            let inside: String = bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect();
            let text = format!("[{}{inside}]", if is_negated { "^" } else { "" });
            let line: String = (0x20u8..0x7f).map(char::from).collect();
            let pattern = Pattern::read(&find(&text)).expect("readable").expect("some");
            let ours: Vec<usize> = pattern.in_line(&line).iter().map(|range| range.start).collect();
            prop_assert_eq!(ours, by_grep(&pattern.grep.pattern, &line), "{}", pattern.grep.pattern);
        }
    }

    #[test]
    fn what_cannot_be_looked_for_is_said() {
        for (text, said) in [
            ("(a", "unclosed group"),
            ("a{1000}{1000}{100}", "exceeds size limit"),
            ("(?=a)", "look-around"),
            ("(a)\\1", "backreferences"),
            ("a\\nb", "line ends"),
            ("[损]", "ASCII"),
            ("\\n", "line"),
        ] {
            let error = Pattern::read(&find(text)).expect_err(text).to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
        assert!(Pattern::read(&Find::default()).expect("nothing").is_none());
    }
}
