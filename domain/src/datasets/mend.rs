//! Mends rows that a release would lose or train wrongly, where what was meant is plain. A row that cannot be mended is left as it is.

use serde_json::{Map, Value, json};

/// What was done to rows, by machine name, for the note of a new version.
pub type Mends = std::collections::BTreeMap<String, u64>;

/// Mends one row; true where something was changed. Only what loses nothing is done: no turn and no word is made up.
pub fn mend(row: &mut Value, mends: &mut Mends) -> bool {
    let before = row.clone();
    let Some(columns) = row.as_object_mut() else {
        return false;
    };
    let mut done = |name: &str| *mends.entry(name.to_owned()).or_default() += 1;
    if let Some(tools) = columns.get_mut("tools")
        && matches!(tools, Value::Array(_) | Value::Object(_))
    {
        let list = if tools.is_object() {
            json!([tools])
        } else {
            tools.take()
        };
        *tools = Value::String(list.to_string());
        done("tools_as_text");
    }
    for name in ["messages", "rejected_messages"] {
        if let Some(Value::String(text)) = columns.get(name)
            && let Ok(list @ Value::Array(_)) = serde_json::from_str(text)
        {
            columns.insert(name.to_owned(), list);
            done("messages_as_list");
        }
    }
    for name in [
        "messages",
        "conversations",
        "conversation",
        "rejected_messages",
    ] {
        if let Some(Value::Array(turns)) = columns.get_mut(name) {
            let new = turns
                .drain(..)
                .flat_map(|turn| mend_turn(turn, &mut done))
                .collect();
            *turns = new;
        }
    }
    if let Some(turns) = columns.remove("conversations") {
        if columns.contains_key("messages") {
            columns.insert("conversations".to_owned(), turns);
        } else {
            columns.insert("messages".to_owned(), turns);
            done("conversations_as_messages");
        }
    }
    *row != before
}

/// A turn in the form that every release reads; calls of OpenAI's form become turns of their own.
fn mend_turn(turn: Value, done: &mut impl FnMut(&str)) -> Vec<Value> {
    let Value::Object(mut turn) = turn else {
        return vec![turn];
    };
    for (from, to) in [("from", "role"), ("value", "content")] {
        if !turn.contains_key(to)
            && let Some(value) = turn.remove(from)
        {
            turn.insert(to.to_owned(), value);
            done("role_and_content");
        }
    }
    let role = turn.get("role").and_then(Value::as_str).map(str::to_owned);
    let meant = role
        .as_deref()
        .map(|role| match role.trim().to_ascii_lowercase().as_str() {
            "human" => "user".to_owned(),
            "gpt" | "bot" | "model" | "ai" => "assistant".to_owned(),
            "developer" => "system".to_owned(),
            "function_call" | "function-call" => "tool_call".to_owned(),
            "function" | "tool" | "observation" | "observations" | "function_response"
            | "function-response" => "tool_response".to_owned(),
            known @ ("user" | "assistant" | "system" | "tool_call" | "tool_response") => {
                known.to_owned()
            }
            _ => role.to_owned(),
        });
    if let Some(meant) = meant
        && role.as_ref() != Some(&meant)
    {
        turn.insert("role".to_owned(), meant.into());
        done("role_name");
    }
    let role = turn
        .get("role")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    if matches!(role.as_str(), "tool_call" | "tool_response")
        && let Some(content) = turn.get_mut("content")
        && matches!(
            content,
            Value::Object(_) | Value::Array(_) | Value::Number(_) | Value::Bool(_)
        )
    {
        *content = Value::String(content.to_string());
        done("content_as_text");
    }
    if let Some(loss) = turn.get_mut("loss")
        && let Some(meant) = loss_of(loss)
    {
        *loss = Value::Bool(meant);
        done("loss_as_bool");
    }
    let calls = turn
        .remove("tool_calls")
        .filter(|calls| calls.as_array().is_some_and(|calls| !calls.is_empty()));
    match calls {
        Some(Value::Array(calls)) if role == "assistant" => calls_as_turns(turn, calls, done),
        _ => vec![Value::Object(turn)],
    }
}

fn loss_of(loss: &Value) -> Option<bool> {
    match loss {
        Value::Number(number) => number.as_f64().and_then(|number| match number {
            0.0 => Some(false),
            1.0 => Some(true),
            _ => None,
        }),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" => Some(true),
            "false" | "0" | "no" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn calls_as_turns(
    turn: Map<String, Value>,
    calls: Vec<Value>,
    done: &mut impl FnMut(&str),
) -> Vec<Value> {
    let loss = turn.get("loss").cloned();
    let text = turn
        .get("content")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let mut turns = Vec::new();
    if !text.is_empty() {
        turns.push(Value::Object(turn));
    }
    for call in calls {
        let function = call.get("function").cloned().unwrap_or(call);
        let mut call =
            json!({ "role": "tool_call", "content": super::agent::call_text(&function) });
        if let Some(loss) = &loss {
            call["loss"] = loss.clone();
        }
        turns.push(call);
        done("calls_as_turns");
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::check::{Checker, Shape};
    use crate::recipes::version::Version;

    fn lost(row: &Value, version: &str) -> (u64, u64) {
        let mut checker = Checker::new(Version::parse(version).unwrap(), Shape::Json);
        checker.push(row.to_string().as_bytes());
        let verdict = checker.finish().verdict;
        (
            verdict.dropped + u64::from(verdict.file_fails),
            verdict.changed + verdict.empty_turn,
        )
    }

    #[test]
    fn a_mended_row_is_whole_for_every_release() {
        for row in [
            json!({"tools": [{"type": "function", "function": {"name": "f"}}], "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": null, "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{\"x\": 1}"}}, {"id": "2", "function": {"name": "f", "arguments": {}}}]}, {"role": "tool", "content": {"r": 1}}, {"role": "tool", "content": "2"}, {"role": "assistant", "content": "a"}]}),
            json!({"messages": [{"role": "developer", "content": "s"}, {"role": "User", "content": "q"}, {"role": "model", "content": "a", "loss": "no"}]}),
            json!({"tools": {"type": "function", "function": {"name": "f"}}, "conversations": [{"from": "human", "value": "q"}, {"from": "function_call", "value": {"name": "f", "arguments": {}}}, {"from": "observation", "value": "1"}, {"from": "gpt", "value": "a"}]}),
            json!({"messages": "[{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", \"content\": \"a\", \"loss\": true}]"}),
        ] {
            let mut mended = row.clone();
            assert!(mend(&mut mended, &mut Mends::new()), "{row}");
            for version in ["3.9.3", "3.12.6", "4.6.0"] {
                assert_eq!(lost(&mended, version).0, 0, "{version}: {mended}");
            }
            // A second time nothing is left to do.
            assert!(!mend(&mut mended.clone(), &mut Mends::new()), "{mended}");
        }
    }

    #[test]
    fn nothing_is_made_up() {
        for row in [
            json!({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": null}]}),
            json!({"messages": [{"role": "narrator", "content": "q"}]}),
            json!({"query": "q", "response": "a"}),
            json!(null),
        ] {
            assert!(!mend(&mut row.clone(), &mut Mends::new()), "{row}");
        }
    }
}
