//! How a value is named to a person.

use super::json::Kind;
use super::text::excerpt;
use super::view::View;
use crate::language::Text;

/// `the number 5`, `a list`, `an object`.
pub(super) fn describe(value: View) -> Text {
    let raw = excerpt(value.raw());
    match value.kind() {
        Kind::Null => Text::new("null", "null"),
        Kind::Bool => Text::new(raw.clone(), raw),
        Kind::Number => Text::new(format!("the number {raw}"), format!("数字 {raw}")),
        Kind::Text | Kind::Key => {
            Text::new(format!("the text \"{raw}\""), format!("文本 \"{raw}\""))
        }
        Kind::Array => Text::new(format!("a list ({raw})"), format!("列表（{raw}）")),
        Kind::Object => Text::new(format!("an object ({raw})"), format!("对象（{raw}）")),
    }
}

/// The names of the kinds in a mask of `schema`.
pub(super) fn kinds(mask: u8) -> Text {
    const NAMES: [(&str, &str); 6] = [
        ("null", "null"),
        ("true or false", "布尔值"),
        ("a number", "数字"),
        ("a text", "文本"),
        ("a list", "列表"),
        ("an object", "对象"),
    ];
    let names: Vec<_> = (0..6)
        .filter(|bit| mask & (1 << bit) != 0)
        .map(|bit| NAMES[bit])
        .collect();
    Text::new(
        names
            .iter()
            .map(|name| name.0)
            .collect::<Vec<_>>()
            .join(" or "),
        names
            .iter()
            .map(|name| name.1)
            .collect::<Vec<_>>()
            .join("或"),
    )
}
