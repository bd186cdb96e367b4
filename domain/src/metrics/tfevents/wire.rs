//! The protobuf wire format, as far as event files use it: keys, varints, fixed and length-delimited fields.
//!
//! Source of the format: <https://protobuf.dev/programming-guides/encoding/>.

/// The rest of a message that is being read. A method that returns None met bytes that are no message.
#[derive(Clone, Copy)]
pub(super) struct Wire<'a>(pub &'a [u8]);

/// Wire types, the lowest three bits of a key.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH: u64 = 2;
const FIXED32: u64 = 5;

impl<'a> Wire<'a> {
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Up to ten bytes of seven bits each, the lowest first.
    #[inline(always)]
    pub fn varint(&mut self) -> Option<u64> {
        // Keys and most lengths are one byte, most steps two or three.
        let (&first, rest) = self.0.split_first()?;
        if first < 0x80 {
            self.0 = rest;
            return Some(u64::from(first));
        }
        self.long_varint()
    }

    #[inline]
    fn long_varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for (at, &byte) in self.0.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                self.0 = &self.0[at + 1..];
                return Some(value);
            }
        }
        None
    }

    #[inline(always)]
    pub fn fixed64(&mut self) -> Option<[u8; 8]> {
        let (bytes, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(*bytes)
    }

    #[inline(always)]
    pub fn fixed32(&mut self) -> Option<[u8; 4]> {
        let (bytes, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(*bytes)
    }

    /// A length and that many bytes.
    #[inline(always)]
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.varint()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    /// Passes over the value of a field with this key.
    #[inline]
    pub fn skip(&mut self, key: u64) -> Option<()> {
        match key & 7 {
            VARINT => self.varint().map(drop),
            FIXED64 => self.fixed64().map(drop),
            LENGTH => self.bytes().map(drop),
            FIXED32 => self.fixed32().map(drop),
            _ => None,
        }
    }
}

/// Key of field `number` as a varint.
pub(super) const fn varint(number: u64) -> u64 {
    number << 3 | VARINT
}

/// Key of field `number` as eight bytes.
pub(super) const fn fixed64(number: u64) -> u64 {
    number << 3 | FIXED64
}

/// Key of field `number` as a length and bytes.
pub(super) const fn bytes(number: u64) -> u64 {
    number << 3 | LENGTH
}

/// Key of field `number` as four bytes.
pub(super) const fn fixed32(number: u64) -> u64 {
    number << 3 | FIXED32
}
