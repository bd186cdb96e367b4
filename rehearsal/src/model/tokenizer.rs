//! The byte-level tokenizer in Qwen's own files, and the chat template it carries.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::normalizers::unicode::NFC;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, SplitDelimiterBehavior};

const END_OF_TEXT: &str = "<|endoftext|>";
const TURN_START: &str = "<|im_start|>";
const TURN_END: &str = "<|im_end|>";
const THINK: &str = "<think>";
const THINK_END: &str = "</think>";

/// What stands before an answer that was not thought about; the template's own words.
pub const EMPTY_THOUGHT: &str = "<think>\n\n</think>\n\n";

/// How Qwen cuts text into words before the byte pairs are looked up. transformers rebuilds it from the class name, so
/// any other pattern would be read back differently there.
const WORDS: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// ChatML with Qwen3's thinking switch; [`Tokenizer::render`] is the same in Rust.
const CHAT_TEMPLATE: &str = r"{%- for message in messages %}
    {%- set content = message.content %}
    {%- if message.role == 'assistant' and '</think>' in content %}
        {%- set content = content.split('</think>')[-1].lstrip('\n') %}
    {%- endif %}
    {{- '<|im_start|>' + message.role + '\n' + content + '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\n\n</think>\n\n' }}
    {%- endif %}
{%- endif %}
";

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub role: String,
    pub content: String,
}

/// A loaded tokenizer and the ids of the tokens that frame a conversation.
#[derive(Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    pub end_of_text: u32,
    pub turn_start: u32,
    pub turn_end: u32,
    pub think: u32,
    pub think_end: u32,
}

fn lift(error: tokenizers::Error) -> anyhow::Error {
    anyhow!("tokenizer: {error}")
}

impl Tokenizer {
    /// Learns `vocab_size` byte pairs from `texts`. The result depends only on the texts.
    pub fn train(texts: &[String], vocab_size: usize) -> Result<Self> {
        let mut inner = tokenizers::Tokenizer::new(BPE::default());
        let words = Split::new(
            SplitPattern::Regex(WORDS.into()),
            SplitDelimiterBehavior::Isolated,
            false,
        )
        .map_err(lift)?;
        let bytes = ByteLevel::new(false, false, false);
        inner
            .with_normalizer(Some(NFC))
            .map_err(lift)?
            .with_pre_tokenizer(Some(Sequence::new(vec![words.into(), bytes.into()])))
            .with_decoder(Some(bytes))
            .with_post_processor(Some(bytes));
        let special = |token: &str| AddedToken::from(token, true);
        let framing = [END_OF_TEXT, TURN_START, TURN_END].map(special);
        // Not special, as in Qwen3: an answer is decoded without special tokens and must keep where thinking ends.
        let thinking = [THINK, THINK_END].map(|token| AddedToken::from(token, false));
        let mut trainer: TrainerWrapper = BpeTrainer::builder()
            .vocab_size(vocab_size)
            .min_frequency(2)
            .show_progress(false)
            .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
            .special_tokens(framing.iter().chain(&thinking).cloned().collect())
            .build()
            .into();
        inner.train(&mut trainer, texts.iter()).map_err(lift)?;
        inner.add_special_tokens(framing).map_err(lift)?;
        inner.add_tokens(thinking).map_err(lift)?;
        Self::new(inner)
    }

    /// Reads `folder/tokenizer.json`. Fails when it is missing or lacks a token that frames a conversation.
    pub fn load(folder: &Path) -> Result<Self> {
        let path = folder.join("tokenizer.json");
        let inner = tokenizers::Tokenizer::from_file(&path)
            .map_err(lift)
            .with_context(|| format!("read {}", path.display()))?;
        Self::new(inner)
    }

    fn new(inner: tokenizers::Tokenizer) -> Result<Self> {
        let id = |token: &str| {
            let missing = || format!("the tokenizer has no {token}");
            inner.token_to_id(token).with_context(missing)
        };
        Ok(Self {
            end_of_text: id(END_OF_TEXT)?,
            turn_start: id(TURN_START)?,
            turn_end: id(TURN_END)?,
            think: id(THINK)?,
            think_end: id(THINK_END)?,
            inner,
        })
    }

    /// Writes `tokenizer.json`, `tokenizer_config.json` and `chat_template.jinja`.
    pub fn save(&self, folder: &Path) -> Result<()> {
        self.inner
            .save(folder.join("tokenizer.json"), true)
            .map_err(lift)?;
        let added = |content: &str, special: bool| {
            json!({"content": content, "lstrip": false, "normalized": false, "rstrip": false,
                   "single_word": false, "special": special})
        };
        let config = json!({
            "add_bos_token": false,
            "add_prefix_space": false,
            "added_tokens_decoder": {
                self.end_of_text.to_string(): added(END_OF_TEXT, true),
                self.turn_start.to_string(): added(TURN_START, true),
                self.turn_end.to_string(): added(TURN_END, true),
                self.think.to_string(): added(THINK, false),
                self.think_end.to_string(): added(THINK_END, false),
            },
            "bos_token": null,
            "chat_template": CHAT_TEMPLATE,
            "clean_up_tokenization_spaces": false,
            "eos_token": TURN_END,
            "errors": "replace",
            "model_max_length": 2048,
            "pad_token": END_OF_TEXT,
            "split_special_tokens": false,
            "tokenizer_class": "Qwen2Tokenizer",
            "unk_token": null,
        });
        let text = serde_json::to_string_pretty(&config)? + "\n";
        std::fs::write(folder.join("tokenizer_config.json"), text)?;
        std::fs::write(folder.join("chat_template.jinja"), CHAT_TEMPLATE)?;
        Ok(())
    }

    /// How many ids there are.
    pub fn vocab_size(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// The ids of `text`; framing tokens spelled out in it become their own ids.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.inner.encode_fast(text, false).map_err(lift)?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The text of `ids`. Bytes that are no UTF-8 become U+FFFD.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> Result<String> {
        self.inner.decode(ids, skip_special).map_err(lift)
    }

    /// The conversation as the model reads it. With `thinking` off the answer starts behind an empty thought, as the
    /// template does for `enable_thinking=false`; on and unsaid are the same.
    pub fn render(&self, messages: &[Message], generate: bool, thinking: Option<bool>) -> String {
        let mut text = String::new();
        for message in messages {
            let mut content = message.content.as_str();
            if message.role == "assistant"
                && let Some((_, said)) = content.rsplit_once(THINK_END)
            {
                content = said.trim_start_matches('\n');
            }
            text += &format!("{TURN_START}{}\n{content}{TURN_END}\n", message.role);
        }
        if generate {
            text += &format!("{TURN_START}assistant\n");
            if thinking == Some(false) {
                text += EMPTY_THOUGHT;
            }
        }
        text
    }
}

/// Turns ids into text as they come, holding back bytes that are not a whole character yet.
#[derive(Default)]
pub struct TextStream {
    held: Vec<u32>,
}

impl TextStream {
    /// The text that became certain with `id`; empty while a character is still in pieces.
    pub fn push(&mut self, tokenizer: &Tokenizer, id: u32) -> Result<String> {
        self.held.push(id);
        let text = tokenizer.decode(&self.held, true)?;
        // A character has four bytes at most: beyond that the pieces will never fit together.
        if text.ends_with('\u{fffd}') && self.held.len() < 4 {
            return Ok(String::new());
        }
        self.held.clear();
        Ok(text)
    }

    /// What was still held back when the answer ended.
    pub fn finish(&mut self, tokenizer: &Tokenizer) -> Result<String> {
        let text = tokenizer.decode(&self.held, true)?;
        self.held.clear();
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokenizer() -> Tokenizer {
        let texts = [
            "the train is at the yard",
            "the train is late",
            "列车在站台",
            "列车晚点",
        ];
        Tokenizer::train(&texts.map(str::to_owned), 300).unwrap()
    }

    fn message(role: &str, content: &str) -> Message {
        Message {
            role: role.into(),
            content: content.into(),
        }
    }

    #[test]
    fn any_text_survives_the_way_through_ids_also_after_a_reload() {
        let folder = tempfile::tempdir().unwrap();
        tokenizer().save(folder.path()).unwrap();
        let tokenizer = Tokenizer::load(folder.path()).unwrap();
        for text in ["the train 42", "龘 🚂\n\n x", "<think>\n\n</think>\n\nyes"] {
            let ids = tokenizer.encode(text).unwrap();
            assert_eq!(tokenizer.decode(&ids, true).unwrap(), text);
        }
        assert_eq!(
            tokenizer.encode("<|im_end|>").unwrap(),
            [tokenizer.turn_end]
        );
    }

    #[test]
    fn a_stream_never_shows_half_a_character() {
        let tokenizer = tokenizer();
        let mut stream = TextStream::default();
        let mut text = String::new();
        for id in tokenizer.encode("a龘🚂b").unwrap() {
            let piece = stream.push(&tokenizer, id).unwrap();
            assert!(!piece.contains('\u{fffd}'));
            text += &piece;
        }
        assert_eq!(text + &stream.finish(&tokenizer).unwrap(), "a龘🚂b");
    }

    #[test]
    fn only_thinking_switched_off_writes_the_empty_thought() {
        let tokenizer = tokenizer();
        let messages = [
            message("user", "hi"),
            message("assistant", "<think>\nx\n</think>\n\nyes"),
        ];
        let plain = "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nyes<|im_end|>\n";
        assert_eq!(tokenizer.render(&messages, false, None), plain);
        let open = plain.to_owned() + "<|im_start|>assistant\n";
        assert_eq!(tokenizer.render(&messages, true, Some(true)), open);
        assert_eq!(
            tokenizer.render(&messages, true, Some(false)),
            open + EMPTY_THOUGHT
        );
    }
}
