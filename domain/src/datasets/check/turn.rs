//! The turns of a row: roles, contents, loss.

use super::contents::{Turn, has_blocks};
use super::json;
use super::kind::Kind;
use super::notes::{Notes, both};
use super::report::{Effect, Verdict};
use super::rows::{Here, Rules, lose};
use super::schema::{ROOT, Schema};
use super::turns::{Misplaced, Role, misplaced};
use super::values::describe;
use super::view::View;
use crate::language::Text;

/// Which list of turns is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Chosen { is_grpo: bool },
    Rejected,
}

impl Side {
    pub fn column(self) -> &'static str {
        match self {
            Side::Chosen { .. } => "messages",
            Side::Rejected => "rejected_messages",
        }
    }
}

impl Rules {
    /// Reads a list of turns. `fixed` is where findings point when the list lies inside a text.
    pub(super) fn list(&mut self, list: View, side: Side, fixed: Option<usize>, here: &mut Here) {
        self.roles.clear();
        let column = side.column();
        let first = list.items().next();
        let is_pairs = first.is_some_and(|turn| {
            turn.kind() == json::Kind::Object
                && ["role", "from", "content", "value"]
                    .iter()
                    .all(|name| turn.get(name).is_none())
        });
        if is_pairs {
            return self.pairs(list, side, fixed, here);
        }
        let has_blocks = self.traits.converts_calls && list.items().any(has_blocks);
        let (mut answers, mut answered, mut masked) = (0u32, 0u32, 0u32);
        for (n, view) in list.items().enumerate() {
            let at = fixed.unwrap_or(view.start());
            if view.kind() != json::Kind::Object {
                here.add(
                    Kind::TurnNotObject,
                    Effect::Dropped,
                    at,
                    || format!("{column}[{n}]"),
                    || describe(view),
                );
                continue;
            }
            let turn = Turn::read(view);
            if n == 0 && turn.is_own && side != Side::Rejected && here.notes.worst < Effect::Dropped
            {
                let (line, char) =
                    super::text::place(here.text, at, here.spot.line, here.spot.before);
                self.own_keys.add((here.spot.row, line, char));
            }
            let Some(role) = self.role(turn.role, (column, n), at, fixed, here) else {
                continue;
            };
            if role == Role::Assistant || role == Role::ToolCall {
                answers += 1;
                let is_off = turn.loss.is_some_and(View::is_empty);
                masked += u32::from(is_off);
                let has_text = turn.content.is_some_and(|content| {
                    content.kind() != json::Kind::Text || !content.is_empty()
                });
                answered +=
                    u32::from(has_text || self.traits.converts_calls && turn.tool_calls.is_some());
            }
            self.plain_lists(&turn, (column, n), fixed, here);
            let is_converted = self.calls_of(
                turn.tool_calls,
                turn.content,
                (role, turn.role),
                (column, n),
                at,
                here,
            );
            if let Some(call) = turn.function_call {
                here.add(
                    Kind::FunctionCallLost,
                    Effect::Changed,
                    fixed.unwrap_or(call.start()),
                    || format!("{column}[{n}].function_call"),
                    || both(""),
                );
            }
            let is_known = if has_blocks
                && turn
                    .content
                    .is_some_and(|content| content.kind() == json::Kind::Array)
            {
                turn.content
                    .is_some_and(|content| self.blocks(content, role, (column, n), here))
            } else {
                false
            };
            if !is_converted && !is_known {
                self.roles.push(role);
                self.content(turn.content, role, (side, n), at, fixed, here);
            }
            self.loss(&turn, role, (column, n), fixed, here);
            self.turns[role as usize] += 1;
        }
        self.order(list, side, (answers, answered, masked), fixed, here);
    }

    fn role(
        &mut self,
        role: Option<View>,
        (column, n): (&str, usize),
        at: usize,
        fixed: Option<usize>,
        here: &mut Here,
    ) -> Option<Role> {
        let path = || format!("{column}[{n}].role");
        let Some(view) = role else {
            here.add(Kind::RoleMissing, Effect::Dropped, at, path, || both(""));
            return None;
        };
        let at = fixed.unwrap_or(view.start());
        let Some(name) = view.str() else {
            here.add(Kind::RoleNotText, Effect::Dropped, at, path, || {
                describe(view)
            });
            return None;
        };
        let role = Role::read(&name);
        if role.is_none() {
            here.add(Kind::UnknownRole, Effect::Dropped, at, path, || {
                both(super::text::excerpt(name.as_bytes()))
            });
        }
        role
    }

    /// What the turns are together.
    fn order(
        &mut self,
        list: View,
        side: Side,
        (answers, answered, masked): (u32, u32, u32),
        fixed: Option<usize>,
        here: &mut Here,
    ) {
        let column = side.column();
        let at = |n: usize| fixed.unwrap_or(list.items().nth(n).map_or(list.start(), View::start));
        match misplaced(&self.roles, self.traits, &mut self.scratch) {
            // A role that is missing, or calls made of one turn, shift the numbers: the finding about the role is enough.
            _ if here.notes.worst >= Effect::Dropped => {}
            None => {}
            Some(Misplaced::Nothing) => {
                here.add(
                    Kind::NoAnswer,
                    Effect::Dropped,
                    at(0),
                    || column.into(),
                    || both(""),
                );
            }
            Some(Misplaced::Turn(n)) => {
                let role = self.roles[n];
                let kind = if role == Role::System {
                    Kind::SystemNotFirst
                } else {
                    Kind::TurnOrder
                };
                here.add(
                    kind,
                    Effect::Dropped,
                    at(n),
                    || format!("{column}[{n}]"),
                    || both(role.name()),
                );
            }
            Some(Misplaced::Result(n)) => {
                here.add(
                    Kind::ResultFirst,
                    Effect::Dropped,
                    at(n),
                    || format!("{column}[{n}]"),
                    || both(""),
                );
            }
        }
        if here.notes.worst < Effect::Dropped {
            if answers == 0 && side == (Side::Chosen { is_grpo: false }) {
                here.add(
                    Kind::NoAnswer,
                    Effect::EmptyTurn,
                    fixed.unwrap_or(list.start()),
                    || column.into(),
                    || both(""),
                );
            } else if answers > 0 && answers == masked && answered > 0 {
                here.add(
                    Kind::AllMasked,
                    Effect::EmptyTurn,
                    fixed.unwrap_or(list.start()),
                    || column.into(),
                    || both(""),
                );
            }
        }
        self.results(list, column, fixed, here);
    }

    /// ShareGPT's pairs: each item holds both sides.
    fn pairs(&mut self, list: View, side: Side, fixed: Option<usize>, here: &mut Here) {
        for (n, pair) in list.items().enumerate() {
            for (name, keys) in [
                ("user", &["user", "human"][..]),
                ("assistant", &["assistant", "gpt", "bot"]),
            ] {
                let value = keys.iter().filter_map(|key| pair.get(key)).next_back();
                let at = fixed.unwrap_or(pair.start());
                let path = || format!("{}[{n}]", side.column());
                match value.filter(|value| !value.is_null()) {
                    Some(value) if value.kind() == json::Kind::Text => {}
                    Some(value) => {
                        here.add(Kind::ContentNotText, Effect::Dropped, at, path, || {
                            describe(value)
                        })
                    }
                    None => here.add(Kind::PairIncomplete, Effect::Dropped, at, path, || {
                        both(name)
                    }),
                }
            }
            self.turns[Role::User as usize] += 1;
            self.turns[Role::Assistant as usize] += 1;
        }
    }

    /// Before 4.2, a name that only some turns have is null in all others, and `from` outweighs `role`.
    pub(super) fn mixed_keys(&self, schema: &Schema, notes: &mut Notes, all: &mut Verdict) {
        let list = ["messages", "conversations", "conversation"]
            .iter()
            .find_map(|name| schema.below(ROOT, name));
        let Some(turn) = list.and_then(|list| schema.below(list, "[]")) else {
            return;
        };
        let has = |name| schema.below(turn, name).is_some();
        let is_mixed = has("role") && has("from") || has("content") && has("value");
        if is_mixed && !self.traits.keeps_mixed && self.own_keys.count > 0 {
            let detail = Text::new("role and content", "role 和 content");
            self.own_keys
                .tell(notes, Kind::MixedKeys, Effect::Dropped, &detail);
            lose(all, self.own_keys.count, Effect::Dropped);
        }
    }
}
