//! Reads a Python pickle without running anything: what it would call is kept as a description of the call.
//!
//! Only what pickle protocols 2 to 5 write for dataclasses, dicts, lists, tuples, texts, bytes and numbers is read, which is all that
//! `torch.distributed.checkpoint` puts into `.metadata` (Python's `pickletools` documents the opcodes). Anything else is an error that
//! names the opcode and its byte. Texts stay where they lie in the input; values are numbered, so that a value which is meant a
//! thousand times is there once, and nothing is nested in memory however deep the pickle nests.

use thiserror::Error;

/// How much of it there may be. Every opcode makes at most one value, so values are also bounded by the input's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Values made in all.
    pub values: usize,
    /// Values on the stack at one time.
    pub stack: usize,
    /// Containers begun and not ended.
    pub marks: usize,
    /// Bytes of one text.
    pub text_bytes: usize,
}

impl Limits {
    /// For the largest real index: some hundred thousand tensor slices, thirty values each.
    pub const INDEX: Limits = Limits {
        values: 24 << 20,
        stack: 4 << 20,
        marks: 1000,
        text_bytes: 64 << 10,
    };
}

/// Why a pickle cannot be read. `at` counts bytes from the beginning.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unreadable {
    /// It ends before its STOP: the file was cut off.
    #[error("it ends at byte {at}, before it is whole")]
    CutOff { at: usize },
    /// A length or a number of values beyond what is read.
    #[error("{what} at byte {at} are more than any real one has")]
    TooMuch { what: &'static str, at: usize },
    /// No opcode, or one that no index needs: persistent ids, extension codes, text opcodes of protocol 0.
    #[error("byte {at} is 0x{code:02x}, which no checkpoint index has there")]
    Refused { code: u8, at: usize },
    /// Opcodes that do not fit together.
    #[error("{what} at byte {at}")]
    Broken { what: &'static str, at: usize },
}

/// The number of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Id(u32);

/// A value. Texts and bytes are borrowed from the input.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// An integer that does not fit, or a float: nothing of an index that counts.
    Other,
    Text(&'a str),
    Bytes(&'a [u8]),
    Tuple(Box<[Id]>),
    /// Also a set.
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// A class or function by module and name. Boxed: there are few, and values are many.
    Global(Box<(&'a str, &'a str)>),
    /// What a call of `callee` would make, and the state that it would be given.
    Made {
        callee: Id,
        arguments: Id,
        state: Option<Id>,
    },
}

/// A whole pickle.
#[derive(Debug)]
pub struct Pickle<'a> {
    values: Vec<Value<'a>>,
    top: Id,
}

impl<'a> Pickle<'a> {
    pub fn top(&self) -> &Value<'a> {
        self.get(self.top)
    }

    pub fn get(&self, id: Id) -> &Value<'a> {
        &self.values[id.0 as usize]
    }

    /// The attributes of an object: the dict that BUILD gave it (of a pair with slots, its first half).
    pub fn attributes(&self, value: &Value<'a>) -> Option<&[(Id, Id)]> {
        let Value::Made { state, .. } = value else {
            return None;
        };
        match self.get((*state)?) {
            Value::Dict(pairs) => Some(pairs),
            Value::Tuple(halves) => match self.get(*halves.first()?) {
                Value::Dict(pairs) => Some(pairs),
                _ => None,
            },
            _ => None,
        }
    }

    /// One attribute of an object.
    pub fn attribute(&self, value: &Value<'a>, name: &str) -> Option<&Value<'a>> {
        let pairs = self.attributes(value)?;
        let (_, found) = pairs
            .iter()
            .find(|(key, _)| *self.get(*key) == Value::Text(name))?;
        Some(self.get(*found))
    }

    /// The name of an object's class, without its module.
    pub fn class(&self, value: &Value<'a>) -> Option<&'a str> {
        let Value::Made { callee, .. } = value else {
            return None;
        };
        match self.get(*callee) {
            Value::Global(names) => Some(names.1),
            _ => None,
        }
    }
}

/// Reads one pickle; what follows its STOP is not looked at.
pub fn read(bytes: &[u8], limits: Limits) -> Result<Pickle<'_>, Unreadable> {
    let mut machine = Machine {
        input: Input { bytes, at: 0 },
        limits,
        values: vec![Value::None, Value::Bool(false), Value::Bool(true)],
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Vec::new(),
        begun: 0,
    };
    while machine.step()? {}
    let top = machine.pop()?;
    Ok(Pickle {
        values: machine.values,
        top,
    })
}

const NONE: Id = Id(0);
const FALSE: Id = Id(1);
const TRUE: Id = Id(2);
/// A place of the memo that nothing was put into.
const UNSET: Id = Id(u32::MAX);

struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    fn take(&mut self, length: u64) -> Result<&'a [u8], Unreadable> {
        let cut_off = Unreadable::CutOff {
            at: self.bytes.len(),
        };
        let end = usize::try_from(length)
            .ok()
            .and_then(|length| self.at.checked_add(length));
        let part = end.and_then(|end| self.bytes.get(self.at..end));
        let part = part.ok_or(cut_off)?;
        self.at += part.len();
        Ok(part)
    }

    fn byte(&mut self) -> Result<u8, Unreadable> {
        Ok(self.take(1)?[0])
    }

    /// A little-endian number of `width` bytes, at most eight.
    fn number(&mut self, width: u64) -> Result<u64, Unreadable> {
        let bytes = self.take(width)?;
        Ok(bytes
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn line(&mut self) -> Result<&'a [u8], Unreadable> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|byte| *byte == b'\n');
        let end = end.ok_or(Unreadable::CutOff {
            at: self.bytes.len(),
        })?;
        self.at += end + 1;
        Ok(&rest[..end])
    }
}

struct Machine<'a> {
    input: Input<'a>,
    limits: Limits,
    values: Vec<Value<'a>>,
    stack: Vec<Id>,
    /// Heights of the stack at which containers begin.
    marks: Vec<usize>,
    memo: Vec<Id>,
    /// Where the opcode that is being read begins.
    begun: usize,
}

impl<'a> Machine<'a> {
    /// One opcode. False: it was STOP.
    fn step(&mut self) -> Result<bool, Unreadable> {
        self.begun = self.input.at;
        let code = self.input.byte()?;
        match code {
            b'.' => return Ok(false),
            0x80 => {
                let protocol = self.input.byte()?;
                if !(2..=5).contains(&protocol) {
                    return Err(self.broken("a protocol that is not 2 to 5"));
                }
            }
            // A frame's length says only how much a reader may fetch at once.
            0x95 => drop(self.input.take(8)?),
            b'(' => {
                if self.marks.len() >= self.limits.marks {
                    return Err(self.too_much("open containers"));
                }
                self.marks.push(self.stack.len());
            }
            b'0' => drop(self.pop()?),
            b'1' => drop(self.since_mark()?),
            b'2' => {
                let top = self.top()?;
                self.push(top)?;
            }
            b'N' => self.push(NONE)?,
            0x88 => self.push(TRUE)?,
            0x89 => self.push(FALSE)?,
            b'K' => self.int(1)?,
            b'M' => self.int(2)?,
            b'J' => {
                let number = self.input.number(4)? as u32;
                self.make(Value::Int(i64::from(number.cast_signed())))?;
            }
            0x8a => self.long(1)?,
            0x8b => self.long(4)?,
            b'G' => {
                self.input.take(8)?;
                self.make(Value::Other)?;
            }
            0x8c => self.text(1)?,
            b'X' => self.text(4)?,
            0x8d => self.text(8)?,
            b'C' => self.bytes(1)?,
            b'B' => self.bytes(4)?,
            0x8e | 0x96 => self.bytes(8)?,
            b')' => self.make(Value::Tuple(Box::default()))?,
            0x85 => self.tuple(1)?,
            0x86 => self.tuple(2)?,
            0x87 => self.tuple(3)?,
            b't' => {
                let values = self.since_mark()?;
                self.make(Value::Tuple(values.into_boxed_slice()))?;
            }
            b']' | 0x8f => self.make(Value::List(Vec::new()))?,
            b'l' | 0x91 => {
                let values = self.since_mark()?;
                self.make(Value::List(values))?;
            }
            b'}' => self.make(Value::Dict(Vec::new()))?,
            b'd' => {
                let values = self.since_mark()?;
                let pairs = self.pairs(&values)?;
                self.make(Value::Dict(pairs))?;
            }
            b'a' => {
                let value = self.pop()?;
                self.append(&[value])?;
            }
            b'e' | 0x90 => {
                let values = self.since_mark()?;
                self.append(&values)?;
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set(&[key, value])?;
            }
            b'u' => {
                let values = self.since_mark()?;
                self.set(&values)?;
            }
            b'c' => {
                let module = self.utf8(self.begun)?;
                let name = self.utf8(self.begun)?;
                self.make(Value::Global(Box::new((module, name))))?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                match (self.get(module), self.get(name)) {
                    (Value::Text(module), Value::Text(name)) => {
                        let global = Value::Global(Box::new((*module, *name)));
                        self.make(global)?;
                    }
                    _ => return Err(self.broken("a class whose name is no text")),
                }
            }
            b'R' | 0x81 => {
                let (arguments, callee) = (self.pop()?, self.pop()?);
                self.call(callee, arguments)?;
            }
            0x92 => {
                let (_keywords, arguments, callee) = (self.pop()?, self.pop()?, self.pop()?);
                self.call(callee, arguments)?;
            }
            b'b' => {
                let given = self.pop()?;
                let at = self.top()?;
                match &mut self.values[at.0 as usize] {
                    Value::Made { state, .. } => *state = Some(given),
                    _ => return Err(self.broken("a state for what is no object")),
                }
            }
            b'q' => {
                let at = self.input.number(1)?;
                self.put(at)?;
            }
            b'r' => {
                let at = self.input.number(4)?;
                self.put(at)?;
            }
            0x94 => self.put(self.memo.len() as u64)?,
            b'h' => {
                let at = self.input.number(1)?;
                self.recall(at)?;
            }
            b'j' => {
                let at = self.input.number(4)?;
                self.recall(at)?;
            }
            code => {
                return Err(Unreadable::Refused {
                    code,
                    at: self.begun,
                });
            }
        }
        Ok(true)
    }

    fn broken(&self, what: &'static str) -> Unreadable {
        Unreadable::Broken {
            what,
            at: self.begun,
        }
    }

    fn too_much(&self, what: &'static str) -> Unreadable {
        Unreadable::TooMuch {
            what,
            at: self.begun,
        }
    }

    fn get(&self, id: Id) -> &Value<'a> {
        &self.values[id.0 as usize]
    }

    fn push(&mut self, id: Id) -> Result<(), Unreadable> {
        if self.stack.len() >= self.limits.stack {
            return Err(self.too_much("values on the stack"));
        }
        self.stack.push(id);
        Ok(())
    }

    fn make(&mut self, value: Value<'a>) -> Result<(), Unreadable> {
        if self.values.len() >= self.limits.values {
            return Err(self.too_much("values"));
        }
        let id = u32::try_from(self.values.len()).map_err(|_| self.too_much("values"))?;
        self.values.push(value);
        self.push(Id(id))
    }

    /// The height below which the open container does not reach.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Result<Id, Unreadable> {
        if self.stack.len() <= self.floor() {
            return Err(self.broken("a value is missing"));
        }
        self.stack.pop().ok_or(self.broken("a value is missing"))
    }

    fn top(&self) -> Result<Id, Unreadable> {
        if self.stack.len() <= self.floor() {
            return Err(self.broken("a value is missing"));
        }
        self.stack
            .last()
            .copied()
            .ok_or(self.broken("a value is missing"))
    }

    fn since_mark(&mut self) -> Result<Vec<Id>, Unreadable> {
        let from = self.marks.pop();
        let from = from.ok_or(self.broken("a container ends that was not begun"))?;
        Ok(self.stack.split_off(from))
    }

    fn int(&mut self, width: u64) -> Result<(), Unreadable> {
        let number = self.input.number(width)?;
        self.make(Value::Int(number as i64))
    }

    /// A number in two's complement with its length before it.
    fn long(&mut self, width: u64) -> Result<(), Unreadable> {
        let length = self.input.number(width)?;
        let bytes = self.input.take(length)?;
        let is_negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let filled = if is_negative { -1 } else { 0 };
        let value = if bytes.len() > 8 {
            Value::Other
        } else {
            let number = bytes
                .iter()
                .rev()
                .fold(filled, |number: i64, byte| number << 8 | i64::from(*byte));
            Value::Int(number)
        };
        self.make(value)
    }

    fn text(&mut self, width: u64) -> Result<(), Unreadable> {
        let length = self.input.number(width)?;
        if length > self.limits.text_bytes as u64 {
            return Err(self.too_much("bytes of a text"));
        }
        let text = std::str::from_utf8(self.input.take(length)?);
        let text = text.map_err(|_| self.broken("a text that is not UTF-8"))?;
        self.make(Value::Text(text))
    }

    fn bytes(&mut self, width: u64) -> Result<(), Unreadable> {
        let length = self.input.number(width)?;
        let bytes = self.input.take(length)?;
        self.make(Value::Bytes(bytes))
    }

    fn utf8(&mut self, at: usize) -> Result<&'a str, Unreadable> {
        let line = self.input.line()?;
        if line.len() > self.limits.text_bytes {
            return Err(self.too_much("bytes of a name"));
        }
        std::str::from_utf8(line).map_err(|_| Unreadable::Broken {
            what: "a name that is not UTF-8",
            at,
        })
    }

    fn tuple(&mut self, length: usize) -> Result<(), Unreadable> {
        let from = self.stack.len().checked_sub(length);
        let from = from.filter(|from| *from >= self.floor());
        let from = from.ok_or(self.broken("a value is missing"))?;
        let values = self.stack.split_off(from);
        self.make(Value::Tuple(values.into_boxed_slice()))
    }

    fn pairs(&self, values: &[Id]) -> Result<Vec<(Id, Id)>, Unreadable> {
        let pairs = values.chunks_exact(2);
        if pairs.remainder().is_empty() {
            Ok(pairs.map(|pair| (pair[0], pair[1])).collect())
        } else {
            Err(self.broken("a key without a value"))
        }
    }

    fn append(&mut self, more: &[Id]) -> Result<(), Unreadable> {
        let at = self.top()?;
        match &mut self.values[at.0 as usize] {
            Value::List(values) => values.extend_from_slice(more),
            // A subclass of list, or a deque: what it holds is of no interest.
            Value::Made { .. } => {}
            _ => return Err(self.broken("an item for what is no list")),
        }
        Ok(())
    }

    fn set(&mut self, values: &[Id]) -> Result<(), Unreadable> {
        let more = self.pairs(values)?;
        let at = self.top()?;
        match &mut self.values[at.0 as usize] {
            Value::Dict(pairs) => pairs.extend(more),
            // An OrderedDict or another mapping.
            Value::Made { .. } => {}
            _ => return Err(self.broken("a key for what is no dict")),
        }
        Ok(())
    }

    fn call(&mut self, callee: Id, arguments: Id) -> Result<(), Unreadable> {
        self.make(Value::Made {
            callee,
            arguments,
            state: None,
        })
    }

    fn put(&mut self, at: u64) -> Result<(), Unreadable> {
        let top = self.top()?;
        // Writers count up, and each entry takes them at least one byte: a higher number is a made-up one.
        let index = usize::try_from(at).ok().filter(|at| *at <= self.begun);
        let index = index.ok_or(self.too_much("remembered values"))?;
        if index >= self.memo.len() {
            self.memo.resize(index + 1, UNSET);
        }
        self.memo[index] = top;
        Ok(())
    }

    fn recall(&mut self, at: u64) -> Result<(), Unreadable> {
        let found = usize::try_from(at).ok().and_then(|at| self.memo.get(at));
        let found = found.copied().filter(|id| *id != UNSET);
        let found = found.ok_or(self.broken("a remembered value that was never put"))?;
        self.push(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(bytes: &[u8]) -> Result<String, Unreadable> {
        read(bytes, Limits::INDEX).map(|pickle| format!("{:?}", pickle.top()))
    }

    #[test]
    fn numbers_of_every_width_are_read() {
        for (bytes, number) in [
            (&b"\x80\x02K\xff."[..], 255),
            (b"\x80\x02M\x00\x80.", 32_768),
            (b"\x80\x02J\xff\xff\xff\xff.", -1),
            (b"\x80\x02\x8a\x05\x00\x00\x00\x00\x01.", 4_294_967_296_i64),
            (b"\x80\x02\x8a\x02\x00\xff.", -256),
            (b"\x80\x02\x8b\x01\x00\x00\x00\x7f.", 127),
            (b"\x80\x02\x8a\x00.", 0),
        ] {
            assert_eq!(kinds(bytes), Ok(format!("Int({number})")));
        }
        assert_eq!(
            kinds(b"\x80\x02\x8a\x09\0\0\0\0\0\0\0\0\x01."),
            Ok("Other".to_owned())
        );
    }

    #[test]
    fn a_call_is_described_and_never_made() {
        // `os.system("…")`, as an attack writes it.
        let bytes = b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.";
        let pickle = read(bytes, Limits::INDEX).expect("read");
        assert_eq!(pickle.class(pickle.top()), Some("system"));
    }

    #[test]
    fn what_cannot_be_is_refused_by_name_and_place() {
        assert_eq!(kinds(b""), Err(Unreadable::CutOff { at: 0 }));
        assert_eq!(kinds(b"\x80\x04}"), Err(Unreadable::CutOff { at: 3 }));
        assert_eq!(
            kinds(b"\x80\x02Q."),
            Err(Unreadable::Refused { code: b'Q', at: 2 })
        );
        assert_eq!(
            kinds(b"PK\x03\x04"),
            Err(Unreadable::Refused { code: b'P', at: 0 })
        );
        assert!(matches!(
            kinds(b"\x80\x09N."),
            Err(Unreadable::Broken { at: 0, .. })
        ));
        assert!(matches!(
            kinds(b"\x80\x04u."),
            Err(Unreadable::Broken { at: 2, .. })
        ));
        assert!(matches!(
            kinds(b"\x80\x04}(K\x01u."),
            Err(Unreadable::Broken { at: 6, .. })
        ));
        // Eight bytes that claim a text of 2^63 bytes; a memo of four thousand million entries.
        assert!(matches!(
            kinds(b"\x80\x04\x8d\0\0\0\0\0\0\0\x80."),
            Err(Unreadable::TooMuch { at: 2, .. })
        ));
        assert!(matches!(
            kinds(b"\x80\x04Nr\xff\xff\xff\xff."),
            Err(Unreadable::TooMuch { at: 3, .. })
        ));
        assert!(matches!(
            kinds(b"\x80\x04h\x07."),
            Err(Unreadable::Broken { at: 2, .. })
        ));
        let deep = [&b"\x80\x04"[..], &b"(".repeat(2000), b"."].concat();
        assert!(matches!(kinds(&deep), Err(Unreadable::TooMuch { .. })));
    }

    #[test]
    fn a_value_that_is_meant_often_is_there_once() {
        // Ten lists, each of which holds the one before it ten times: a reader that copied would hold ten thousand million.
        let mut bytes = b"\x80\x04]\x94".to_vec();
        for level in 0..10_u8 {
            bytes.extend(b"](");
            bytes.extend([b'h', level].repeat(10));
            bytes.extend(b"e\x94");
        }
        bytes.push(b'.');
        let pickle = read(&bytes, Limits::INDEX).expect("read");
        assert!(pickle.values.len() < 20);
    }
}
