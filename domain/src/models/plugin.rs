//! A plugin file that makes a new model or template known to ms-swift, written for the release that will load it.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::finding::Finding;
use crate::recipes::version::{Generation, Version};

/// What the form holds. Empty texts are left out of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plugin {
    /// Empty: only a template.
    pub model_type: String,
    /// One id a line, as on ModelScope or Hugging Face, or the name of a folder.
    pub models: String,
    /// One a line: what `architectures` of config.json says.
    pub architectures: String,
    /// `llama`, `qwen` …: where LoRA finds layers.
    pub model_arch: String,
    /// One a line: `transformers>=4.51`.
    pub requires: String,
    pub template_type: String,
    /// A template that ms-swift knows already is only named, not written.
    pub is_known_template: bool,
    pub prefix: String,
    pub prompt: String,
    pub chat_sep: String,
    pub suffix: String,
    pub system_prefix: String,
    pub default_system: String,
    pub agent_template: String,
    /// One a line.
    pub stop_words: String,
}

impl Plugin {
    /// Qwen's form, which many models share: a place to begin.
    pub fn chatml() -> Plugin {
        Plugin {
            prompt: "<|im_start|>user\n{{QUERY}}<|im_end|>\n<|im_start|>assistant\n".into(),
            chat_sep: "<|im_end|>\n".into(),
            suffix: "<|im_end|>".into(),
            system_prefix: "<|im_start|>system\n{{SYSTEM}}<|im_end|>\n".into(),
            agent_template: "hermes".into(),
            ..Plugin::default()
        }
    }

    /// The flag that loads it.
    pub fn flag(version: Version) -> &'static str {
        match version.generation() {
            Some(Generation::G3) => "--external_plugins",
            _ => "--custom_register_path",
        }
    }

    /// Findings are on the fields' names.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let is_name = |text: &str| {
            !text.is_empty()
                && text
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
        };
        let mut needs = |field: &str, is_good: bool, en: &str, zh: &str| {
            if !is_good {
                findings.push(Finding::stops(field, en, zh));
            }
        };
        needs(
            "template_type",
            is_name(&self.template_type),
            "Write a name of letters, digits, _, - or a point.",
            "请写由字母、数字、_、- 或点组成的名称。",
        );
        if !self.model_type.is_empty() {
            needs(
                "model_type",
                is_name(&self.model_type),
                "Write a name of letters, digits, _, - or a point.",
                "请写由字母、数字、_、- 或点组成的名称。",
            );
            needs(
                "architectures",
                lines(&self.architectures).next().is_some(),
                "Write what config.json says under architectures.",
                "请填写 config.json 中 architectures 的内容。",
            );
        }
        if !self.is_known_template {
            needs(
                "prompt",
                self.prompt.contains("{{QUERY}}"),
                "The prompt needs {{QUERY}}, where the question goes.",
                "prompt 中需要 {{QUERY}}，即问题所在的位置。",
            );
            let has_system =
                self.system_prefix.is_empty() || self.system_prefix.contains("{{SYSTEM}}");
            needs(
                "system_prefix",
                has_system,
                "This needs {{SYSTEM}}, where the system text goes; or leave it empty.",
                "此处需要 {{SYSTEM}}，即系统提示所在的位置；或留空。",
            );
            needs(
                "suffix",
                !self.suffix.is_empty(),
                "Write what ends an answer, such as <|im_end|>.",
                "请填写回答的结束符，例如 <|im_end|>。",
            );
        } else if self.model_type.is_empty() {
            needs(
                "model_type",
                false,
                "A known template and no model: there is nothing to register.",
                "已知模板且没有模型：没有需要注册的内容。",
            );
        }
        findings
    }

    /// The file for a release. Everything typed stands in it as a quoted text.
    pub fn source(&self, version: Version) -> String {
        let is_new = version.generation() == Some(Generation::G3);
        let mut out = String::new();
        // Writing into a String cannot fail.
        let _ = self.write(&mut out, is_new);
        out
    }

    fn write(&self, out: &mut String, is_new: bool) -> std::fmt::Result {
        let has_model = !self.model_type.is_empty();
        let has_template = !self.is_known_template;
        writeln!(
            out,
            "# A plugin for ms-swift {}.",
            if is_new { "4.x" } else { "3.x" }
        )?;
        let model_names = if is_new {
            "Model, ModelGroup, ModelMeta, register_model"
        } else {
            "Model, ModelGroup, ModelMeta, get_model_tokenizer_with_flash_attn, register_model"
        };
        let (models, templates) = if is_new {
            ("swift.model", "swift.template")
        } else {
            ("swift.llm.model.register", "swift.llm")
        };
        if has_model {
            if is_new {
                writeln!(out, "from {models} import {model_names}")?;
            } else {
                writeln!(
                    out,
                    "from swift.llm import Model, ModelGroup, ModelMeta, register_model"
                )?;
                writeln!(
                    out,
                    "from {models} import get_model_tokenizer_with_flash_attn"
                )?;
            }
        }
        if has_template {
            writeln!(
                out,
                "from {templates} import TemplateMeta, register_template"
            )?;
            self.write_template(out)?;
        }
        if has_model {
            self.write_model(out, is_new)?;
        }
        Ok(())
    }

    fn write_template(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\nregister_template(TemplateMeta(")?;
        writeln!(out, "    template_type={},", text(&self.template_type))?;
        writeln!(out, "    prefix={},", prompt(&self.prefix))?;
        writeln!(out, "    prompt={},", prompt(&self.prompt))?;
        let chat_sep = if self.chat_sep.is_empty() {
            "None".to_owned()
        } else {
            prompt(&self.chat_sep)
        };
        writeln!(out, "    chat_sep={chat_sep},")?;
        writeln!(out, "    suffix={},", prompt(&self.suffix))?;
        if !self.system_prefix.is_empty() {
            writeln!(out, "    system_prefix={},", prompt(&self.system_prefix))?;
        }
        if !self.default_system.is_empty() {
            writeln!(out, "    default_system={},", text(&self.default_system))?;
        }
        if !self.agent_template.is_empty() {
            writeln!(out, "    agent_template={},", text(&self.agent_template))?;
        }
        if lines(&self.stop_words).next().is_some() {
            writeln!(out, "    stop_words={},", list(&self.stop_words))?;
        }
        writeln!(out, "), exist_ok=True)")
    }

    fn write_model(&self, out: &mut String, is_new: bool) -> std::fmt::Result {
        writeln!(out, "\nregister_model(ModelMeta(")?;
        writeln!(out, "    model_type={},", text(&self.model_type))?;
        let models: Vec<String> = lines(&self.models)
            .map(|id| format!("Model({0}, {0})", text(id)))
            .collect();
        writeln!(
            out,
            "    model_groups=[ModelGroup([{}])],",
            models.join(", ")
        )?;
        writeln!(out, "    template={},", text(&self.template_type))?;
        if !is_new {
            writeln!(out, "    get_function=get_model_tokenizer_with_flash_attn,")?;
        }
        writeln!(out, "    architectures={},", list(&self.architectures))?;
        if !self.model_arch.is_empty() {
            writeln!(out, "    model_arch={},", text(&self.model_arch))?;
        }
        if lines(&self.requires).next().is_some() {
            writeln!(out, "    requires={},", list(&self.requires))?;
        }
        writeln!(out, "), exist_ok=True)")
    }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

/// A JSON text is a Python text too: both know the same escapes.
fn text(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

fn list(value: &str) -> String {
    let all: Vec<String> = lines(value).map(text).collect();
    format!("[{}]", all.join(", "))
}

fn prompt(value: &str) -> String {
    if value.is_empty() {
        "[]".to_owned()
    } else {
        format!("[{}]", text(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Plugin {
        Plugin {
            model_type: "my_chat".into(),
            models: "team/my-chat-7b\n".into(),
            architectures: "Qwen3ForCausalLM".into(),
            template_type: "my_template".into(),
            ..Plugin::chatml()
        }
    }

    #[test]
    fn each_generation_gets_its_own_api() {
        let (old, new) = (
            Version::parse("3.9.3").unwrap(),
            Version::parse("4.6.0").unwrap(),
        );
        let plugin = example();
        assert_eq!(plugin.findings(), []);
        assert!(
            plugin
                .source(old)
                .contains("get_function=get_model_tokenizer_with_flash_attn")
        );
        assert!(plugin.source(old).contains("from swift.llm import"));
        let source = plugin.source(new);
        assert!(!source.contains("get_function") && source.contains("from swift.model import"));
        assert!(source.contains(
            r#"prompt=["<|im_start|>user\n{{QUERY}}<|im_end|>\n<|im_start|>assistant\n"],"#
        ));
        assert_eq!(
            (Plugin::flag(old), Plugin::flag(new)),
            ("--custom_register_path", "--external_plugins")
        );
    }

    #[test]
    fn what_is_typed_cannot_leave_its_quotes() {
        let evil = "x\"]; import os; os.system('id') #\n\\";
        let plugin = Plugin {
            default_system: evil.into(),
            prompt: format!("{evil}{{{{QUERY}}}}"),
            ..example()
        };
        let source = plugin.source(Version::parse("4.6.0").unwrap());
        assert!(
            source.contains(r#"default_system="x\"]; import os; os.system('id') #\n\\","#),
            "{source}"
        );
    }

    #[test]
    fn what_is_missing_is_said_beside_its_field() {
        let fields = |plugin: &Plugin| -> Vec<String> {
            plugin
                .findings()
                .into_iter()
                .map(|found| found.field)
                .collect()
        };
        assert_eq!(
            fields(&Plugin::default()),
            ["template_type", "prompt", "suffix"]
        );
        assert_eq!(
            fields(&Plugin {
                architectures: String::new(),
                ..example()
            }),
            ["architectures"]
        );
        assert_eq!(
            fields(&Plugin {
                model_type: "a b".into(),
                ..example()
            }),
            ["model_type"]
        );
        assert_eq!(
            fields(&Plugin {
                is_known_template: true,
                model_type: String::new(),
                ..example()
            }),
            ["model_type"]
        );
    }
}
