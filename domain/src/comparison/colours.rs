//! A colour for each compared experiment, out of the ten of the palette.

/// Colours of the palette; it is safe for the common kinds of colour vision.
pub const PALETTE: usize = 10;

/// The colour that an experiment has by itself (FNV-1a of its id), the same on every page and every day.
pub fn own(key: &str) -> usize {
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    (hash % PALETTE as u64) as usize
}

/// Colours for several. Each keeps its own where it can; of two that share one, that with the smaller key keeps it and the other takes the
/// next free one. The order of choosing plays no part, so adding to a comparison never repaints those with smaller keys, and leaving one
/// out repaints at most those that had made room for it. With more than ten, colours are used again evenly.
pub fn assign(keys: &[&str]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.sort_by_key(|at| keys[*at]);
    let mut used = [0_usize; PALETTE];
    let mut colours = vec![0; keys.len()];
    for at in order {
        let wanted = own(keys[at]);
        let fewest = used.iter().copied().min().unwrap_or_default();
        let free = (0..PALETTE)
            .map(|step| (wanted + step) % PALETTE)
            .find(|colour| used[*colour] == fewest)
            .unwrap_or(wanted);
        used[free] += 1;
        colours[at] = free;
    }
    colours
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ten_experiments_have_ten_colours_in_any_order() {
        let keys: Vec<String> = (0..10).map(|n| format!("key-{n}")).collect();
        let mut shuffled: Vec<&str> = keys.iter().map(String::as_str).collect();
        let colours = assign(&shuffled);
        assert_eq!(colours.iter().collect::<BTreeSet<_>>().len(), 10);
        shuffled.reverse();
        let mut again = assign(&shuffled);
        again.reverse();
        assert_eq!(colours, again);
    }

    #[test]
    fn alone_each_has_its_own_and_many_share_evenly() {
        assert_eq!(assign(&["key-3"]), [own("key-3")]);
        let keys: Vec<String> = (0..25).map(|n| format!("key-{n}")).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let mut used = [0; PALETTE];
        for colour in assign(&keys) {
            used[colour] += 1;
        }
        assert!(used.iter().all(|count| (2..=3).contains(count)), "{used:?}");
        assert!(assign(&[]).is_empty());
    }
}
