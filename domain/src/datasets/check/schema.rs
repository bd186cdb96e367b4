//! The columns of a file as Arrow infers them: which names there are at which place, and of what type their values are.
//!
//! ms-swift reads through Arrow. Up to 4.1 a column whose type changes makes the whole file fail; in every release a name or type that
//! shows only after the first 10 MiB does. Both were measured with 3.9.3 (datasets 3.6) and 4.6.0 (datasets 4.8).

use std::collections::HashMap;

/// No column: not looked at.
pub(super) const NONE: u32 = u32::MAX;
pub(super) const ROOT: u32 = 0;
/// Names beyond are not followed, so that rows keyed by ids keep memory flat.
const MOST: usize = 20_000;
const INDEXED: usize = 12;

pub(super) const NULL: u8 = 1;
pub(super) const BOOL: u8 = 2;
pub(super) const NUMBER: u8 = 4;
pub(super) const TEXT: u8 = 8;
pub(super) const ARRAY: u8 = 16;
pub(super) const OBJECT: u8 = 32;

pub(super) enum Value<'a> {
    Null,
    Bool,
    Number { is_whole: bool },
    Text(&'a [u8]),
    Array,
    Object,
}

#[derive(Debug, Default)]
pub(super) struct Column {
    name: Box<str>,
    parent: u32,
    children: Vec<u32>,
    index: Option<HashMap<Box<[u8]>, u32>>,
    guess: usize,
    element: Option<u32>,
    /// Kinds seen, and those seen in the first 10 MiB.
    pub kinds: u8,
    early: u8,
    /// Every number of the first 10 MiB is whole.
    is_whole: bool,
    /// How often an object had this name, and how many objects stood here, in the first 10 MiB.
    early_count: u64,
    early_objects: u64,
    /// The object that had this name last.
    serial: u32,
    is_reported: bool,
    /// Every text so far reads as a date.
    pub is_dates: bool,
    pub texts: u64,
}

/// What Arrow will not take, at a byte offset of the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    Changes {
        column: u32,
        was: u8,
        at: usize,
    },
    /// A name that first shows after the first 10 MiB.
    Late {
        column: u32,
        at: usize,
    },
    /// A type that first shows after the first 10 MiB.
    LateType {
        column: u32,
        was: u8,
        at: usize,
    },
}

#[derive(Debug)]
pub(super) struct Schema {
    pub columns: Vec<Column>,
    pub events: Vec<Event>,
    pub is_late: bool,
}

impl Schema {
    pub fn new() -> Schema {
        let mut schema = Schema::none();
        schema.columns.push(Column {
            parent: NONE,
            ..Column::default()
        });
        schema
    }

    pub fn none() -> Schema {
        Schema {
            columns: Vec::new(),
            events: Vec::new(),
            is_late: false,
        }
    }

    fn add(&mut self, parent: u32, name: &[u8]) -> u32 {
        if self.columns.len() >= MOST {
            return NONE;
        }
        let id = self.columns.len() as u32;
        self.columns.push(Column {
            name: String::from_utf8_lossy(name).into(),
            parent,
            is_whole: true,
            is_dates: true,
            ..Column::default()
        });
        id
    }

    /// The column of an object's member, and whether this object had it already.
    pub fn child(&mut self, parent: u32, name: &[u8], serial: u32) -> (u32, bool) {
        if parent == NONE {
            return (NONE, false);
        }
        let id = self.find(parent, name).unwrap_or_else(|| {
            let id = self.add(parent, name);
            if id != NONE {
                let parent = &mut self.columns[parent as usize];
                parent.children.push(id);
                if let Some(index) = &mut parent.index {
                    index.insert(name.into(), id);
                }
            }
            id
        });
        if id == NONE {
            return (NONE, false);
        }
        let is_late = self.is_late;
        let column = &mut self.columns[id as usize];
        let is_repeated = column.serial == serial;
        column.serial = serial;
        column.early_count += u64::from(!is_late);
        (id, is_repeated)
    }

    fn find(&mut self, parent: u32, name: &[u8]) -> Option<u32> {
        let columns = &self.columns;
        let of = &columns[parent as usize];
        let is = |id: u32| columns[id as usize].name.as_bytes() == name;
        if let Some(&id) = of.children.get(of.guess)
            && is(id)
        {
            self.columns[parent as usize].guess += 1;
            return Some(id);
        }
        if of.children.len() > INDEXED {
            if of.index.is_none() {
                let index = of
                    .children
                    .iter()
                    .map(|&id| (columns[id as usize].name.as_bytes().into(), id))
                    .collect();
                self.columns[parent as usize].index = Some(index);
            }
            return self.columns[parent as usize]
                .index
                .as_ref()?
                .get(name)
                .copied();
        }
        let place = of.children.iter().position(|&id| is(id))?;
        let id = of.children[place];
        self.columns[parent as usize].guess = place + 1;
        Some(id)
    }

    /// The column of an array's elements.
    pub fn element(&mut self, parent: u32) -> u32 {
        if parent == NONE {
            return NONE;
        }
        if let Some(id) = self.columns[parent as usize].element {
            return id;
        }
        let id = self.add(parent, b"");
        self.columns[parent as usize].element = Some(id);
        id
    }

    #[inline]
    pub fn saw(&mut self, id: u32, value: Value, at: usize) {
        if id == NONE {
            return;
        }
        let (is_late, column) = (self.is_late, &mut self.columns[id as usize]);
        let kind = match value {
            Value::Null => NULL,
            Value::Bool => BOOL,
            Value::Number { is_whole } => {
                if !is_whole && column.is_whole {
                    if !is_late {
                        column.is_whole = false;
                    } else if column.early & NUMBER != 0 && !column.is_reported {
                        column.is_reported = true;
                        let was = NUMBER;
                        self.events.push(Event::LateType {
                            column: id,
                            was,
                            at,
                        });
                        return;
                    }
                }
                NUMBER
            }
            Value::Text(text) => {
                column.texts += 1;
                if column.is_dates && !super::text::is_date(text) {
                    column.is_dates = false;
                }
                TEXT
            }
            Value::Array => ARRAY,
            Value::Object => {
                column.guess = 0;
                column.early_objects += u64::from(!is_late);
                OBJECT
            }
        };
        let was = column.kinds;
        if was & kind == 0 {
            self.new_kind(id, kind, was, at);
        }
        let column = &mut self.columns[id as usize];
        column.kinds |= kind;
        if !is_late {
            column.early |= kind;
        }
    }

    /// Rare: a column holds a kind of value for the first time.
    fn new_kind(&mut self, id: u32, kind: u8, was: u8, at: usize) {
        let column = &self.columns[id as usize];
        if column.is_reported {
            return;
        }
        let others = was & !NULL;
        let event = if kind != NULL && others != 0 {
            Event::Changes {
                column: id,
                was: others,
                at,
            }
        } else if self.is_late && id != ROOT && was == 0 {
            // A new element column of a list that was always empty is a type that comes late, not a name.
            Event::Late { column: id, at }
        } else if self.is_late && kind != NULL && column.early == NULL {
            Event::LateType {
                column: id,
                was: NULL,
                at,
            }
        } else {
            return;
        };
        // Below a name that was reported, everything is new.
        let mut above = column.parent;
        while above != NONE {
            if self.columns[above as usize].is_reported {
                return;
            }
            above = self.columns[above as usize].parent;
        }
        self.columns[id as usize].is_reported = true;
        self.events.push(event);
    }

    /// Whether datasets ≥ 4.8 keeps this place as JSON text, where anything may stand: an object above it had not always the same
    /// names, or an object or list stood beside other values, in the first 10 MiB.
    pub fn is_json(&self, id: u32) -> bool {
        let mut at = id;
        loop {
            let column = &self.columns[at as usize];
            let kinds = column.early & !NULL;
            if kinds & (ARRAY | OBJECT) != 0 && !kinds.is_power_of_two() {
                return true;
            }
            let has_others = || {
                let mut counts = column
                    .children
                    .iter()
                    .map(|&child| self.columns[child as usize].early_count)
                    .filter(|&count| count > 0)
                    .peekable();
                counts.peek().is_none() || counts.any(|count| count != column.early_objects)
            };
            if kinds == OBJECT && at != ROOT && at != id && has_others() {
                return true;
            }
            if column.parent == NONE {
                return false;
            }
            at = column.parent;
        }
    }

    /// `messages[].content`.
    pub fn path(&self, id: u32) -> String {
        let column = &self.columns[id as usize];
        if column.parent == NONE {
            return String::new();
        }
        let above = self.path(column.parent);
        if self.columns[column.parent as usize].element == Some(id) {
            format!("{above}[]")
        } else if above.is_empty() {
            column.name.to_string()
        } else {
            format!("{above}.{}", column.name)
        }
    }

    /// Whether any row had this member at the top.
    pub fn has(&self, name: &str) -> bool {
        self.top(name).is_some()
    }

    pub fn top(&self, name: &str) -> Option<&Column> {
        self.below(ROOT, name).map(|id| &self.columns[id as usize])
    }

    pub fn below(&self, parent: u32, name: &str) -> Option<u32> {
        let parent = self.columns.get(parent as usize)?;
        if name == "[]" {
            return parent.element.filter(|&id| id != NONE);
        }
        parent
            .children
            .iter()
            .copied()
            .find(|&id| &*self.columns[id as usize].name == name)
    }

    /// Columns that hold turns, questions or answers and whose texts all read as dates.
    pub fn dates(&self) -> Vec<String> {
        const HOLDERS: [&str; 7] = [
            "content",
            "value",
            "query",
            "response",
            "output",
            "answer",
            "instruction",
        ];
        (0..self.columns.len() as u32)
            .filter(|&id| {
                let column = &self.columns[id as usize];
                column.texts > 0
                    && column.is_dates
                    && column.kinds & !NULL == TEXT
                    && HOLDERS.contains(&&*column.name)
            })
            .map(|id| self.path(id))
            .collect()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns[ROOT as usize]
            .children
            .iter()
            .map(|&id| &*self.columns[id as usize].name)
    }

    pub fn width(&self) -> usize {
        self.columns[ROOT as usize].children.len()
    }
}
