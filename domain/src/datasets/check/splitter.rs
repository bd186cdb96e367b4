//! Where a value ends, seen from its brackets and quotes alone: cuts arrays and objects that span lines into rows.

#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Splitter {
    depth: i64,
    in_text: bool,
    is_escaped: bool,
}

impl Splitter {
    /// Everything that was opened is closed.
    pub fn is_whole(self) -> bool {
        self.depth <= 0 && !self.in_text
    }

    /// The offset of the comma or closing bracket after an element of an array; None: it lies beyond these bytes.
    pub fn element_end(&mut self, bytes: &[u8]) -> Option<usize> {
        self.run(bytes, true)
    }

    pub fn follow(&mut self, bytes: &[u8]) {
        self.run(bytes, false);
    }

    fn run(&mut self, bytes: &[u8], stops: bool) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            if self.in_text {
                if self.is_escaped {
                    self.is_escaped = false;
                    at += 1;
                    continue;
                }
                at += memchr::memchr2(b'"', b'\\', &bytes[at..])?;
                self.in_text = bytes[at] != b'"';
                self.is_escaped = self.in_text;
                at += 1;
                continue;
            }
            match bytes[at] {
                b'"' => self.in_text = true,
                b'{' | b'[' => self.depth += 1,
                b',' if stops && self.depth == 0 => return Some(at),
                b'}' | b']' if stops && self.depth == 0 => return Some(at),
                b'}' | b']' => self.depth -= 1,
                _ => {}
            }
            at += 1;
        }
        None
    }
}
