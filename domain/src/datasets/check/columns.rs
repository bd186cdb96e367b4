//! Which columns of a file mean what ms-swift looks for; it follows from the names of all of them.

use super::schema::Schema;

pub(super) const MESSAGES: &[&str] = &["messages", "conversation", "conversations"];
pub(super) const QUERY: &[&str] = &[
    "query",
    "prompt",
    "input",
    "instruction",
    "question",
    "problem",
];
pub(super) const RESPONSE: &[&str] = &[
    "response",
    "answer",
    "output",
    "targets",
    "target",
    "answer_key",
    "answers",
    "solution",
    "text",
    "completion",
    "content",
];
pub(super) const SYSTEM: &[&str] = &["system", "system_prompt"];
pub(super) const MEDIA: [(&str, &[&str], &str); 3] = [
    ("images", &["images", "image"], "<image>"),
    ("videos", &["videos", "video"], "<video>"),
    ("audios", &["audios", "audio"], "<audio>"),
];
/// Columns that other tools write and ms-swift does not read, though they hold answers.
pub(super) const UNREAD: &[&str] = &["chosen", "rejected", "functions", "function_calls"];

/// Which of ms-swift's readers takes the file. It follows from the names of all columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Reader {
    Messages,
    Alpaca,
    #[default]
    Response,
}

/// The columns of the file that mean what ms-swift looks for.
#[derive(Debug, Default)]
pub(super) struct Meaning {
    pub width: usize,
    pub reader: Reader,
    pub messages: Option<String>,
    pub query: Option<String>,
    pub response: Option<String>,
    pub system: Option<String>,
    pub media: [Option<String>; 3],
    /// Columns of which none is used, since they mean the same.
    pub clash: Vec<String>,
}

impl Meaning {
    pub fn of(schema: &Schema) -> Meaning {
        let mut clash = Vec::new();
        let mut column = |aliases: &[&str]| {
            let found: Vec<&str> = schema
                .names()
                .filter(|name| aliases.iter().any(|alias| name.eq_ignore_ascii_case(alias)))
                .collect();
            match found[..] {
                [] => None,
                [one] => Some(one.to_owned()),
                // Of several that mean the same, none is renamed; the one that has the name already stays.
                _ if found.contains(&aliases[0]) => Some(aliases[0].to_owned()),
                _ => {
                    clash.push(found.join(", "));
                    None
                }
            }
        };
        let reader = if MESSAGES.iter().any(|name| schema.has(name)) {
            Reader::Messages
        } else if schema.has("instruction") && schema.has("input") {
            Reader::Alpaca
        } else {
            Reader::Response
        };
        let mut meaning = Meaning {
            width: schema.width(),
            reader,
            system: column(SYSTEM),
            media: MEDIA.map(|(_, aliases, _)| column(aliases)),
            ..Meaning::default()
        };
        match reader {
            Reader::Messages => meaning.messages = column(MESSAGES),
            Reader::Alpaca => meaning.response = column(RESPONSE),
            Reader::Response => {
                meaning.query = column(QUERY);
                meaning.response = column(RESPONSE);
            }
        }
        meaning.clash = clash;
        meaning
    }
}
