//! Rows of columns: query and response, instruction and input, history.

use super::json;
use super::kind::Kind;
use super::notes::both;
use super::report::Effect;
use super::rows::{Here, Rules};
use super::turns::Role;
use super::values::describe;
use super::view::View;

impl Rules {
    pub(super) fn alpaca(
        &mut self,
        row: View,
        response: Option<View>,
        is_grpo: bool,
        here: &mut Here,
    ) {
        let part = |name: &str| row.get(name).filter(|value| !value.is_null());
        let (instruction, input) = (part("instruction"), part("input"));
        let is_full = |part: Option<View>| part.is_some_and(|value| !value.is_empty());
        // Two full parts are put together as text, whatever they are; of one alone only a text will do.
        let one = if is_full(instruction) {
            instruction
        } else {
            input
        };
        let is_both = is_full(instruction) && is_full(input);
        if one.is_none_or(|one| one.kind() != json::Kind::Text) && !is_both {
            let detail = || one.map_or(both("null"), describe);
            let at = one.map_or(row.start(), View::start);
            here.add(
                Kind::QueryNotText,
                Effect::Dropped,
                at,
                || "instruction".into(),
                detail,
            );
        } else if is_both {
            for (name, value) in [("instruction", instruction), ("input", input)] {
                if let Some(value) = value.filter(|value| value.kind() != json::Kind::Text) {
                    here.add(
                        Kind::QueryNotText,
                        Effect::Changed,
                        value.start(),
                        || name.into(),
                        || describe(value),
                    );
                }
            }
        }
        self.turns[Role::User as usize] += 1;
        self.answer(row, response, is_grpo, here);
        self.history(row, here);
        self.form("alpaca");
        self.tools(row, here);
    }

    pub(super) fn pair(
        &mut self,
        row: View,
        (query, response): (Option<View>, Option<View>),
        (is_grpo, system): (bool, Option<View>),
        here: &mut Here,
    ) {
        let has_history = row.get("history").is_some_and(|value| !value.is_empty());
        if query.is_none() && response.is_none() && !has_history {
            let detail = || {
                let names: Vec<_> = row
                    .fields()
                    .filter_map(|(key, _)| key.str())
                    .take(6)
                    .collect();
                both(names.join(", "))
            };
            here.add(
                Kind::EmptyRow,
                Effect::Dropped,
                row.start(),
                String::new,
                detail,
            );
            let _ = system;
            return;
        }
        if let Some(query) = query {
            self.turns[Role::User as usize] += 1;
            if query.kind() != json::Kind::Text {
                here.add(
                    Kind::QueryNotText,
                    Effect::Dropped,
                    query.start(),
                    || "query".into(),
                    || describe(query),
                );
            }
        }
        self.answer(row, response, is_grpo, here);
        self.history(row, here);
        self.form(if query.is_some() {
            "query_response"
        } else {
            "text"
        });
        self.tools(row, here);
    }

    pub(super) fn answer(
        &mut self,
        row: View,
        response: Option<View>,
        is_grpo: bool,
        here: &mut Here,
    ) {
        let path = || "response".to_owned();
        let Some(response) = response else {
            if !is_grpo {
                here.add(Kind::NoAnswer, Effect::EmptyTurn, row.start(), path, || {
                    both("")
                });
            }
            return;
        };
        self.turns[Role::Assistant as usize] += 1;
        let at = response.start();
        match response.kind() {
            json::Kind::Text if response.is_empty() => {
                here.add(Kind::EmptyAnswer, Effect::EmptyTurn, at, path, || both(""));
            }
            json::Kind::Text => {}
            json::Kind::Array
                if !response.is_empty()
                    && response.items().all(|item| item.kind() == json::Kind::Text) =>
            {
                here.add(Kind::ResponseList, Effect::Changed, at, path, || both(""));
            }
            _ => {
                // Question and answer of unlike types cannot be put into one column before 4.2.
                let effect = if self.traits.keeps_mixed {
                    Effect::Dropped
                } else {
                    Effect::FileFails
                };
                here.add(Kind::ResponseNotText, effect, at, path, || {
                    describe(response)
                });
            }
        }
    }

    pub(super) fn history(&mut self, row: View, here: &mut Here) {
        let Some(history) = row.get("history").filter(|value| !value.is_empty()) else {
            return;
        };
        let mut inner = std::mem::take(&mut self.inner);
        let written = history
            .str()
            .and_then(|text| super::text::python(&text))
            .filter(|list| json::read(&mut inner, list.as_bytes()).is_ok());
        let list = match &written {
            Some(list) => inner.root(list.as_bytes()),
            None => history,
        };
        // Three of a pair are read as two; each must be a text.
        let is_pair = |pair: View| {
            pair.items().nth(1).is_some()
                && pair
                    .items()
                    .take(2)
                    .all(|side| side.kind() == json::Kind::Text)
        };
        let is_read = list.kind() == json::Kind::Array && list.items().all(is_pair);
        if is_read {
            for role in [Role::User, Role::Assistant] {
                self.turns[role as usize] += list.items().count() as u64;
            }
        } else {
            here.add(
                Kind::HistoryNotRead,
                Effect::Dropped,
                history.start(),
                || "history".into(),
                || describe(history),
            );
        }
        self.inner = inner;
    }
}
