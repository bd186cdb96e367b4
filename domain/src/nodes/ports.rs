//! Which TCP ports a node listens on, from /proc: no tool has to be there.

/// Prints `port <hex>` for each; part of a larger look.
pub const LISTENING: &str = r#"awk '$4 == "0A" { split($2, a, ":"); print "port " a[2] }' /proc/net/tcp /proc/net/tcp6 2>/dev/null"#;

/// Reads those lines; others are left out.
pub fn listening(answer: &str) -> impl Iterator<Item = u16> {
    answer
        .lines()
        .filter_map(|line| u16::from_str_radix(line.strip_prefix("port ")?, 16).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_out_of_a_larger_answer() {
        assert_eq!(
            listening("model\nport 1F90\nport x\nend\n").collect::<Vec<_>>(),
            [8080]
        );
    }
}
