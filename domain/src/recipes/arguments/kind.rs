//! What may be written for an argument, from its Python annotation, by the rules of argparse as transformers' HfArgumentParser sets it up.

use super::Argument;
use crate::language::Text;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`; alone it means true.
    Switch,
    Integer,
    Real,
    Text,
    /// A JSON object, or a path to one.
    Json,
    /// One of the argument's choices.
    Choice,
}

/// A value that does not fit, and what would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Which of the values; None: one is missing.
    pub index: Option<usize>,
    /// "a whole number, e.g. 8"
    pub expected: Text,
}

/// The kind that a Python annotation stands for, and whether it takes several words.
pub fn of_python(annotation: &str) -> (Kind, bool) {
    let mut inner = annotation.trim();
    while let Some(rest) = inner
        .strip_prefix("Optional[")
        .and_then(|rest| rest.strip_suffix(']'))
    {
        inner = rest.trim();
    }
    if let Some(item) = inner
        .strip_prefix("List[")
        .or_else(|| inner.strip_prefix("list["))
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return (of_python(item).0, true);
    }
    if let Some(union) = inner
        .strip_prefix("Union[")
        .and_then(|rest| rest.strip_suffix(']'))
    {
        let takes_many = union.contains("List[") || union.contains("list[");
        let is_json = union.contains("dict") || union.contains("Dict");
        return (if is_json { Kind::Json } else { Kind::Text }, takes_many);
    }
    let kind = match inner {
        "bool" => Kind::Switch,
        "int" => Kind::Integer,
        "float" => Kind::Real,
        _ if inner.starts_with("Literal[") => Kind::Choice,
        _ if inner.starts_with("dict") || inner.starts_with("Dict") => Kind::Json,
        _ => Kind::Text,
    };
    (kind, false)
}

/// The choices of `Literal['a', 1, None]`, None left out.
pub fn literals(annotation: &str) -> Vec<String> {
    let Some((_, rest)) = annotation.split_once("Literal[") else {
        return Vec::new();
    };
    let inner = rest.split(']').next().unwrap_or_default();
    inner
        .split(',')
        .map(|item| item.trim().trim_matches(['\'', '"']).to_owned())
        .filter(|item| !item.is_empty() && item != "None")
        .collect()
}

fn is_switch(text: &str) -> bool {
    matches!(
        text.to_ascii_lowercase().as_str(),
        "yes" | "true" | "t" | "y" | "1" | "no" | "false" | "f" | "n" | "0"
    )
}

/// Python reads `1_000` as a thousand, and `inf`.
fn is_real(text: &str) -> bool {
    let plain = text.trim().replace('_', "");
    plain.parse::<f64>().is_ok()
}

fn is_integer(text: &str) -> bool {
    let plain = text.trim().replace('_', "");
    plain.parse::<i128>().is_ok()
}

pub(super) fn check(argument: &Argument, values: &[&str]) -> Option<Wrong> {
    let wrong = |index: Option<usize>| Wrong {
        index,
        expected: expected(argument),
    };
    if values.is_empty() {
        // A switch alone is on; an empty list is refused by argparse.
        return (argument.kind != Kind::Switch || argument.takes_many).then(|| wrong(None));
    }
    let bad = values.iter().position(|value| !fits(argument, value));
    if bad.is_some() {
        return bad.map(|index| wrong(Some(index)));
    }
    (values.len() > 1 && !argument.takes_many).then(|| Wrong {
        index: Some(1),
        expected: Text::new(
            "one value only; quote it if it holds blanks",
            "只能有一个值；若含空格请加引号",
        ),
    })
}

fn fits(argument: &Argument, value: &str) -> bool {
    match argument.kind {
        Kind::Switch => is_switch(value),
        Kind::Integer => is_integer(value),
        Kind::Real => is_real(value),
        Kind::Text => true,
        Kind::Json => {
            !value.trim_start().starts_with('{')
                || serde_json::from_str::<serde_json::Value>(value).is_ok()
        }
        Kind::Choice => {
            argument.choices.is_empty() || argument.choices.iter().any(|choice| choice == value)
        }
    }
}

fn expected(argument: &Argument) -> Text {
    match argument.kind {
        Kind::Switch => Text::new("true or false", "true 或 false"),
        Kind::Integer => Text::new("a whole number, e.g. 8", "整数，例如 8"),
        Kind::Real => Text::new("a number, e.g. 1e-4", "数字，例如 1e-4"),
        Kind::Text => Text::new("a text", "文本"),
        Kind::Json => Text::new(
            "a JSON object, e.g. '{\"a\": 1}'",
            "JSON 对象，例如 '{\"a\": 1}'",
        ),
        Kind::Choice => {
            let choices = argument.choices.join(", ");
            Text::new(format!("one of {choices}"), format!("以下之一：{choices}"))
        }
    }
}

/// Whether `true` is meant; None for what is no switch.
pub fn switch(text: &str) -> Option<bool> {
    is_switch(text).then(|| {
        matches!(
            text.to_ascii_lowercase().as_str(),
            "yes" | "true" | "t" | "y" | "1"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_say_what_may_be_written() {
        for (annotation, kind, takes_many) in [
            ("bool", Kind::Switch, false),
            ("Optional[int]", Kind::Integer, false),
            ("Optional[List[float]]", Kind::Real, true),
            ("List[str]", Kind::Text, true),
            ("Optional[Union[str, List[str]]]", Kind::Text, true),
            ("Optional[Union[dict, str]]", Kind::Json, false),
            ("Optional[Union[torch.dtype, str]]", Kind::Text, false),
            (
                "Optional[Literal['server', 'colocate']]",
                Kind::Choice,
                false,
            ),
        ] {
            assert_eq!(of_python(annotation), (kind, takes_many), "{annotation}");
        }
        assert_eq!(literals("Literal['a', \"b\", 1, None]"), ["a", "b", "1"]);
    }
}
