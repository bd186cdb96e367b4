//! One row: which form it has, and what a release makes of it.

use std::collections::BTreeMap;

use super::columns::{Meaning, QUERY, RESPONSE, Reader, UNREAD};
use super::json::{self, Parser};
use super::kind::Kind;
use super::notes::{Notes, Spot, Waiting, both};
use super::report::{Effect, Verdict};
use super::schema::Schema;
use super::traits::Traits;
use super::turn::Side;
use super::turns::Role;
use super::values::describe;
use super::view::View;
use crate::language::Text;

/// The row at hand: its text, where it lies, and where findings go.
pub(super) struct Here<'a> {
    pub text: &'a [u8],
    pub spot: Spot,
    pub notes: &'a mut Notes,
    /// Beyond the first 10 MiB: numbers and objects in a column of texts become texts.
    pub is_late: bool,
    pub is_array: bool,
    /// An array whose first element is a text: each text is an answer to train.
    pub is_texts: bool,
}

impl Here<'_> {
    pub fn add(
        &mut self,
        kind: Kind,
        effect: Effect,
        at: usize,
        path: impl FnOnce() -> String,
        detail: impl FnOnce() -> Text,
    ) {
        self.notes
            .add(kind, effect, (self.spot, self.text, at), path, detail);
    }

    pub(super) fn place(&self, at: usize) -> (u64, u64, u64) {
        let (line, column) = super::text::place(self.text, at, self.spot.line, self.spot.before);
        (self.spot.row, line, column)
    }
}

#[derive(Debug)]
pub(super) struct Rules {
    pub traits: Traits,
    pub(super) inner: Parser,
    pub(super) roles: Vec<Role>,
    pub(super) scratch: Vec<(Role, usize)>,
    /// The tools of the row at hand.
    pub(super) has_tools: bool,
    pub(super) tool_names: Vec<String>,
    pub(super) meaning: Meaning,
    pub forms: BTreeMap<&'static str, u64>,
    pub turns: [u64; 5],
    pub tool_calls: u64,
    pub media: u64,
    /// Rows by what becomes of them: read by way of messages, and by way of columns.
    verdicts: [Verdict; 2],
    pub(super) without_messages: Waiting,
    pub(super) without_rejected: Waiting,
    pub(super) without_rejected_turns: Waiting,
    pub(super) without_label: Waiting,
    /// Turns that say role or content where `from` or `value` may come too.
    pub(super) own_keys: Waiting,
    pub(super) clashing: Waiting,
}

impl Rules {
    pub fn new(traits: Traits) -> Rules {
        Rules {
            traits,
            inner: Parser::default(),
            roles: Vec::new(),
            scratch: Vec::new(),
            has_tools: false,
            tool_names: Vec::new(),
            meaning: Meaning::default(),
            forms: BTreeMap::new(),
            turns: [0; 5],
            tool_calls: 0,
            media: 0,
            verdicts: Default::default(),
            without_messages: Waiting::default(),
            without_rejected: Waiting::default(),
            without_rejected_turns: Waiting::default(),
            without_label: Waiting::default(),
            own_keys: Waiting::default(),
            clashing: Waiting::default(),
        }
    }

    /// Judges a row. `notes.worst` is what the text of the row itself brought.
    pub fn row(&mut self, row: View, schema: &Schema, here: &mut Here) {
        let start = row.start();
        let none = || both("");
        if here.is_texts && row.kind() == json::Kind::Text {
            self.plain(if row.is_empty() {
                Effect::EmptyTurn
            } else {
                Effect::Kept
            });
            return;
        }
        if row.kind() == json::Kind::Null {
            // In an array, releases before 4.2 stop at it.
            let fails = here.is_array && !self.traits.keeps_mixed;
            let effect = if fails {
                Effect::FileFails
            } else {
                Effect::Dropped
            };
            here.add(Kind::RowNull, effect, start, String::new, none);
        } else if row.kind() != json::Kind::Object {
            let effect = Effect::FileFails;
            here.add(Kind::RowNotObject, effect, start, String::new, || {
                describe(row)
            });
        } else {
            if self.meaning.width != schema.width() {
                self.meaning = Meaning::of(schema);
            }
            self.object(row, here);
        }
        let verdict = &mut self.verdicts[usize::from(self.meaning.reader != Reader::Messages)];
        match here.notes.worst {
            Effect::Kept => verdict.kept += 1,
            Effect::Changed => verdict.changed += 1,
            Effect::EmptyTurn => verdict.empty_turn += 1,
            Effect::Dropped | Effect::FileFails => verdict.dropped += 1,
        }
    }

    /// A row whose text could not be read, or that is too long.
    pub fn lost(&mut self) {
        self.verdicts[0].dropped += 1;
    }

    /// A line of a text file: an answer.
    pub fn plain(&mut self, effect: Effect) {
        self.form("text");
        self.turns[Role::Assistant as usize] += 1;
        match effect {
            Effect::Kept => self.verdicts[0].kept += 1,
            _ => self.verdicts[0].empty_turn += 1,
        }
    }

    pub(super) fn form(&mut self, name: &'static str) {
        *self.forms.entry(name).or_default() += 1;
    }

    fn object(&mut self, row: View, here: &mut Here) {
        let meaning = std::mem::take(&mut self.meaning);
        let get = |name: &Option<String>| {
            name.as_ref()
                .and_then(|name| row.get(name))
                .filter(|value| !value.is_null())
        };
        let system = get(&meaning.system);
        if let Some(system) = system.filter(|value| value.kind() != json::Kind::Text) {
            // Beside texts, it cannot be put into one column before 4.2.
            let effect = if self.traits.keeps_mixed {
                Effect::Dropped
            } else {
                Effect::FileFails
            };
            here.add(
                Kind::SystemNotText,
                effect,
                system.start(),
                || "system".into(),
                || describe(system),
            );
        }
        let is_grpo = row.get("solution").is_some_and(|value| !value.is_null());
        match meaning.reader {
            Reader::Messages => {
                let messages = get(&meaning.messages).or_else(|| {
                    meaning
                        .messages
                        .is_none()
                        .then(|| row.get("messages"))
                        .flatten()
                });
                match messages {
                    Some(messages) => self.messages(messages, (row, is_grpo), here),
                    None => {
                        let is_other = QUERY
                            .iter()
                            .chain(RESPONSE)
                            .any(|name| row.get(name).is_some());
                        let kind = if is_other {
                            Kind::OtherForm
                        } else {
                            Kind::NoMessages
                        };
                        here.add(kind, Effect::Dropped, row.start(), String::new, || both(""));
                    }
                }
            }
            Reader::Alpaca => self.alpaca(row, get(&meaning.response), is_grpo, here),
            Reader::Response => {
                self.without_messages.add(here.place(row.start()));
                self.pair(
                    row,
                    (get(&meaning.query), get(&meaning.response)),
                    (is_grpo, system),
                    here,
                );
            }
        }
        if meaning.reader == Reader::Alpaca {
            self.without_messages.add(here.place(row.start()));
        }
        if !meaning.clash.is_empty() {
            self.clashing.add(here.place(row.start()));
        }
        if is_grpo {
            self.form("grpo");
        }
        self.preference(row, here);
        self.media(row, &meaning, here);
        self.meaning = meaning;
        for name in UNREAD {
            if let Some(value) = row.get(name) {
                here.add(
                    Kind::ColumnIgnored,
                    Effect::Changed,
                    value.start(),
                    || (*name).into(),
                    || both(*name),
                );
            }
        }
    }

    fn messages(&mut self, messages: View, (row, is_grpo): (View, bool), here: &mut Here) {
        let path = || "messages".to_owned();
        match messages.kind() {
            json::Kind::Array if messages.is_empty() => {
                here.add(
                    Kind::EmptyMessages,
                    Effect::Dropped,
                    messages.start(),
                    path,
                    || both(""),
                );
            }
            json::Kind::Array => {
                self.tools(row, here);
                self.list(messages, Side::Chosen { is_grpo }, None, here);
                let is_agent = self.has_tools || self.roles.contains(&Role::ToolCall);
                self.form(if is_agent { "agent" } else { "messages" });
            }
            json::Kind::Text => self.written_messages(messages, is_grpo, here),
            _ => here.add(
                Kind::MessagesNotList,
                Effect::Dropped,
                messages.start(),
                path,
                || describe(messages),
            ),
        }
    }

    /// A list of turns inside a text: JSON, or as Python writes it.
    fn written_messages(&mut self, messages: View, is_grpo: bool, here: &mut Here) {
        let text = messages.str().unwrap_or_default();
        let mut inner = std::mem::take(&mut self.inner);
        let is_json = json::read(&mut inner, text.as_bytes()).is_ok();
        // Python has None, True and False where JSON has null, true and false.
        let has_words = inner
            .tape
            .iter()
            .any(|node| matches!(node.kind, json::Kind::Null | json::Kind::Bool));
        let python = if is_json {
            None
        } else {
            super::text::python(&text)
        };
        let is_read = match &python {
            Some(list) => json::read(&mut inner, list.as_bytes()).is_ok(),
            None => is_json && (self.traits.reads_json_messages || !has_words),
        };
        let list = python.as_deref().unwrap_or(&text);
        let root = is_read.then(|| inner.root(list.as_bytes()));
        match root.filter(|root| root.kind() == json::Kind::Array && !root.is_empty()) {
            Some(root) => {
                self.list(root, Side::Chosen { is_grpo }, Some(messages.start()), here);
                self.form("messages");
            }
            None => {
                let raw = messages.raw();
                let effect = Effect::Dropped;
                here.add(
                    Kind::MessagesNotRead,
                    effect,
                    messages.start(),
                    || "messages".into(),
                    || both(super::text::excerpt(raw)),
                );
            }
        }
        self.inner = inner;
    }

    /// What only the whole file shows. The verdict over all rows.
    pub fn finish(&mut self, schema: &Schema, notes: &mut Notes) -> Verdict {
        let [mut all, by_columns] = std::mem::take(&mut self.verdicts);
        let of_columns =
            by_columns.kept + by_columns.changed + by_columns.empty_turn + by_columns.dropped;
        let meaning = Meaning::of(schema);
        if meaning.reader == Reader::Messages {
            if self.without_messages.count > 0 {
                self.without_messages
                    .tell(notes, Kind::OtherForm, Effect::Dropped, &both(""));
            }
            all.dropped += of_columns;
        } else {
            all.kept += by_columns.kept;
            all.changed += by_columns.changed;
            all.empty_turn += by_columns.empty_turn;
            all.dropped += by_columns.dropped;
        }
        for (name, waiting, kind, effect) in [
            (
                "rejected_response",
                &self.without_rejected,
                Kind::RejectedMissing,
                Effect::Dropped,
            ),
            (
                "rejected_messages",
                &self.without_rejected_turns,
                Kind::RejectedMissing,
                if self.traits.fills_rejected {
                    Effect::Changed
                } else {
                    Effect::Dropped
                },
            ),
            (
                "label",
                &self.without_label,
                Kind::LabelMissing,
                Effect::Changed,
            ),
        ] {
            if schema.has(name) && waiting.count > 0 {
                waiting.tell(notes, kind, effect, &both(""));
                lose(&mut all, waiting.count, effect);
            }
        }
        if !meaning.clash.is_empty() && self.clashing.count > 0 {
            let detail = both(meaning.clash.join("; "));
            self.clashing
                .tell(notes, Kind::AmbiguousColumns, Effect::Changed, &detail);
            lose(&mut all, self.clashing.count, Effect::Changed);
        }
        self.mixed_keys(schema, notes, &mut all);
        all
    }
}

/// Moves rows from kept to what they turn out to be.
pub(super) fn lose(verdict: &mut Verdict, mut count: u64, effect: Effect) {
    let to_drop = effect >= Effect::Dropped;
    let mut moved = 0;
    for from in [
        &mut verdict.kept,
        &mut verdict.changed,
        &mut verdict.empty_turn,
    ] {
        let some = count.min(*from);
        *from -= some;
        count -= some;
        moved += some;
        if !to_drop {
            break;
        }
    }
    if to_drop {
        verdict.dropped += moved;
    } else {
        verdict.changed += moved;
    }
}
