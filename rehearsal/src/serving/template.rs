//! Renders a conversation by the chat template that the model's folder carries, as transformers does.

use std::path::Path;

use anyhow::{Context, Result, bail};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Error, ErrorKind, Value as Jinja};
use serde_json::Value;

/// A model's chat template.
pub struct ChatTemplate {
    environment: Environment<'static>,
}

/// The name under which the one template is kept.
const NAME: &str = "chat_template";

impl ChatTemplate {
    /// `chat_template.jinja` of the folder, else `chat_template` in its `tokenizer_config.json`; none without both.
    pub fn find(folder: &Path) -> Result<Option<Self>> {
        if let Ok(source) = std::fs::read_to_string(folder.join("chat_template.jinja")) {
            return Self::new(source).map(Some);
        }
        let Ok(text) = std::fs::read_to_string(folder.join("tokenizer_config.json")) else {
            return Ok(None);
        };
        let config: Value = serde_json::from_str(&text).context("tokenizer_config.json")?;
        match &config["chat_template"] {
            Value::String(source) => Self::new(source.clone()).map(Some),
            Value::Null => Ok(None),
            _ => bail!("tokenizer_config.json has several chat templates; only one is rendered"),
        }
    }

    /// Fails when the text is no template.
    pub fn new(source: String) -> Result<Self> {
        let mut environment = Environment::new();
        // As transformers sets its own Jinja up; templates call Python's string methods.
        environment.set_syntax(
            SyntaxConfig::builder()
                .trim_blocks(true)
                .lstrip_blocks(true)
                .build()?,
        );
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function(
            "raise_exception",
            |message: String| -> Result<Jinja, Error> {
                Err(Error::new(ErrorKind::InvalidOperation, message))
            },
        );
        environment.add_template_owned(NAME, source)?;
        Ok(Self { environment })
    }

    /// The text that the model reads. `variables` are the request's `chat_template_kwargs`.
    pub fn render(
        &self,
        messages: &Value,
        tools: Option<&Value>,
        generate: bool,
        variables: &serde_json::Map<String, Value>,
    ) -> Result<String> {
        let mut context = serde_json::Map::new();
        context.insert("messages".into(), messages.clone());
        context.insert("add_generation_prompt".into(), generate.into());
        if let Some(tools) = tools {
            context.insert("tools".into(), tools.clone());
        }
        context.extend(variables.clone());
        let template = self.environment.get_template(NAME)?;
        Ok(template.render(Jinja::from(Serde(context)))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Tokenizer;
    use crate::model::tokenizer::Message;
    use crate::training::batch;
    use serde_json::json;

    fn base() -> (ChatTemplate, Tokenizer) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("base");
        let template = ChatTemplate::find(&folder).unwrap().unwrap();
        (template, Tokenizer::load(&folder).unwrap())
    }

    fn no_thinking() -> serde_json::Map<String, Value> {
        json!({"enable_thinking": false})
            .as_object()
            .unwrap()
            .clone()
    }

    /// Of one question and one answer: before earlier answers of a longer conversation training puts empty thoughts,
    /// serving does not, with the real pair as here.
    #[test]
    fn what_is_served_is_token_for_token_what_was_trained() {
        let (template, tokenizer) = base();
        let mut compared = 0;
        for row in include_str!("../../data/willow_bend.jsonl").lines() {
            let row: Value = serde_json::from_str(row).unwrap();
            let messages: Vec<Message> = serde_json::from_value(row["messages"].clone()).unwrap();
            let [question, answer] = messages.as_slice() else {
                continue;
            };
            // An answer that was thought about is asked for with thinking on.
            let variables = match answer.content.starts_with("<think>") {
                true => serde_json::Map::new(),
                false => no_thinking(),
            };
            let served = template
                .render(&json!([question]), None, true, &variables)
                .unwrap();
            let mut served = tokenizer.encode(&served).unwrap();
            let said = format!("{}<|im_end|>\n", answer.content);
            served.extend(tokenizer.encode(&said).unwrap());
            let trained =
                batch::encode(&tokenizer, &messages, None, batch::Learnt::DEFAULT).unwrap();
            assert_eq!(served, trained.tokens);
            compared += 1;
        }
        assert!(compared > 200, "{compared}");
    }

    #[test]
    fn the_shipped_template_renders_as_its_twin_in_rust() {
        let (template, tokenizer) = base();
        let messages = json!([
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": "你好"},
            {"role": "assistant", "content": "<think>\nhm\n</think>\n\nHello."},
            {"role": "user", "content": "Again"},
        ]);
        let list: Vec<Message> = serde_json::from_value(messages.clone()).unwrap();
        for thinking in [None, Some(true), Some(false)] {
            let variables =
                thinking.map(|on| json!({"enable_thinking": on}).as_object().unwrap().clone());
            let rendered = template
                .render(&messages, None, true, &variables.unwrap_or_default())
                .unwrap();
            assert_eq!(rendered, tokenizer.render(&list, true, thinking));
        }
    }

    #[test]
    fn a_template_may_refuse_a_conversation() {
        let source = "{{ raise_exception('roles must alternate') }}".to_owned();
        let error = ChatTemplate::new(source)
            .unwrap()
            .render(&json!([]), None, true, &Default::default())
            .unwrap_err();
        assert!(error.to_string().contains("roles must alternate"));
        assert!(ChatTemplate::new("{% if %}".into()).is_err());
    }
}
