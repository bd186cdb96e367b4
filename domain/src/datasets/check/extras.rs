//! What stands beside the turns: rejected answers, labels, images, videos, audios and objects.

use super::columns::{MEDIA, Meaning};
use super::json;
use super::kind::Kind;
use super::notes::both;
use super::report::Effect;
use super::rows::{Here, Rules};
use super::turn::Side;
use super::values::describe;
use super::view::View;
use crate::language::Text;

impl Rules {
    pub(super) fn preference(&mut self, row: View, here: &mut Here) {
        let place = here.place(row.start());
        // A row that is lost already is not lost twice.
        let is_there = here.notes.worst < Effect::Dropped;
        let value = |name| row.get(name).filter(|value: &View| !value.is_null());
        match value("rejected_response") {
            Some(rejected) => {
                self.form("preference");
                self.rejected(row, rejected, here);
            }
            None if is_there => self.without_rejected.add(place),
            None => {}
        }
        match value("rejected_messages") {
            Some(rejected) => {
                self.form("preference");
                self.rejected_turns(rejected, here);
            }
            None if is_there => self.without_rejected_turns.add(place),
            None => {}
        }
        match value("label") {
            Some(label) => {
                self.form("kto");
                if !matches!(label.kind(), json::Kind::Bool | json::Kind::Number) {
                    here.add(
                        Kind::LabelNotBool,
                        Effect::Changed,
                        label.start(),
                        || "label".into(),
                        || describe(label),
                    );
                }
            }
            None if is_there => self.without_label.add(place),
            None => {}
        }
        if let Some(margin) = value("margin").filter(|value| value.kind() != json::Kind::Number) {
            let is_text = margin
                .str()
                .is_some_and(|text| text.trim().parse::<f64>().is_ok());
            let effect = if is_text {
                Effect::Kept
            } else {
                Effect::Dropped
            };
            here.add(
                Kind::MarginNotNumber,
                effect,
                margin.start(),
                || "margin".into(),
                || describe(margin),
            );
        }
    }

    /// `rejected_response`: a text unlike the answer, or turns.
    pub(super) fn rejected(&mut self, row: View, rejected: View, here: &mut Here) {
        let path = || "rejected_response".to_owned();
        let at = rejected.start();
        match rejected.kind() {
            json::Kind::Text => {
                let last = row
                    .get("messages")
                    .and_then(|messages| messages.items().last())
                    .and_then(|turn| turn.get("content").or_else(|| turn.get("value")));
                let answer = last.or_else(|| row.get("response")).and_then(View::str);
                if answer.is_some() && answer == rejected.str() {
                    here.add(Kind::RejectedEqual, Effect::Dropped, at, path, || both(""));
                }
            }
            json::Kind::Array
                if self.traits.has_rejected_turns
                    && rejected.items().all(|turn| turn.get("role").is_some()) =>
            {
                let user = rejected
                    .items()
                    .find(|turn| turn.get("role").is_some_and(|role| role.raw() == b"user"));
                if let Some(user) = user {
                    let detail = || Text::new("a user turn", "user 轮");
                    here.add(
                        Kind::RejectedNotText,
                        Effect::Dropped,
                        user.start(),
                        path,
                        detail,
                    );
                }
            }
            _ => here.add(Kind::RejectedNotText, Effect::Dropped, at, path, || {
                describe(rejected)
            }),
        }
    }

    pub(super) fn rejected_turns(&mut self, rejected: View, here: &mut Here) {
        let at = rejected.start();
        if rejected.kind() != json::Kind::Array {
            let detail = || describe(rejected);
            here.add(
                Kind::RejectedNotRead,
                Effect::Dropped,
                at,
                || "rejected_messages".into(),
                detail,
            );
        } else if rejected.is_empty() {
            let effect = if self.traits.fills_rejected {
                Effect::Changed
            } else {
                Effect::Dropped
            };
            here.add(
                Kind::RejectedNotRead,
                effect,
                at,
                || "rejected_messages".into(),
                || both("[]"),
            );
        } else {
            self.list(rejected, Side::Rejected, None, here);
        }
    }

    pub(super) fn media(&mut self, row: View, meaning: &Meaning, here: &mut Here) {
        let mut is_multimodal = false;
        for ((name, _, tag), column) in MEDIA.into_iter().zip(&meaning.media) {
            let value = column
                .as_ref()
                .and_then(|name| row.get(name))
                .filter(|value| !value.is_null());
            let files = value.map_or(0, |value| match value.kind() {
                json::Kind::Array => value.items().count(),
                _ => 1,
            });
            if let Some(value) = value {
                let is_file = |item: View| match item.kind() {
                    json::Kind::Text => !item.is_empty(),
                    kind => kind == json::Kind::Object,
                };
                let is_read = is_file(value)
                    || value.kind() == json::Kind::Array && value.items().all(is_file);
                if !is_read {
                    here.add(
                        Kind::MediaNotRead,
                        Effect::Dropped,
                        value.start(),
                        || name.into(),
                        || describe(value),
                    );
                }
            }
            is_multimodal |= files > 0;
            self.media += files as u64;
            let tags = memchr::memmem::find_iter(here.text, tag).count();
            if tags == 0 && files == 0 {
                continue;
            }
            // Tags in rejected turns belong to them.
            if row.get("rejected_messages").is_some() {
                continue;
            }
            let at = value.map_or(row.start(), View::start);
            let told = || {
                Text::new(
                    format!("{files} in {name}, {tags} × {tag}"),
                    format!("{name} 中有 {files} 个，{tag} 有 {tags} 个"),
                )
            };
            if files == 0 {
                here.add(
                    Kind::TagWithoutMedia,
                    Effect::Changed,
                    at,
                    || name.into(),
                    || both(tag),
                );
            } else if tags > files {
                here.add(Kind::MoreTags, Effect::Changed, at, || name.into(), told);
            } else if tags < files {
                here.add(Kind::FewerTags, Effect::Kept, at, || name.into(), told);
            }
        }
        if is_multimodal {
            self.form("multimodal");
        }
        if let Some(objects) = row.get("objects").filter(|value| !value.is_null()) {
            let is_box = |item: View| {
                item.kind() == json::Kind::Array && matches!(item.items().count(), 2 | 4)
            };
            let boxes = objects.get("bbox");
            let detail = match boxes {
                Some(boxes) if boxes.kind() == json::Kind::Array && boxes.items().all(is_box) => {
                    return;
                }
                Some(_) => Text::new(
                    "has a bbox that is not 2 or 4 numbers",
                    "的 bbox 不是 2 或 4 个数字",
                ),
                None => Text::new("has no bbox", "没有 bbox"),
            };
            here.add(
                Kind::ObjectsNotRead,
                Effect::Dropped,
                objects.start(),
                || "objects".into(),
                || detail,
            );
        }
    }
}
