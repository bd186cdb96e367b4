//! The body of a chat request, as vLLM and SGLang take it.

use serde_json::{Map, Value, json};

use super::{Parameters, Speaker, Turn};

/// A streaming request for the reply to `path`, the turns from the first to the one that is answered.
///
/// Only what was set is sent: everything else is the engine's own default, which may come from the model's generation_config.json.
pub fn body(model: &str, path: &[Turn], parameters: &Parameters) -> Value {
    let messages: Vec<Value> = path
        .iter()
        .map(|turn| {
            let role = match turn.speaker {
                Speaker::System => "system",
                Speaker::User => "user",
                Speaker::Assistant => "assistant",
            };
            json!({"role": role, "content": turn.text})
        })
        .collect();
    let mut body = Map::new();
    let mut set = |key: &str, value: Value| {
        body.insert(key.to_owned(), value);
    };
    set("model", json!(model));
    set("messages", Value::Array(messages));
    set("stream", json!(true));
    set("stream_options", json!({"include_usage": true}));
    let Parameters {
        temperature,
        top_p,
        top_k,
        max_tokens,
        presence_penalty,
        thinking,
    } = parameters;
    for (key, value) in [
        ("temperature", temperature.map(|value| json!(value))),
        ("top_p", top_p.map(|value| json!(value))),
        ("top_k", top_k.map(|value| json!(value))),
        ("max_tokens", max_tokens.map(|value| json!(value))),
        (
            "presence_penalty",
            presence_penalty.map(|value| json!(value)),
        ),
        (
            "chat_template_kwargs",
            thinking.map(|on| json!({"enable_thinking": on})),
        ),
    ] {
        if let Some(value) = value {
            set(key, value);
        }
    }
    Value::Object(body)
}

/// The turns from the first to `last`, which the reply follows. Empty when `last` is not among them.
pub fn path_to(turns: &[Turn], last: &crate::ids::TurnId) -> Vec<Turn> {
    let mut path = Vec::new();
    let mut next = Some(last.clone());
    while let Some(id) = next {
        // A damaged tree must not loop for ever.
        let Some(turn) = turns
            .iter()
            .find(|turn| turn.id == id)
            .filter(|_| path.len() <= turns.len())
        else {
            break;
        };
        next = turn.parent_id.clone();
        path.push(turn.clone());
    }
    path.reverse();
    path
}
