//! A value on the tape, and what is in it.

use super::json::{Kind, Node};

/// A value on the tape.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    text: &'a [u8],
    tape: &'a [Node],
    at: u32,
}

impl<'a> View<'a> {
    pub fn root(text: &'a [u8], tape: &'a [Node]) -> View<'a> {
        View { text, tape, at: 0 }
    }

    pub fn node(self) -> Node {
        self.tape[self.at as usize]
    }

    pub fn kind(self) -> Kind {
        self.node().kind
    }

    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// Where the value begins, its quote included.
    pub fn start(self) -> usize {
        let node = self.node();
        node.start as usize - usize::from(matches!(node.kind, Kind::Text | Kind::Key))
    }

    /// The bytes of the value as they stand; of a text what is between the quotes.
    pub fn raw(self) -> &'a [u8] {
        let node = self.node();
        &self.text[node.start as usize..node.end as usize]
    }

    /// A text with its escapes undone; None for other values.
    pub fn str(self) -> Option<std::borrow::Cow<'a, str>> {
        let node = self.node();
        matches!(node.kind, Kind::Text | Kind::Key).then(|| {
            if node.is_escaped {
                super::text::unescape(self.raw()).into()
            } else {
                String::from_utf8_lossy(self.raw())
            }
        })
    }

    pub fn is_true(self) -> bool {
        self.kind() == Kind::Bool && self.raw() == b"true"
    }

    pub fn items(self) -> impl Iterator<Item = View<'a>> {
        let node = self.node();
        let end = if node.kind == Kind::Array {
            node.next
        } else {
            0
        };
        let mut at = self.at + 1;
        std::iter::from_fn(move || {
            (at < end).then(|| {
                let item = View { at, ..self };
                at = item.node().next;
                item
            })
        })
    }

    /// Names and values, in order.
    pub fn fields(self) -> impl Iterator<Item = (View<'a>, View<'a>)> {
        let node = self.node();
        let end = if node.kind == Kind::Object {
            node.next
        } else {
            0
        };
        let mut at = self.at + 1;
        std::iter::from_fn(move || {
            (at < end).then(|| {
                let key = View { at, ..self };
                let value = View { at: at + 1, ..self };
                at = value.node().next;
                (key, value)
            })
        })
    }

    /// The member's value, of several the last one.
    pub fn get(self, name: &str) -> Option<View<'a>> {
        let mut found = None;
        for (key, value) in self.fields() {
            let is_it = if key.node().is_escaped {
                key.str().is_some_and(|key| key == name)
            } else {
                key.raw() == name.as_bytes()
            };
            if is_it {
                found = Some(value);
            }
        }
        found
    }

    pub fn is_empty(self) -> bool {
        match self.kind() {
            Kind::Array | Kind::Object => self.node().next == self.at + 1,
            Kind::Text => self.raw().is_empty(),
            Kind::Null => true,
            Kind::Bool => !self.is_true(),
            Kind::Number => matches!(self.raw(), b"0" | b"-0" | b"0.0"),
            Kind::Key => false,
        }
    }
}
