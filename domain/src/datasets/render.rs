//! A row as the chat template of a Hugging Face model takes it: messages with roles, calls as `tool_calls`, tools as a list.

use serde_json::{Value, json};

/// What goes into a template.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversation {
    pub messages: Vec<Value>,
    pub tools: Option<Value>,
}

const QUERY: [&str; 6] = [
    "query",
    "prompt",
    "instruction",
    "question",
    "problem",
    "input",
];
const RESPONSE: [&str; 7] = [
    "response",
    "answer",
    "output",
    "target",
    "completion",
    "text",
    "solution",
];

/// None: a row that holds no conversation.
pub fn conversation(row: &Value) -> Option<Conversation> {
    let turns = ["messages", "conversations", "conversation"]
        .iter()
        .find_map(|name| row.get(name).filter(|turns| !turns.is_null()));
    let mut messages = match turns {
        Some(Value::Array(turns)) => turns.iter().map(turn).collect::<Option<Vec<_>>>()?,
        Some(Value::String(text)) => {
            let list: Vec<Value> = serde_json::from_str(text).ok()?;
            list.iter().map(turn).collect::<Option<Vec<_>>>()?
        }
        Some(_) => return None,
        None => columns(row)?,
    };
    if let Some(Value::String(system)) = row
        .get("system")
        .filter(|_| role(messages.first()) != Some("system"))
    {
        messages.insert(0, json!({ "role": "system", "content": system }));
    }
    let tools = match row.get("tools") {
        Some(Value::String(text)) => serde_json::from_str(text).ok(),
        Some(Value::Null) | None => None,
        Some(other) => Some(other.clone()),
    };
    let tools = tools.map(|tools: Value| {
        if tools.is_array() {
            tools
        } else {
            json!([tools])
        }
    });
    let messages = joined(messages);
    (!messages.is_empty()).then_some(Conversation { messages, tools })
}

fn role(message: Option<&Value>) -> Option<&str> {
    message?.get("role")?.as_str()
}

fn columns(row: &Value) -> Option<Vec<Value>> {
    let text = |names: &[&str]| {
        names.iter().find_map(|name| {
            row.get(name)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
        })
    };
    let mut messages = Vec::new();
    if let Some(Value::Array(history)) = row.get("history") {
        for pair in history {
            messages.push(json!({ "role": "user", "content": pair.get(0)? }));
            messages.push(json!({ "role": "assistant", "content": pair.get(1)? }));
        }
    }
    let (instruction, input) = (text(&["instruction"]), text(&["input"]));
    let query = match (instruction, input) {
        (Some(instruction), Some(input)) => Some(format!("{instruction}\n{input}")),
        _ => text(&QUERY).map(str::to_owned),
    };
    if let Some(query) = query {
        messages.push(json!({ "role": "user", "content": query }));
    }
    if let Some(response) = text(&RESPONSE) {
        messages.push(json!({ "role": "assistant", "content": response }));
    }
    Some(messages)
}

fn turn(turn: &Value) -> Option<Value> {
    let name = turn.get("role").or_else(|| turn.get("from"))?.as_str()?;
    let content = turn
        .get("content")
        .or_else(|| turn.get("value"))
        .cloned()
        .unwrap_or_default();
    Some(match name {
        "human" | "user" => json!({ "role": "user", "content": content }),
        "gpt" | "bot" | "assistant" => {
            let mut message = json!({ "role": "assistant", "content": if content.is_null() { json!("") } else { content } });
            if let Some(calls) = turn.get("tool_calls").filter(|calls| !calls.is_null()) {
                message["tool_calls"] = calls.clone();
            }
            message
        }
        "tool_call" | "function_call" | "function-call" => {
            let call = match &content {
                Value::String(text) => serde_json::from_str(text).ok()?,
                other => other.clone(),
            };
            let arguments = call
                .get("arguments")
                .or_else(|| call.get("parameters"))
                .cloned()
                .unwrap_or(json!({}));
            json!({ "role": "assistant", "content": "", "tool_calls": [{ "type": "function", "function": { "name": call.get("name")?, "arguments": arguments } }] })
        }
        "tool" | "tool_response" | "observation" | "observations" | "function_response"
        | "function-response" => {
            let text = content
                .as_str()
                .map_or_else(|| content.to_string(), str::to_owned);
            json!({ "role": "tool", "content": text })
        }
        other => json!({ "role": other, "content": content }),
    })
}

/// Parallel calls are one message with several `tool_calls`; text before them is its content.
fn joined(messages: Vec<Value>) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    for message in messages {
        let calls = message.get("tool_calls").and_then(Value::as_array).cloned();
        match (all.last_mut(), calls) {
            (Some(last), Some(calls)) if role(Some(last)) == Some("assistant") => {
                let before = last
                    .get("tool_calls")
                    .and_then(Value::as_array)
                    .cloned()
                    .unwrap_or_default();
                last["tool_calls"] = before.into_iter().chain(calls).collect();
            }
            _ => all.push(message),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_all_forms_become_messages() {
        let roles = |row: Value| -> Vec<String> {
            let conversation = conversation(&row).unwrap();
            conversation
                .messages
                .iter()
                .map(|message| role(Some(message)).unwrap().to_owned())
                .collect()
        };
        assert_eq!(
            roles(json!({"query": "q", "response": "a", "history": [["x", "y"]], "system": "s"})),
            ["system", "user", "assistant", "user", "assistant"]
        );
        assert_eq!(
            roles(json!({"instruction": "q", "input": "i", "output": "a"})),
            ["user", "assistant"]
        );
        assert_eq!(
            roles(
                json!({"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]})
            ),
            ["user", "assistant"]
        );
        let agent = conversation(&json!({"tools": "[{\"name\": \"f\"}]", "messages": [
            {"role": "user", "content": "q"}, {"role": "assistant", "content": "hm"},
            {"role": "tool_call", "content": "{\"name\": \"f\", \"arguments\": {\"x\": 1}}"}, {"role": "tool_call", "content": "{\"name\": \"f\", \"arguments\": {}}"},
            {"role": "tool_response", "content": {"r": 1}}, {"role": "tool_response", "content": "2"}, {"role": "assistant", "content": "a"}]})).unwrap();
        assert_eq!(agent.messages.len(), 5);
        assert_eq!(agent.messages[1]["tool_calls"].as_array().unwrap().len(), 2);
        assert_eq!(agent.tools, Some(json!([{"name": "f"}])));
        assert_eq!(
            conversation(&json!({"messages": [{"role": "tool_call", "content": "f(x)"}]})),
            None
        );
        assert_eq!(conversation(&json!(5)), None);
    }
}
