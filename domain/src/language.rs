//! The two languages of the interface, and texts that exist in both.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A language of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    #[default]
    En,
    Zh,
}

impl Language {
    /// The BCP 47 tag, as it stands in `<html lang>`.
    pub fn tag(self) -> &'static str {
        match self {
            Language::En => "en",
            Language::Zh => "zh-CN",
        }
    }
}

/// A sentence for a person, written in both languages where it arises, so that neither can be forgotten.
///
/// Logs use the English one (`Display`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Text {
    pub en: String,
    pub zh: String,
}

/// A text as it may stand in a row: one from before it had two languages is read as it stands.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Both { en: String, zh: String },
    One(String),
}

impl From<Written> for Text {
    fn from(written: Written) -> Text {
        match written {
            Written::Both { en, zh } => Text { en, zh },
            Written::One(text) => Text::verbatim(text),
        }
    }
}

impl Text {
    pub fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Text {
            en: en.into(),
            zh: zh.into(),
        }
    }

    /// What a program said itself: quoted in both languages as it stands.
    pub fn verbatim(text: impl Into<String>) -> Self {
        let text = text.into();
        Text {
            zh: text.clone(),
            en: text,
        }
    }

    /// The sentence in `language`.
    pub fn in_language(&self, language: Language) -> &str {
        match language {
            Language::En => &self.en,
            Language::Zh => &self.zh,
        }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.en)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_from_before_it_had_two_languages_is_still_read() {
        let read = |json: &str| serde_json::from_str::<Text>(json).expect("a text");
        assert_eq!(read("\"gone\""), Text::verbatim("gone"));
        let both = Text::new("gone", "已消失");
        assert_eq!(read(&serde_json::to_string(&both).expect("written")), both);
    }
}
