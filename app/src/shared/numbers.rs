//! Typed numbers in forms: what was typed stays text until a verb reads it.

/// An optional number as typed; an empty field is none, anything unreadable is said so.
pub fn optional<T: std::str::FromStr>(text: &str) -> Result<Option<T>, ()> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_field_is_none_and_words_are_refused() {
        assert_eq!(optional::<f64>(" "), Ok(None));
        assert_eq!(optional::<f64>(" 0.7"), Ok(Some(0.7)));
        assert_eq!(optional::<u32>("ten"), Err(()));
    }
}
