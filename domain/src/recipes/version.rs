//! The generations of ms-swift: each has its own argument names, defaults and checkpoint layout.

use std::fmt;

use crate::finding::Finding;

/// A release, as `swift.__version__` spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
    pub patch: u32,
}

/// Releases that share their command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// 3.9
    G1,
    /// 3.10 and 3.11
    G2a,
    /// 3.12
    G2b,
    /// 4.x
    G3,
}

impl Version {
    /// Reads `4.6.0`, `3.12.0.dev0`, `4.6`; None where there are no two leading numbers.
    pub fn parse(text: &str) -> Option<Version> {
        let mut parts = text.trim().split('.').map(|part| {
            part.chars()
                .take_while(char::is_ascii_digit)
                .collect::<String>()
        });
        let mut next = || parts.next().and_then(|digits| digits.parse().ok());
        Some(Version {
            major: next()?,
            minor: next()?,
            patch: next().unwrap_or(0),
        })
    }

    /// None for releases before 3.9, whose command line Trainyard does not speak.
    pub fn generation(self) -> Option<Generation> {
        match (self.major, self.minor) {
            (3, 9) => Some(Generation::G1),
            (3, 10 | 11) => Some(Generation::G2a),
            (3, 12..) => Some(Generation::G2b),
            (4.., _) => Some(Generation::G3),
            _ => None,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// The one release of a cluster's nodes, given as (node name, version text or None where ms-swift is missing). A mixed cluster
/// hangs or fails in odd ways long after the launch, so it is refused before, with both named.
pub fn same_version(nodes: &[(&str, Option<&str>)]) -> Result<Version, Finding> {
    let mut first: Option<(&str, Version)> = None;
    for (name, text) in nodes {
        let version = text.and_then(Version::parse).ok_or_else(|| {
            Finding::stops(
                "cluster",
                format!("{name} has no ms-swift. Install it there, or log in to the environment that has it; then look at the node again."),
                format!("{name} 上没有安装 ms-swift。请在该环境中安装，或改为登录已安装的环境，然后重新检查节点。"),
            )
        })?;
        match first {
            None => first = Some((name, version)),
            Some((_, known)) if known == version => {}
            Some((other, known)) => {
                return Err(Finding::stops(
                    "cluster",
                    format!(
                        "{other} has ms-swift {known}, {name} has {version}. All nodes of a run need the same release."
                    ),
                    format!(
                        "{other} 的 ms-swift 为 {known}，{name} 为 {version}。同一次训练的所有节点必须使用相同版本。"
                    ),
                ));
            }
        }
    }
    first.map(|(_, version)| version).ok_or_else(|| {
        Finding::stops(
            "cluster",
            "The cluster has no nodes. Add one first.",
            "该集群没有节点，请先添加节点。",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_fall_into_generations() {
        let generation = |text: &str| Version::parse(text).and_then(Version::generation);
        assert_eq!(generation("3.9.3"), Some(Generation::G1));
        assert_eq!(generation("3.11.0"), Some(Generation::G2a));
        assert_eq!(generation("3.12.0.dev0"), Some(Generation::G2b));
        assert_eq!(generation("4.6.0"), Some(Generation::G3));
        assert_eq!(generation("2.6.1"), None);
        assert_eq!(generation("main"), None);
    }

    #[test]
    fn a_mixed_cluster_is_refused_with_both_named() {
        assert_eq!(
            same_version(&[("a", Some("4.6.0")), ("b", Some("4.6.0"))]).map(|v| v.to_string()),
            Ok("4.6.0".to_owned())
        );
        let finding =
            same_version(&[("a", Some("4.6.0")), ("b", Some("3.9.3"))]).expect_err("mixed");
        for part in ["a has ms-swift 4.6.0", "b has 3.9.3"] {
            assert!(finding.text.en.contains(part), "{}", finding.text);
        }
        assert!(
            same_version(&[("a", None)])
                .expect_err("missing")
                .text
                .en
                .contains("a has no ms-swift")
        );
    }
}
