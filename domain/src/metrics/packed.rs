//! Whole numbers packed into as few bits as their spread takes.
//!
//! A column of n numbers is `order:u8`, then `order` numbers as they are, then n − order differences in groups of 128:
//! `least:number width:u8 bits[⌈k·width/8⌉]`. Order 0 packs the numbers themselves, order 1 their differences, order 2 the differences of
//! those. In a group of k, the i-th number is `least` plus the unsigned number at bits i·width … of the group's bytes, little endian.
//! A number that stands alone is zigzag (`n·2`, or `−n·2 − 1` below 0) as LEB128. All arithmetic wraps at 64 bits.

/// Numbers of a group.
const GROUP: usize = 128;

/// Why bytes are no column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damaged(pub &'static str);

/// Bytes that are read from the front.
#[derive(Debug, Clone, Copy)]
pub struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    pub fn byte(&mut self) -> Result<u8, Damaged> {
        let (first, rest) = self.0.split_first().ok_or(Damaged("it ends too early"))?;
        self.0 = rest;
        Ok(*first)
    }

    pub fn take(&mut self, length: usize) -> Result<&'a [u8], Damaged> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(Damaged("it ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    /// LEB128.
    pub fn unsigned(&mut self) -> Result<u64, Damaged> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Damaged("a number is too long"))
    }

    /// Zigzag.
    pub fn signed(&mut self) -> Result<i64, Damaged> {
        let number = self.unsigned()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }
}

pub fn put_unsigned(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

pub fn put_signed(bytes: &mut Vec<u8>, number: i64) {
    put_unsigned(bytes, ((number << 1) ^ (number >> 63)) as u64);
}

/// Differences between neighbours, `order` times; the first `order` numbers stay as they are.
fn differences(numbers: &[i64], order: usize) -> Vec<i64> {
    let mut all = numbers.to_vec();
    for round in 0..order {
        for at in (round + 1..all.len()).rev() {
            all[at] = all[at].wrapping_sub(all[at - 1]);
        }
    }
    all
}

/// The least number of a group and the bits that the distance to its greatest takes.
fn frame(group: &[i64]) -> (i64, u32) {
    let least = group.iter().copied().min().unwrap_or(0);
    let greatest = group.iter().copied().max().unwrap_or(0);
    (least, width(least, greatest))
}

fn width(least: i64, greatest: i64) -> u32 {
    64 - (greatest.wrapping_sub(least) as u64).leading_zeros()
}

/// Of a longer column a quarter of the groups says which order is best.
const LONG: usize = 8 * GROUP;

/// The order in which these take the fewest bits, about: all three are tried in one pass.
fn best_order(numbers: &[i64]) -> usize {
    let mut costs = [0_usize; 3];
    let every = if numbers.len() > LONG { 4 } else { 1 };
    for (at, group) in numbers.chunks(GROUP).enumerate().step_by(every) {
        // What stands right before the group.
        let (mut before, mut moved) = match at * GROUP {
            0 => (0, 0),
            begin => {
                let before = numbers[begin - 1];
                (before, before.wrapping_sub(numbers[begin - 2]))
            }
        };
        let mut frames = [(i64::MAX, i64::MIN); 3];
        for (place, number) in group.iter().enumerate() {
            let first = number.wrapping_sub(before);
            let second = first.wrapping_sub(moved);
            (before, moved) = (*number, first);
            // The first numbers of a column have nothing before them.
            let known = if at == 0 { place } else { 2 };
            for (order, value) in [*number, first, second].into_iter().enumerate() {
                if order <= known {
                    frames[order] = (frames[order].0.min(value), frames[order].1.max(value));
                }
            }
        }
        for (cost, (least, greatest)) in costs.iter_mut().zip(frames) {
            if least <= greatest {
                *cost += width(least, greatest) as usize * group.len() + 24;
            }
        }
    }
    let orders = 0..=numbers.len().min(2);
    orders.min_by_key(|order| costs[*order]).unwrap_or(0)
}

/// Adds a column in whichever order is smallest.
pub fn pack(bytes: &mut Vec<u8>, numbers: &[i64]) {
    let order = best_order(numbers);
    let all = differences(numbers, order);
    bytes.push(order as u8);
    for first in &all[..order] {
        put_signed(bytes, *first);
    }
    for group in all[order..].chunks(GROUP) {
        let (least, width) = frame(group);
        put_signed(bytes, least);
        bytes.push(width as u8);
        put_bits(bytes, group, least, width);
    }
}

fn put_bits(bytes: &mut Vec<u8>, group: &[i64], least: i64, width: u32) {
    if width == 0 {
        return;
    }
    let end = bytes.len() + (group.len() * width as usize).div_ceil(8);
    let (mut held, mut bits) = (0_u128, 0);
    for number in group {
        held |= u128::from(number.wrapping_sub(least) as u64) << bits;
        bits += width;
        if bits >= 64 {
            bytes.extend((held as u64).to_le_bytes());
            held >>= 64;
            bits -= 64;
        }
    }
    bytes.extend((held as u64).to_le_bytes());
    bytes.truncate(end);
}

/// Reads a column of `count` numbers.
pub fn unpack(bytes: &mut Bytes, count: usize) -> Result<Vec<i64>, Damaged> {
    let order = usize::from(bytes.byte()?);
    if order > 2 || order > count {
        return Err(Damaged("a column is packed in an unknown way"));
    }
    // Whoever claims more numbers than a group per three bytes has lied; room is made for what can be there.
    let mut all = Vec::with_capacity(count.min(bytes.0.len().saturating_mul(GROUP)));
    for _ in 0..order {
        all.push(bytes.signed()?);
    }
    while all.len() < count {
        let length = (count - all.len()).min(GROUP);
        let least = bytes.signed()?;
        let width = usize::from(bytes.byte()?);
        if width > 64 {
            return Err(Damaged("a number is wider than 64 bits"));
        }
        let packed = bytes.take((length * width).div_ceil(8))?;
        get_bits(&mut all, packed, length, width, least);
    }
    for round in (0..order).rev() {
        let mut before = all[round];
        for number in &mut all[round + 1..] {
            before = before.wrapping_add(*number);
            *number = before;
        }
    }
    Ok(all)
}

fn get_bits(all: &mut Vec<i64>, packed: &[u8], length: usize, width: usize, least: i64) {
    if width == 0 {
        all.extend(std::iter::repeat_n(least, length));
        return;
    }
    // With room behind the last number, every number can be read as a whole word.
    let mut room = [0_u8; GROUP * 8 + 16];
    room[..packed.len()].copy_from_slice(packed);
    let mask = u64::MAX >> (64 - width);
    if width <= 56 {
        all.extend((0..length).map(|at| {
            let bit = at * width;
            let word: [u8; 8] = room[bit / 8..].first_chunk().copied().unwrap_or_default();
            least.wrapping_add((u64::from_le_bytes(word) >> (bit % 8) & mask) as i64)
        }));
    } else {
        all.extend((0..length).map(|at| {
            let bit = at * width;
            let word: [u8; 16] = room[bit / 8..].first_chunk().copied().unwrap_or_default();
            least.wrapping_add((u128::from_le_bytes(word) >> (bit % 8)) as u64 as i64 & mask as i64)
        }));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn through(numbers: &[i64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        pack(&mut bytes, numbers);
        let mut left = Bytes(&bytes);
        assert_eq!(unpack(&mut left, numbers.len()).as_deref(), Ok(numbers));
        assert!(left.0.is_empty());
        bytes
    }

    #[test]
    fn columns_are_written_as_documented() {
        assert_eq!(through(&[]), [0]);
        assert_eq!(through(&[5]), [1, 10]);
        // Three that rise by ten: the first, then differences of no width.
        assert_eq!(
            through(&[0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]),
            [1, 0, 20, 0]
        );
        // −1 … 2 in two bits each above −1: 0 3 1 2 is 0b10_01_11_00.
        assert_eq!(through(&[-1, 2, 0, 1]), [0, 1, 2, 0b1001_1100]);
    }

    #[test]
    fn the_ends_of_the_numbers_fit() {
        through(&[i64::MIN, i64::MAX, 0, -1, i64::MAX, i64::MIN]);
        through(&[i64::MAX; 300]);
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(
            numbers in proptest::collection::vec(prop_oneof![0_i64..9, -1000_i64..1000, any::<i64>(), Just(1 << 57)], 0..400),
        ) {
            through(&numbers);
        }

        #[test]
        fn any_bytes_are_a_column_or_damaged(bytes in proptest::collection::vec(any::<u8>(), 0..200), count in 0_usize..5000) {
            let _ = unpack(&mut Bytes(&bytes), count);
        }
    }
}
