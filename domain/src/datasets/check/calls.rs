//! Calls of tools: turns with JSON in a text, and OpenAI's `tool_calls`.

use super::json;
use super::kind::Kind;
use super::notes::both;
use super::report::Effect;
use super::rows::{Here, Rules};
use super::text::{excerpt, outer, python};
use super::turns::Role;
use super::values::describe;
use super::view::View;
use crate::language::Text;

/// What is wrong with a call.
enum Bad {
    NotJson,
    NotObject,
    NoName,
    NoArguments,
    Arguments,
}

impl Rules {
    /// A tool_call turn: JSON in a text, or the object itself.
    pub(super) fn call(
        &mut self,
        content: View,
        (column, n): (&str, usize),
        at: usize,
        fixed: Option<usize>,
        here: &mut Here,
    ) {
        self.tool_calls += 1;
        let path = || format!("{column}[{n}].content");
        if content.kind() == json::Kind::Object {
            if let Err(bad) = look(content) {
                self.bad_call(bad, content, (at, 0), path(), here);
            } else {
                // Beside texts, an object in this column ends the file before 4.2: the type says so.
                let effect = if self.traits.keeps_mixed {
                    Effect::Kept
                } else {
                    Effect::Changed
                };
                here.add(Kind::CallIsObject, effect, at, path, || both(""));
                self.known(content, at, path(), here);
            }
            return;
        }
        let text = content.str().unwrap_or_default();
        let mut inner = std::mem::take(&mut self.inner);
        let (bad, offset) = match json::read(&mut inner, text.as_bytes()) {
            Ok(()) => {
                let root = inner.root(text.as_bytes());
                let looked = look(root);
                if looked.is_ok() {
                    self.known(root, at, path(), here);
                }
                (looked.err(), 0)
            }
            Err(fault) => {
                let written =
                    python(&text).filter(|list| json::read(&mut inner, list.as_bytes()).is_ok());
                match &written {
                    Some(list) => (look(inner.root(list.as_bytes())).err(), 0),
                    None => (Some(Bad::NotJson), 1 + outer(content.raw(), fault.at)),
                }
            }
        };
        self.inner = inner;
        if let Some(bad) = bad {
            let offset = if fixed.is_some() { 0 } else { offset };
            self.bad_call(bad, content, (at, offset), path(), here);
        }
    }

    fn bad_call(
        &mut self,
        bad: Bad,
        call: View,
        (at, offset): (usize, usize),
        path: String,
        here: &mut Here,
    ) {
        let kind = match bad {
            Bad::NotJson => Kind::CallNotJson,
            Bad::NotObject => Kind::CallNotObject,
            Bad::NoName => Kind::CallWithoutName,
            Bad::NoArguments => Kind::CallWithoutArguments,
            Bad::Arguments => Kind::CallArgumentsNotJson,
        };
        let detail = || match bad {
            Bad::NotObject => describe(call),
            _ => both(excerpt(call.str().unwrap_or_default().as_bytes())),
        };
        here.add(kind, Effect::Dropped, at + offset, || path, detail);
    }

    /// Whether the call's name is one of the tools.
    fn known(&mut self, call: View, at: usize, path: String, here: &mut Here) {
        if self.tool_names.is_empty() {
            return;
        }
        if let Some(name) = call.get("name").and_then(View::str)
            && !self.tool_names.iter().any(|tool| *tool == name)
        {
            here.add(Kind::UnknownTool, Effect::Kept, at, || path, || both(name));
        }
    }

    /// OpenAI's `tool_calls`. True: they became turns, so that the turn's own role and content are done with.
    pub(super) fn calls_of(
        &mut self,
        calls: Option<View>,
        content: Option<View>,
        (role, written): (Role, Option<View>),
        (column, n): (&str, usize),
        at: usize,
        here: &mut Here,
    ) -> bool {
        let Some(calls) = calls else {
            return false;
        };
        let path = || format!("{column}[{n}].tool_calls");
        let is_assistant = written.is_some_and(|role| role.raw() == b"assistant");
        if !self.traits.converts_calls || !is_assistant {
            let is_empty = content.is_none_or(View::is_empty) && role == Role::Assistant;
            let effect = if is_empty {
                Effect::EmptyTurn
            } else {
                Effect::Changed
            };
            here.add(Kind::OpenaiCallsLost, effect, calls.start(), path, || {
                both("")
            });
            return false;
        }
        if content.is_some_and(|content| !content.is_empty()) {
            self.roles.push(Role::Assistant);
        }
        for (m, call) in calls.items().enumerate() {
            self.tool_calls += 1;
            self.roles.push(Role::ToolCall);
            let function = call.get("function").unwrap_or(call);
            let path = || format!("{column}[{n}].tool_calls[{m}]");
            let at = call.start().max(at);
            let arguments = function.get("arguments");
            let bad = if function.get("name").is_none_or(View::is_null) {
                Some(Bad::NoName)
            } else if arguments.is_some_and(View::is_null) {
                Some(Bad::NoArguments)
            } else if arguments.is_some_and(|arguments| !is_readable(arguments)) {
                Some(Bad::Arguments)
            } else {
                None
            };
            match bad {
                Some(bad) => self.bad_call(bad, arguments.unwrap_or(call), (at, 0), path(), here),
                None => self.known(function, at, path(), here),
            }
        }
        true
    }

    /// Calls and results, one to one.
    pub(super) fn results(
        &mut self,
        list: View,
        column: &str,
        fixed: Option<usize>,
        here: &mut Here,
    ) {
        let calls = self
            .roles
            .iter()
            .filter(|role| **role == Role::ToolCall)
            .count();
        if calls == 0 {
            return;
        }
        let at = fixed.unwrap_or(list.start());
        if !self.has_tools {
            here.add(
                Kind::CallsWithoutTools,
                Effect::Kept,
                at,
                || column.into(),
                || both(""),
            );
        }
        let mut asked = 0usize;
        let mut given = 0usize;
        let mut bad = None;
        for (n, role) in self.roles.iter().enumerate() {
            match role {
                Role::ToolCall if given == 0 => asked += 1,
                Role::ToolCall => (asked, given) = (1, 0),
                Role::Tool => given += 1,
                _ => {
                    if given > 0 && asked != given {
                        bad = Some((n, asked, given));
                    }
                    (asked, given) = (0, 0);
                }
            }
        }
        if let Some((n, asked, given)) = bad {
            let detail = || {
                Text::new(
                    format!("{asked} calls, {given}"),
                    format!("{asked} 个调用，{given}"),
                )
            };
            here.add(
                Kind::ResultsDoNotMatch,
                Effect::Kept,
                at,
                || format!("{column}[{}]", n.saturating_sub(1)),
                detail,
            );
        }
    }
}

/// A call as `_parse_tool_call` takes it.
fn look(call: View) -> Result<(), Bad> {
    if call.kind() != json::Kind::Object {
        return Err(Bad::NotObject);
    }
    if call.get("name").is_none() {
        return Err(Bad::NoName);
    }
    let there = |name: &str| call.get(name).filter(|value| !value.is_null());
    let arguments = there("arguments").or_else(|| there("parameters"));
    let arguments = arguments.ok_or(Bad::NoArguments)?;
    if is_readable(arguments) {
        Ok(())
    } else {
        Err(Bad::Arguments)
    }
}

/// Arguments may be a text, which must be JSON or Python's writing, and not null.
fn is_readable(arguments: View) -> bool {
    let Some(text) = arguments.str() else {
        return true;
    };
    let mut parser = json::Parser::default();
    let is_json = json::read(&mut parser, text.as_bytes()).is_ok();
    if is_json {
        return parser.tape[0].kind != json::Kind::Null;
    }
    python(&text).is_some()
}
