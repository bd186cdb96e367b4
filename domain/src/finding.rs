//! What is wrong with something a person typed, said beside the field.

use serde::{Deserialize, Serialize};

use crate::language::Text;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// Worth knowing; does not stop anything.
    Warning,
    /// Must be mended first.
    Stops,
}

/// One thing found in a form. `field` is the name of the form's input (empty: the form as a whole);
/// the text says what was found and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub field: String,
    pub weight: Weight,
    pub text: Text,
}

impl Finding {
    pub fn stops(field: impl Into<String>, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Finding {
            field: field.into(),
            weight: Weight::Stops,
            text: Text::new(en, zh),
        }
    }

    pub fn warning(field: impl Into<String>, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Finding {
            field: field.into(),
            weight: Weight::Warning,
            text: Text::new(en, zh),
        }
    }
}
