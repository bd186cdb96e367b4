//! Python values as pickle bytes. Only what torch's files need; reading is candle's.

/// A Python value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Tuple(Vec<Value>),
    List(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    /// `module.name`
    Global(&'static str, &'static str),
    /// A call that makes the value.
    Call(Box<Value>, Vec<Value>),
    /// An object whose class has no constructor arguments, with its state (None: no attributes).
    Object(&'static str, &'static str, Option<Box<Value>>),
    /// Something that lies beside the pickle.
    Persistent(Box<Value>),
}

impl Value {
    pub fn text(text: impl Into<String>) -> Value {
        Value::Text(text.into())
    }

    pub fn ints(numbers: &[usize]) -> Value {
        Value::Tuple(
            numbers
                .iter()
                .map(|number| Value::Int(*number as i64))
                .collect(),
        )
    }

    /// `torch.Size((…))`
    pub fn size(numbers: &[usize]) -> Value {
        Value::Call(
            Box::new(Value::Global("torch", "Size")),
            vec![Value::ints(numbers)],
        )
    }

    /// A dict with text keys.
    pub fn dict<const N: usize>(pairs: [(&str, Value); N]) -> Value {
        Value::Dict(
            pairs
                .into_iter()
                .map(|(key, value)| (Value::text(key), value))
                .collect(),
        )
    }
}

/// Protocol 2, which every Python 3 reads.
pub fn write(value: &Value) -> Vec<u8> {
    let mut out = vec![0x80, 2];
    put(value, &mut out);
    out.push(b'.');
    out
}

fn put(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::None => out.push(b'N'),
        Value::Bool(true) => out.push(0x88),
        Value::Bool(false) => out.push(0x89),
        Value::Int(number) => match i32::try_from(*number) {
            Ok(number) => {
                out.push(b'J');
                out.extend(number.to_le_bytes());
            }
            Err(_) => {
                out.extend([0x8a, 8]);
                out.extend(number.to_le_bytes());
            }
        },
        Value::Float(number) => {
            out.push(b'G');
            out.extend(number.to_be_bytes());
        }
        Value::Text(text) => {
            out.push(b'X');
            out.extend((text.len() as u32).to_le_bytes());
            out.extend(text.as_bytes());
        }
        Value::Tuple(values) if values.is_empty() => out.push(b')'),
        Value::Tuple(values) => {
            out.push(b'(');
            values.iter().for_each(|value| put(value, out));
            out.push(b't');
        }
        Value::List(values) => {
            out.push(b']');
            if !values.is_empty() {
                out.push(b'(');
                values.iter().for_each(|value| put(value, out));
                out.push(b'e');
            }
        }
        Value::Dict(pairs) => {
            out.push(b'}');
            if !pairs.is_empty() {
                out.push(b'(');
                for (key, value) in pairs {
                    put(key, out);
                    put(value, out);
                }
                out.push(b'u');
            }
        }
        Value::Global(module, name) => out.extend(format!("c{module}\n{name}\n").bytes()),
        Value::Call(callable, arguments) => {
            put(callable, out);
            put(&Value::Tuple(arguments.clone()), out);
            out.push(b'R');
        }
        Value::Object(module, name, state) => {
            put(&Value::Global(module, name), out);
            out.extend([b')', 0x81]);
            if let Some(state) = state {
                put(state, out);
                out.push(b'b');
            }
        }
        Value::Persistent(id) => {
            put(id, out);
            out.push(b'Q');
        }
    }
}
