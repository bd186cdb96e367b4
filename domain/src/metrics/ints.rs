//! A column of whole numbers in memory, as small as its shape allows: steps mostly rise evenly, times lie within weeks.

/// Numbers that are read by place.
#[derive(Debug, Clone, PartialEq)]
pub enum Ints {
    /// `first + at · stride`.
    Even {
        first: i64,
        stride: i64,
        length: usize,
    },
    /// `first + offsets[at]`.
    Near {
        first: i64,
        offsets: Vec<u32>,
    },
    Any(Vec<i64>),
}

impl Ints {
    pub fn len(&self) -> usize {
        match self {
            Ints::Even { length, .. } => *length,
            Ints::Near { offsets, .. } => offsets.len(),
            Ints::Any(all) => all.len(),
        }
    }

    /// Bytes of memory.
    pub fn weight(&self) -> usize {
        match self {
            Ints::Even { .. } => 0,
            Ints::Near { offsets, .. } => offsets.capacity() * 4,
            Ints::Any(all) => all.capacity() * 8,
        }
    }

    /// The number at a place; `at` is less than `len`.
    pub fn get(&self, at: usize) -> i64 {
        match self {
            // The product alone may be out of range where the sum is not.
            Ints::Even { first, stride, .. } => first.wrapping_add(stride.wrapping_mul(at as i64)),
            Ints::Near { first, offsets } => first + i64::from(offsets[at]),
            Ints::Any(all) => all[at],
        }
    }

    /// Adds more at the end, in whatever shape that takes.
    pub fn extend(&mut self, more: &[i64]) {
        match self {
            Ints::Even {
                first,
                stride,
                length,
            } => {
                let goes_on = |(at, number): (usize, &i64)| {
                    let expected = stride
                        .checked_mul((*length + at) as i64)
                        .and_then(|far| first.checked_add(far));
                    expected == Some(*number)
                };
                if more.iter().enumerate().all(goes_on) {
                    *length += more.len();
                    return;
                }
            }
            Ints::Near { first, offsets } => {
                let near = |number: &i64| {
                    number
                        .checked_sub(*first)
                        .and_then(|far| u32::try_from(far).ok())
                };
                if let Some(near) = more.iter().map(near).collect::<Option<Vec<u32>>>() {
                    offsets.extend(near);
                    return;
                }
            }
            Ints::Any(all) => {
                all.extend_from_slice(more);
                return;
            }
        }
        let mut all: Vec<i64> = (0..self.len()).map(|at| self.get(at)).collect();
        all.extend_from_slice(more);
        *self = Ints::from(all);
    }
}

impl From<Vec<i64>> for Ints {
    fn from(all: Vec<i64>) -> Ints {
        let Some(first) = all.first().copied() else {
            return Ints::Even {
                first: 0,
                stride: 0,
                length: 0,
            };
        };
        let stride = all
            .get(1)
            .map_or(Some(0), |second| second.checked_sub(first));
        if let Some(stride) = stride
            && all
                .windows(2)
                .all(|pair| pair[1].checked_sub(pair[0]) == Some(stride))
        {
            return Ints::Even {
                first,
                stride,
                length: all.len(),
            };
        }
        let least = all.iter().copied().min().unwrap_or(first);
        let near = |number: &i64| {
            number
                .checked_sub(least)
                .and_then(|far| u32::try_from(far).ok())
        };
        match all.iter().map(near).collect::<Option<Vec<u32>>>() {
            Some(offsets) => Ints::Near {
                first: least,
                offsets,
            },
            None => Ints::Any(all),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(ints: &Ints) -> Vec<i64> {
        (0..ints.len()).map(|at| ints.get(at)).collect()
    }

    #[test]
    fn even_numbers_take_no_room_and_far_ones_still_fit() {
        assert!(matches!(
            Ints::from((0..1000).map(|at| at * 5).collect::<Vec<_>>()),
            Ints::Even { stride: 5, .. }
        ));
        assert!(matches!(Ints::from(vec![7, 9, 10]), Ints::Near { .. }));
        assert!(matches!(
            Ints::from(vec![i64::MIN, 0, i64::MAX]),
            Ints::Any(_)
        ));
        assert_eq!(
            read(&Ints::from(vec![i64::MIN, i64::MAX])),
            [i64::MIN, i64::MAX]
        );
    }

    proptest! {
        #[test]
        fn what_is_put_in_is_read(
            one in proptest::collection::vec(prop_oneof![0_i64..20, any::<i64>()], 0..20),
            other in proptest::collection::vec(prop_oneof![0_i64..20, any::<i64>()], 0..20),
        ) {
            let mut ints = Ints::from(one.clone());
            ints.extend(&other);
            prop_assert_eq!(read(&ints), [one, other].concat());
        }

        #[test]
        fn a_column_that_goes_on_stays_even(first in -1000_i64..1000, stride in -5_i64..5, length in 2_usize..50, more in 0_usize..50) {
            let all: Vec<i64> = (0..(length + more) as i64).map(|at| first + at * stride).collect();
            let mut ints = Ints::from(all[..length].to_vec());
            ints.extend(&all[length..]);
            let is_even = matches!(ints, Ints::Even { .. });
            prop_assert!(is_even);
            prop_assert_eq!(read(&ints), all);
        }
    }
}
