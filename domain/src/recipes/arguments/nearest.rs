//! The name that a person may have meant.

/// Of `names` the one nearest to `name`; None where all are far.
pub fn of<'a>(names: impl Iterator<Item = &'a str>, name: &str) -> Option<&'a str> {
    let words = |text: &str| text.split('_').map(str::to_owned).collect::<Vec<_>>();
    let wanted = words(name);
    let mut best: Option<(usize, &str)> = None;
    for known in names {
        let have = words(known);
        // Lower is nearer: a beginning, a few letters, or the same words with others between them.
        let distance = strsim::damerau_levenshtein(known, name);
        let score = if known.starts_with(name) && name.len() >= 4 {
            known.len() - name.len()
        } else if distance <= (name.len() / 4).max(2) && distance * 2 < name.len() {
            // A typing error is small, or leaves the first word whole.
            let is_other = distance > 2 && have.first() != wanted.first();
            10 + distance + if is_other { 30 } else { 0 }
        } else if wanted.len() >= 2 && wanted.iter().all(|word| have.contains(word)) {
            let is_led_by_same = have.first() == wanted.first();
            40 + have.len() - wanted.len() + if is_led_by_same { 0 } else { 10 }
        } else {
            continue;
        };
        if best.is_none_or(|(least, _)| score < least) {
            best = Some((score, known));
        }
    }
    best.map(|(_, known)| known)
}
