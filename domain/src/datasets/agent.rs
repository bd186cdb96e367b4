//! Agent rows: tools and calls become JSON texts, as ms-swift of every release reads them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::finding::Finding;

/// A turn as a person writes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// system, user, assistant, tool_call or tool_response.
    pub role: String,
    /// Of a call: its arguments, JSON.
    pub content: String,
    /// Of a call: which tool.
    pub tool: String,
    /// Assistant turns and calls only: whether the turn is trained.
    pub is_trained: bool,
}

/// The text of a call: `{"name": …, "arguments": {…}}`. Arguments that are a JSON text are read.
pub fn call_text(function: &Value) -> String {
    let name = function.get("name").cloned().unwrap_or_default();
    let arguments = match function
        .get("arguments")
        .or_else(|| function.get("parameters"))
    {
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        Some(Value::Null) | None => json!({}),
        Some(other) => other.clone(),
    };
    json!({ "name": name, "arguments": arguments }).to_string()
}

/// Puts tools (a JSON list, empty for none) and turns into one row of a .jsonl file. Findings are on `tools`, `turn-N` (from 0) and `turns`.
pub fn row(tools: &str, turns: &[Turn]) -> Result<String, Vec<Finding>> {
    let mut findings = Vec::new();
    let names = tool_names(tools, &mut findings);
    let mut messages = Vec::new();
    for (n, turn) in turns.iter().enumerate() {
        let field = format!("turn-{n}");
        let mut message = json!({ "role": turn.role });
        match turn.role.as_str() {
            "tool_call" => {
                let arguments = if turn.content.trim().is_empty() { "{}" } else { &turn.content };
                match serde_json::from_str::<Value>(arguments) {
                    Ok(arguments @ Value::Object(_)) => {
                        message["content"] = call_text(&json!({ "name": turn.tool, "arguments": arguments })).into();
                    }
                    Ok(_) => findings.push(Finding::stops(
                        &field,
                        "The arguments are no object. Write {\"name\": value}, {} for none.",
                        "参数不是对象。请写 {\"名称\": 值}，没有参数时写 {}。",
                    )),
                    Err(error) => findings.push(Finding::stops(
                        &field,
                        format!("The arguments are no JSON: {error}. Write {{\"name\": value}}, {{}} for none."),
                        format!("参数不是 JSON：{error}。请写 {{\"名称\": 值}}，没有参数时写 {{}}。"),
                    )),
                }
                if turn.tool.trim().is_empty() || !names.is_empty() && !names.contains(&turn.tool) {
                    findings.push(Finding::stops(
                        &field,
                        format!("\"{}\" is not one of the tools ({}).", turn.tool, names.join(", ")),
                        format!("“{}”不在工具列表中（{}）。", turn.tool, names.join("、")),
                    ));
                }
            }
            "system" | "user" | "assistant" | "tool_response" => {
                message["content"] = turn.content.as_str().into();
            }
            other => findings.push(Finding::stops(
                &field,
                format!("A role nobody knows: {other}. Choose system, user, assistant, tool_call or tool_response."),
                format!("未知的角色：{other}。请选择 system、user、assistant、tool_call 或 tool_response。"),
            )),
        }
        if !turn.is_trained && matches!(turn.role.as_str(), "assistant" | "tool_call") {
            message["loss"] = false.into();
        }
        messages.push(message);
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    let mut row = json!({ "messages": messages });
    if !names.is_empty() {
        // One form for all rows: a JSON text.
        row["tools"] = serde_json::from_str::<Value>(tools)
            .unwrap_or_default()
            .to_string()
            .into();
    }
    let text = row.to_string();
    findings.extend(checked(&text));
    if findings.is_empty() {
        Ok(text)
    } else {
        Err(findings)
    }
}

fn tool_names(tools: &str, findings: &mut Vec<Finding>) -> Vec<String> {
    if tools.trim().is_empty() {
        return Vec::new();
    }
    let list = match serde_json::from_str::<Value>(tools) {
        Ok(Value::Array(list)) => list,
        Ok(_) => {
            findings.push(Finding::stops(
                "tools",
                "The tools are no list. Write [{\"type\": \"function\", \"function\": {\"name\": …}}].",
                "工具不是列表。请写 [{\"type\": \"function\", \"function\": {\"name\": …}}]。",
            ));
            return Vec::new();
        }
        Err(error) => {
            findings.push(Finding::stops(
                "tools",
                format!("The tools are no JSON: {error}."),
                format!("工具不是 JSON：{error}。"),
            ));
            return Vec::new();
        }
    };
    let mut names = Vec::new();
    for (n, tool) in list.iter().enumerate() {
        let function = tool.get("function").unwrap_or(tool);
        match function.get("name").and_then(Value::as_str) {
            Some(name) => names.push(name.to_owned()),
            None => findings.push(Finding::stops(
                "tools",
                format!(
                    "Tool {} has no name. Write \"name\" into its function.",
                    n + 1
                ),
                format!("第 {} 个工具没有名称。请在 function 中写 \"name\"。", n + 1),
            )),
        }
    }
    names
}

/// What the oldest release that Trainyard knows would stumble over in the finished row.
fn checked(row: &str) -> Vec<Finding> {
    use super::check::{Checker, Effect, Shape};
    use crate::recipes::version::Version;
    let oldest = Version {
        major: 3,
        minor: 9,
        patch: 3,
    };
    let mut checker = Checker::new(oldest, Shape::Json);
    checker.push(row.as_bytes());
    let report = checker.finish();
    report
        .findings
        .into_iter()
        .filter(|found| found.effect > Effect::Kept && found.row > 0)
        .map(|found| {
            let turn = found
                .path
                .strip_prefix("messages[")
                .and_then(|rest| rest.split(']').next());
            let field = turn.map_or_else(|| "turns".to_owned(), |n| format!("turn-{n}"));
            Finding::stops(
                field,
                format!("Found {}; {}.", found.found.en, found.write.en),
                format!("{}；{}。", found.found.zh, found.write.zh),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(role: &str, content: &str, tool: &str) -> Turn {
        Turn {
            role: role.into(),
            content: content.into(),
            tool: tool.into(),
            is_trained: true,
        }
    }

    #[test]
    fn tools_and_calls_become_json_texts() {
        let tools = r#"[{"type": "function", "function": {"name": "weather", "parameters": {}}}]"#;
        let turns = [
            turn("user", "Rain in \"北京\"?", ""),
            turn("tool_call", r#"{"city": "北京"}"#, "weather"),
            turn("tool_call", "", "weather"),
            turn("tool_response", "{\"rain\": true}", ""),
            turn("tool_response", "{}", ""),
            turn("assistant", "Yes.", ""),
        ];
        let row: Value = serde_json::from_str(&row(tools, &turns).unwrap()).unwrap();
        let call: Value =
            serde_json::from_str(row["messages"][1]["content"].as_str().unwrap()).unwrap();
        assert_eq!(
            call,
            json!({"name": "weather", "arguments": {"city": "北京"}})
        );
        assert!(row["tools"].as_str().unwrap().starts_with("[{"));
    }

    #[test]
    fn what_is_wrong_stands_beside_its_field() {
        let fields = |tools: &str, turns: &[Turn]| -> Vec<String> {
            row(tools, turns)
                .unwrap_err()
                .into_iter()
                .map(|found| found.field)
                .collect()
        };
        assert_eq!(fields("{}", &[turn("user", "q", "")])[0], "tools");
        assert_eq!(
            fields("", &[turn("user", "q", ""), turn("tool_call", "{x}", "f")]),
            ["turn-1"]
        );
        let tools = r#"[{"name": "f"}]"#;
        assert_eq!(
            fields(tools, &[turn("user", "q", ""), turn("tool_call", "", "g")]),
            ["turn-1"]
        );
        assert_eq!(
            fields(
                "",
                &[
                    turn("user", "q", ""),
                    turn("system", "s", ""),
                    turn("assistant", "a", "")
                ]
            ),
            ["turn-1"]
        );
        assert_eq!(fields("", &[turn("user", "q", "")]), ["turns"]);
    }
}
