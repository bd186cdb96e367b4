//! The one way in which a text reaches a POSIX shell.

/// Quotes `text` so that a POSIX shell reads it as one word, unchanged.
///
/// Words of plain characters stay as they are, so that a rendered script reads like one a person wrote.
/// A NUL byte cannot be passed to a process at all; it is dropped.
pub fn quote(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for c in text.chars() {
        match c {
            '\'' => quoted.push_str("'\\''"),
            '\0' => {}
            other => quoted.push(other),
        }
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    fn through_sh(text: &str) -> Vec<u8> {
        Command::new("sh")
            .arg("-c")
            .arg(format!("printf %s {}", quote(text)))
            .output()
            .expect("sh runs")
            .stdout
    }

    #[test]
    fn plain_words_stay_readable() {
        assert_eq!(quote("/models/qwen3-8b"), "/models/qwen3-8b");
        assert_eq!(quote("a b"), "'a b'");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("it's; $(rm -rf /)"), "'it'\\''s; $(rm -rf /)'");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn a_shell_reads_back_what_was_quoted(text in "[^\\x00]{0,40}") {
            prop_assert_eq!(through_sh(&text), text.into_bytes());
        }
    }
}
