//! Requests as they come over HTTP: read, checked, and turned into a prompt and a way to sample.

mod fields;
mod refusal;
mod sampling;

use serde_json::{Map, Value, json};

use super::protocol::Sampling;
use super::template::ChatTemplate;
use crate::model::Tokenizer;
use fields::{Fields, missing, wrong};

pub use fields::object;
pub use refusal::Refusal;

/// What the server was started with, as far as requests are concerned.
pub struct Rules {
    /// The first is the one that answers carry when a request names none.
    pub names: Vec<String>,
    pub max_model_len: usize,
    pub max_logprobs: usize,
    /// The model's `generation_config.json`, which gives defaults.
    pub generation: Map<String, Value>,
    pub stop_token_ids: Vec<u32>,
    pub template: Option<ChatTemplate>,
    pub template_variables: Map<String, Value>,
    /// Whether a reasoning parser is on.
    pub reasoning: bool,
    pub always_usage: bool,
}

/// A request that can be answered.
#[derive(Debug)]
pub struct Ask {
    pub model: String,
    pub prompt: Vec<u32>,
    pub prompt_text: String,
    /// One for each of the `n` answers; they differ in their seeds.
    pub samplings: Vec<Sampling>,
    pub stops: Vec<String>,
    pub keep_stop: bool,
    /// The answer begins inside a thought that a parser takes out.
    pub thinking: bool,
    pub stream: bool,
    pub usage: bool,
    pub usage_always: bool,
    pub token_ids: bool,
    pub tell_prompt: bool,
    /// Fields that nobody reads, to be warned about.
    pub ignored: Vec<String>,
}

const KNOWN: &[&str] = &[
    "model",
    "messages",
    "prompt",
    "stream",
    "stream_options",
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "n",
    "seed",
    "max_tokens",
    "max_completion_tokens",
    "min_tokens",
    "stop",
    "stop_token_ids",
    "include_stop_str_in_output",
    "ignore_eos",
    "presence_penalty",
    "frequency_penalty",
    "repetition_penalty",
    "logprobs",
    "top_logprobs",
    "chat_template_kwargs",
    "add_generation_prompt",
    "continue_final_message",
    "tools",
    "tool_choice",
    "user",
    "return_token_ids",
    "return_prompt_text",
    "echo",
    "best_of",
];

/// Messages with text alone, as a template that takes strings wants them.
fn plain(messages: &Value, model: &str) -> Result<Value, Refusal> {
    let list = messages
        .as_array()
        .ok_or_else(|| wrong("list_type", "messages", "list"))?;
    let mut out = Vec::new();
    for message in list {
        let mut message = message
            .as_object()
            .cloned()
            .ok_or_else(|| wrong("dict_type", "messages", "dictionary"))?;
        if !message.get("role").is_some_and(Value::is_string) {
            return Err(missing("role"));
        }
        let content = match message.get("content") {
            Some(Value::Array(parts)) => {
                let mut texts = Vec::new();
                for part in parts {
                    match (part["type"].as_str(), part["text"].as_str()) {
                        (Some("text"), Some(text)) => texts.push(text),
                        _ => {
                            return Err(Refusal::bad(
                                format!("{model} is not a multimodal model"),
                                None,
                            ));
                        }
                    }
                }
                texts.join("\n")
            }
            Some(Value::String(text)) => text.clone(),
            _ => String::new(),
        };
        message.insert("content".into(), content.into());
        out.push(Value::Object(message));
    }
    Ok(Value::Array(out))
}

impl Rules {
    /// The served name that a request means.
    pub fn served(&self, fields: &Map<String, Value>) -> Result<String, Refusal> {
        match fields.get("model").and_then(Value::as_str) {
            Some(name) if self.names.iter().any(|known| known == name) => Ok(name.to_owned()),
            Some(name) => Err(Refusal::unknown_model(name)),
            None => Ok(self.names.first().cloned().unwrap_or_default()),
        }
    }

    /// The prompt of a chat request as text.
    pub fn rendered(&self, body: &Map<String, Value>, model: &str) -> Result<String, Refusal> {
        let fields = Fields(body);
        let messages = plain(
            fields.get("messages").ok_or_else(|| missing("messages"))?,
            model,
        )?;
        let go_on = fields.flag("continue_final_message")?.unwrap_or(false);
        let generate = fields.flag("add_generation_prompt")?.unwrap_or(true);
        if go_on && generate {
            return Err(Refusal::bad(
                "Cannot set both `continue_final_message` and `add_generation_prompt` to True.",
                None,
            ));
        }
        let mut variables = self.template_variables.clone();
        variables.extend(fields.object("chat_template_kwargs"));
        let template = self.template.as_ref().ok_or_else(|| {
            Refusal::bad("As of transformers v4.44, default chat template is no longer allowed, so you must provide a chat template if the tokenizer does not define one.", None)
        })?;
        let text = template
            .render(&messages, fields.get("tools"), generate, &variables)
            .map_err(|error| Refusal::bad(format!("{error:#}"), None))?;
        if !go_on {
            return Ok(text);
        }
        let last = messages
            .as_array()
            .and_then(|list| list.last())
            .and_then(|last| last["content"].as_str());
        let last = last.unwrap_or_default().trim();
        let end = text
            .rfind(last)
            .map_or(text.len(), |start| start + last.len());
        Ok(text[..end].to_owned())
    }

    /// A request of `/v1/chat/completions`.
    pub fn chat(&self, body: &Map<String, Value>, tokenizer: &Tokenizer) -> Result<Ask, Refusal> {
        let fields = Fields(body);
        let model = self.served(body)?;
        let prompt_text = self.rendered(body, &model)?;
        let logprobs = match fields.flag("logprobs")?.unwrap_or(false) {
            true => Some(fields.integer("top_logprobs")?.unwrap_or(0)),
            false => None,
        };
        let most = fields
            .integer("max_completion_tokens")?
            .or(fields.integer("max_tokens")?);
        let mut variables = self.template_variables.clone();
        variables.extend(fields.object("chat_template_kwargs"));
        let mut ask = self.ask(&fields, model, prompt_text, tokenizer, most, logprobs)?;
        ask.thinking = self.reasoning && variables.get("enable_thinking") != Some(&json!(false));
        Ok(ask)
    }

    /// A request of `/v1/completions`, with one prompt of text.
    pub fn completion(
        &self,
        body: &Map<String, Value>,
        tokenizer: &Tokenizer,
    ) -> Result<Ask, Refusal> {
        let fields = Fields(body);
        let model = self.served(body)?;
        let prompt = fields.get("prompt").ok_or_else(|| missing("prompt"))?;
        let text = prompt
            .as_str()
            .ok_or_else(|| wrong("string_type", "prompt", "string"))?;
        let most = fields.integer("max_tokens")?.unwrap_or(16);
        let logprobs = fields.integer("logprobs")?;
        self.ask(
            &fields,
            model,
            text.to_owned(),
            tokenizer,
            Some(most),
            logprobs,
        )
    }

    fn ask(
        &self,
        fields: &Fields<'_>,
        model: String,
        prompt_text: String,
        tokenizer: &Tokenizer,
        most: Option<i64>,
        logprobs: Option<i64>,
    ) -> Result<Ask, Refusal> {
        let prompt = tokenizer
            .encode(&prompt_text)
            .map_err(|error| Refusal::internal(error.to_string()))?;
        let (length, longest) = (prompt.len(), self.max_model_len);
        if prompt.is_empty() {
            return Err(Refusal::bad("The decoder prompt cannot be empty", None));
        }
        if length >= longest {
            return Err(Refusal::bad(
                format!(
                    "This model's maximum context length is {longest} tokens. However, your request has {length} input tokens. Please reduce the length of the input messages."
                ),
                Some("input_tokens"),
            ));
        }
        if let Some(most) = most {
            if most < 1 {
                return Err(Refusal::bad(
                    format!("max_tokens must be at least 1, got {most}."),
                    Some("max_tokens"),
                ));
            }
            if most as u64 > (longest - length) as u64 {
                return Err(Refusal::bad(
                    format!(
                        "'max_tokens' or 'max_completion_tokens' is too large: {most}. This model's maximum context length is {longest} tokens and your request has {length} input tokens ({most} > {longest} - {length})."
                    ),
                    Some("max_tokens"),
                ));
            }
        }
        if logprobs.is_some_and(|count| count < 0 || count as usize > self.max_logprobs) {
            return Err(Refusal::bad(
                format!(
                    "Requested sample logprobs of {}, which is greater than max allowed: {}",
                    logprobs.unwrap_or(0),
                    self.max_logprobs
                ),
                Some("logprobs"),
            ));
        }
        let max_tokens = most.map_or(longest - length, |most| most as usize);
        let sampling = self.sampling(fields, max_tokens, logprobs.map(|count| count as usize))?;
        let count = fields.integer("n")?.unwrap_or(1);
        if count < 1 {
            return Err(Refusal::bad(
                format!("n must be at least 1, got {count}."),
                Some("n"),
            ));
        }
        if sampling.temperature == 0.0 && count > 1 {
            return Err(Refusal::bad(
                format!("n must be 1 when using greedy sampling, got {count}."),
                Some("n"),
            ));
        }
        let samplings = (0..count as u64).map(|index| Sampling {
            seed: sampling.seed.wrapping_add(index),
            ..sampling.clone()
        });
        let stops = match fields.get("stop") {
            Some(Value::String(stop)) => vec![stop.clone()],
            Some(Value::Array(stops)) => stops
                .iter()
                .filter_map(|stop| stop.as_str().map(str::to_owned))
                .collect(),
            _ => Vec::new(),
        };
        if stops.iter().any(String::is_empty) {
            return Err(Refusal::bad(
                "stop cannot contain an empty string.",
                Some("stop"),
            ));
        }
        let options = fields.object("stream_options");
        let option = |name: &str| options.get(name).and_then(Value::as_bool).unwrap_or(false);
        Ok(Ask {
            model,
            prompt,
            prompt_text,
            samplings: samplings.collect(),
            stops,
            keep_stop: fields.flag("include_stop_str_in_output")?.unwrap_or(false),
            thinking: false,
            stream: fields.flag("stream")?.unwrap_or(false),
            usage: option("include_usage") || self.always_usage,
            usage_always: option("include_usage") && option("continuous_usage_stats"),
            token_ids: fields.flag("return_token_ids")?.unwrap_or(false),
            tell_prompt: fields.flag("return_prompt_text")?.unwrap_or(false),
            ignored: fields
                .0
                .keys()
                .filter(|name| !KNOWN.contains(&name.as_str()))
                .cloned()
                .collect(),
        })
    }
}
