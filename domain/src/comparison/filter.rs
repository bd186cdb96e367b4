//! The filter of the table, as one types it:
//!
//! ```text
//! glm lora                      both words in the name
//! lr > 1e-4 state = running     conditions side by side: all of them
//! loss < 2 or tag = baseline    or · not … · ( … )
//! min:eval_loss <= 0.9          last: (usual) · min: · max: before a metric, config: before a configuration value
//! model ~ glm  "a b" = "c d"    ~ contains, !~ does not; quotes where there are blanks
//! duration > 2h  created < 7d   s m h d; `created < 7d` is younger than seven days
//! lr = none                     there is no such value
//! #baseline                     the tag
//! ```

use crate::finding::Finding;

use super::table::{Cell, Column, FACTS, Fact};

/// A filter longer than this was not typed by a person.
const LONGEST: usize = 4096;
/// Parentheses within parentheses.
const DEEPEST: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Contains,
    ContainsNot,
}

/// What a condition compares with.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number, a span in milliseconds for `duration` and `created`.
    Number(f64),
    Text(String),
    /// `none`: there is no value.
    Missing,
}

/// What is to the left of the sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// Told by its own form.
    Known(Column),
    /// Only found among a project's columns: a configuration value, its last part, or a metric.
    Open(String),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    pub name: Name,
    pub compare: Compare,
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// True of every one; of an empty list too.
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Is(Condition),
    /// Archived experiments are left out unless a filter asks for them.
    IsArchived,
}

impl Filter {
    /// Reads what was typed. The finding says where it stopped being readable.
    pub fn parse(text: &str) -> Result<Filter, Finding> {
        if text.len() > LONGEST {
            return Err(problem(
                format!(
                    "This filter has {} characters; write at most {LONGEST}.",
                    text.len()
                ),
                format!("筛选条件有 {} 个字符，最多 {LONGEST} 个。", text.len()),
            ));
        }
        let mut reader = Reader {
            tokens: tokens(text)?,
            at: 0,
            depth: 0,
        };
        let filter = reader.any()?;
        match reader.tokens.get(reader.at) {
            None => Ok(filter),
            Some(_) => Err(problem(
                "There is a ) without a ( before it.",
                "有多余的右括号 )。",
            )),
        }
    }

    /// Whether it says anything of archived experiments.
    pub fn names_archived(&self) -> bool {
        match self {
            Filter::All(parts) | Filter::Any(parts) => parts.iter().any(Filter::names_archived),
            Filter::Not(part) => part.names_archived(),
            Filter::Is(_) => false,
            Filter::IsArchived => true,
        }
    }

    /// Every condition of it.
    pub fn conditions(&self) -> Vec<&Condition> {
        match self {
            Filter::All(parts) | Filter::Any(parts) => {
                parts.iter().flat_map(Filter::conditions).collect()
            }
            Filter::Not(part) => part.conditions(),
            Filter::Is(condition) => vec![condition],
            Filter::IsArchived => Vec::new(),
        }
    }
}

/// A condition as one would type it: what a group's row leads to.
pub fn typed(column: &Column, value: &Cell) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let name = match column {
        Column::Fact(Fact::Tags) => "tag".to_owned(),
        column => column.to_string(),
    };
    let name = if name.chars().all(is_word_char) {
        name
    } else {
        quoted(&name)
    };
    match value {
        Cell::Missing => format!("{name} = none"),
        Cell::Number(number) => format!("{name} = {number}"),
        Cell::Text(text)
            if !text.is_empty()
                && text.chars().all(is_word_char)
                && text != "none"
                && text.parse::<f64>().is_err() =>
        {
            format!("{name} = {text}")
        }
        Cell::Text(text) => format!("{name} = {}", quoted(text)),
    }
}

fn problem(en: impl Into<String>, zh: impl Into<String>) -> Finding {
    Finding::stops("filter", en, zh)
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word { text: String, is_quoted: bool },
    Sign(Compare),
    Open,
    Close,
}

fn is_word_char(c: char) -> bool {
    !c.is_whitespace() && !matches!(c, '(' | ')' | '"' | '=' | '!' | '<' | '>' | '~')
}

fn tokens(text: &str) -> Result<Vec<Token>, Finding> {
    let mut found = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let mut followed_by = |wanted: char| rest.next_if_eq(&wanted).is_some();
        let token = match c {
            c if c.is_whitespace() => continue,
            '(' => Token::Open,
            ')' => Token::Close,
            '=' => {
                followed_by('=');
                Token::Sign(Compare::Equal)
            }
            '<' if followed_by('=') => Token::Sign(Compare::LessOrEqual),
            '<' => Token::Sign(Compare::Less),
            '>' if followed_by('=') => Token::Sign(Compare::GreaterOrEqual),
            '>' => Token::Sign(Compare::Greater),
            '~' => Token::Sign(Compare::Contains),
            '!' if followed_by('=') => Token::Sign(Compare::NotEqual),
            '!' if followed_by('~') => Token::Sign(Compare::ContainsNot),
            '!' => {
                return Err(problem(
                    "A lone ! means nothing here. Write != or !~, or not before a condition.",
                    "单独的 ! 没有意义，请写 !=、!~，或在条件前写 not。",
                ));
            }
            '"' => {
                let mut word = String::new();
                loop {
                    match rest.next() {
                        // Two of them are one that is meant.
                        Some('"') if rest.next_if_eq(&'"').is_some() => word.push('"'),
                        Some('"') => break,
                        Some(c) => word.push(c),
                        None => {
                            return Err(problem(
                                format!("The quote before {word} is not closed."),
                                format!("{word} 前的引号没有闭合。"),
                            ));
                        }
                    }
                }
                Token::Word {
                    text: word,
                    is_quoted: true,
                }
            }
            c => {
                let mut word = String::from(c);
                while let Some(c) = rest.next_if(|c| is_word_char(*c)) {
                    word.push(c);
                }
                Token::Word {
                    text: word,
                    is_quoted: false,
                }
            }
        };
        found.push(token);
    }
    Ok(found)
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Reader {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    /// Takes a bare word, whatever its case.
    fn takes(&mut self, word: &str) -> bool {
        let is_it = matches!(self.tokens.get(self.at), Some(Token::Word { text, is_quoted: false }) if text.eq_ignore_ascii_case(word))
            && !matches!(self.tokens.get(self.at + 1), Some(Token::Sign(_)));
        if is_it {
            self.at += 1;
        }
        is_it
    }

    fn any(&mut self) -> Result<Filter, Finding> {
        let mut parts = vec![self.all()?];
        while self.takes("or") {
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Filter::Any(parts)
        })
    }

    fn all(&mut self) -> Result<Filter, Finding> {
        let mut parts = Vec::new();
        loop {
            self.takes("and");
            let ends = match self.tokens.get(self.at) {
                None | Some(Token::Close) => true,
                Some(Token::Word {
                    text,
                    is_quoted: false,
                }) => {
                    text.eq_ignore_ascii_case("or")
                        && !matches!(self.tokens.get(self.at + 1), Some(Token::Sign(_)))
                }
                Some(_) => false,
            };
            if ends {
                break;
            }
            parts.push(self.one()?);
        }
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Filter::All(parts)
        })
    }

    fn one(&mut self) -> Result<Filter, Finding> {
        if self.takes("not") {
            self.deeper()?;
            let inner = self.one()?;
            self.depth -= 1;
            return Ok(Filter::Not(Box::new(inner)));
        }
        match self.next() {
            Some(Token::Open) => {
                self.deeper()?;
                let inner = self.any()?;
                self.depth -= 1;
                match self.next() {
                    Some(Token::Close) => Ok(inner),
                    _ => Err(problem("A ( is not closed.", "有左括号 ( 没有闭合。")),
                }
            }
            Some(Token::Word { text, is_quoted }) => match self.tokens.get(self.at) {
                Some(Token::Sign(compare)) => {
                    let compare = *compare;
                    self.at += 1;
                    self.condition(&text, compare)
                }
                _ => Ok(alone(text, is_quoted)),
            },
            Some(Token::Sign(_)) => Err(problem(
                "A condition begins with a name: write for example lr > 1e-4.",
                "条件须以名称开头，例如 lr > 1e-4。",
            )),
            Some(Token::Close) | None => Err(problem(
                "Something is missing at the end.",
                "筛选条件不完整。",
            )),
        }
    }

    fn deeper(&mut self) -> Result<(), Finding> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(problem(
                "Too many parentheses within each other.",
                "括号嵌套过深。",
            ));
        }
        Ok(())
    }

    fn condition(&mut self, name: &str, compare: Compare) -> Result<Filter, Finding> {
        let Some(Token::Word { text, is_quoted }) = self.next() else {
            return Err(problem(
                format!("After {name} and the sign there is no value."),
                format!("{name} 的比较符号之后缺少取值。"),
            ));
        };
        if name.eq_ignore_ascii_case("archived") {
            let is = text.eq_ignore_ascii_case("yes") == (compare == Compare::Equal);
            return Ok(if is {
                Filter::IsArchived
            } else {
                Filter::Not(Box::new(Filter::IsArchived))
            });
        }
        let name = known(name);
        let value = match &name {
            _ if !is_quoted && text.eq_ignore_ascii_case("none") => Value::Missing,
            Name::Known(Column::Fact(Fact::Duration | Fact::Created)) => {
                Value::Number(span(&text).ok_or_else(|| {
                    problem(
                        format!(
                            "\"{text}\" is no span of time. Write for example 90s, 30m, 2h or 7d."
                        ),
                        format!("“{text}”不是时长，请写 90s、30m、2h 或 7d。"),
                    )
                })?)
            }
            Name::Known(Column::Fact(Fact::Attempts) | Column::Metric(..)) => {
                Value::Number(text.parse().map_err(|_| {
                    problem(
                        format!("\"{text}\" is no number."),
                        format!("“{text}”不是数字。"),
                    )
                })?)
            }
            _ => match text.parse::<f64>() {
                Ok(number) if !is_quoted && number.is_finite() => Value::Number(number),
                _ => Value::Text(text),
            },
        };
        Ok(Filter::Is(Condition {
            name,
            compare,
            value,
        }))
    }
}

/// A word without a sign: a tag, or part of the name.
fn alone(text: String, is_quoted: bool) -> Filter {
    let (fact, compare, text) = match text.strip_prefix('#') {
        Some(tag) if !is_quoted && !tag.is_empty() => (Fact::Tags, Compare::Equal, tag.to_owned()),
        _ => (Fact::Name, Compare::Contains, text),
    };
    Filter::Is(Condition {
        name: Name::Known(Column::Fact(fact)),
        compare,
        value: Value::Text(text),
    })
}

fn known(name: &str) -> Name {
    let word = if name == "tag" { "tags" } else { name };
    match FACTS.iter().find(|(_, known)| *known == word) {
        Some((fact, _)) => Name::Known(Column::Fact(*fact)),
        None => match name.parse::<Column>() {
            Ok(column) => Name::Known(column),
            Err(_) => Name::Open(name.to_owned()),
        },
    }
}

/// `90s`, `30m`, `1.5h`, `7d` in milliseconds; a bare number is seconds.
fn span(text: &str) -> Option<f64> {
    let (number, unit) = match text.find(|c: char| c.is_ascii_alphabetic() && c != 'e') {
        Some(at) => text.split_at(at),
        None => (text, "s"),
    };
    let unit = match unit {
        "s" => 1000.0,
        "m" | "min" => 60_000.0,
        "h" => 3_600_000.0,
        "d" => 86_400_000.0,
        _ => return None,
    };
    number
        .parse::<f64>()
        .ok()
        .filter(|n| n.is_finite())
        .map(|number| number * unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::Which;

    fn is(name: Name, compare: Compare, value: Value) -> Filter {
        Filter::Is(Condition {
            name,
            compare,
            value,
        })
    }

    fn name_has(word: &str) -> Filter {
        is(
            Name::Known(Column::Fact(Fact::Name)),
            Compare::Contains,
            Value::Text(word.to_owned()),
        )
    }

    #[test]
    fn words_and_conditions_stand_side_by_side() {
        let lr = is(
            Name::Open("lr".to_owned()),
            Compare::Greater,
            Value::Number(1e-4),
        );
        assert_eq!(Filter::parse(""), Ok(Filter::All(Vec::new())));
        assert_eq!(Filter::parse("lr>1e-4"), Ok(lr.clone()));
        assert_eq!(
            Filter::parse("glm  lr > 1e-4"),
            Ok(Filter::All(vec![name_has("glm"), lr.clone()]))
        );
        let tag = is(
            Name::Known(Column::Fact(Fact::Tags)),
            Compare::Equal,
            Value::Text("baseline".to_owned()),
        );
        assert_eq!(
            Filter::parse("lr > 1e-4 or not (#baseline and a)"),
            Ok(Filter::Any(vec![
                lr,
                Filter::Not(Box::new(Filter::All(vec![tag.clone(), name_has("a")])))
            ]))
        );
        assert_eq!(Filter::parse("tag = baseline"), Ok(tag));
    }

    #[test]
    fn names_may_be_quoted_prefixed_or_words_of_the_grammar() {
        assert_eq!(
            Filter::parse("\"a b\" = \"1e-4\""),
            Ok(is(
                Name::Open("a b".to_owned()),
                Compare::Equal,
                Value::Text("1e-4".to_owned())
            ))
        );
        assert_eq!(
            Filter::parse("min:eval/loss<=0.9"),
            Ok(is(
                Name::Known(Column::Metric("eval/loss".to_owned(), Which::Min)),
                Compare::LessOrEqual,
                Value::Number(0.9)
            ))
        );
        assert_eq!(
            Filter::parse("or = 1"),
            Ok(is(
                Name::Open("or".to_owned()),
                Compare::Equal,
                Value::Number(1.0)
            ))
        );
        assert_eq!(
            Filter::parse("lr = none"),
            Ok(is(
                Name::Open("lr".to_owned()),
                Compare::Equal,
                Value::Missing
            ))
        );
        assert_eq!(Filter::parse("archived = yes"), Ok(Filter::IsArchived));
        assert!(
            Filter::parse("not archived = yes")
                .expect("read")
                .names_archived()
        );
    }

    #[test]
    fn spans_are_read_in_their_units() {
        let duration = |text: &str| match Filter::parse(text) {
            Ok(Filter::Is(Condition {
                value: Value::Number(n),
                ..
            })) => n,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(duration("duration > 2h"), 7_200_000.0);
        assert_eq!(duration("duration > 90"), 90_000.0);
        assert_eq!(duration("created < 1.5d"), 129_600_000.0);
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        for (text, says) in [
            ("lr >", "no value"),
            ("> 3", "begins with a name"),
            ("(a", "not closed"),
            ("a)", "without a ("),
            ("\"abc", "not closed"),
            ("a ! b", "lone !"),
            ("duration > soon", "no span"),
            ("attempts > many", "no number"),
            ("not", "missing at the end"),
        ] {
            let finding = Filter::parse(text).expect_err(text);
            assert!(
                finding.text.en.contains(says),
                "{text}: {}",
                finding.text.en
            );
            assert_eq!(finding.field, "filter");
        }
        assert!(Filter::parse(&"(".repeat(2000)).is_err());
        assert!(Filter::parse(&"not ".repeat(1000)).is_err());
        assert!(Filter::parse(&"x".repeat(5000)).is_err());
    }

    #[test]
    fn a_groups_condition_reads_back() {
        for (column, value) in [
            ("config:model", Cell::Text("glm 4.5".to_owned())),
            ("config:model", Cell::Text("<b \"x\">".to_owned())),
            ("config:model", Cell::Text(String::new())),
            ("config:a b", Cell::Text("1e-4".to_owned())),
            ("config:lr", Cell::Number(1e-4)),
            ("config:lr", Cell::Missing),
            ("tags", Cell::Text("best".to_owned())),
            ("state", Cell::Text("none".to_owned())),
        ] {
            let column: Column = column.parse().expect("a column");
            let Ok(Filter::Is(read)) = Filter::parse(&typed(&column, &value)) else {
                panic!("{column} {value:?}");
            };
            assert_eq!(read.name, Name::Known(column));
            let wanted = match value {
                Cell::Missing => Value::Missing,
                Cell::Number(number) => Value::Number(number),
                Cell::Text(text) => Value::Text(text),
            };
            assert_eq!(read.value, wanted);
        }
    }
}
