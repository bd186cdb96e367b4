//! Event, Summary and TensorProto: one record → what it says.
//!
//! Field numbers are those of TensorFlow's `event.proto`, `summary.proto`, `tensor.proto` and `types.proto`.

use super::wire::{self, Wire};

/// One record, its summary still unread.
pub(super) struct Event<'a> {
    /// Seconds since 1970; not a number in damaged files.
    pub wall_time: f64,
    pub step: i64,
    pub summary: Option<&'a [u8]>,
    /// A writer's first record.
    pub is_version: bool,
    /// A session began: what an earlier one wrote from this step on was orphaned.
    pub is_start: bool,
}

const SESSION_START: u64 = 1;

impl<'a> Event<'a> {
    /// None: these bytes are no event.
    #[inline(always)]
    pub fn read(record: &'a [u8]) -> Option<Event<'a>> {
        let mut event = Event {
            wall_time: 0.0,
            step: 0,
            summary: None,
            is_version: false,
            is_start: false,
        };
        let mut wire = Wire(record);
        while !wire.is_empty() {
            let key = wire.varint()?;
            if key == const { wire::fixed64(1) } {
                event.wall_time = f64::from_le_bytes(wire.fixed64()?);
            } else if key == const { wire::varint(2) } {
                event.step = wire.varint()?.cast_signed();
            } else if key == const { wire::bytes(5) } {
                event.summary = Some(wire.bytes()?);
            } else if key == const { wire::bytes(3) } {
                wire.bytes()?;
                event.is_version = true;
            } else if key == const { wire::bytes(7) } {
                event.is_start = session_status(wire.bytes()?)? == SESSION_START;
            } else {
                wire.skip(key)?;
            }
        }
        Some(event)
    }
}

fn session_status(log: &[u8]) -> Option<u64> {
    let (mut wire, mut status) = (Wire(log), 0);
    while !wire.is_empty() {
        let key = wire.varint()?;
        if key == wire::varint(1) {
            status = wire.varint()?;
        } else {
            wire.skip(key)?;
        }
    }
    Some(status)
}

/// One value of a summary.
pub(super) struct Value<'a> {
    pub tag: &'a [u8],
    pub held: Held<'a>,
    /// SummaryMetadata, which most writers give only with a tag's first value.
    pub metadata: Option<&'a [u8]>,
}

#[derive(Clone, Copy)]
pub(super) enum Held<'a> {
    /// `simple_value`.
    Simple(f32),
    Tensor(&'a [u8]),
    /// Of the legacy kinds: their plugin.
    Legacy(&'static str),
    Nothing,
}

impl<'a> Value<'a> {
    #[inline(always)]
    pub fn read(bytes: &'a [u8]) -> Option<Value<'a>> {
        let mut value = Value {
            tag: &[],
            held: Held::Nothing,
            metadata: None,
        };
        let mut wire = Wire(bytes);
        while !wire.is_empty() {
            let key = wire.varint()?;
            if key == const { wire::bytes(1) } {
                value.tag = wire.bytes()?;
            } else if key == const { wire::fixed32(2) } {
                value.held = Held::Simple(f32::from_le_bytes(wire.fixed32()?));
            } else if key == const { wire::bytes(8) } {
                value.held = Held::Tensor(wire.bytes()?);
            } else if key == const { wire::bytes(9) } {
                value.metadata = Some(wire.bytes()?);
            } else {
                wire.skip(key)?;
                value.held = match key >> 3 {
                    3 | 5 => Held::Legacy("histograms"),
                    4 => Held::Legacy("images"),
                    6 => Held::Legacy("audio"),
                    _ => value.held,
                };
            }
        }
        Some(value)
    }
}

/// The next value of a summary; Some(None): these bytes are no value.
#[inline(always)]
pub(super) fn next_value<'a>(summary: &mut Wire<'a>) -> Option<Option<Value<'a>>> {
    while !summary.is_empty() {
        let Some(key) = summary.varint() else {
            return Some(None);
        };
        if key == const { wire::bytes(1) } {
            return Some(summary.bytes().and_then(Value::read));
        }
        if summary.skip(key).is_none() {
            return Some(None);
        }
    }
    None
}

/// `plugin_data` of a SummaryMetadata; empty where it has none.
#[derive(Default)]
pub(super) struct Plugin<'a> {
    pub name: &'a [u8],
    pub content: &'a [u8],
}

pub(super) fn plugin(metadata: &[u8]) -> Option<Plugin<'_>> {
    let (mut wire, mut said) = (Wire(metadata), Plugin::default());
    while !wire.is_empty() {
        let key = wire.varint()?;
        if key != wire::bytes(1) {
            wire.skip(key)?;
            continue;
        }
        let mut data = Wire(wire.bytes()?);
        while !data.is_empty() {
            let key = data.varint()?;
            if key == wire::bytes(1) {
                said.name = data.bytes()?;
            } else if key == wire::bytes(2) {
                said.content = data.bytes()?;
            } else {
                data.skip(key)?;
            }
        }
    }
    Some(said)
}

/// What a TensorProto holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Tensor<'a> {
    /// A number of rank 0.
    Scalar(f64),
    /// Texts, the first of them here.
    Text(Option<&'a [u8]>),
    /// Anything of another rank or kind.
    Other,
}

// Of `types.proto`.
const FLOAT: u64 = 1;
const DOUBLE: u64 = 2;
const INT32: u64 = 3;
const UINT8: u64 = 4;
const INT16: u64 = 5;
const INT8: u64 = 6;
const STRING: u64 = 7;
const INT64: u64 = 9;
const BOOL: u64 = 10;
const BFLOAT16: u64 = 14;
const UINT16: u64 = 17;
const HALF: u64 = 19;
const UINT32: u64 = 22;
const UINT64: u64 = 23;

impl<'a> Tensor<'a> {
    /// None: these bytes are no tensor, or it says it is a number and holds none.
    pub fn read(bytes: &'a [u8]) -> Option<Tensor<'a>> {
        let (mut dtype, mut is_ranked, mut content, mut value) = (0, false, &[][..], None);
        let mut text = None;
        let mut wire = Wire(bytes);
        while !wire.is_empty() {
            let key = wire.varint()?;
            match (key >> 3, key & 7) {
                (1, 0) => dtype = wire.varint()?,
                (2, 2) => is_ranked = has_dimensions(wire.bytes()?)?,
                (4, 2) => content = wire.bytes()?,
                // Packed or not: the first of the repeated values counts.
                (5, 2) => value = first(wire.bytes()?, Wire::fixed32).map(single).or(value),
                (5, 5) => value = value.or(Some(single(wire.fixed32()?))),
                (6, 2) => value = first(wire.bytes()?, Wire::fixed64).map(double).or(value),
                (6, 1) => value = value.or(Some(double(wire.fixed64()?))),
                (8, 2) => text = text.or(Some(wire.bytes()?)),
                (number @ (7 | 10 | 11 | 13 | 16 | 17), 2) => {
                    let bits = first(wire.bytes()?, Wire::varint);
                    value = bits.map(|bits| integer(number, dtype, bits)).or(value);
                }
                (number @ (7 | 10 | 11 | 13 | 16 | 17), 0) => {
                    value = value.or(Some(integer(number, dtype, wire.varint()?)));
                }
                _ => wire.skip(key)?,
            }
        }
        if dtype == STRING {
            return Some(Tensor::Text(text));
        }
        let is_number = matches!(
            dtype,
            FLOAT..=INT8 | INT64 | BOOL | BFLOAT16 | UINT16 | HALF | UINT32 | UINT64
        );
        if is_ranked || !is_number {
            return Some(Tensor::Other);
        }
        value.or_else(|| raw(dtype, content)).map(Tensor::Scalar)
    }
}

fn first<'a, T>(packed: &'a [u8], read: impl FnOnce(&mut Wire<'a>) -> Option<T>) -> Option<T> {
    read(&mut Wire(packed))
}

fn single(bytes: [u8; 4]) -> f64 {
    f64::from(f32::from_le_bytes(bytes))
}

fn double(bytes: [u8; 8]) -> f64 {
    f64::from_le_bytes(bytes)
}

/// TensorShapeProto: `dim` is field 2; a rank that is not known is none we can show.
fn has_dimensions(shape: &[u8]) -> Option<bool> {
    let (mut wire, mut has) = (Wire(shape), false);
    while !wire.is_empty() {
        let key = wire.varint()?;
        has |= key == wire::bytes(2);
        if key == wire::varint(3) {
            has |= wire.varint()? != 0;
        } else {
            wire.skip(key)?;
        }
    }
    Some(has)
}

/// A value of one of the varint fields: 7 int_val, 10 int64_val, 11 bool_val, 13 half_val, 16 and 17 unsigned.
fn integer(field: u64, dtype: u64, bits: u64) -> f64 {
    match field {
        13 => sixteen(dtype, bits as u16),
        16 | 17 => bits as f64,
        11 => f64::from(u8::from(bits != 0)),
        _ => bits.cast_signed() as f64,
    }
}

fn sixteen(dtype: u64, bits: u16) -> f64 {
    if dtype == BFLOAT16 {
        f64::from(f32::from_bits(u32::from(bits) << 16))
    } else {
        half(bits)
    }
}

/// IEEE 754 binary16.
fn half(bits: u16) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let fraction = f64::from(bits & 0x3ff);
    match i32::from(bits >> 10 & 0x1f) {
        0 => sign * fraction * (-24f64).exp2(),
        31 if fraction == 0.0 => sign * f64::INFINITY,
        31 => f64::NAN,
        exponent => sign * (1.0 + fraction / 1024.0) * f64::from(exponent - 15).exp2(),
    }
}

/// `tensor_content`: the value's own bytes, little endian.
fn raw(dtype: u64, content: &[u8]) -> Option<f64> {
    let of = |length: usize| -> Option<[u8; 8]> {
        let mut bytes = [0; 8];
        bytes[..length].copy_from_slice(content.get(..length)?);
        (content.len() == length).then_some(bytes)
    };
    Some(match dtype {
        FLOAT => single(content.try_into().ok()?),
        DOUBLE => double(of(8)?),
        INT32 => f64::from(i32::from_le_bytes(content.try_into().ok()?)),
        INT16 => f64::from(i16::from_le_bytes(content.try_into().ok()?)),
        INT8 => f64::from(of(1)?[0].cast_signed()),
        INT64 => i64::from_le_bytes(of(8)?) as f64,
        BOOL => f64::from(u8::from(of(1)?[0] != 0)),
        UINT8 => f64::from(of(1)?[0]),
        BFLOAT16 | HALF => sixteen(dtype, u16::from_le_bytes(content.try_into().ok()?)),
        UINT16 => u64::from_le_bytes(of(2)?) as f64,
        UINT32 => u64::from_le_bytes(of(4)?) as f64,
        _ => u64::from_le_bytes(of(8)?) as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_read_as_ieee_754_has_them() {
        for (bits, value) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_477_539_063e-8),
            (0x0400, 6.103_515_625e-5),
            (0x3555, 0.333_251_953_125),
            (0x7c00, f64::INFINITY),
            (0xfc00, f64::NEG_INFINITY),
            (0x8000, 0.0),
        ] {
            assert_eq!(half(bits), value, "{bits:#x}");
        }
        assert!(half(0x7e00).is_nan());
        assert_eq!(sixteen(BFLOAT16, 0x4049), 3.140_625);
    }

    #[test]
    fn a_number_is_read_from_its_field_and_from_its_bytes() {
        let scalar = Tensor::read;
        // float_val packed and not, double_val, int_val −1, bool_val.
        assert_eq!(
            scalar(&[8, 1, 0x12, 0, 0x2a, 4, 0, 0, 0x80, 0x3f]),
            Some(Tensor::Scalar(1.0))
        );
        assert_eq!(
            scalar(&[8, 1, 0x2d, 0, 0, 0, 0x40]),
            Some(Tensor::Scalar(2.0))
        );
        let mut long = vec![8, 2, 0x32, 8];
        long.extend(0.1f64.to_le_bytes());
        assert_eq!(scalar(&long), Some(Tensor::Scalar(0.1)));
        let minus = [
            8, 3, 0x3a, 10, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1,
        ];
        assert_eq!(scalar(&minus), Some(Tensor::Scalar(-1.0)));
        assert_eq!(scalar(&[8, 10, 0x5a, 1, 1]), Some(Tensor::Scalar(1.0)));
        assert_eq!(
            scalar(&[8, 9, 0x22, 8, 7, 0, 0, 0, 0, 0, 0, 0]),
            Some(Tensor::Scalar(7.0))
        );
        // A shape of [1], texts, and a number that is missing.
        assert_eq!(
            scalar(&[8, 1, 0x12, 4, 0x12, 2, 8, 1, 0x2d, 0, 0, 0, 0x40]),
            Some(Tensor::Other)
        );
        assert_eq!(
            scalar(&[8, 7, 0x42, 1, b'x']),
            Some(Tensor::Text(Some(b"x")))
        );
        assert_eq!(scalar(&[8, 1]), None);
        assert_eq!(scalar(&[8, 1, 0x22, 3, 0, 0, 0]), None);
    }
}
