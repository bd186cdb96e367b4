//! What one turn holds: text, parts, blocks, loss.

use super::json;
use super::kind::Kind;
use super::notes::both;
use super::report::Effect;
use super::rows::{Here, Rules};
use super::turn::Side;
use super::turns::Role;
use super::values::describe;
use super::view::View;

/// One turn's members.
#[derive(Clone, Copy, Default)]
pub(super) struct Turn<'a> {
    pub role: Option<View<'a>>,
    pub content: Option<View<'a>>,
    pub loss: Option<View<'a>>,
    pub loss_scale: Option<View<'a>>,
    pub tool_calls: Option<View<'a>>,
    pub function_call: Option<View<'a>>,
    pub is_own: bool,
}

impl<'a> Turn<'a> {
    pub fn read(turn: View<'a>) -> Turn<'a> {
        let mut read = Turn::default();
        for (key, value) in turn.fields() {
            match key.raw() {
                // ms-swift takes the later name where both are there.
                b"role" if read.role.is_none() => {
                    read.role = Some(value);
                    read.is_own = true;
                }
                b"from" => read.role = Some(value),
                b"content" if read.content.is_none() => read.content = Some(value),
                b"value" => read.content = Some(value),
                b"loss" => read.loss = Some(value),
                b"loss_scale" => read.loss_scale = Some(value),
                b"tool_calls" => read.tool_calls = Some(value),
                b"function_call" => read.function_call = Some(value),
                _ => {}
            }
        }
        let there = |value: Option<View<'a>>| value.filter(|value| !value.is_null());
        read.role = there(read.role);
        read.content = there(read.content);
        read.loss = there(read.loss);
        read.loss_scale = there(read.loss_scale);
        read.tool_calls = read.tool_calls.filter(|value| !value.is_empty());
        read.function_call = there(read.function_call);
        read
    }
}

impl Rules {
    pub(super) fn content(
        &mut self,
        content: Option<View>,
        role: Role,
        (side, n): (Side, usize),
        at: usize,
        fixed: Option<usize>,
        here: &mut Here,
    ) {
        let path = || format!("{}[{n}].content", side.column());
        let Some(content) = content else {
            // Rejected turns are not looked at when loading; 4.x then trains them as nothing.
            let is_late = side == Side::Rejected
                && role == Role::Assistant
                && self.traits.has_rejected_turns
                && self.traits.converts_calls;
            let effect = if is_late {
                Effect::EmptyTurn
            } else {
                Effect::Dropped
            };
            here.add(Kind::ContentMissing, effect, at, path, || both(""));
            return;
        };
        let at = fixed.unwrap_or(content.start());
        match content.kind() {
            json::Kind::Text => {
                if role == Role::ToolCall {
                    self.call(content, (side.column(), n), at, fixed, here);
                } else if role == Role::Assistant && content.is_empty() && n > 0 {
                    here.add(Kind::EmptyAnswer, Effect::EmptyTurn, at, path, || both(""));
                }
            }
            json::Kind::Object if role == Role::Tool => {}
            json::Kind::Object if role == Role::ToolCall => {
                self.call(content, (side.column(), n), at, fixed, here)
            }
            json::Kind::Array if role == Role::Tool => {}
            json::Kind::Array => self.parts(content, (side.column(), n), fixed, here),
            json::Kind::Object if content.get("token_ids").is_some() => {}
            json::Kind::Number | json::Kind::Object if here.is_late && self.traits.keeps_mixed => {
                here.add(Kind::ContentNotText, Effect::Changed, at, path, || {
                    describe(content)
                });
            }
            _ if role == Role::Tool => {}
            _ => here.add(Kind::ContentNotText, Effect::Dropped, at, path, || {
                describe(content)
            }),
        }
    }

    /// From 4.5 on, lists of contents and calls are looked through as objects: anything else in them loses the row.
    pub(super) fn plain_lists(
        &self,
        turn: &Turn,
        (column, n): (&str, usize),
        fixed: Option<usize>,
        here: &mut Here,
    ) {
        if !self.traits.converts_calls {
            return;
        }
        let is_plain = |item: View| item.kind() != json::Kind::Object;
        let content = turn.content.filter(|content| content.items().any(is_plain));
        let calls = turn
            .tool_calls
            .filter(|calls| calls.kind() != json::Kind::Array || calls.items().any(is_plain));
        for (name, value) in [("content", content), ("tool_calls", calls)] {
            if let Some(value) = value {
                let at = fixed.unwrap_or(value.start());
                let path = || format!("{column}[{n}].{name}");
                here.add(Kind::BadContentPart, Effect::Dropped, at, path, || {
                    describe(value)
                });
            }
        }
    }

    /// Parts of a content: texts, and images, videos and audios.
    pub(super) fn parts(
        &mut self,
        parts: View,
        (column, n): (&str, usize),
        fixed: Option<usize>,
        here: &mut Here,
    ) {
        if parts
            .items()
            .next()
            .is_some_and(|first| first.kind() == json::Kind::Number)
        {
            return; // token ids
        }
        for (m, part) in parts.items().enumerate() {
            let kind = part.get("type").and_then(View::str);
            let value = kind
                .as_deref()
                .and_then(|kind| part.get(kind))
                .filter(|value| !value.is_null());
            let is_read = match kind.as_deref() {
                None => false,
                Some("text") => value.is_some_and(|value| value.kind() == json::Kind::Text),
                Some("image" | "image_url" | "video" | "video_url" | "audio" | "audio_url") => {
                    value.is_none_or(|value| {
                        value.kind() != json::Kind::Object || value.get("url").is_some()
                    })
                }
                Some(_) => value.is_none(),
            };
            if !is_read {
                let at = fixed.unwrap_or(part.start());
                here.add(
                    Kind::BadContentPart,
                    Effect::Dropped,
                    at,
                    || format!("{column}[{n}].content[{m}]"),
                    || describe(part),
                );
                return;
            }
        }
    }

    /// Anthropic's blocks, which become turns. False: the content is no list of them.
    pub(super) fn blocks(
        &mut self,
        blocks: View,
        role: Role,
        (column, n): (&str, usize),
        here: &mut Here,
    ) -> bool {
        for (m, block) in blocks.items().enumerate() {
            let kind = block.get("type").and_then(View::str);
            match kind.as_deref() {
                Some("text" | "image") => {
                    if self.roles.last() != Some(&role) || m == 0 {
                        self.roles.push(role);
                    }
                }
                Some("tool_use") if block.get("name").is_some() => {
                    self.tool_calls += 1;
                    self.roles.push(Role::ToolCall);
                }
                Some("tool_result") => self.roles.push(Role::Tool),
                _ => here.add(
                    Kind::BadContentPart,
                    Effect::Dropped,
                    block.start(),
                    || format!("{column}[{n}].content[{m}]"),
                    || describe(block),
                ),
            }
        }
        true
    }

    pub(super) fn loss(
        &mut self,
        turn: &Turn,
        role: Role,
        (column, n): (&str, usize),
        fixed: Option<usize>,
        here: &mut Here,
    ) {
        let at = |view: View| fixed.unwrap_or(view.start());
        if let Some(loss) = turn.loss {
            let path = || format!("{column}[{n}].loss");
            if !matches!(role, Role::Assistant | Role::ToolCall) {
                here.add(Kind::LossElsewhere, Effect::Kept, at(loss), path, || {
                    both(role.name())
                });
            } else {
                match loss.kind() {
                    json::Kind::Bool => {}
                    json::Kind::Number if matches!(loss.raw(), b"0" | b"1" | b"0.0" | b"1.0") => {}
                    json::Kind::Number => here.add(
                        Kind::LossWeightIgnored,
                        Effect::Changed,
                        at(loss),
                        path,
                        || describe(loss),
                    ),
                    json::Kind::Text
                        if loss
                            .str()
                            .is_some_and(|text| text.trim().parse::<f64>().is_ok()) =>
                    {
                        here.add(Kind::LossNotBool, Effect::Changed, at(loss), path, || {
                            describe(loss)
                        });
                    }
                    _ if self.traits.takes_loss_as_bool => {
                        here.add(Kind::LossNotBool, Effect::Changed, at(loss), path, || {
                            describe(loss)
                        });
                    }
                    _ => here.add(Kind::LossNotRead, Effect::Dropped, at(loss), path, || {
                        describe(loss)
                    }),
                }
            }
        }
        if let Some(scale) = turn.loss_scale {
            let path = || format!("{column}[{n}].loss_scale");
            if !self.traits.has_loss_scale {
                here.add(
                    Kind::LossScaleIgnored,
                    Effect::Changed,
                    at(scale),
                    path,
                    || both(""),
                );
            } else if !matches!(role, Role::Assistant | Role::ToolCall) {
                here.add(Kind::LossElsewhere, Effect::Kept, at(scale), path, || {
                    both(role.name())
                });
            } else if scale.kind() != json::Kind::Number {
                here.add(
                    Kind::LossScaleNotNumber,
                    Effect::Dropped,
                    at(scale),
                    path,
                    || describe(scale),
                );
            }
        }
    }
}

/// Whether a turn holds blocks as Anthropic writes them.
pub(super) fn has_blocks(turn: View) -> bool {
    turn.get("content").is_some_and(|content| {
        content.items().any(|block| {
            let kind = block.get("type").and_then(View::str);
            matches!(kind.as_deref(), Some("tool_use" | "tool_result"))
                || kind.as_deref() == Some("image") && block.get("source").is_some()
        })
    })
}
